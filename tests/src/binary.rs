//! Which `webhook-server` is tested: the one built from this tree, in the profile of the tests.
//!
//! `WEBHOOK_SERVER_BIN` names another. Otherwise the first test of a run builds it with `cargo build -p
//! webhook-server`, which does nothing when it is fresh. It is built by itself, not with the workspace: what the tests
//! of other crates switch on must not be in the binary under test.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The path of the binary under test, built if need be.
pub fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| match env::var_os("WEBHOOK_SERVER_BIN") {
        Some(given) => {
            fs::canonicalize(&given).unwrap_or_else(|error| panic!("WEBHOOK_SERVER_BIN {given:?}: {error}"))
        }
        None => {
            build_once_per_run();
            profile_directory().join(format!("webhook-server{}", env::consts::EXE_SUFFIX))
        }
    })
}

/// `target/debug` or its like: where cargo put the program that is running.
pub fn profile_directory() -> PathBuf {
    let program = env::current_exe().expect("a program knows its path");
    let directory = program.parent().expect("a program is in a directory");
    if directory.ends_with("deps") {
        directory.parent().expect("deps is in one too").to_owned()
    } else {
        directory.to_owned()
    }
}

/// Where test processes meet: locks, and what one of them leaves for the others.
pub fn meeting_place() -> PathBuf {
    let directory = profile_directory().join("webhook-tests");
    fs::create_dir_all(&directory).unwrap_or_else(|error| panic!("cannot make {directory:?}: {error}"));
    directory
}

/// Opens a lock file, making it if need be.
pub(crate) fn lock_file(path: &Path) -> fs::File {
    let opened = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path);
    opened.unwrap_or_else(|error| panic!("cannot open {path:?}: {error}"))
}

fn build_once_per_run() {
    let meeting = meeting_place();
    let lock = lock_file(&meeting.join("build.lock"));
    lock.lock().expect("a lock file can be locked");
    let stamp = meeting.join("built-for");
    let run = this_run();
    if fs::read_to_string(&stamp).is_ok_and(|built_for| built_for == run) {
        return;
    }
    build(&["--package", "webhook-server"]);
    fs::write(&stamp, run).expect("the stamp can be written");
}

/// Names the run a test process belongs to: nextest's own name of it, or the `cargo test` that started it.
fn this_run() -> String {
    env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| format!("parent {}", std::os::unix::process::parent_id()))
}

/// Runs `cargo build` with `arguments`, in the profile of this program.
pub(crate) fn build(arguments: &[&str]) {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .arg("build")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    match profile_directory().file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(profile) => {
            command.args(["--profile", profile]);
        }
    }
    // What cargo tells the package it runs would look to a nested cargo like a changed environment, and rebuild the world.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let told = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "CARGO_PRIMARY_",
        ];
        if told.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    let output = command.output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo build {arguments:?} failed, so there is nothing to test:\n{said}"
    );
}
