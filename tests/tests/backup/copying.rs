//! Backups of SQLite's beside a running server.

use std::{
    collections::HashMap,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;
use webhook_tests::{
    Backend, Client, Deployment, Service,
    clock::wait_for,
    fixtures::{create, get, roll},
    knob,
    postgres::random_bytes,
    server::run,
};

use crate::places::restore_file;

/// A deployment into which `file` was restored, with the master key of `of`.
fn restored(of: &Deployment, file: &Path) -> Deployment {
    let other = Deployment::new(Backend::Sqlite);
    std::fs::create_dir(other.data()).expect("a directory can be made");
    std::fs::copy(of.data().join("master.key"), other.data().join("master.key"))
        .expect("a file can be copied");
    restore_file(&other, &file.to_string_lossy(), &[]).expect_success();
    other
}

#[test]
fn a_backup_beside_thousands_of_rolls_has_every_roll_that_was_answered_before_it() {
    let service = Service::start(Backend::Sqlite);
    let client = service.client();
    let webhooks: Vec<_> = (0..4).map(|_| create(&client)).collect();
    let (done, rolls, answered) = (
        AtomicBool::new(false),
        AtomicUsize::new(0),
        Mutex::new(HashMap::new()),
    );
    let file = service.deployment().directory().join("backup.db");
    let path = file.to_string_lossy();
    let (before, contents) = thread::scope(|scope| {
        for webhook in &webhooks {
            let (client, done, rolls, answered) = (client.clone(), &done, &rolls, &answered);
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    let body = serde_json::json!({"previous_secret_expires_in": 0});
                    let rolled = webhook_tests::fixtures::roll_with(&client, webhook, body);
                    answered
                        .lock()
                        .expect("no thread panics")
                        .insert(webhook.id(), rolled.version());
                    rolls.fetch_add(1, Ordering::AcqRel);
                }
            });
        }
        let wanted = knob("WEBHOOK_TEST_BACKUP_ROLLS", 500);
        wait_for("rolls are answered", Duration::from_secs(120), || {
            (rolls.load(Ordering::Acquire) >= wanted).then_some(())
        });
        let before = answered.lock().expect("no thread panics").clone();
        let ended = service.deployment().run(&["backup", &path, "--json"]);
        done.store(true, Ordering::Release);
        (before, ended)
    });
    let contents: Value = serde_json::from_str(contents.expect_success()).expect("JSON");
    assert_eq!(contents["webhooks"], 4);
    assert!(contents["audit_records"].as_u64() > Some(4), "{contents}");
    let mode = std::fs::metadata(&file)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let other = restored(service.deployment(), &file);
    let head = contents["audit_head"].as_str().expect("a head");
    other.run(&["audit", "verify", "--head", head]).expect_success();
    let server = other.serve();
    let client = Client::with_key(server.address(), service.key());
    for webhook in &webhooks {
        let version = get(&client, webhook).version();
        assert!(version >= before[webhook.id()], "{version} {before:?}");
    }
}

#[test]
fn a_backup_replaces_no_file_and_leaves_none_behind() {
    let service = Service::start(Backend::Sqlite);
    let directory = service.deployment().directory().to_owned();
    let file = directory.join("backup.db");
    std::fs::write(&file, "mine").expect("a file can be written");
    let backup = |path: &str| service.deployment().run(&["backup", path]);
    let ended = backup(&file.to_string_lossy());
    assert_eq!(ended.code(), 2);
    assert!(ended.stderr.contains("is there already"), "{}", ended.stderr);
    assert_eq!(std::fs::read(&file).expect("it is there"), b"mine");
    assert_eq!(
        backup(&directory.join("nowhere/backup.db").to_string_lossy()).code(),
        1
    );
    assert_eq!(backup("/proc/backup.db").code(), 1);
    assert_eq!(backup("/dev/null").code(), 2);
    let leftovers = std::fs::read_dir(&directory).expect("it can be read").flatten();
    let names: Vec<_> = leftovers.map(|entry| entry.file_name()).collect();
    assert!(
        names.iter().all(|name| !name.to_string_lossy().contains("part")),
        "{names:?}"
    );
}

