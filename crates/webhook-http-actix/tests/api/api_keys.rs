//! Making API keys, listing them and revoking them.

use std::time::Duration;

use webhook_domain::access::caller::PlatformScope;
use webhook_domain::access::permission::{Permission, PermissionSet};

use crate::test_service::*;

const VIEWER: &str = r#"{"permissions":["WEBHOOK.VIEW"]}"#;
const NO_ONES_KEY: &str = "key_01hv9k2m4rt6w8y0abcdefghjk";

/// A key for viewing webhooks, with more.
fn with(more: &str) -> Ask {
    create_key(&VIEWER.replace('}', &format!(",{more}}}")))
}

#[actix_web::test]
async fn a_key_lives_from_its_creation_to_its_revocation() {
    let service = TestService::new();
    let body = r#"{"permissions":["WEBHOOK.UPDATE","WEBHOOK.VIEW"],"name":"Zoë's","expires_in":60,"platform_id":"acme"}"#;
    let created = service.ask(create_key(body)).await;
    created.answers(201);
    let (id, text) = (created.text("id"), created.text("api_key"));
    assert_eq!(
        created.header("location"),
        Some(format!("/v1/api-keys/{id}").as_str())
    );
    assert_eq!(created.header("etag"), None);
    assert!(id.starts_with("key_") && text.starts_with("whkey_"));
    let mut expected = serde_json::json!({
        "object_type": "API_KEY", "id": id, "name": "Zoë's", "platform_id": "acme",
        "permissions": ["WEBHOOK.VIEW", "WEBHOOK.UPDATE"], "created_at": "2024-04-12T15:22:37Z",
        "expires_at": "2024-04-12T15:23:37Z", "revoked_at": null, "api_key": text,
    });
    assert_eq!(created.json(), expected);
    service
        .ask_as(Some(&text), get("/v1/webhooks"))
        .await
        .answers(200);
    service
        .ask_as(Some(&text), create(CREATE))
        .await
        .refuses(403, "USER_NOT_ALLOWED", None);

    expected["api_key"] = serde_json::Value::Null;
    let listed = service.ask(get("/v1/api-keys")).await;
    assert!(listed.json()["data"].as_array().unwrap().contains(&expected));
    assert!(!String::from_utf8_lossy(&listed.body).contains("whkey_"));

    service.clock.advance_seconds(1);
    let revoked = service.ask(revoke_key(&id)).await;
    revoked.answers(200);
    expected["revoked_at"] = "2024-04-12T15:22:38Z".into();
    assert_eq!(revoked.json(), expected);
    service
        .ask_as(Some(&text), get("/v1/webhooks"))
        .await
        .refuses(401, "UNAUTHORISED", None);
}

#[actix_web::test]
async fn a_key_expires_when_it_was_said_to() {
    let service = TestService::new();
    let text = service.ask(with("\"expires_in\":1")).await.text("api_key");
    service
        .ask_as(Some(&text), get("/v1/webhooks"))
        .await
        .answers(200);
    service.clock.advance_seconds(1);
    service
        .ask_as(Some(&text), get("/v1/webhooks"))
        .await
        .refuses(401, "UNAUTHORISED", None);
}

