//! How long a retired key goes on: the window of a roll, the overlap of several, and removal.

use std::{thread::sleep, time::Duration};

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Deployment, Service,
    clock::now,
    fixtures::{Webhook, create, get, roll, roll_with, update, with},
    on_each_database,
};

on_each_database!(
    the_window_can_be_chosen_in_the_body,
    the_window_can_be_chosen_in_the_query,
    the_window_in_both_places_is_refused,
    the_default_window_is_a_setting,
    a_window_of_zero_retires_every_older_key_at_once,
    a_key_past_its_window_is_shown_no_more,
    a_sixth_overlapping_key_is_refused_until_one_expires,
    removing_leaves_no_current_key,
    a_roll_after_a_removal_and_its_window_preserves_nothing,
    removing_with_a_window_of_zero_leaves_no_key_at_all,
);

const DAY: i64 = 86_400;

fn the_window_can_be_chosen_in_the_body(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    for seconds in [604_800, 60, 1_000] {
        let rolled = roll_with(&client, &created, json!({"previous_secret_expires_in": seconds}));
        assert_eq!(rolled.previous_expires_at(), rolled.rolled_at() + seconds);
    }
}

fn the_window_can_be_chosen_in_the_query(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let path = format!("{}?previous_secret_expires_in=120", created.secret_path());
    let rolled = Webhook::of(&client.patch(&path).send().expect_status(200));
    assert_eq!(rolled.previous_expires_at(), rolled.rolled_at() + 120);
    let removed = Webhook::of(&client.delete(&path).send().expect_status(200));
    assert_eq!(removed.previous_secret(), Some(rolled.secret()));
    assert_eq!(removed.previous_expires_at(), removed.rolled_at() + 120);
}

fn the_window_in_both_places_is_refused(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let path = format!("{}?previous_secret_expires_in=120", created.secret_path());
    let body = with(update(), json!({"previous_secret_expires_in": 120}));
    let refusal = client
        .patch(&path)
        .json(&body)
        .send()
        .expect_refusal(400, "INVALID_FIELD");
    assert_eq!(refusal.field.as_deref(), Some("previous_secret_expires_in"));
    assert_eq!(get(&client, &created), created);
}

fn the_default_window_is_a_setting(backend: Backend) {
    let deployment = Deployment::new(backend).with("WEBHOOK_PREVIOUS_SECRET_TTL", "7200");
    let service = Service::start_on(deployment);
    let client = service.client();
    let rolled = roll(&client, &create(&client));
    assert_eq!(rolled.previous_expires_at(), rolled.rolled_at() + 7_200);
}

fn a_window_of_zero_retires_every_older_key_at_once(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    for _ in 0..5 {
        roll(&client, &created);
    }
    let rolled = roll_with(&client, &created, json!({"previous_secret_expires_in": 0}));
    assert_eq!(rolled.previous_secret(), None);
    assert_eq!(rolled.json["previous_signing_protocol"], Value::Null);
    assert_eq!(rolled.json["previous_secret_expires_at"], Value::Null);
    assert!((now() - 5..=now()).contains(&rolled.rolled_at()));
    assert_eq!(get(&client, &created), rolled);
    // All five places are free again.
    for _ in 0..5 {
        roll(&client, &created);
    }
}

fn a_key_past_its_window_is_shown_no_more(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let rolled = roll_with(&client, &created, json!({"previous_secret_expires_in": 2}));
    assert_eq!(rolled.previous_secret(), Some(created.secret()));
    sleep(Duration::from_millis(3_100));
    let later = get(&client, &created);
    assert_eq!(later.secret(), rolled.secret());
    assert_eq!(later.previous_secret(), None);
    assert_eq!(later.json["previous_secret_expires_at"], Value::Null);
}

fn a_sixth_overlapping_key_is_refused_until_one_expires(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let first = roll_with(&client, &created, json!({"previous_secret_expires_in": 4}));
    for _ in 0..4 {
        roll(&client, &created);
    }
    let full = get(&client, &created);
    let refusal = client
        .patch(&created.secret_path())
        .send()
        .expect_refusal(409, "INVALID_OPERATION");
    let free_at = first.json["previous_secret_expires_at"]
        .as_str()
        .expect("an instant");
    assert!(
        refusal.message.contains(free_at),
        "it says when, {free_at}: {}",
        refusal.message
    );
    let refused = client.delete(&created.secret_path()).send();
    refused.expect_refusal(409, "INVALID_OPERATION");
    assert_eq!(get(&client, &created), full, "a refused roll changes nothing");
    let wait = u64::try_from(first.previous_expires_at() + 1 - now()).unwrap_or_default();
    sleep(Duration::from_secs(wait));
    assert_eq!(roll(&client, &created).previous_secret(), Some(full.secret()));
}

fn removing_leaves_no_current_key(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let answer = client.delete(&created.secret_path()).send().expect_status(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let removed = Webhook::of(&answer);
    assert_eq!(removed.json["secret_key"], Value::Null);
    assert_eq!(removed.previous_secret(), Some(created.secret()));
    assert_eq!(removed.previous_expires_at(), removed.rolled_at() + DAY);
    let rolled = roll(&client, &created);
    assert_eq!(
        rolled.previous_secret(),
        Some(created.secret()),
        "the retired key goes on until its own time"
    );
    assert_eq!(rolled.previous_expires_at(), removed.previous_expires_at());
}

fn a_roll_after_a_removal_and_its_window_preserves_nothing(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let path = format!("{}?previous_secret_expires_in=1", created.secret_path());
    client.delete(&path).send().expect_status(200);
    sleep(Duration::from_millis(2_100));
    expect_a_first_key(&client, &created);
}

fn removing_with_a_window_of_zero_leaves_no_key_at_all(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let path = format!("{}?previous_secret_expires_in=0", created.secret_path());
    let removed = Webhook::of(&client.delete(&path).send().expect_status(200));
    assert_eq!(removed.json["secret_key"], Value::Null);
    assert_eq!(removed.previous_secret(), None);
    expect_a_first_key(&client, &created);
}

#[track_caller]
fn expect_a_first_key(client: &Client, created: &Webhook) {
    let rolled = roll(client, created);
    assert_ne!(rolled.secret(), created.secret());
    for name in [
        "previous_secret_key",
        "previous_signing_protocol",
        "previous_secret_expires_at",
    ] {
        assert_eq!(rolled.json[name], Value::Null, "{name}");
    }
}