#[test]
fn a_backup_that_is_killed_leaves_no_half_file_under_its_name() {
    let service = Service::start(Backend::Sqlite);
    let client = service.client();
    for _ in 0..50 {
        roll(&client, &create(&client));
    }
    let mut complete = 0;
    for number in 0..10 {
        let file = service.deployment().directory().join(format!("backup-{number}"));
        let mut command = service.deployment().command(&["backup", &file.to_string_lossy()]);
        let mut child = command.spawn().expect("it starts");
        thread::sleep(Duration::from_millis(u64::from(random_bytes(1)[0])));
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        if file.exists() {
            complete += 1;
            let other = restored(service.deployment(), &file);
            other.run(&["audit", "verify"]).expect_success();
        }
    }
    let file = service.deployment().directory().join("backup-0");
    if complete == 0 || !file.exists() {
        // What was left of the one that was killed is in nobody's way.
        service
            .deployment()
            .run(&["backup", &file.to_string_lossy()])
            .expect_success();
    }
}

#[test]
fn a_backup_for_which_there_is_no_room_fails_and_leaves_nothing() {
    let service = Service::start(Backend::Sqlite);
    let file = service.deployment().directory().join("backup.db");
    let ended = within_blocks(service.deployment(), 64, &["backup", &file.to_string_lossy()]);
    assert_eq!(ended.code(), 1, "{}", ended.output());
    assert!(!file.exists() && !file.with_extension("db.part").exists());
}

#[test]
fn a_restore_for_which_there_is_no_room_replaces_nothing() {
    let mut service = Service::start(Backend::Sqlite);
    let webhook = create(&service.client());
    let file = service.deployment().directory().join("backup.db");
    service
        .deployment()
        .run(&["backup", &file.to_string_lossy()])
        .expect_success();
    service.take_server().stop();
    let ended = within_blocks(service.deployment(), 64, &["restore", &file.to_string_lossy()]);
    assert_eq!(ended.code(), 1, "{}", ended.output());
    assert!(crate::places::kept(service.deployment()).is_empty());
    assert!(!service.deployment().data().join("webhook.db.restoring").exists());
    service.start_again();
    assert_eq!(get(&service.client(), &webhook).secret(), webhook.secret());
}

/// Runs the binary where no file may grow beyond so many blocks of 1 KiB, as on a disk that is full.
fn within_blocks(deployment: &Deployment, blocks: u32, arguments: &[&str]) -> webhook_tests::server::Ended {
    let inner = deployment.command(arguments);
    let mut command = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    command.args(["-c", &script, "bash"]);
    command.arg(inner.get_program()).args(inner.get_args());
    command.current_dir(deployment.directory());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    run(command, Duration::from_secs(30))
}

#[test]
fn a_value_that_does_not_open_is_found_before_a_backup_has_its_name() {
    let service = Service::start(Backend::Sqlite);
    let (webhook, other) = (create(&service.client()), create(&service.client()));
    service.deployment().execute(&format!(
        "UPDATE webhooks SET key_ring = (SELECT key_ring FROM webhooks WHERE id = '{}') WHERE id = '{}'",
        other.id(),
        webhook.id()
    ));
    let file = service.deployment().directory().join("backup.db");
    let ended = service.deployment().run(&["backup", &file.to_string_lossy()]);
    assert_eq!(ended.code(), 1);
    assert!(ended.stderr.contains(webhook.id()), "{}", ended.stderr);
    assert!(!file.exists());
}

#[test]
fn records_that_were_changed_are_found_before_a_backup_has_its_name() {
    let service = Service::start(Backend::Sqlite);
    create(&service.client());
    service
        .deployment()
        .execute("UPDATE audit_records SET at = at + 1 WHERE position = 1");
    let file = service.deployment().directory().join("backup.db");
    let ended = service.deployment().run(&["backup", &file.to_string_lossy()]);
    assert_eq!(ended.code(), 1);
    assert!(ended.stderr.contains("audit records"), "{}", ended.stderr);
    assert!(!file.exists());
}

#[test]
fn a_database_of_postgresqls_is_left_to_its_own_tool() {
    let service = Service::start(Backend::Postgres);
    let ended = service.deployment().run(&["backup", "backup.db"]);
    assert_eq!(ended.code(), 2);
    assert!(
        ended.stderr.contains("pg_dump --format=custom"),
        "{}",
        ended.stderr
    );
    let ended = service.deployment().run(&["restore", "backup.db"]);
    assert_eq!(ended.code(), 2);
    assert!(ended.stderr.contains("pg_restore"), "{}", ended.stderr);
    assert_eq!(service.deployment().run(&["restore"]).code(), 2);
}
