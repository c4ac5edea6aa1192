//! Ed25519: what is shown of a key with a public half, the change of protocol in a roll, and the key set.

use std::num::NonZeroU32;

use actix_web::http::Method;
use serde_json::{Value, json};
use webhook_domain::access::permission::Permission;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_http_actix::HttpLimits;

use crate::test_service::*;

const CREATE_ED25519: &str = r#"{"name":null,"reference":null,"url":null,"signing_protocol":"Ed25519"}"#;

fn key_set(id: &str) -> Ask {
    get(format!("/v1/webhooks/{id}/jwks.json"))
}

fn roll_to(id: &str, protocol: SigningProtocol, more: &str) -> Ask {
    let protocol = protocol.name();
    roll(id).body(UPDATE.replace('}', &format!(r#","signing_protocol":"{protocol}"{more}}}"#)))
}

/// The ids of the keys in a set that was answered.
fn ids(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let keys = json["keys"].as_array().cloned().unwrap_or_default();
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn is_public(value: &Value) {
    let text = value.as_str().unwrap_or_default();
    assert!(text.starts_with("whpk_") && text.len() == 49, "{value}");
}

#[actix_web::test]
async fn a_webhook_of_ed25519_shows_its_public_key_to_every_reader_and_no_secret_to_any() {
    let service = TestService::new();
    let created = service.ask(create(CREATE_ED25519)).await;
    created.succeeds(201);
    let id = created.text("id");
    let public = created.json()["verification_key"].clone();
    is_public(&public);
    let viewer = service.key_of("acme", &[Permission::WebhookView]);
    for answer in [
        created,
        service.ask(read(&id)).await,
        service.ask_as(Some(&viewer), read(&id)).await,
    ] {
        let json = answer.json();
        assert_eq!(json["verification_key"], public);
        assert_eq!(json["signing_protocol"], "Ed25519");
        for null in ["secret_key", "previous_secret_key", "previous_verification_key"] {
            assert!(json[null].is_null(), "{null}");
        }
    }
    let listed = service
        .ask_as(Some(&viewer), get("/v1/webhooks?signing_protocol=Ed25519"))
        .await;
    assert_eq!(listed.json()["data"][0]["verification_key"], public);
    // What was read can be sent back.
    let whole = service.ask(read(&id)).await.json();
    let back = Ask::new(Method::PATCH, format!("/v1/webhooks/{id}")).body(whole.to_string());
    assert_eq!(
        service.ask(back).await.json(),
        service.ask(read(&id)).await.json()
    );
}

#[actix_web::test]
async fn a_roll_changes_the_protocol_both_ways_and_each_key_is_shown_in_its_own_field() {
    let service = TestService::new();
    let (id, first) = service.webhook().await;
    let to = service.ask(roll_to(&id, SigningProtocol::Ed25519, "")).await;
    to.succeeds(200);
    let json = to.json();
    assert_eq!(json["previous_secret_key"], first);
    assert_eq!(
        [&json["signing_protocol"], &json["previous_signing_protocol"]],
        ["Ed25519", "HmacSHA256"]
    );
    is_public(&json["verification_key"]);
    for null in ["secret_key", "previous_verification_key"] {
        assert!(json[null].is_null(), "{null}");
    }
    // A roll without a body stays with the protocol.
    let again = service.ask(roll(&id)).await.json();
    assert_eq!(again["previous_verification_key"], json["verification_key"]);
    assert_ne!(again["verification_key"], json["verification_key"]);
    assert!(
        again["previous_secret_key"].is_null(),
        "the newest retired key is the public one"
    );

    let back = service
        .ask(roll_to(&id, SigningProtocol::HmacSha256, ""))
        .await
        .json();
    assert_eq!(back["previous_verification_key"], again["verification_key"]);
    assert_eq!(back["previous_signing_protocol"], "Ed25519");
    assert!(back["secret_key"].as_str().unwrap().starts_with("whsec_"));
    assert!(back["verification_key"].is_null() && back["previous_secret_key"].is_null());

    let plain = Ask::new(Method::PATCH, format!("/v1/webhooks/{id}"))
        .body(UPDATE.replace('}', r#","signing_protocol":"Ed25519"}"#));
    service
        .ask(plain)
        .await
        .refuses(409, "INVALID_OPERATION", Some("signing_protocol"));
}

/// A roll that is undone brings the protocol back with the key, and both keys are looked up meanwhile.
#[actix_web::test]
async fn undoing_a_change_of_protocol_brings_the_key_and_its_protocol_back() {
    let service = TestService::new();
    let created = service.ask(create(CREATE_ED25519)).await;
    let id = created.text("id");
    service
        .ask(roll_to(&id, SigningProtocol::HmacSha256, ""))
        .await
        .succeeds(200);
    let undo = |query: &str| {
        Ask::new(
            Method::POST,
            format!("/v1/webhooks/{id}/secret-key/restore{query}"),
        )
    };
    let short = service.ask(undo("?previous_secret_expires_in=60")).await;
    short.refuses(400, "INVALID_FIELD", Some("previous_secret_expires_in"));
    let undone = service.ask(undo("")).await;
    undone.succeeds(200);
    let json = undone.json();
    assert_eq!(json["signing_protocol"], "Ed25519");
    assert_eq!(json["verification_key"], created.json()["verification_key"]);
    assert_eq!(json["previous_signing_protocol"], "HmacSHA256");
    assert!(json["secret_key"].is_null());
}

#[actix_web::test]
async fn an_overlap_that_is_shorter_than_receivers_keep_a_key_set_is_refused() {
    let service = TestService::new();
    let hmac = service.webhook().await.0;
    let public = service.ask(create(CREATE_ED25519)).await.text("id");
    let overlap = |seconds: u32| format!(r#","previous_secret_expires_in":{seconds}"#);
    let field = Some("previous_secret_expires_in");
    for seconds in [1, 599] {
        for ask in [
            roll_to(&hmac, SigningProtocol::Ed25519, &overlap(seconds)),
            roll_to(&public, SigningProtocol::HmacSha256, &overlap(seconds)),
            Ask::new(
                Method::DELETE,
                format!("/v1/webhooks/{public}/secret-key?previous_secret_expires_in={seconds}"),
            ),
            Ask::new(
                Method::PATCH,
                format!("/v1/webhooks/{public}/secret-key?previous_secret_expires_in={seconds}"),
            ),
        ] {
            service.ask(ask).await.refuses(400, "INVALID_FIELD", field);
        }
    }
    assert_eq!(
        service.ask(read(&public)).await.header("etag"),
        Some("\"1\""),
        "nothing was changed"
    );
    let rolled = service
        .ask(roll_to(&public, SigningProtocol::Ed25519, &overlap(600)))
        .await;
    assert_eq!(rolled.text("previous_secret_expires_at"), "2024-04-12T15:32:37Z");
    let none = service
        .ask(roll_to(&public, SigningProtocol::Ed25519, &overlap(0)))
        .await
        .json();
    assert!(none["previous_verification_key"].is_null());
}

#[actix_web::test]
async fn the_key_set_has_every_public_key_that_signs_and_nothing_private() {
    let service = TestService::new();
    let created = service.ask(create(CREATE_ED25519)).await;
    let id = created.text("id");
    let answer = service.ask_as(None, key_set(&id)).await;
    assert_eq!(answer.status, 200);
    for (name, value) in [
        ("content-type", "application/jwk-set+json"),
        ("cache-control", "public, max-age=60"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    let json = answer.json();
    let key = json["keys"][0].as_object().unwrap();
    let names: Vec<_> = key.keys().map(String::as_str).collect();
    assert_eq!(names.len(), 6, "{names:?}: no `d`, no other member");
    for (member, value) in [
        ("kty", "OKP"),
        ("crv", "Ed25519"),
        ("use", "sig"),
        ("alg", "EdDSA"),
    ] {
        assert_eq!(key[member], value);
    }
    let x = key["x"].as_str().unwrap();
    assert_eq!(x.len(), 43, "base64url without padding");
    let standard = x.replace('-', "+").replace('_', "/") + "=";
    assert_eq!(created.text("verification_key"), format!("whpk_{standard}"));

    let rolled = service.ask(roll(&id)).await;
    rolled.succeeds(200);
    let both = service.ask_as(None, key_set(&id)).await;
    assert_eq!(ids(&both)[1..], ids(&answer)[..], "newest first");
    service
        .ask(roll_to(&id, SigningProtocol::HmacSha256, ""))
        .await
        .succeeds(200);
    let after = service.ask_as(None, key_set(&id)).await;
    assert_eq!(ids(&after), ids(&both), "they sign for their overlap");
    service.clock.advance_seconds(86_400);
    not_found(&service.ask_as(None, key_set(&id)).await);
}

#[track_caller]
fn not_found(answer: &Answer) {
    answer.refuses(404, "RESOURCE_NOT_FOUND", None);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[actix_web::test]
async fn a_webhook_without_a_public_key_and_none_at_all_are_the_same_to_whoever_asks() {
    let service = TestService::new();
    let (hmac, _) = service.webhook().await;
    let answers = [
        service.ask_as(None, key_set(&hmac)).await,
        service.ask_as(None, key_set(NO_ONES_ID)).await,
    ];
    answers.iter().for_each(not_found);
    let said = answers.map(|answer| {
        let mut json = answer.json();
        json["resource_id"] = json!(null);
        json
    });
    assert_eq!(said[0], said[1]);
    service
        .ask_as(None, key_set("whk_x"))
        .await
        .refuses(400, "INVALID_ID", None);
    let query = get(format!("/v1/webhooks/{hmac}/jwks.json?platform=acme"));
    service
        .ask_as(None, query)
        .await
        .refuses(400, "INVALID_FIELD", Some("platform"));
}

/// Neither a credential, a bad one included, nor a platform that is not the webhook's changes anything.
#[actix_web::test]
async fn the_key_set_asks_for_no_credential_and_reads_no_platform() {
    let service = TestService::new();
    let id = service.ask(create(CREATE_ED25519)).await.text("id");
    let plain = service.ask_as(None, key_set(&id)).await.body;
    let elsewhere = key_set(&id)
        .header("x-platform-id", "other")
        .header("x-platform-id", "!");
    assert_eq!(
        service.ask_as(Some("whkey_nonsense"), elsewhere).await.body,
        plain
    );
    let posted = Ask::new(Method::POST, format!("/v1/webhooks/{id}/jwks.json"));
    assert_eq!(service.ask(posted).await.status, 405);
}

#[actix_web::test]
async fn a_key_set_that_is_known_is_not_sent_again_until_its_keys_are_others() {
    let service = TestService::new();
    let id = service.ask(create(CREATE_ED25519)).await.text("id");
    let first = service.ask_as(None, key_set(&id)).await;
    let tag = first.header("etag").unwrap().to_owned();
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
        "*".to_owned(),
    ] {
        let again = service
            .ask_as(None, key_set(&id).header("if-none-match", &known))
            .await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
        assert_eq!(again.header("etag"), Some(tag.as_str()));
        assert_eq!(again.header("cache-control"), Some("public, max-age=60"));
    }
    let update = Ask::new(Method::PATCH, format!("/v1/webhooks/{id}")).body(UPDATE.replace("true", "false"));
    service.ask(update).await.succeeds(200);
    assert_eq!(
        service.ask_as(None, key_set(&id)).await.header("etag"),
        Some(tag.as_str())
    );
    service.ask(roll(&id)).await.succeeds(200);
    let other = service
        .ask_as(None, key_set(&id).header("if-none-match", &tag))
        .await;
    assert_eq!(other.status, 200);
    assert_ne!(other.header("etag"), Some(tag.as_str()));
}

#[actix_web::test]
async fn guessing_ids_of_key_sets_is_bounded_as_guessing_credentials_is() {
    let limits = HttpLimits {
        failed_authentications_per_second: NonZeroU32::new(1),
        ..HttpLimits::default()
    };
    let store = std::sync::Arc::new(webhook_domain::testing::MemoryStore::new());
    let service = TestService::over(store.clone(), store, limits);
    let id = service.ask(create(CREATE_ED25519)).await.text("id");
    let mut statuses = Vec::new();
    for _ in 0..25 {
        let guess = key_set(NO_ONES_ID).coming_from("192.0.2.1");
        statuses.push(service.ask_as(None, guess).await.status);
    }
    assert_eq!((statuses[0], statuses[24]), (404, 429));
    let right = key_set(&id).coming_from("192.0.2.1");
    assert_eq!(
        service.ask_as(None, right).await.status,
        200,
        "a right one is served as ever"
    );
}
