//! The release before and this one on one database, for the length of a rolling upgrade and back again.
//!
//! The release before is the newest tag `v…` before this commit; `WEBHOOK_TEST_PREVIOUS` names another git revision. It is built in a
//! worktree of its own, below this program's target folder, with a target folder beside it that is kept for the next time. It is not built into
//! the folder of this build: its binary would take the place of the one under test.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use webhook_tests::{
    Backend, Client, Server, Service, binary,
    fixtures::{get, roll},
    on_each_database,
    receiver::Receiver,
};

use crate::traffic::{arrives, deployment, publish, use_all, webhook_to};

on_each_database!(the_release_before_and_this_one_take_turns_on_one_database);

/// The binary of the release before, built if need be. None if there is no such release.
fn previous() -> Option<&'static Path> {
    static PREVIOUS: OnceLock<Option<PathBuf>> = OnceLock::new();
    PREVIOUS
        .get_or_init(|| revision().map(|revision| build(&revision)))
        .as_deref()
}

fn git(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(env!("CARGO_MANIFEST_DIR")).args(arguments);
    let output = command.stderr(Stdio::null()).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !said.is_empty()).then_some(said)
}

fn revision() -> Option<String> {
    if let Ok(given) = env::var("WEBHOOK_TEST_PREVIOUS") {
        let commit = git(&["rev-parse", "--verify", &format!("{given}^{{commit}}")]);
        return Some(commit.unwrap_or_else(|| panic!("WEBHOOK_TEST_PREVIOUS: git knows no commit {given}")));
    }
    let tag = git(&["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^"]);
    if tag.is_none() {
        eprintln!(
            "\n!!! THERE IS NO RELEASE BEFORE THIS ONE (no tag v…): THAT TWO RELEASES RUN ON ONE DATABASE WAS NOT TESTED !!!\n\
             !!! WEBHOOK_TEST_PREVIOUS=<git revision> tests it against any commit. !!!\n"
        );
    }
    tag
}

fn build(revision: &str) -> PathBuf {
    let commit = git(&["rev-parse", "--verify", &format!("{revision}^{{commit}}")]).expect("a commit");
    let place = binary::meeting_place().join("previous");
    std::fs::create_dir_all(&place).expect("a folder can be made");
    // The tests of one run are processes of their own.
    let lock = std::fs::File::create(place.join("lock")).expect("a file can be made");
    lock.lock().expect("it can be locked");
    let built = place.join(format!("webhook-server-{commit}"));
    if built.exists() {
        return built;
    }
    let tree = place.join("tree");
    let path = tree.to_str().expect("paths are text");
    // One that was left behind.
    git(&["worktree", "remove", "--force", path]);
    git(&["worktree", "add", "--force", "--detach", path, &commit])
        .or_else(|| tree.join("Cargo.toml").exists().then(String::new))
        .expect("git makes a worktree");
    let target = place.join("target");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--locked", "--package", "webhook-server"])
        .current_dir(&tree)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "{revision} cannot be built");
    let unfinished = place.join("unfinished");
    std::fs::copy(target.join("debug/webhook-server"), &unfinished).expect("it was built");
    std::fs::rename(&unfinished, &built).expect("a file can be renamed");
    git(&["worktree", "remove", "--force", path]);
    built
}

/// `command` with another program.
fn of(program: &Path, command: &Command) -> Command {
    let mut other = Command::new(program);
    other.args(command.get_args());
    other.current_dir(command.get_current_dir().expect("it is set"));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other
}

#[track_caller]
fn without_errors(server: Server) {
    let ended = server.stop();
    assert!(
        !ended.output().contains("\"level\":\"ERROR\""),
        "{}",
        ended.output()
    );
}

fn the_release_before_and_this_one_take_turns_on_one_database(backend: Backend) {
    let Some(previous) = previous() else { return };
    let mut service = Service::start_on(deployment(backend).with_binary(previous));
    let key = service.key().to_owned();
    let older = service.client();
    let receiver = Receiver::start();
    let webhook = webhook_to(&older, &receiver);
    publish(&older, 1);
    arrives(&receiver, 1);
    let command = service.deployment().command(&[]);
    // SQLite has one process that delivers; there a server is stopped before the next one begins.
    let beside = backend == Backend::Postgres;
    if !beside {
        without_errors(service.take_server());
    }
    let start_newer = || {
        let newer = Server::start(of(binary::path(), &command));
        let client = Client::with_key(newer.address(), &key);
        (newer, client)
    };
    let (newer, client) = start_newer();
    use_all(&client);
    if beside {
        for turn in 0..4 {
            let (here, there) = match turn % 2 {
                0 => (&older, &client),
                _ => (&client, &older),
            };
            let rolled = roll(here, &webhook);
            assert_eq!(
                get(there, &webhook).json["secret_rolled_at"],
                rolled.json["secret_rolled_at"]
            );
            publish(there, 10 + turn);
            assert!(arrives(&receiver, 10 + turn).is_signed_with(&rolled.secret()));
        }
        use_all(&older);
        without_errors(service.take_server());
    }
    publish(&client, 2);
    arrives(&receiver, 2);
    if !beside {
        without_errors(newer);
        back_and_forth(&mut service);
        without_errors(start_newer().0);
        return;
    }
    back_and_forth(&mut service);
    use_all(&client);
    without_errors(newer);
}

/// Starts the release before on the schema of this one, if it knows that schemas have levels.
fn back_and_forth(service: &mut Service) {
    let started = Server::try_start(service.deployment().command(&[]));
    match started {
        Ok(server) => {
            use_all(&Client::with_key(server.address(), service.key()));
            without_errors(server);
        }
        Err(ended) => {
            let said = ended.output();
            assert!(said.contains("use the newer release"), "{said}");
            eprintln!("!!! The release before does not start on the schema of this one: {said}");
        }
    }
}
