//! Who may do what: keys, permissions, platforms, and the order in which a request is checked.

use std::{thread::sleep, time::Duration};

use serde_json::Value;
use webhook_tests::{
    Backend, Client, Service,
    fixtures::{create, get, new_webhook},
    on_each_database,
    postgres::random_hex,
    service::ALL_PERMISSIONS,
};

on_each_database!(
    a_key_is_taken_from_either_header,
    bad_credentials_all_get_the_same_answer,
    two_credentials_that_disagree_are_refused,
    a_revoked_key_is_refused_at_once,
    an_expired_key_is_refused,
    each_route_names_the_permission_it_misses,
    checks_come_in_the_order_version_credentials_permission_rest,
);

/// No webhook has it, and it is well formed.
const UNKNOWN: &str = "whk_01arz3ndektsv4rrffq69g5fav";

fn bearer(client: &Client, scheme: &str, key: &str) -> Client {
    client
        .clone()
        .and_header("Authorization", &format!("{scheme} {key}"))
}

fn a_key_is_taken_from_either_header(backend: Backend) {
    let service = Service::start(backend);
    let webhook = create(&service.client());
    let anonymous = service.anonymous();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        get(&bearer(&anonymous, scheme, service.key()), &webhook);
    }
    get(
        &anonymous.clone().and_header("x-api-key", service.key()),
        &webhook,
    );
    get(&bearer(&service.client(), "Bearer", service.key()), &webhook);
}

fn bad_credentials_all_get_the_same_answer(backend: Backend) {
    let service = Service::start(backend);
    let path = create(&service.client()).secret_path();
    let key = service.key();
    let shortened = &key[..key.len() - 1];
    let last = key.chars().last().expect("a key has characters");
    let mistyped = format!("{shortened}{}", if last == 'a' { 'b' } else { 'a' });
    let lower = key.to_lowercase();
    let huge = "a".repeat(4_000);
    let anonymous = service.anonymous();
    let mut answers = vec![anonymous.patch(&path).send()];
    for bad in [
        "",
        "x",
        "not a key",
        "Bearer",
        shortened,
        &mistyped,
        &format!("{key}x"),
        &format!("x{key}"),
        &huge,
        "é",
    ] {
        answers.push(anonymous.patch(&path).header("X-API-KEY", bad).send());
        answers.push(
            anonymous
                .patch(&path)
                .header("Authorization", format!("Bearer {bad}"))
                .send(),
        );
    }
    if lower != key {
        answers.push(anonymous.patch(&path).header("X-API-KEY", lower).send());
    }
    for header in [
        "Bearer",
        "",
        "Basic YWxpY2U6c2VjcmV0",
        key,
        &format!("Token {key}"),
        &format!("Bearer{key}"),
    ] {
        answers.push(anonymous.patch(&path).header("Authorization", header).send());
    }
    answers.push(anonymous.patch(&path).header("X-API-KEY", b"\xff\xfe").send());
    for answer in &answers {
        answer.expect_refusal(401, "UNAUTHORISED");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer"),
            "{}",
            answer.shown()
        );
        assert_eq!(answer.comparable(), answers[0].comparable());
        answer.expect_without(shortened);
    }
}

fn two_credentials_that_disagree_are_refused(backend: Backend) {
    let service = Service::start(backend);
    let webhook = create(&service.client());
    let other = service.deployment().create_key("default", &ALL_PERMISSIONS, &[]);
    let both_good = bearer(&service.client(), "Bearer", &other)
        .get(&webhook.path())
        .send();
    both_good.expect_refusal(401, "UNAUTHORISED");
    for nonsense in ["Bearer x", "Basic YWxpY2U6c2VjcmV0", "Bearer "] {
        let answer = service
            .client()
            .get(&webhook.path())
            .header("Authorization", nonsense)
            .send();
        answer.expect_refusal(401, "UNAUTHORISED");
    }
    let twice = service
        .client()
        .get(&webhook.path())
        .header("X-API-KEY", &other)
        .send();
    twice.expect_refusal(401, "UNAUTHORISED");
}

fn a_revoked_key_is_refused_at_once(backend: Backend) {
    let service = Service::start(backend);
    let webhook = create(&service.client());
    let before = listed_ids(&service, "no-key-yet");
    let key = service
        .deployment()
        .create_key("default", &["WEBHOOK.VIEW", "WEBHOOK.UPDATE"], &[]);
    let after = listed_ids(&service, &key);
    let id = after
        .iter()
        .find(|id| !before.contains(id))
        .expect("a new key is listed");
    let client = service.client_with(&key);
    get(&client, &webhook);
    service
        .deployment()
        .run(&["api-key", "revoke", id])
        .expect_success();
    client
        .patch(&webhook.secret_path())
        .send()
        .expect_refusal(401, "UNAUTHORISED");
    client
        .get(&webhook.path())
        .send()
        .expect_refusal(401, "UNAUTHORISED");
    assert_eq!(get(&service.client(), &webhook), webhook, "other keys go on");
    let unknown = service.deployment().run(&["api-key", "revoke", "no-such-key"]);
    assert_ne!(unknown.code(), 0, "{}", unknown.output());
}

