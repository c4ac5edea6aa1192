//! A receiver's own credentials are changed with an overlap: whoever has not changed over yet is asked once more with the ones before.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Deployment, Service,
    clock::{instant, now, wait_for},
    fixtures::{Webhook, create_with, get, update, with},
    on_each_database,
    receiver::{Conduct, Delivered, Receiver},
};

on_each_database!(
    a_receiver_that_changes_over_late_loses_nothing_and_each_attempt_says_which_it_took,
    when_both_are_refused_there_is_one_second_try_and_then_none,
    after_their_time_and_at_another_receiver_only_the_new_ones_are_used,
    they_are_kept_by_a_command_and_outlive_the_process,
);

const OLD: &str = "old.horse-battery";
const NEW: &str = "new.horse-battery";
const USER: &str = "canary-user-of-the-past";
const FIELD: &str = "previous_credentials_expires_in";

fn service(backend: Backend) -> Service {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    Service::start_on(deployment)
}

/// A webhook at `receiver` with the credentials [`USER`] and [`OLD`].
fn webhook_at(client: &Client, receiver: &Receiver) -> Webhook {
    create_with(
        client,
        json!({
            "url": receiver.url(),
            "included_actions": ["INVOICE.CREATED"],
            "authentication_type": "PASSWORD",
            "username": USER,
            "password": OLD,
        }),
    )
}

fn changed(changes: Value) -> Value {
    with(
        with(update(), json!({"authentication_type": "PASSWORD"})),
        changes,
    )
}

#[track_caller]
fn change(client: &Client, webhook: &Webhook, changes: Value) -> Webhook {
    let answer = client.patch(&webhook.path()).json(&changed(changes)).send();
    Webhook::of(&answer.expect_status(200))
}

fn publish(client: &Client) {
    let event = json!({"type": "INVOICE.CREATED", "data": 1});
    client.post("/v1/events").json(&event).send().expect_status(202);
}

fn basic(password: &str) -> String {
    let pair = format!("{USER}:{password}");
    format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes()))
}

fn sent(got: &[Delivered]) -> Vec<&str> {
    got.iter()
        .map(|delivered| delivered.header("authorization"))
        .collect()
}

/// All attempts to deliver to the webhook, once there are so many: oldest delivery first.
#[track_caller]
fn attempts(client: &Client, webhook: &Webhook, count: usize) -> Vec<(Value, Value)> {
    let path = format!("/v1/webhook-events?webhook_id={}", webhook.id());
    wait_for("the attempts are recorded", Duration::from_secs(20), || {
        let list = client.get(&path).send().expect_status(200).json();
        let mut deliveries = list["data"].as_array().expect("a list").clone();
        deliveries.sort_by_key(|delivery| delivery["event_id"].to_string());
        let attempts = deliveries.iter().flat_map(|delivery| {
            let attempts = delivery["attempts"].as_array().expect("a list").clone();
            attempts.into_iter()
        });
        let attempts: Vec<_> = attempts
            .map(|attempt| (attempt["status_code"].clone(), attempt["credentials"].clone()))
            .collect();
        (attempts.len() >= count).then_some(attempts)
    })
}

fn a_receiver_that_changes_over_late_loses_nothing_and_each_attempt_says_which_it_took(backend: Backend) {
    let service = service(backend);
    let client = service.client();
    let conduct = [401, 204, 403, 204].map(Conduct::Answer);
    let receiver = Receiver::start().conducting(conduct);
    let webhook = webhook_at(&client, &receiver);
    assert_eq!(webhook.json["previous_credentials_expires_at"], Value::Null);
    let asked_at = now();
    let body = changed(json!({"password": NEW, FIELD: 3600, "previous_secret_expires_in": 60}));
    let rolled = Webhook::of(&client.patch(&webhook.secret_path()).json(&body).send());
    let expires_at = instant(&rolled.json["previous_credentials_expires_at"]);
    assert!((asked_at + 3600..=now() + 3600).contains(&expires_at));
    for answer in [get(&client, &webhook).json, rolled.json] {
        assert_eq!(answer.get(FIELD), None);
        assert!(!answer.to_string().contains("battery"));
    }
    for so_far in [2, 4, 5] {
        publish(&client);
        receiver.wait_for(so_far);
    }
    let took = attempts(&client, &webhook, 3);
    let previous = (json!(204), json!("PREVIOUS"));
    assert_eq!(took, [previous.clone(), previous, (json!(204), json!("CURRENT"))]);
    let got = receiver.wait_for(5);
    let (old, new) = (basic(OLD), basic(NEW));
    assert_eq!(sent(&got), [&new, &old, &new, &old, &new]);
    for pair in [&got[..2], &got[2..4]] {
        for header in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            assert_eq!(pair[0].header(header), pair[1].header(header));
        }
        assert_eq!(pair[0].body, pair[1].body);
    }
    assert_eq!(get(&client, &webhook).json["penalty_box"], Value::Null);
}

