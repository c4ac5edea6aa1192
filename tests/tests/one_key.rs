//! What is done to one key by name: a retired secret signs longer, shorter or no more, and the last roll is undone.

use std::time::Duration;

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Deployment, Service,
    clock::{now, wait_for},
    fixtures::{Webhook, create, create_with, get, roll, roll_with, update, with},
    on_each_database,
    receiver::Receiver,
};

on_each_database!(
    a_retired_secret_signs_as_long_as_it_is_told_to_and_no_other_is_touched,
    a_retired_secret_that_is_not_there_or_would_sign_for_too_long_changes_nothing,
    the_last_roll_is_undone_once,
    what_was_done_since_a_roll_keeps_it_from_being_undone,
    both_are_done_by_command,
);

const DAY: i64 = 86_400;
const MONTH: i64 = 2_592_000;

/// The fingerprint of the current key, as the last audit record of the webhook has it.
#[track_caller]
fn fingerprint(client: &Client, webhook: &Webhook) -> String {
    let path = format!("/v1/audit-records?resource_id={}&limit=1", webhook.id());
    let records = client.get(&path).send().expect_status(200).json();
    let current = &records["data"][0]["current_key"];
    current.as_str().expect("a current key").to_owned()
}

fn retired(webhook: &Webhook, fingerprint: &str) -> String {
    format!("{}/retired/{fingerprint}", webhook.secret_path())
}

fn restore(webhook: &Webhook) -> String {
    format!("{}/restore", webhook.secret_path())
}

#[track_caller]
fn set(client: &Client, webhook: &Webhook, fingerprint: &str, seconds: i64) -> Webhook {
    let request = client.patch(&retired(webhook, fingerprint));
    let answer = request.json(&json!({"expires_in": seconds})).send();
    Webhook::of(&answer.expect_status(200))
}

/// What the last audit record of the webhook says.
#[track_caller]
fn last_record(client: &Client, webhook: &Webhook) -> Value {
    let path = format!("/v1/audit-records?resource_id={}&limit=1", webhook.id());
    client.get(&path).send().expect_status(200).json()["data"][0].clone()
}

fn a_retired_secret_signs_as_long_as_it_is_told_to_and_no_other_is_touched(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    let service = Service::start_on(deployment);
    let client = service.client();
    let receiver = Receiver::start();
    let first = create_with(&client, json!({"url": receiver.url()}));
    let first_key = fingerprint(&client, &first);
    let second = roll(&client, &first);
    let second_key = fingerprint(&client, &first);
    let third = roll_with(&client, &first, json!({"previous_secret_expires_in": 3600}));

    // Longer than any overlap, and it is not shortened by the next roll.
    let longer = set(&client, &first, &second_key, 20 * DAY);
    let promised = longer.previous_expires_at();
    assert!((now() + 20 * DAY - 5..=now() + 20 * DAY).contains(&promised));
    assert!(longer.version() > third.version());
    let record = last_record(&client, &first);
    assert_eq!(record["action"], "WEBHOOK.RETIRED_SECRET_CHANGED");
    assert_eq!(record["retired_keys"][0]["fingerprint"], json!(second_key));
    assert_eq!(record["retired_keys"][1]["fingerprint"], json!(first_key));
    let others = &record["retired_keys"][1]["expires_at"];
    assert_eq!(
        *others, second.json["previous_secret_expires_at"],
        "the other's promise"
    );
    let fourth = roll_with(&client, &first, json!({"previous_secret_expires_in": 1}));
    let rolled = last_record(&client, &first);
    assert_eq!(rolled["retired_keys"][1]["fingerprint"], json!(second_key));
    let kept = longer.json["previous_secret_expires_at"].clone();
    assert_eq!(rolled["retired_keys"][1]["expires_at"], kept);

    // Ended by name: it signs no more, and the others go on.
    let ended = set(&client, &first, &first_key, 0);
    let record = last_record(&client, &first);
    assert_eq!(record["ended_keys"], json!([first_key]));
    let event = json!({"type": "INVOICE.PAID", "data": {}});
    client.post("/v1/events").json(&event).send().expect_status(202);
    let got = receiver.wait_for(1);
    assert!(got[0].is_signed_with(&fourth.secret()));
    assert!(got[0].is_signed_with(&second.secret()));
    assert!(!got[0].is_signed_with(&first.secret()), "{}", got[0].text());
    assert_eq!(get(&client, &first).json["updated_at"], ended.json["updated_at"]);
}