#[actix_web::test]
async fn all_but_the_permissions_may_be_left_out_or_null_and_an_answer_can_be_sent_back() {
    let service = TestService::new();
    let bare = service.ask(create_key(VIEWER)).await;
    bare.answers(201);
    for field in ["name", "expires_at", "revoked_at"] {
        assert!(bare.json()[field].is_null());
    }
    assert_eq!(bare.text("platform_id"), "acme");
    let null = service
        .ask(with(r#""name":null,"expires_in":null,"platform_id":null"#))
        .await;
    null.answers(201);
    let again = service
        .ask(create_key(std::str::from_utf8(&bare.body).unwrap()))
        .await;
    again.answers(201);
    assert_ne!(again.text("id"), bare.text("id"));
    assert_ne!(again.text("api_key"), bare.text("api_key"));
}

#[actix_web::test]
async fn a_field_that_is_not_what_it_must_be_is_named() {
    let service = TestService::new();
    service
        .ask(create_key(""))
        .await
        .refuses(400, "BAD_REQUEST", None);
    for body in ["{}", r#"{"permissions":null}"#] {
        let answer = service.ask(create_key(body)).await;
        answer.refuses(400, "MISSING_FIELD", Some("permissions"));
    }
    for (permissions, field) in [
        ("[]", "permissions"),
        ("\"WEBHOOK.VIEW\"", "permissions"),
        ("{}", "permissions"),
        (r#"["WEBHOOK.VIEW",1]"#, "permissions.1"),
        (
            r#"["WEBHOOK.VIEW","API_KEY.VIEW","webhook.view"]"#,
            "permissions.2",
        ),
        (
            r#"["WEBHOOK.VIEW","API_KEY.VIEW","WEBHOOK.VIEW"]"#,
            "permissions.2",
        ),
        (r#"["*"]"#, "permissions.0"),
    ] {
        let answer = service
            .ask(create_key(&format!("{{\"permissions\":{permissions}}}")))
            .await;
        answer.refuses(400, "INVALID_FIELD", Some(field));
    }
    let long = format!("\"name\":\"{}\"", "a".repeat(257));
    for (more, field) in [
        (long.as_str(), "name"),
        (r#""name":"a\n""#, "name"),
        (r#""name":1"#, "name"),
        (r#""expires_in":0"#, "expires_in"),
        (r#""expires_in":-1"#, "expires_in"),
        (r#""expires_in":1.5"#, "expires_in"),
        (r#""expires_in":"60""#, "expires_in"),
        (r#""expires_in":315360001"#, "expires_in"),
        (r#""platform_id":"a b""#, "platform_id"),
        (r#""platform_id":1"#, "platform_id"),
        (r#""scope":"acme""#, "scope"),
    ] {
        let answer = service.ask(with(more)).await;
        answer.refuses(400, "INVALID_FIELD", Some(field));
        answer.is_about("API_KEY", None);
    }
    service.ask(with(r#""expires_in":315360000"#)).await.answers(201);
    let query = Ask::new(actix_web::http::Method::POST, "/v1/api-keys?dry_run=1").body(VIEWER);
    service
        .ask(query)
        .await
        .refuses(400, "INVALID_FIELD", Some("dry_run"));
}

#[actix_web::test]
async fn nobody_hands_out_a_permission_that_is_not_theirs() {
    let service = TestService::new();
    let maker = service.key_of("acme", &[Permission::ApiKeyCreate, Permission::WebhookView]);
    service
        .ask_as(Some(&maker), create_key(VIEWER))
        .await
        .answers(201);
    let more = create_key(r#"{"permissions":["WEBHOOK.VIEW","WEBHOOK.REVEAL"]}"#);
    let answer = service.ask_as(Some(&maker), more).await;
    answer.refuses(403, "USER_NOT_ALLOWED", None);
    assert!(answer.text("message").contains("WEBHOOK.REVEAL"));
    answer.is_about("API_KEY", None);
}

#[actix_web::test]
async fn nobody_makes_a_key_for_another_platform_than_the_one_acted_on() {
    let service = TestService::new();
    for platform in ["other", "*"] {
        let answer = service
            .ask(with(&format!("\"platform_id\":\"{platform}\"")))
            .await;
        answer.refuses(403, "USER_NOT_ALLOWED", Some("platform_id"));
    }
    let everywhere = service.key_for(&PlatformScope::All, PermissionSet::all(), None);
    let ask =
        |platform: &str| with(&format!("\"platform_id\":\"{platform}\"")).header("x-platform-id", "other");
    let answer = service.ask_as(Some(&everywhere), ask("acme")).await;
    answer.refuses(403, "USER_NOT_ALLOWED", Some("platform_id"));
    for platform in ["other", "*"] {
        let answer = service.ask_as(Some(&everywhere), ask(platform)).await;
        answer.answers(201);
        assert_eq!(answer.text("platform_id"), platform);
    }
}

#[actix_web::test]
async fn the_last_key_that_can_create_keys_is_kept() {
    let service = TestService::new();
    let listed = service.ask(get("/v1/api-keys")).await.json();
    let own = listed["data"][0]["id"].as_str().unwrap().to_owned();
    service.ask(create_key(VIEWER)).await.answers(201);
    let answer = service.ask(revoke_key(&own)).await;
    answer.refuses(409, "INVALID_OPERATION", None);
    answer.is_about("API_KEY", Some(&own));
    service
        .ask(create_key(r#"{"permissions":["API_KEY.CREATE"]}"#))
        .await
        .answers(201);
    service.ask(revoke_key(&own)).await.answers(200);
    service
        .ask(get("/v1/api-keys"))
        .await
        .refuses(401, "UNAUTHORISED", None);
}

#[actix_web::test]
async fn a_foreign_an_unknown_and_a_revoked_key_are_answered_alike() {
    let service = TestService::new();
    let id = service.ask(create_key(VIEWER)).await.text("id");
    let other = service.key_of("other", Permission::ALL);
    let everywhere = service.key_for(&PlatformScope::All, PermissionSet::all(), None);
    let listed = service
        .ask_as(Some(&everywhere), get("/v1/api-keys"))
        .await
        .json();
    let for_all = listed["data"][0]["id"].as_str().unwrap().to_owned();
    let alike = |answer: &Answer, id: &str| String::from_utf8_lossy(&answer.body).replace(id, NO_ONES_KEY);
    let unknown = service.ask_as(Some(&other), revoke_key(NO_ONES_KEY)).await;
    unknown.refuses(404, "RESOURCE_NOT_FOUND", None);
    unknown.is_about("API_KEY", Some(NO_ONES_KEY));
    let foreign = service.ask_as(Some(&other), revoke_key(&id)).await;
    assert_eq!(alike(&foreign, &id), alike(&unknown, NO_ONES_KEY));
    let beyond = service.ask_as(Some(&other), revoke_key(&for_all)).await;
    assert_eq!(alike(&beyond, &for_all), alike(&unknown, NO_ONES_KEY));
    service.ask(revoke_key(&id)).await.answers(200);
    let revoked = service.ask(revoke_key(&id)).await;
    assert_eq!(revoked.status, 404);
    assert_eq!(alike(&revoked, &id), alike(&unknown, NO_ONES_KEY));
}

#[actix_web::test]
async fn a_malformed_id_a_body_or_a_parameter_is_refused() {
    let service = TestService::new();
    for id in ["x", "key_", NO_ONES_ID, "KEY_01hv9k2m4rt6w8y0abcdefghjk"] {
        let answer = service.ask(revoke_key(id)).await;
        answer.refuses(400, "INVALID_ID", None);
        answer.is_about("API_KEY", None);
    }
    let id = service.ask(create_key(VIEWER)).await.text("id");
    service
        .ask(revoke_key(&id).body("{}"))
        .await
        .refuses(400, "BAD_REQUEST", None);
    let query = revoke_key(&format!("{id}?force=1"));
    service
        .ask(query)
        .await
        .refuses(400, "INVALID_FIELD", Some("force"));
    service.ask(revoke_key(&id)).await.answers(200);
}

#[actix_web::test]
async fn a_creation_and_a_revocation_that_are_sent_again_are_answered_byte_for_byte() {
    let service = TestService::new();
    let named = |ask: Ask, key: &str| ask.header("idempotency-key", key);
    let first = service.ask(named(create_key(VIEWER), "create")).await;
    first.answers(201);
    service.clock.advance_seconds(60);
    let again = service.ask(named(create_key(VIEWER), "create")).await;
    again.answers(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.body, first.body);
    let other = create_key(r#"{"permissions":["API_KEY.VIEW"]}"#);
    let reused = service.ask(named(other, "create")).await;
    reused.refuses(409, "IDEMPOTENCY_CHECK_FAILED", None);

    let id = first.text("id");
    let first = service.ask(named(revoke_key(&id), "revoke")).await;
    first.answers(200);
    let again = service.ask(named(revoke_key(&id), "revoke")).await;
    again.answers(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    // What shows the text once more is a record, also when the key is good for nothing any more. That it was revoked shows none.
    service
        .ask(named(create_key(VIEWER), "create"))
        .await
        .answers(201);
    let records = service
        .ask(get(format!("/v1/audit-records?resource_id={id}")))
        .await;
    let records = records.json();
    let told = records["data"].as_array().unwrap().iter();
    let told = told.map(|record| (record["action"].as_str().unwrap(), record["replayed"] == true));
    assert!(told.eq([
        ("API_KEY.CREATED", true),
        ("API_KEY.REVOKED", false),
        ("API_KEY.CREATED", true),
        ("API_KEY.CREATED", false),
    ]));
    assert_eq!(
        service.ask(get("/v1/api-keys")).await.json()["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[actix_web::test]
async fn keys_are_listed_in_parts_and_those_of_the_platform_alone() {
    let service = TestService::new();
    service.key_of("other", Permission::ALL);
    service.key_for(
        &PlatformScope::All,
        PermissionSet::all(),
        Some(Duration::from_secs(1)),
    );
    for _ in 0..3 {
        service.clock.advance_seconds(1);
        service.ask(create_key(VIEWER)).await.answers(201);
    }
    let whole = service.ask(get("/v1/api-keys")).await;
    whole.answers(200);
    let whole = whole.json();
    assert_eq!(whole["limit"], 50);
    let own = "/v1/api-keys?limit=50";
    assert_eq!(
        whole["links"],
        serde_json::json!({"first": own, "current": own, "next": null})
    );
    let expected = whole["data"].as_array().unwrap();
    assert_eq!(expected.len(), 4);
    assert!(expected.iter().all(|key| key["platform_id"] == "acme"));
    let mut seen = Vec::new();
    let mut next = Some("/v1/api-keys?limit=2".to_owned());
    while let Some(uri) = next {
        let part = service.ask(get(&uri)).await.json();
        assert_eq!(part["links"]["current"], uri);
        assert_eq!(part["links"]["first"], "/v1/api-keys?limit=2");
        let data = part["data"].as_array().unwrap();
        assert_eq!(data.len(), 2);
        seen.extend(data.iter().cloned());
        next = part["links"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!(&seen, expected);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("after=x", "after"),
        (&format!("after={NO_ONES_ID}"), "after"),
        ("page=1", "page"),
        ("limit=1&limit=2", "limit"),
    ] {
        let answer = service.ask(get(format!("/v1/api-keys?{query}"))).await;
        answer.refuses(400, "INVALID_FIELD", Some(field));
        answer.is_about("API_KEY", None);
    }
}
