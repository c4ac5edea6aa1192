//! A file in the place of SQLite's database that is another, or none.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;
use webhook_tests::{
    Backend, Deployment, Service,
    clock::wait_for,
    fixtures::{create, get, roll, roll_with},
    server::Ended,
    sqlite,
};

pub(crate) const REPLACED: &str = "is another than the one that was used last";

pub(crate) fn database(deployment: &Deployment) -> PathBuf {
    deployment.data().join("webhook.db")
}

pub(crate) fn beside(deployment: &Deployment, suffix: &str) -> PathBuf {
    deployment.data().join(format!("webhook.db{suffix}"))
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap_or_else(|error| panic!("{from:?} to {to:?}: {error}"));
}

/// All that a refused start must leave as it was: SQLite's shared memory is no content, and locks are none either.
fn contents(deployment: &Deployment) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = deployment.files();
    files.retain(|(path, bytes)| !path.to_string_lossy().ends_with("-shm") && !bytes.is_empty());
    files
}

/// Nothing opens the database, and nothing is changed by trying.
#[track_caller]
pub(crate) fn is_refused(deployment: &Deployment, because: &[&str]) {
    let before = contents(deployment);
    let refuses = |ended: Ended| {
        assert_eq!(ended.code(), 2, "{}", ended.output());
        for word in because {
            assert!(ended.stderr.contains(word), "{word} is not in {}", ended.stderr);
        }
        assert!(contents(deployment) == before, "something was changed");
    };
    refuses(deployment.serve_in_vain());
    for command in [
        &["webhook", "list"][..],
        &["migrate"],
        &[
            "api-key",
            "create",
            "--platform",
            "default",
            "--permission",
            "WEBHOOK.VIEW",
        ],
        &["rekey"],
        &["deliveries", "status"],
    ] {
        refuses(deployment.run(command));
    }
    refuses(deployment.serve_in_vain());
}

/// Starts the server again; gives what it says until it is ready.
pub(crate) fn start_again(service: &mut Service) -> String {
    service.start_again();
    service.server().output()
}

/// The ways an operator comes to a backup.
fn backups(service: &mut Service) -> Vec<PathBuf> {
    let name = |name: &str| service.deployment().directory().join(name);
    let (by_command, by_copy, by_statement) = (name("by-command"), name("by-copy"), name("by-statement"));
    let path = by_command.to_string_lossy();
    service.deployment().run(&["backup", &path]).expect_success();
    let statement = format!("VACUUM INTO '{}'", by_statement.display());
    service.deployment().execute(&statement);
    assert_eq!(service.take_server().stop().code(), 0);
    copy(&database(service.deployment()), &by_copy);
    service.start_again();
    vec![by_command, by_statement, by_copy]
}

#[test]
fn a_backup_beside_the_log_of_the_database_it_replaces_is_refused_until_the_log_is_gone() {
    let mut service = Service::start(Backend::Sqlite);
    let webhook = create(&service.client());
    for backup in backups(&mut service) {
        let before = get(&service.client(), &webhook);
        roll(&service.client(), &webhook);
        let rolled = get(&service.client(), &webhook);
        service.kill();
        let deployment = service.deployment();
        let kept = deployment.directory().join("kept");
        copy(&database(deployment), &kept);
        // Copied over the file, and put in its place.
        copy(&backup, &database(deployment));
        is_refused(
            deployment,
            &[
                "webhook.db-wal does not belong",
                "backup",
                "webhook-server restore",
            ],
        );
        let other = deployment.directory().join("other");
        copy(&backup, &other);
        fs::rename(&other, database(deployment)).expect("a file can be renamed");
        is_refused(deployment, &["webhook.db-wal does not belong"]);
        // The file that was there, put back.
        copy(&kept, &database(deployment));
        start_again(&mut service);
        assert_eq!(get(&service.client(), &webhook).json, rolled.json);
        service.kill();
        let deployment = service.deployment();
        // The backup without the log.
        copy(&backup, &database(deployment));
        for suffix in ["-wal", "-shm"] {
            fs::remove_file(beside(deployment, suffix)).expect("it is there");
        }
        let said = start_again(&mut service);
        assert!(
            said.contains(REPLACED) && said.contains("it was checked"),
            "{said}"
        );
        let restored = get(&service.client(), &webhook);
        assert_ne!(restored.version(), rolled.version(), "{before:?}");
        service.kill();
        let said = start_again(&mut service);
        assert!(
            !said.contains("checked"),
            "it is the one that was used last now: {said}"
        );
    }
}

#[test]
fn a_file_that_was_copied_before_a_key_was_revoked_is_refused_beside_the_log_of_the_same_process() {
    let mut service = Service::start(Backend::Sqlite);
    let webhook = create(&service.client());
    let state = beside(service.deployment(), ".state");
    // Each such roll has the log written back and emptied.
    let revoke = |service: &Service| {
        let before = fs::read(&state).expect("it is there");
        roll_with(
            &service.client(),
            &webhook,
            json!({"previous_secret_expires_in": 0}),
        );
        wait_for("the database has a new mark", Duration::from_secs(60), || {
            let now = fs::read(&state).expect("it is there");
            let marks = String::from_utf8_lossy(&now).matches(',').count();
            (now != before && marks == 1).then_some(())
        });
    };
    revoke(&service);
    let old = service.deployment().directory().join("old");
    copy(&database(service.deployment()), &old);
    revoke(&service);
    roll(&service.client(), &webhook);
    let rolled = get(&service.client(), &webhook);
    service.kill();
    let deployment = service.deployment();
    let kept = deployment.directory().join("kept");
    copy(&database(deployment), &kept);
    copy(&old, &database(deployment));
    is_refused(deployment, &["webhook.db-wal does not belong"]);
    copy(&kept, &database(deployment));
    start_again(&mut service);
    assert_eq!(get(&service.client(), &webhook).json, rolled.json);
}