fn when_both_are_refused_there_is_one_second_try_and_then_none(backend: Backend) {
    let service = service(backend);
    let client = service.client();
    let receiver = Receiver::start().conducting(vec![Conduct::Answer(401); 9]);
    let webhook = webhook_at(&client, &receiver);
    change(&client, &webhook, json!({"password": NEW, FIELD: 3600}));
    // A probe has no second try.
    client
        .post(&format!("{}/send-test", webhook.path()))
        .send()
        .expect_status(200);
    assert_eq!(sent(&receiver.got()), [basic(NEW)]);
    publish(&client);
    assert_eq!(attempts(&client, &webhook, 1), [(json!(401), json!("PREVIOUS"))]);
    // A person asks for the retry, which would be due in two minutes.
    for _ in 0..2 {
        let path = format!("{}/send-penalty-box-payload", webhook.path());
        client.post(&path).send().expect_status(200);
    }
    let refused = (json!(401), json!("CURRENT"));
    assert_eq!(attempts(&client, &webhook, 3)[1..], [refused.clone(), refused]);
    let (old, new) = (basic(OLD), basic(NEW));
    assert_eq!(sent(&receiver.got()), [&new, &new, &old, &new, &new]);
}

fn after_their_time_and_at_another_receiver_only_the_new_ones_are_used(backend: Backend) {
    let service = service(backend);
    let client = service.client();
    let (receiver, other) = (Receiver::start(), Receiver::start());
    let receiver = receiver.conducting(vec![Conduct::Answer(401); 9]);
    let webhook = webhook_at(&client, &receiver);
    let kept = change(&client, &webhook, json!({"password": NEW, FIELD: 3}));
    wait_for("their time is over", Duration::from_secs(20), || {
        let over = now() > instant(&kept.json["previous_credentials_expires_at"]);
        over.then_some(())
    });
    let shown = get(&client, &webhook);
    assert_eq!(shown.json["previous_credentials_expires_at"], Value::Null);
    publish(&client);
    assert_eq!(attempts(&client, &webhook, 1), [(json!(401), json!("CURRENT"))]);
    assert_eq!(receiver.got().len(), 1);

    let elsewhere = json!({"url": other.url()});
    let asking = json!({"password": "another", FIELD: 60});
    for changes in [
        with(elsewhere.clone(), asking.clone()),
        with(json!({"url": null}), asking.clone()),
        with(
            json!({"authentication_type": "API_KEY", "api_header_field": "X-Key", "api_key": "k"}),
            asking.clone(),
        ),
        json!({"name": "nothing of theirs changes", FIELD: 60}),
        json!({"password": "another", FIELD: 604_801}),
        json!({"password": "another", FIELD: "60"}),
        json!({"password": "another", FIELD: -1}),
    ] {
        let answer = client.patch(&webhook.path()).json(&changed(changes)).send();
        let refusal = answer.expect_refusal(400, "INVALID_FIELD");
        assert_eq!(refusal.field.as_deref(), Some(FIELD));
    }
    let created = client
        .post("/v1/webhooks")
        .json(&json!({"name": null, "reference": null, "url": null, FIELD: 0}));
    assert_eq!(
        created
            .send()
            .expect_refusal(400, "INVALID_FIELD")
            .field
            .as_deref(),
        Some(FIELD)
    );
    assert_eq!(get(&client, &webhook).etag, shown.etag);

    change(&client, &webhook, with(json!({"username": "somebody"}), asking));
    let is_stored = || holds(&service, USER);
    assert_ne!(is_stored(), Some(false), "they are where this test looks");
    let moved = change(&client, &webhook, elsewhere);
    assert_eq!(moved.json["previous_credentials_expires_at"], Value::Null);
    wait_for("they are erased", Duration::from_secs(20), || {
        (is_stored() != Some(true)).then_some(())
    });
    // What failed before is sent to the new receiver at once, and that has never known the old ones.
    let got = other.wait_for(1);
    assert!(!got[0].header("authorization").contains(&basic(OLD)));
}

/// Whether the database holds the text; none if it is not in files of this deployment.
fn holds(service: &Service, text: &str) -> Option<bool> {
    service.deployment().database().is_none().then(|| {
        let files = service.deployment().files();
        let found = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        files.iter().any(|(_, bytes)| found(bytes))
    })
}

fn they_are_kept_by_a_command_and_outlive_the_process(backend: Backend) {
    let mut service = service(backend);
    let receiver = Receiver::start().conducting([401, 204].map(Conduct::Answer));
    let webhook = webhook_at(&service.client(), &receiver);
    let file = service.deployment().directory().join("new-password");
    fs::write(&file, NEW).expect("a file can be written");
    let file = file.to_string_lossy().into_owned();
    let seconds = "--previous-credentials-expires-in";
    let arguments = [
        "webhook",
        "update",
        webhook.id(),
        "--password-file",
        &file,
        seconds,
    ];
    let wrong = service.deployment().run(&[&arguments[..], &["604801"]].concat());
    assert_eq!(wrong.code(), 2, "{}", wrong.output());
    let changed = service.deployment().run(&[&arguments[..], &["3600"]].concat());
    changed.expect_success();
    assert!(
        changed.stderr.contains("the credentials before"),
        "{}",
        changed.output()
    );
    service.kill();
    service.start_again();
    let client = service.client();
    publish(&client);
    assert_eq!(attempts(&client, &webhook, 1), [(json!(204), json!("PREVIOUS"))]);
    assert_eq!(sent(&receiver.got()), [basic(NEW), basic(OLD)]);
}
