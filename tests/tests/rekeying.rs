//! A new master key while the server is asked for everything, the command that does it killed again and again: no request
//! fails, and what was sealed under either key is read.
//!
//! `WEBHOOK_TEST_REKEY_KILLS` says how many times the command is killed (4 unless told otherwise).

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use webhook_tests::{
    Backend, Client, Deployment, Service, book,
    fixtures::{Webhook, create, create_with, get, roll_with, update, with},
    knob, on_each_database,
    postgres::{random_bytes, random_hex},
    server::run,
};

on_each_database!(
    no_request_fails_while_the_master_key_is_replaced_and_the_old_one_is_refused_afterwards,
    a_key_that_is_in_no_file_is_replaced_by_one_that_is_named,
);

/// Webhooks that nobody touches meanwhile.
const KEPT: usize = 200;
const CLIENTS: usize = 4;

fn no_request_fails_while_the_master_key_is_replaced_and_the_old_one_is_refused_afterwards(backend: Backend) {
    let mut service = Service::start_on(Deployment::new(backend).with_master_key_in_a_file());
    let client = service.client();
    let kept: Vec<_> = (0..KEPT)
        .map(|n| {
            let protocol = ["HmacSHA256", "Ed25519"][n % 2];
            create_with(
                &client,
                serde_json::json!({"username": "u", "password": format!("p{n}"), "signing_protocol": protocol}),
            )
        })
        .collect();
    // Some have credentials of before, which are sealed too.
    for webhook in &kept[..20] {
        let changes = serde_json::json!({
            "authentication_type": "PASSWORD", "password": "another", "previous_credentials_expires_in": 604_800,
        });
        for changes in [serde_json::json!({"authentication_type": "PASSWORD"}), changes] {
            let body = with(update(), changes);
            client
                .patch(&webhook.path())
                .json(&body)
                .send()
                .expect_status(200);
        }
    }
    let file = service.deployment().master_key_file();
    let old_key = std::fs::read(&file).expect("the old key");

    let (done, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (done, served, kept) = (&done, &served, &kept);
            let client = client.clone();
            scope.spawn(move || use_everything(&client, number, kept, done, served));
        }
        for _ in 0..knob("WEBHOOK_TEST_REKEY_KILLS", 4) {
            let mut command = service
                .deployment()
                .command(&["rekey"])
                .spawn()
                .expect("it starts");
            thread::sleep(Duration::from_millis(u64::from(random_bytes(1)[0]) + 20));
            // It may have ended, which it does not in so short a time unless something is wrong.
            command.kill().expect("it can be killed");
            command.wait().expect("it ends");
        }
        let written = book::block("rekeying:rekey");
        let arguments: Vec<&str> = written.split_whitespace().skip(1).collect();
        let ended = run(service.deployment().command(&arguments), Duration::from_secs(120));
        ended.expect_success();
        done.store(true, Ordering::SeqCst);
    });
    assert!(
        served.load(Ordering::SeqCst) > 100,
        "the server had something to do"
    );

    let new_key = std::fs::read(&file).expect("the new key");
    assert_ne!(new_key, old_key);
    for webhook in &kept {
        assert_eq!(keys(&get(&client, webhook)), keys(webhook));
    }
    service.kill();
    service.start_again();
    let client = service.client();
    for (number, webhook) in kept.iter().enumerate() {
        let read = get(&client, webhook);
        assert_eq!(keys(&read), keys(webhook));
        assert_eq!(
            read.json["previous_credentials_expires_at"].is_null(),
            number >= 20
        );
    }
    service.kill();
    let old_file = service.deployment().directory().join("old.key");
    std::fs::write(&old_file, old_key).expect("a file can be written");
    let old_file = old_file.to_string_lossy().into_owned();
    service.deployment_mut().set("WEBHOOK_MASTER_KEY_FILE", &old_file);
    assert_eq!(service.deployment().serve_in_vain().code(), 2);
}

/// What is shown of a webhook's current key, of whichever kind it is: the secret of one and the public half of the other are sealed alike.
fn keys(webhook: &Webhook) -> [&serde_json::Value; 2] {
    let shown = ["secret_key", "verification_key"].map(|field| &webhook.json[field]);
    assert_eq!(shown.iter().filter(|key| key.is_null()).count(), 1, "{shown:?}");
    shown
}

/// Creates, rolls, reads and asks again, each of which must be answered well.
fn use_everything(client: &Client, number: usize, kept: &[Webhook], done: &AtomicBool, served: &AtomicUsize) {
    let mut serial = 0;
    while !done.load(Ordering::SeqCst) {
        let webhook = create(client);
        let rolled = roll_with(
            client,
            &webhook,
            serde_json::json!({"previous_secret_expires_in": 60}),
        );
        assert_eq!(get(client, &webhook).secret(), rolled.secret());
        serial += 1;
        let key = format!("{number}-{serial}-{}", random_hex(4));
        let ask = || {
            let request = client.patch(&webhook.secret_path());
            request.header("Idempotency-Key", &key).send().expect_status(200)
        };
        let (first, again) = (ask(), ask());
        assert!(again.is_replayed());
        assert_eq!(first.json(), again.json());
        let other = &kept[(serial * CLIENTS + number) % kept.len()];
        assert_eq!(keys(&get(client, other)), keys(other));
        served.fetch_add(1, Ordering::SeqCst);
    }
}

fn a_key_that_is_in_no_file_is_replaced_by_one_that_is_named(backend: Backend) {
    let mut service = Service::start_on(Deployment::new(backend).with_master_key_in_a_file());
    let webhook = create(&service.client());
    let file = service.deployment().master_key_file();
    let old_key = std::fs::read_to_string(&file).expect("the key");
    service.kill();
    service.deployment_mut().unset("WEBHOOK_MASTER_KEY_FILE");
    service.deployment_mut().set("WEBHOOK_MASTER_KEY", old_key.trim());
    assert_eq!(
        service.deployment().run(&["rekey"]).code(),
        2,
        "there is no file to put the new one in"
    );

    let named = service.deployment().directory().join("new.key");
    let new_key = data_encoding::BASE64.encode(&random_bytes(32));
    std::fs::write(&named, &new_key).expect("a file can be written");
    let named = named.to_string_lossy().into_owned();
    let command = service
        .deployment()
        .command(&["rekey", "--new-master-key-file", &named]);
    run(command, Duration::from_secs(60)).expect_success();
    assert_eq!(
        service.deployment().serve_in_vain().code(),
        2,
        "the old key is no good any more"
    );
    service.deployment_mut().set("WEBHOOK_MASTER_KEY", &new_key);
    service.start_again();
    assert_eq!(get(&service.client(), &webhook).secret(), webhook.secret());
}
