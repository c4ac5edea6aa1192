//! Creating a webhook and rolling its secret: what the answers say, and which key is kept until when.

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Service,
    clock::{instant, now},
    fixtures::{Webhook, create, create_with, get, new_webhook, roll, roll_with, update, with},
    on_each_database,
};

on_each_database!(
    a_webhook_is_created_with_its_first_secret,
    a_created_webhook_shows_what_was_sent_and_the_defaults_for_the_rest,
    credentials_are_never_shown,
    a_roll_without_a_body_changes_the_secret_and_nothing_else,
    a_roll_keeps_the_previous_key_for_a_day,
    a_roll_with_a_body_applies_the_update_and_rolls,
    an_absent_field_keeps_and_a_null_clears,
    a_refused_update_rolls_nothing,
    what_an_answer_showed_can_be_sent_back,
    keys_are_shown_only_to_who_may_reveal_them,
    credentials_not_in_use_are_kept,
);

const DAY: i64 = 86_400;

fn a_webhook_is_created_with_its_first_secret(backend: Backend) {
    let service = Service::start(backend);
    let answer = service
        .client()
        .post("/v1/webhooks")
        .json(&new_webhook())
        .send()
        .expect_status(201);
    let webhook = Webhook::of(&answer);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(
        answer
            .header("content-type")
            .expect("a type")
            .starts_with("application/json")
    );
    let location = answer
        .header("location")
        .expect("a created webhook has a Location");
    assert!(location.ends_with(&webhook.path()), "{location}");
    webhook.secret();
    assert!(is_id(webhook.id()), "{}", webhook.id());
    for name in [
        "previous_secret_key",
        "previous_signing_protocol",
        "secret_rolled_at",
        "previous_secret_expires_at",
    ] {
        assert_eq!(webhook.json[name], Value::Null, "{name}");
    }
    assert_eq!(get(&service.client(), &webhook).json, webhook.json);
}

fn a_created_webhook_shows_what_was_sent_and_the_defaults_for_the_rest(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let before = now();
    let plain = create(&client).json;
    for (name, value) in [
        ("active", json!(true)),
        ("include_previous_data", json!(false)),
        ("authentication_type", json!("NONE")),
        ("signing_protocol", json!("HmacSHA256")),
        ("username", Value::Null),
        ("api_header_field", Value::Null),
        ("penalty_box", Value::Null),
        ("penalty_box_data", Value::Null),
    ] {
        assert_eq!(plain[name], value, "{name}");
    }
    let created_at = instant(&plain["created_at"]);
    assert!((before..=now()).contains(&created_at), "created_at is now");
    assert_eq!(plain["updated_at"], plain["created_at"]);

    let sent = json!({
        "name": "Bücher & Ölfarben", "reference": "shop-7", "url": "https://receiver.example.com/a?b=c",
        "active": false, "include_previous_data": true, "authentication_type": "PASSWORD", "username": "alice",
        "api_header_field": "X-Token",
    });
    let shown = create_with(
        &client,
        with(sent.clone(), json!({"password": "Pa55word", "api_key": "K3y"})),
    )
    .json;
    for (name, value) in sent.as_object().expect("an object") {
        assert_eq!(&shown[name], value, "{name}");
    }
}

fn credentials_are_never_shown(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let secrets = json!({
        "authentication_type": "PASSWORD", "username": "alice", "password": "Corr3ctHorse",
        "api_header_field": "X-Token", "api_key": "B4tteryStaple",
    });
    let created = client
        .post("/v1/webhooks")
        .json(&with(new_webhook(), secrets.clone()))
        .send()
        .expect_status(201);
    let webhook = Webhook::of(&created);
    let read = client.get(&webhook.path()).send().expect_status(200);
    let rolled = client
        .patch(&webhook.secret_path())
        .json(&with(update(), secrets))
        .send()
        .expect_status(200);
    for answer in [created, read, rolled] {
        answer.expect_without("Corr3ctHorse");
        answer.expect_without("B4tteryStaple");
        let object = answer.json();
        assert!(
            object.get("password").is_none() && object.get("api_key").is_none(),
            "{object}"
        );
    }
}