fn a_retired_secret_that_is_not_there_or_would_sign_for_too_long_changes_nothing(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let key = fingerprint(&client, &created);
    let rolled = roll(&client, &created);
    let current = fingerprint(&client, &created);
    let send = |client: &Client, path: &str, body: Value| client.patch(path).json(&body).send();
    let ten = || json!({"expires_in": 10});

    for unknown in [current.as_str(), "sha256:0123456789abcdef"] {
        let refused = send(&client, &retired(&created, unknown), ten());
        refused.expect_refusal(404, "RESOURCE_NOT_FOUND");
    }
    for malformed in ["0123456789abcdef", "sha256:0123456789ABCDEF", "sha256:12", "%20"] {
        let refused = send(&client, &retired(&created, malformed), ten());
        let refusal = refused.expect_refusal(400, "INVALID_FIELD");
        assert_eq!(refusal.field.as_deref(), Some("fingerprint"), "{malformed}");
    }
    for (seconds, says) in [
        (json!(MONTH + 1), "from 0 to 2592000"),
        (json!(-1), "from 0 to 2592000"),
        (json!(1.5), "from 0 to 2592000"),
        (json!("10"), "from 0 to 2592000"),
        (json!(null), "is required"),
    ] {
        let refused = send(&client, &retired(&created, &key), json!({"expires_in": seconds}));
        let code = if seconds.is_null() {
            "MISSING_FIELD"
        } else {
            "INVALID_FIELD"
        };
        let refusal = refused.expect_refusal(400, code);
        assert_eq!(refusal.field.as_deref(), Some("expires_in"), "{seconds}");
        assert!(refusal.message.contains(says), "{}", refusal.message);
    }
    let refused = send(
        &client,
        &retired(&created, &key),
        json!({"expires_in": 10, "all": true}),
    );
    refused.expect_refusal(400, "INVALID_FIELD");
    client
        .patch(&retired(&created, &key))
        .send()
        .expect_refusal(400, "BAD_REQUEST");
    let stranger = service.client_of("elsewhere", &["WEBHOOK.UPDATE"]);
    let refused = send(&stranger, &retired(&created, &key), ten());
    refused.expect_refusal(404, "RESOURCE_NOT_FOUND");
    let reader = service.client_of("default", &["WEBHOOK.VIEW"]);
    send(&reader, &retired(&created, &key), ten()).expect_refusal(403, "USER_NOT_ALLOWED");
    let request = client.patch(&retired(&created, &key)).header("If-Match", "\"1\"");
    request.json(&ten()).send().expect_refusal(412, "INVALID_REQUEST");
    assert_eq!(get(&client, &created), rolled, "nothing was changed");

    // As long as it can: until 30 days after it was retired, whatever is asked later.
    let retired_at = rolled.rolled_at();
    wait_for("a second passes", Duration::from_secs(10), || {
        (now() > retired_at).then_some(())
    });
    let refused = send(&client, &retired(&created, &key), json!({"expires_in": MONTH}));
    let refusal = refused.expect_refusal(400, "INVALID_FIELD");
    assert!(
        refusal.message.contains("30 days after it was retired"),
        "{}",
        refusal.message
    );
    let longest = set(&client, &created, &key, MONTH - 60);
    assert!(longest.previous_expires_at() <= retired_at + MONTH);
    // Sent again with its name, it is not done again.
    let named = || {
        let request = client
            .patch(&retired(&created, &key))
            .header("Idempotency-Key", "once");
        request.json(&ten()).send().expect_status(200)
    };
    let (done, replayed) = (named(), named());
    assert_eq!(done.json(), replayed.json());
    assert_eq!(replayed.header("idempotent-replayed"), Some("true"));
}

