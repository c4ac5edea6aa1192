//! The restore drill: backup, rolls, a roll because of a leak, disaster, restore. Nothing signs with the leaked key.

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Service,
    fixtures::{Webhook, create_with, get, roll_with},
    on_each_database,
    receiver::Receiver,
};

use crate::places::{back_up, deployment, kept, restore, restore_file};

on_each_database!(
    a_restored_database_signs_nothing_with_a_key_that_was_revoked,
    everything_is_mended_by_one_command,
);

/// Webhooks and keys of which each has something done to it after the backup.
struct Scene {
    service: Service,
    receiver: Receiver,
    /// Its key leaks, and is revoked.
    leaked: Webhook,
    /// Its key is rolled with an overlap.
    rolled: Webhook,
    /// Nothing is done to it.
    quiet: Webhook,
    deleted: Webhook,
    revoked_key: String,
}

impl Scene {
    fn new(backend: Backend) -> Self {
        let service = Service::start_on(deployment(backend));
        let receiver = Receiver::start();
        let client = service.client();
        let webhook = |name: &str| create_with(&client, json!({"name": name, "url": receiver.url()}));
        let (leaked, rolled, quiet) = (webhook("Leaked"), webhook("Rolled"), webhook("Quiet"));
        let deleted = create_with(&client, json!({"name": "Deleted", "active": false}));
        let revoked_key = service
            .deployment()
            .create_key("default", &["WEBHOOK.VIEW"], &["--json"]);
        let revoked_key: Value = serde_json::from_str(&revoked_key).expect("JSON");
        Self {
            revoked_key: revoked_key["id"].as_str().expect("an id").to_owned(),
            service,
            receiver,
            leaked,
            rolled,
            quiet,
            deleted,
        }
    }

    fn client(&self) -> Client {
        self.service.client()
    }

    /// What happens between the backup and the disaster. Gives the id of a webhook that is made meanwhile.
    fn go_on(&self) -> String {
        let client = self.client();
        roll_with(&client, &self.leaked, json!({"previous_secret_expires_in": 0}));
        roll_with(&client, &self.rolled, json!({"previous_secret_expires_in": 600}));
        client.delete(&self.deleted.path()).send().expect_status(200);
        let deployment = self.service.deployment();
        deployment
            .run(&["api-key", "revoke", &self.revoked_key])
            .expect_success();
        let made = create_with(&client, json!({"name": "Made since", "active": false}));
        publish(&client, 2);
        self.receiver.wait_for(6);
        made.id().to_owned()
    }
}

fn publish(client: &Client, number: u64) {
    let event = json!({"type": "INVOICE.CREATED", "data": {"n": number}});
    client.post("/v1/events").json(&event).send().expect_status(202);
}

fn fingerprint(secret: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, secret.as_bytes());
    format!("sha256:{}", data_encoding::HEXLOWER.encode(&digest.as_ref()[..8]))
}

