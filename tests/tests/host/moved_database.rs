//! SQLite's files moved as a whole, restored, or put in place under a server.

use std::{fs, time::Duration};

use webhook_tests::{
    Backend, Deployment, Service,
    clock::wait_for,
    fixtures::{Webhook, create, get, roll},
};

use super::another_database::{REPLACED, beside, copy, database, is_refused, start_again};

/// A deployment that has the files of `of`, whose server has stopped or was killed.
fn moved(of: &Deployment) -> Deployment {
    let other = Deployment::new(Backend::Sqlite);
    fs::create_dir(other.data()).expect("a directory can be made");
    for entry in fs::read_dir(of.data())
        .expect("a directory can be read")
        .flatten()
    {
        copy(&entry.path(), &other.data().join(entry.file_name()));
    }
    other
}

fn shows(deployment: &Deployment, webhook: &Webhook) {
    let shown = deployment.run(&["webhook", "list"]);
    assert!(
        shown.expect_success().contains(webhook.id()),
        "{}",
        shown.output()
    );
}

#[test]
fn a_folder_that_was_copied_as_a_whole_is_served() {
    let mut service = Service::start(Backend::Sqlite);
    let webhook = create(&service.client());
    service.kill();
    let killed = moved(service.deployment());
    let server = killed.serve();
    // The file may not be its log's: it was put there anew.
    assert!(server.output().contains("were checked"), "{}", server.output());
    shows(&killed, &webhook);
    assert_eq!(server.stop().code(), 0);
    let stopped = moved(&killed);
    let server = stopped.serve();
    assert!(!server.output().contains("checked"), "{}", server.output());
    shows(&stopped, &webhook);
    // The database alone, as a backup by hand that has nothing beside it.
    assert_eq!(server.stop().code(), 0);
    let alone = moved(&stopped);
    fs::remove_file(beside(&alone, ".state")).expect("it is there");
    let server = alone.serve();
    assert!(!server.output().contains("checked"), "{}", server.output());
    shows(&alone, &webhook);
}

#[test]
fn a_file_that_is_replaced_under_the_server_is_left_as_it_is() {
    let mut service = Service::start(Backend::Sqlite);
    let webhook = create(&service.client());
    let backup = service.deployment().directory().join("backup");
    let path = backup.to_string_lossy();
    service.deployment().run(&["backup", &path]).expect_success();
    roll(&service.client(), &webhook);
    let deployment = service.deployment();
    let other = deployment.directory().join("other");
    copy(&backup, &other);
    fs::rename(&other, database(deployment)).expect("a file can be renamed");
    for command in [&["webhook", "list"][..], &["migrate"], &["deliveries", "status"]] {
        let ended = deployment.run(command);
        assert_eq!(ended.code(), 2, "{}", ended.output());
        assert!(ended.stderr.contains("was replaced"), "{}", ended.stderr);
    }
    let answer = service.client().get(&webhook.path()).unchecked().send();
    assert!(matches!(answer.status, 200 | 503), "{answer:?}");
    assert_eq!(service.take_server().stop().code(), 0);
    let (found, was) = (fs::read(database(service.deployment())), fs::read(&backup));
    assert!(
        found.expect("it is there") == was.expect("it is there"),
        "it was written to"
    );
    // SQLite leaves the log of a file that is not at its place any more.
    is_refused(service.deployment(), &["webhook.db-wal does not belong"]);
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(beside(service.deployment(), suffix)).expect("it is there");
    }
    let said = start_again(&mut service);
    assert!(said.contains(REPLACED), "{said}");
    get(&service.client(), &webhook);
}

#[test]
fn a_restore_beside_another_log_keeps_both_as_they_are() {
    let mut service = Service::start(Backend::Sqlite);
    let webhook = create(&service.client());
    let backup = service.deployment().directory().join("backup");
    let path = backup.to_string_lossy().into_owned();
    service.deployment().run(&["backup", &path]).expect_success();
    roll(&service.client(), &webhook);
    service.kill();
    let deployment = service.deployment();
    copy(&backup, &database(deployment));
    let log = fs::read(beside(deployment, "-wal")).expect("a log");
    deployment.run(&["restore", &path]).expect_success();
    let kept: Vec<_> = deployment
        .files()
        .into_iter()
        .filter(|(path, _)| path.to_string_lossy().contains(".replaced-"))
        .collect();
    let has = |bytes: &[u8]| kept.iter().any(|(_, kept)| kept == bytes);
    assert!(
        has(&log) && has(&fs::read(&backup).expect("it is there")),
        "both are kept"
    );
    let said = start_again(&mut service);
    assert!(!said.contains("checked"), "{said}");
    get(&service.client(), &webhook);
}

#[test]
fn when_the_log_is_deleted_under_the_server_nothing_that_was_acknowledged_is_lost() {
    let mut service = Service::start(Backend::Sqlite);
    let client = service.client();
    let webhook = create(&client);
    let log = beside(service.deployment(), "-wal");
    fs::remove_file(&log).expect("it is there");
    let refused = client.patch(&webhook.secret_path()).unchecked().send();
    assert_eq!(refused.status, 503, "it would be lost: {}", refused.shown());
    wait_for("it is not ready", Duration::from_secs(10), || {
        let status = client.get("/health/ready").unchecked().send().status;
        (status == 503).then_some(())
    });
    let ended = service.take_server().stop();
    assert_eq!(ended.code(), 0);
    assert!(
        ended.output().contains("webhook.db-wal was deleted"),
        "{}",
        ended.output()
    );
    service.start_again();
    get(&service.client(), &webhook);
    roll(&service.client(), &webhook);
}