#[test]
fn an_empty_file_or_none_where_there_was_a_database_is_refused_until_the_operator_says_so() {
    let mut service = Service::start(Backend::Sqlite);
    let webhook = create(&service.client());
    assert_eq!(service.take_server().stop().code(), 0);
    let deployment = service.deployment();
    let file = database(deployment);
    let aside = deployment.directory().join("aside");
    fs::rename(&file, &aside).expect("a file can be renamed");
    is_refused(
        deployment,
        &["missing or holds nothing", "webhook.db.state", "restore"],
    );
    assert!(!file.exists(), "none was made");
    fs::write(&file, "").expect("a file can be written");
    is_refused(deployment, &["missing or holds nothing", "webhook.db.state"]);
    fs::remove_file(&file).expect("it is there");
    sqlite::execute(&file, "CREATE TABLE notes (text TEXT)");
    is_refused(deployment, &["missing or holds nothing", "webhook.db.state"]);
    // What is restored is the database again.
    fs::rename(&aside, &file).expect("a file can be renamed");
    start_again(&mut service);
    get(&service.client(), &webhook);
    assert_eq!(service.take_server().stop().code(), 0);
    // A new beginning is said in words.
    for suffix in ["", ".state"] {
        fs::remove_file(beside(service.deployment(), suffix)).expect("it is there");
    }
    let said = start_again(&mut service);
    assert!(said.contains("master key that was there before"), "{said}");
}

#[test]
fn a_log_without_its_database_is_refused() {
    let mut service = Service::start(Backend::Sqlite);
    let webhook = create(&service.client());
    service.kill();
    let deployment = service.deployment();
    let kept = deployment.directory().join("kept");
    copy(&database(deployment), &kept);
    fs::write(database(deployment), "").expect("a file can be written");
    // SQLite would remove the log of an empty file.
    is_refused(
        deployment,
        &["missing or holds nothing", "webhook.db-wal is left of it"],
    );
    fs::remove_file(database(deployment)).expect("it is there");
    is_refused(
        deployment,
        &["missing or holds nothing", "webhook.db-wal is left of it"],
    );
    copy(&kept, &database(deployment));
    start_again(&mut service);
    get(&service.client(), &webhook);
}

#[test]
fn a_first_start_that_was_cut_short_goes_on() {
    let made = Deployment::new(Backend::Sqlite);
    made.run(&["migrate"]).expect_success();
    for has_file in [false, true] {
        let deployment = Deployment::new(Backend::Sqlite);
        fs::create_dir(deployment.data()).expect("a directory can be made");
        copy(
            &made.data().join("master.key"),
            &deployment.data().join("master.key"),
        );
        if has_file {
            fs::write(database(&deployment), "").expect("a file can be written");
        }
        let server = deployment.serve();
        assert!(
            server.output().contains("master key that was there before"),
            "{}",
            server.output()
        );
        assert_eq!(server.stop().code(), 0);
    }
}

#[test]
fn a_start_after_a_kill_checks_nothing_however_often() {
    let mut service = Service::start(Backend::Sqlite);
    let webhook = create(&service.client());
    for _ in 0..4 {
        roll(&service.client(), &webhook);
        service.kill();
        // Each looks alone at the database that the server has left.
        service.deployment().run(&["webhook", "list"]).expect_success();
        let said = start_again(&mut service);
        assert!(!said.contains("checked") && !said.contains("mark"), "{said}");
    }
    service.deployment().run(&["webhook", "list"]).expect_success();
}

#[test]
fn what_is_kept_of_the_database_may_be_missing_or_garbage() {
    let mut service = Service::start(Backend::Sqlite);
    let webhook = create(&service.client());
    service.kill();
    let state = beside(service.deployment(), ".state");
    for garbage in [None, Some(""), Some("{\"inode\":"), Some("\0\0\0")] {
        match garbage {
            None => fs::remove_file(&state).expect("it is there"),
            Some(text) => fs::write(&state, text).expect("a file can be written"),
        }
        let said = start_again(&mut service);
        assert!(said.contains("checked with its log"), "{said}");
        assert_eq!(said.contains("cannot be read"), garbage.is_some(), "{said}");
        get(&service.client(), &webhook);
        service.kill();
        let said = start_again(&mut service);
        assert!(!said.contains("checked"), "{said}");
        service.kill();
    }
}

#[test]
fn a_damaged_file_that_was_put_there_is_refused() {
    let mut service = Service::start(Backend::Sqlite);
    create(&service.client());
    let backup = service.deployment().directory().join("backup");
    let path = backup.to_string_lossy();
    service.deployment().run(&["backup", &path]).expect_success();
    assert_eq!(service.take_server().stop().code(), 0);
    let mut bytes = fs::read(&backup).expect("a backup");
    let end = bytes.len();
    bytes[end / 2..].fill(0x5a);
    fs::write(database(service.deployment()), bytes).expect("a file can be written");
    let ended = service.deployment().serve_in_vain();
    assert_eq!(ended.code(), 1, "{}", ended.output());
    assert!(ended.stderr.contains("is damaged"), "{}", ended.stderr);
}