/// The ids of the keys there are, from a list that must not show the text of `key`.
#[track_caller]
fn listed_ids(service: &Service, key: &str) -> Vec<String> {
    let ended = service.deployment().run(&["api-key", "list"]);
    let list = ended.expect_success();
    assert!(!list.contains(key), "a list never shows a key's text: {list}");
    list.split_whitespace()
        .filter(|word| word.starts_with("key_"))
        .map(str::to_owned)
        .collect()
}

fn an_expired_key_is_refused(backend: Backend) {
    let service = Service::start(backend);
    let webhook = create(&service.client());
    let key = service
        .deployment()
        .create_key("default", &["WEBHOOK.VIEW"], &["--expires-in", "3"]);
    let client = service.client_with(&key);
    get(&client, &webhook);
    sleep(Duration::from_millis(4_100));
    let late = client.get(&webhook.path()).send();
    late.expect_refusal(401, "UNAUTHORISED");
    assert_eq!(
        late.comparable(),
        service.anonymous().get(&webhook.path()).send().comparable()
    );
}

fn each_route_names_the_permission_it_misses(backend: Backend) {
    let service = Service::start(backend);
    let webhook = create(&service.client());
    let cases = [
        ("POST", "/v1/webhooks".to_owned(), "WEBHOOK.CREATE"),
        ("GET", webhook.path(), "WEBHOOK.VIEW"),
        ("PATCH", webhook.secret_path(), "WEBHOOK.UPDATE"),
        ("DELETE", webhook.secret_path(), "WEBHOOK.UPDATE"),
    ];
    for (method, path, permission) in cases {
        let others: Vec<&str> = ALL_PERMISSIONS
            .into_iter()
            .filter(|other| *other != permission)
            .collect();
        let refusal = service
            .client_of("default", &others)
            .request(method, &path)
            .send();
        let refusal = refusal.expect_refusal(403, "USER_NOT_ALLOWED");
        assert!(
            refusal.message.contains(permission),
            "{method} {path}: {}",
            refusal.message
        );
        let client = service.client_of("default", &[permission]);
        let request = client.request(method, &path);
        let answer = if method == "POST" {
            request.json(&new_webhook())
        } else {
            request
        }
        .send();
        assert!(
            [200, 201].contains(&answer.status),
            "{method} {path}: {}",
            answer.shown()
        );
    }
}

fn checks_come_in_the_order_version_credentials_permission_rest(backend: Backend) {
    let service = Service::start(backend);
    let viewer = service.client_of("default", &["WEBHOOK.VIEW"]);
    let updater = service.client_of("default", &["WEBHOOK.UPDATE"]);
    let wrong_key = format!("x{}", random_hex(20));
    let roll = |client: &Client, version: &str, id: &str| {
        let path = format!("/v{version}/webhooks/{id}/secret-key");
        client
            .patch(&path)
            .header("x-platform-id", "default")
            .json_text("{not json")
            .send()
    };
    // Everything is wrong in each; what is refused first is what comes first.
    for version in ["2", "0", "01", "1.0", "x", "99999999999999999999"] {
        roll(&service.client_with(&wrong_key), version, "nonsense")
            .expect_refusal(400, "UNSUPPORTED_VERSION");
    }
    roll(&service.client_with(&wrong_key), "1", "nonsense").expect_refusal(401, "UNAUTHORISED");
    roll(&viewer, "1", "nonsense").expect_refusal(403, "USER_NOT_ALLOWED");
    let rest = roll(&updater, "1", "nonsense");
    assert!(
        ["INVALID_ID", "BAD_REQUEST"].contains(&rest.refusal().code.as_str()),
        "{}",
        rest.shown()
    );
    roll(&updater, "1", UNKNOWN);
    let unknown = updater
        .patch(&format!("/v1/webhooks/{UNKNOWN}/secret-key"))
        .send();
    let refusal = unknown.expect_refusal(404, "RESOURCE_NOT_FOUND");
    assert_eq!(unknown.json()["resource_type"], "WEBHOOK", "{}", refusal.message);
    assert_eq!(unknown.json()["field"], Value::Null);
    // A body too large or of another type is no way around the credentials either.
    let huge = service
        .anonymous()
        .post("/v1/webhooks")
        .json_text("x".repeat(100_000))
        .send();
    huge.expect_refusal(401, "UNAUTHORISED");
    let text = service
        .anonymous()
        .post("/v1/webhooks")
        .body("text/plain", "x")
        .send();
    text.expect_refusal(401, "UNAUTHORISED");
}