fn the_last_roll_is_undone_once(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    let service = Service::start_on(deployment);
    let client = service.client();
    let receiver = Receiver::start();
    let created = create_with(&client, json!({"url": receiver.url()}));
    let older = roll(&client, &created);
    let change = with(update(), json!({"name": "renamed"}));
    let rolled = client.patch(&created.secret_path()).json(&change).send();
    let rolled = Webhook::of(&rolled.expect_status(200));

    let answer = client.post(&restore(&created)).send().expect_status(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(
        answer.json()["secret_key"],
        Value::Null,
        "no key is shown that nobody asked for"
    );
    let record = last_record(&client, &created);
    assert_eq!(record["action"], "WEBHOOK.SECRET_RESTORED");
    let restored = get(&client, &created);
    assert_eq!(restored.secret(), older.secret());
    assert_eq!(
        restored.previous_secret(),
        Some(rolled.secret()),
        "it goes on for the overlap"
    );
    assert_eq!(restored.previous_expires_at(), restored.rolled_at() + DAY);
    assert_eq!(restored.json["name"], "renamed", "settings stay");
    let event = json!({"type": "INVOICE.PAID", "data": {}});
    client.post("/v1/events").json(&event).send().expect_status(202);
    let got = receiver.wait_for(1);
    for secret in [older.secret(), rolled.secret(), created.secret()] {
        assert!(
            got[0].is_signed_with(&secret),
            "a key was lost: {}",
            got[0].text()
        );
    }
    client
        .post(&restore(&created))
        .send()
        .expect_refusal(409, "INVALID_OPERATION");
    assert_eq!(get(&client, &created), restored);

    // With an overlap of zero, the key of the undone roll ends alone.
    let wrong = roll(&client, &created);
    let body = json!({"previous_secret_expires_in": 0});
    client
        .post(&restore(&created))
        .json(&body)
        .send()
        .expect_status(200);
    let alone = get(&client, &created);
    assert_eq!(alone.secret(), older.secret());
    assert_eq!(alone.previous_secret(), Some(rolled.secret()), "the others go on");
    client.post("/v1/events").json(&event).send().expect_status(202);
    let got = receiver.wait_for(2);
    assert!(!got[1].is_signed_with(&wrong.secret()));
    assert!(got[1].is_signed_with(&created.secret()));

    // Whoever asks again because no answer came undoes one roll.
    roll(&client, &created);
    let ask = || {
        client
            .post(&restore(&created))
            .header("Idempotency-Key", "undo")
            .send()
    };
    let (done, replayed) = (ask().expect_status(200), ask().expect_status(200));
    assert_eq!(done.json(), replayed.json());
}

fn what_was_done_since_a_roll_keeps_it_from_being_undone(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let first_key = fingerprint(&client, &created);
    let refused = |why: &str| {
        let before = get(&client, &created);
        let refusal = client.post(&restore(&created)).send();
        refusal.expect_refusal(409, "INVALID_OPERATION");
        assert_eq!(get(&client, &created), before, "{why}");
    };
    refused("it was never rolled");
    roll_with(&client, &created, json!({"previous_secret_expires_in": 0}));
    refused("the key before was ended at once");
    let kept = fingerprint(&client, &created);
    roll(&client, &created);
    set(&client, &created, &kept, 600);
    refused("a retired secret was changed since");
    roll(&client, &created);
    client.delete(&created.secret_path()).send().expect_status(200);
    refused("the secret was removed since");
    roll(&client, &created);
    refused("the last roll retired none");
    let path = format!("{}?previous_secret_expires_in=60", restore(&created));
    let both = client
        .post(&path)
        .json(&json!({"previous_secret_expires_in": 60}))
        .send();
    both.expect_refusal(400, "INVALID_FIELD");
    for body in [
        json!({"previous_secret_expires_in": 604_801}),
        json!({"fingerprint": first_key}),
        json!([]),
    ] {
        let refusal = client.post(&restore(&created)).json(&body).send();
        assert_eq!(refusal.status, 400, "{body}");
    }
    let stranger = service.client_of("elsewhere", &["WEBHOOK.UPDATE"]);
    stranger
        .post(&restore(&created))
        .send()
        .expect_refusal(404, "RESOURCE_NOT_FOUND");
    let reader = service.client_of("default", &["WEBHOOK.VIEW"]);
    reader
        .post(&restore(&created))
        .send()
        .expect_refusal(403, "USER_NOT_ALLOWED");
    // Settings are not keys.
    let before = roll(&client, &created);
    roll(&client, &created);
    client
        .patch(&created.path())
        .json(&with(update(), json!({"name": "other"})))
        .send()
        .expect_status(200);
    client.post(&restore(&created)).send().expect_status(200);
    assert_eq!(get(&client, &created).secret(), before.secret());
}

fn both_are_done_by_command(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let key = fingerprint(&client, &created);
    let rolled = roll(&client, &created);
    let run = |arguments: &[&str]| service.deployment().run(arguments);
    let unconfirmed = run(&["webhook", "restore-secret", created.id()]);
    assert_eq!(unconfirmed.code(), 2, "{}", unconfirmed.output());
    assert_eq!(get(&client, &created), rolled);
    let restored = run(&["webhook", "restore-secret", created.id(), "--yes"]);
    assert_eq!(restored.code(), 0, "{}", restored.output());
    assert_eq!(get(&client, &created).secret(), created.secret());
    assert!(restored.output().contains(&key), "{}", restored.output());
    roll(&client, &created);
    let ended = run(&[
        "webhook",
        "retired-secret",
        created.id(),
        &key,
        "--expires-in",
        "0",
    ]);
    assert_eq!(ended.code(), 0, "{}", ended.output());
    assert_ne!(get(&client, &created).previous_secret(), Some(created.secret()));
    let gone = run(&[
        "webhook",
        "retired-secret",
        created.id(),
        &key,
        "--expires-in",
        "60",
    ]);
    assert_eq!(gone.code(), 1, "{}", gone.output());
    let wrong = run(&[
        "webhook",
        "retired-secret",
        created.id(),
        "key",
        "--expires-in",
        "60",
    ]);
    assert_eq!(wrong.code(), 2, "{}", wrong.output());
}