fn a_restored_database_signs_nothing_with_a_key_that_was_revoked(backend: Backend) {
    let mut scene = Scene::new(backend);
    let client = scene.client();
    let deployment = scene.service.deployment();
    // What waits in the backup is sent after it, and so again after the restore.
    deployment.run(&["deliveries", "pause"]).expect_success();
    wait_until_paused(&scene.service);
    publish(&client, 1);
    let backup = back_up(deployment);
    deployment.run(&["deliveries", "resume"]).expect_success();
    scene.receiver.wait_for(3);
    let made_since = scene.go_on();
    scene.service.kill();

    let restored = restore(&mut scene.service, &backup, &[]);
    let said = &restored.said;
    for expected in [
        "deliveries are paused",
        "webhooks whose keys differ: 2\n",
        scene.leaked.id(),
        scene.rolled.id(),
        "webhooks deleted since the backup, and there again: 1",
        scene.deleted.id(),
        "webhooks made since the backup, and lost: 1",
        &made_since,
        "API keys revoked since the backup, and in force again: 1",
        &scene.revoked_key,
        "events accepted since the backup, and lost: 1",
        "deliveries that came to their end since the backup, and are made again: 3",
        "nothing was rolled",
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
    assert!(!said.contains(scene.quiet.id()), "{said}");
    assert_eq!(said.matches("REVOKED").count(), 1, "{said}");
    let secret = scene.leaked.secret();
    let leaked = fingerprint(&secret);
    assert!(said.contains(&leaked), "{leaked} is not in\n{said}");
    assert!(!said.contains(&secret), "no secret is shown");

    // Before anybody has done anything: the server works, and delivers nothing.
    scene.service.start_again();
    let client = scene.client();
    let ready = scene.service.anonymous().get("/health/ready").unchecked().send();
    assert_eq!(ready.json(), json!({"status": "ok", "deliveries": "paused"}));
    assert!(scene.service.server().output().contains("deliveries are paused"));
    publish(&client, 3);
    let probe = client.post(&format!("{}/send-test", scene.leaked.path())).send();
    assert_eq!(probe.expect_status(409).json()["code"], "INVALID_OPERATION");
    assert_eq!(get(&client, &scene.leaked).secret(), secret, "that is why");

    // The webhooks are rolled beside the running server, and deliveries go on.
    let before = scene.receiver.got().len();
    assert_eq!(before, 6, "nothing came while deliveries were paused");
    let arguments = ["restore", "--replaced", &restored.replaced, "--roll-differing"];
    let ended = scene.service.deployment().run(&arguments);
    let said = ended.expect_success();
    assert!(
        said.contains(&format!("rolled {}: no older key", scene.leaked.id())),
        "{said}"
    );
    assert!(
        said.contains(&format!("rolled {}: the key before signs", scene.rolled.id())),
        "{said}"
    );
    scene
        .service
        .deployment()
        .run(&["deliveries", "resume"])
        .expect_success();
    let got = scene.receiver.wait_for(before + 6);
    assert_eq!(got.len(), before + 6, "three again, and three new ones");
    let new_secret = get(&client, &scene.leaked).secret();
    assert_ne!(new_secret, secret);
    let since = &got[before..];
    assert!(since.iter().all(|delivered| !delivered.is_signed_with(&secret)));
    assert_eq!(signed_with(since, &new_secret), 2);
    assert_eq!(signed_with(since, &scene.quiet.secret()), 2);
    assert_eq!(
        signed_with(since, &scene.rolled.secret()),
        2,
        "its overlap is not over"
    );
}

fn everything_is_mended_by_one_command(backend: Backend) {
    let mut scene = Scene::new(backend);
    publish(&scene.client(), 1);
    scene.receiver.wait_for(3);
    let backup = back_up(scene.service.deployment());
    scene.go_on();
    scene.service.kill();
    let restored = restore(&mut scene.service, &backup, &["--yes"]);
    assert!(
        restored.said.contains(&format!("revoked {}", scene.revoked_key)),
        "{}",
        restored.said
    );
    scene.service.start_again();
    let client = scene.client();
    assert_ne!(get(&client, &scene.leaked).secret(), scene.leaked.secret());
    assert_eq!(get(&client, &scene.leaked).previous_secret(), None);
    assert_eq!(get(&client, &scene.quiet).secret(), scene.quiet.secret());
    let listed = scene.service.deployment().run(&["api-key", "list", "--json"]);
    let keys: Value = serde_json::from_str(listed.expect_success()).expect("JSON");
    let key = keys
        .as_array()
        .expect("a list")
        .iter()
        .find(|key| key["id"] == scene.revoked_key.as_str());
    assert!(!key.expect("it is listed")["revoked_at"].is_null());
    scene
        .service
        .deployment()
        .run(&["audit", "verify"])
        .expect_success();
}

fn signed_with(deliveries: &[webhook_tests::receiver::Delivered], secret: &str) -> usize {
    deliveries
        .iter()
        .filter(|delivered| delivered.is_signed_with(secret))
        .count()
}

#[track_caller]
fn wait_until_paused(service: &Service) {
    webhook_tests::clock::wait_for(
        "deliveries are paused",
        std::time::Duration::from_secs(30),
        || {
            let ready = service.anonymous().get("/health/ready").unchecked().send();
            (ready.json()["deliveries"] == "paused").then_some(())
        },
    );
}

#[test]
fn a_database_that_cannot_be_read_is_kept_and_what_is_not_known_is_said() {
    let mut scene = Scene::new(Backend::Sqlite);
    let backup = back_up(scene.service.deployment());
    // Its log is written back then: SQLite would read the database from that alone.
    scene.service.take_server().stop();
    let database = scene.service.deployment().data().join("webhook.db");
    std::fs::write(&database, "not a database").expect("a file can be written");
    let restored = restore(&mut scene.service, &backup, &["--yes"]);
    assert!(restored.said.contains("cannot be read"), "{}", restored.said);
    assert!(restored.said.contains("is not known"), "{}", restored.said);
    let kept = kept(scene.service.deployment());
    assert_eq!(std::fs::read(&kept[0]).expect("it is there"), b"not a database");
    scene.service.start_again();
    assert_eq!(
        get(&scene.client(), &scene.leaked).secret(),
        scene.leaked.secret()
    );
}

#[test]
fn a_restore_on_another_machine_says_what_is_not_known() {
    let scene = Scene::new(Backend::Sqlite);
    let backup = back_up(scene.service.deployment());
    let other = deployment(Backend::Sqlite);
    std::fs::create_dir(other.data()).expect("a directory can be made");
    let file = backup.to_string_lossy();
    let ended = restore_file(&other, &file, &[]);
    assert_eq!(ended.code(), 2, "no master key is made up: {}", ended.output());
    assert!(!other.data().join("master.key").exists());
    std::fs::copy(
        scene.service.deployment().data().join("master.key"),
        other.data().join("master.key"),
    )
    .expect("a file can be copied");
    let ended = restore_file(&other, &file, &[]);
    let said = ended.expect_success();
    assert!(said.contains("is not known"), "{said}");
    let server = other.serve();
    let client = Client::with_key(server.address(), scene.service.key());
    assert_eq!(get(&client, &scene.leaked).secret(), scene.leaked.secret());
}

#[test]
fn a_restore_is_done_twice_and_each_replaced_database_is_kept() {
    let mut scene = Scene::new(Backend::Sqlite);
    let backup = back_up(scene.service.deployment());
    scene.service.kill();
    restore(&mut scene.service, &backup, &[]);
    restore(&mut scene.service, &backup, &[]);
    assert_eq!(kept(scene.service.deployment()).len(), 2);
    scene.service.start_again();
    assert_eq!(get(&scene.client(), &scene.quiet).secret(), scene.quiet.secret());
}

#[test]
fn a_head_that_was_noted_elsewhere_says_how_old_a_backup_is() {
    let mut scene = Scene::new(Backend::Sqlite);
    let backup = back_up(scene.service.deployment());
    scene.receiver.got();
    roll_with(
        &scene.client(),
        &scene.leaked,
        json!({"previous_secret_expires_in": 0}),
    );
    let verified = scene.service.deployment().run(&["audit", "verify", "--json"]);
    let verified: Value = serde_json::from_str(verified.expect_success()).expect("JSON");
    let head = verified["head"].as_str().expect("a head").to_owned();
    scene.service.kill();
    restore(&mut scene.service, &backup, &[]);
    let ended = scene
        .service
        .deployment()
        .run(&["audit", "verify", "--head", &head]);
    assert_eq!(ended.code(), 1);
    assert!(
        ended.stderr.contains("records are missing after"),
        "{}",
        ended.stderr
    );
}