fn a_roll_without_a_body_changes_the_secret_and_nothing_else(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let answer = client.patch(&created.secret_path()).send().expect_status(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let rolled = Webhook::of(&answer);
    assert_ne!(rolled.secret(), created.secret());
    assert_ne!(rolled.etag, created.etag);
    assert_eq!(get(&client, &created), rolled, "the answer is what is stored");
    let mut expected = created.json;
    for name in [
        "secret_key",
        "previous_secret_key",
        "previous_signing_protocol",
        "secret_rolled_at",
    ] {
        expected[name] = rolled.json[name].clone();
    }
    for name in ["previous_secret_expires_at", "updated_at"] {
        expected[name] = rolled.json[name].clone();
    }
    assert_eq!(rolled.json, expected);
    // An empty body is no body, whatever its type is said to be.
    let empty = client
        .patch(&rolled.secret_path())
        .json_text("")
        .send()
        .expect_status(200);
    assert_eq!(Webhook::of(&empty).previous_secret(), Some(rolled.secret()));
}

fn a_roll_keeps_the_previous_key_for_a_day(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let before = now();
    let rolled = roll(&client, &created);
    assert_eq!(rolled.previous_secret(), Some(created.secret()));
    assert_eq!(rolled.json["previous_signing_protocol"], "HmacSHA256");
    assert!(
        (before..=now()).contains(&rolled.rolled_at()),
        "secret_rolled_at is now"
    );
    assert_eq!(rolled.previous_expires_at(), rolled.rolled_at() + DAY);
    let again = roll(&client, &created);
    assert_eq!(
        again.previous_secret(),
        Some(rolled.secret()),
        "the newest retired key is the one shown"
    );
}

fn a_roll_with_a_body_applies_the_update_and_rolls(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let changes = json!({
        "active": false, "include_previous_data": true, "authentication_type": "API_KEY",
        "api_header_field": "X-Token", "api_key": "abc123", "url": "https://other.example.com/", "name": "Renamed",
        "reference": "r-1", "signing_protocol": "HmacSHA256",
    });
    let rolled = roll_with(&client, &created, changes.clone());
    assert_eq!(rolled.previous_secret(), Some(created.secret()));
    for (name, value) in changes
        .as_object()
        .expect("an object")
        .iter()
        .filter(|(name, _)| *name != "api_key")
    {
        assert_eq!(&rolled.json[name], value, "{name}");
    }
    assert_eq!(get(&client, &created), rolled);
}

fn an_absent_field_keeps_and_a_null_clears(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let full = json!({"username": "alice", "api_header_field": "X-Token", "reference": "r-1"});
    let created = create_with(&client, full.clone());
    let kept = roll_with(&client, &created, json!({}));
    for (name, value) in full.as_object().expect("an object") {
        assert_eq!(&kept.json[name], value, "{name} is kept");
    }
    assert_eq!(kept.json["name"], "Orders");
    let nulls =
        json!({"username": null, "api_header_field": null, "reference": null, "name": null, "url": null});
    let cleared = roll_with(&client, &created, nulls.clone());
    for name in nulls.as_object().expect("an object").keys() {
        assert_eq!(cleared.json[name], Value::Null, "{name} is cleared");
    }
}

fn a_refused_update_rolls_nothing(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let refused = client
        .patch(&created.secret_path())
        .json(&with(update(), json!({"username": "not allowed"})))
        .send();
    assert_eq!(
        refused.expect_refusal(400, "INVALID_FIELD").field.as_deref(),
        Some("username")
    );
    assert_eq!(get(&client, &created), created);
}

fn what_an_answer_showed_can_be_sent_back(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create(&client);
    let rolled = roll(&client, &created);
    let again = client
        .patch(&created.secret_path())
        .json(&rolled.json)
        .send()
        .expect_status(200);
    let again = Webhook::of(&again);
    assert_eq!(again.previous_secret(), Some(rolled.secret()));
    assert_ne!(
        again.secret(),
        rolled.secret(),
        "the client does not choose the key"
    );
    let copy = client
        .post("/v1/webhooks")
        .json(&rolled.json)
        .send()
        .expect_status(201);
    let copy = Webhook::of(&copy);
    assert_ne!(copy.id(), rolled.id(), "the client does not choose the id");
    assert_eq!(copy.previous_secret(), None);
}

fn keys_are_shown_only_to_who_may_reveal_them(backend: Backend) {
    let service = Service::start(backend);
    let created = create(&service.client());
    let rolled = roll(&service.client(), &created);
    let viewer = get(&service.client_of("default", &["WEBHOOK.VIEW"]), &created);
    assert_eq!(viewer.json["secret_key"], Value::Null);
    assert_eq!(viewer.json["previous_secret_key"], Value::Null);
    assert_eq!(
        viewer.json["secret_rolled_at"], rolled.json["secret_rolled_at"],
        "the rest is shown"
    );
    let revealer = get(
        &service.client_of("default", &["WEBHOOK.VIEW", "WEBHOOK.REVEAL"]),
        &created,
    );
    assert_eq!(revealer.secret(), rolled.secret());
    assert_eq!(revealer.previous_secret(), Some(created.secret()));
    let updater = service.client_of("default", &["WEBHOOK.UPDATE"]);
    assert_eq!(
        roll(&updater, &created).previous_secret(),
        Some(rolled.secret()),
        "a roll shows what it did"
    );
}

fn credentials_not_in_use_are_kept(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let created = create_with(
        &client,
        json!({"authentication_type": "PASSWORD", "username": "alice", "password": "Pa55"}),
    );
    let none = roll_with(&client, &created, json!({"authentication_type": "NONE"}));
    assert_eq!(none.json["username"], "alice");
    // The password is there as well: without one this would be refused.
    let back = roll_with(&client, &created, json!({"authentication_type": "PASSWORD"}));
    assert_eq!(back.json["authentication_type"], "PASSWORD");
}

/// `whk_` and a ULID in lower case: 26 of Crockford's alphabet, the first at most 7.
fn is_id(text: &str) -> bool {
    let Some(ulid) = text.strip_prefix("whk_") else {
        return false;
    };
    let crockford = |byte: u8| b"0123456789abcdefghjkmnpqrstvwxyz".contains(&byte);
    ulid.len() == 26 && ulid.bytes().all(crockford) && ulid.as_bytes()[0] <= b'7'
}
