//! What is no backup, or not one of this deployment, replaces nothing.

use std::path::Path;

use webhook_tests::{Backend, Deployment, Service, fixtures::create, sqlite};

use crate::places::{back_up, kept, restore_file};

/// A deployment whose server has stopped, and a backup of it.
fn stopped() -> (Service, std::path::PathBuf) {
    let mut service = Service::start(Backend::Sqlite);
    create(&service.client());
    let backup = back_up(service.deployment());
    service.take_server().stop();
    (service, backup)
}

#[track_caller]
fn is_refused(deployment: &Deployment, file: &Path, because: &str) {
    let database = deployment.data().join("webhook.db");
    let before = std::fs::read(&database).expect("it is there");
    let ended = restore_file(deployment, &file.to_string_lossy(), &["--yes"]);
    assert!(matches!(ended.code(), 1 | 2), "{}", ended.output());
    assert!(
        ended.stderr.contains(because),
        "{because} is not in {}",
        ended.stderr
    );
    assert!(
        std::fs::read(&database).expect("it is there") == before,
        "it was changed"
    );
    assert!(kept(deployment).is_empty());
    let restoring = deployment.data().join("webhook.db.restoring");
    assert!(!restoring.exists());
}

#[test]
fn what_is_no_backup_is_refused_and_nothing_is_replaced() {
    let (service, backup) = stopped();
    let deployment = service.deployment();
    let write = |name: &str, bytes: &[u8]| {
        let file = deployment.directory().join(name);
        std::fs::write(&file, bytes).expect("a file can be written");
        file
    };
    is_refused(
        deployment,
        &deployment.directory().join("nowhere"),
        "cannot be read",
    );
    is_refused(deployment, deployment.directory(), "is not a file");
    is_refused(
        deployment,
        &deployment.data().join("webhook.db"),
        "is the database itself",
    );
    is_refused(deployment, &write("empty", b""), "is not a database of SQLite's");
    is_refused(
        deployment,
        &write("text", b"not a database, but long enough"),
        "is not a database of SQLite's",
    );
    is_refused(
        deployment,
        &write("dump", b"PGDMP\x01\x0e\x00\x04\x08\x01\x01\x01\x00\x00\x00\x00"),
        "is a dump of PostgreSQL's",
    );
    let whole = std::fs::read(&backup).expect("it is there");
    is_refused(deployment, &write("cut", &whole[..whole.len() / 2]), "malformed");
    let mut garbled = whole.clone();
    let middle = garbled.len() / 2;
    garbled[4096..middle].fill(0x5a);
    is_refused(deployment, &write("garbled", &garbled), "cannot restore");
    let other = deployment.directory().join("other.db");
    sqlite::execute(&other, "CREATE TABLE other (id TEXT)");
    is_refused(deployment, &other, "holds no data of this service");
    sqlite::execute(
        &backup,
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')",
    );
    sqlite::execute(
        &backup,
        "UPDATE audit_chain SET newest_level = 99, schema_level = 99",
    );
    is_refused(deployment, &backup, "use the newer release");
}

#[test]
fn a_backup_under_another_master_key_is_refused_and_nothing_is_replaced() {
    let (service, backup) = stopped();
    let mut other = Service::start(Backend::Sqlite);
    other.take_server().stop();
    is_refused(other.deployment(), &backup, "master key is not the one");
    drop(service);
}

#[test]
fn a_database_that_is_in_use_is_not_replaced() {
    let service = Service::start(Backend::Sqlite);
    let backup = back_up(service.deployment());
    let refused = |when: &str| {
        let ended = restore_file(service.deployment(), &backup.to_string_lossy(), &["--yes"]);
        assert_eq!(ended.code(), 1, "{when}: {}", ended.output());
        assert!(ended.stderr.contains("is in use"), "{when}: {}", ended.stderr);
        assert!(kept(service.deployment()).is_empty());
    };
    refused("it delivers");
    service
        .deployment()
        .run(&["deliveries", "pause"])
        .expect_success();
    refused("deliveries are paused");
    let second = service.deployment().serve();
    refused("two servers have it open");
    second.stop();
}

#[test]
fn the_database_file_alone_of_a_running_server_is_no_backup() {
    let mut service = Service::start(Backend::Sqlite);
    create(&service.client());
    let copy = service.deployment().directory().join("copy.db");
    std::fs::copy(service.deployment().data().join("webhook.db"), &copy).expect("a file can be copied");
    service.take_server().stop();
    is_refused(service.deployment(), &copy, "holds no data of this service");
}
