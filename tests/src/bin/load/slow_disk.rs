//! A slow disk under everything: this program runs itself again under `shim/slow_sync.c`, and what it starts inherits it.

use std::{
    env, fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::Command,
    time::Duration,
};

const PRELOAD: &str = "LD_PRELOAD";
const MICROSECONDS: &str = "SLOW_SYNC_MICROSECONDS";

/// Comes back in a process in which a sync takes `delay` longer.
pub(crate) fn insert(delay: Duration) {
    if env::var_os(MICROSECONDS).is_some() {
        return;
    }
    // Kept, because this process is about to be replaced; everybody may read it, PostgreSQL's user too.
    let directory = tempfile::Builder::new()
        .prefix("slow-sync-")
        .tempdir()
        .expect("a temporary directory")
        .keep();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("a mode can be set");
    let library = directory.join("slow_sync.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/slow_sync.c");
    let compiled = Command::new("cc")
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .status();
    assert!(
        compiled.is_ok_and(|status| status.success()),
        "the slow disk needs a C compiler, `cc`"
    );
    let program = env::current_exe().expect("a program knows its path");
    let error = Command::new(program)
        .args(env::args_os().skip(1))
        .env(PRELOAD, &library)
        .env(MICROSECONDS, delay.as_micros().to_string())
        .exec();
    panic!("cannot start again: {error}");
}

/// Removes what [`insert`] compiled, once nothing more is started.
pub(crate) fn remove() {
    if let (Some(library), Some(_)) = (env::var_os(PRELOAD), env::var_os(MICROSECONDS)) {
        let directory = Path::new(&library)
            .parent()
            .expect("it was made in a directory of its own");
        let _ = fs::remove_dir_all(directory);
    }
}
