//! Who asks, what they may do, on which platform.

use std::time::Duration;

use webhook_domain::access::api_key::{PresentedApiKey, generate_text};
use webhook_domain::access::caller::PlatformScope;
use webhook_domain::access::permission::{Permission, PermissionSet};
use webhook_domain::ports::{ApiKeyStore as _, ScopeFilter};
use webhook_domain::services::RevokeApiKey;
use webhook_domain::testing::{SeededEntropy, fixtures};

use crate::test_service::*;

#[actix_web::test]
async fn a_key_is_taken_from_either_header() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let key = service.key.clone();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let ask = read(&id).header("authorization", &format!("{scheme} {key}"));
        service.ask_as(None, ask).await.succeeds(200);
    }
    let both = read(&id).header("authorization", &format!("Bearer {key}"));
    service.ask(both).await.succeeds(200);
}

#[actix_web::test]
async fn every_bad_credential_is_answered_alike() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let other = service.key_of("acme", &[Permission::WebhookView]);
    let expired = service.key_for(
        &PlatformScope::One(fixtures::acme()),
        PermissionSet::all(),
        Some(Duration::from_secs(1)),
    );
    service.clock.advance_seconds(1);
    let unknown = {
        let elsewhere = TestService::new();
        elsewhere.clock.advance_seconds(99);
        elsewhere.key_of("acme", &[])
    };
    let mistyped = format!("{}x", &service.key[..service.key.len() - 1]);
    // Its id, form and checksum are right.
    let forged = {
        let right = PresentedApiKey::read(&service.key).unwrap();
        let (text, _) = generate_text(right.id, &SeededEntropy::new(99)).unwrap();
        text.expose().to_owned()
    };
    assert_ne!(forged, service.key);
    let bearer = |text: &str| read(&id).header("authorization", &format!("Bearer {text}"));
    let missing = service.ask_as(None, read(&id)).await;
    missing.refuses(401, "UNAUTHORISED", None);
    for (key, ask) in [
        (Some(""), read(&id)),
        (Some("nonsense"), read(&id)),
        (Some(mistyped.as_str()), read(&id)),
        (Some(unknown.as_str()), read(&id)),
        (Some(expired.as_str()), read(&id)),
        (Some(forged.as_str()), read(&id)),
        (None, bearer(&forged)),
        (Some(service.key.as_str()), bearer(&other)),
        (Some(service.key.as_str()), read(&id).header("x-api-key", &other)),
        (
            Some(service.key.as_str()),
            read(&id).header("authorization", "Basic eDp5"),
        ),
        (None, bearer("")),
        (None, read(&id).header("authorization", &service.key)),
    ] {
        let answer = service.ask_as(key, ask).await;
        answer.refuses(401, "UNAUTHORISED", None);
        assert_eq!(answer.body, missing.body);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[actix_web::test]
async fn a_revoked_key_is_good_for_nothing_from_then_on() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    service.ask(read(&id)).await.succeeds(200);
    let key = service
        .store
        .list(ScopeFilter::Every, None, 10)
        .await
        .unwrap()
        .remove(0);
    let operator = fixtures::operator(&fixtures::acme());
    let revoke = RevokeApiKey::default();
    service
        .api
        .api_keys
        .revoke(&operator, key.id, revoke)
        .await
        .unwrap();
    service.ask(read(&id)).await.refuses(401, "UNAUTHORISED", None);
}

#[actix_web::test]
async fn a_missing_permission_is_named() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let none = service.key_of("acme", &[Permission::WebhookReveal]);
    for (ask, permission) in [
        (create(CREATE), "WEBHOOK.CREATE"),
        (read(&id), "WEBHOOK.VIEW"),
        (roll(&id), "WEBHOOK.UPDATE"),
        (remove(&id), "WEBHOOK.UPDATE"),
        (get("/v1/webhooks"), "WEBHOOK.VIEW"),
        (get("/v1/webhooks/actions"), "WEBHOOK.VIEW"),
        (update(&id, UPDATE), "WEBHOOK.UPDATE"),
        (delete(&id), "WEBHOOK.DELETE"),
        (get("/v1/api-keys"), "API_KEY.VIEW"),
        (
            create_key(r#"{"permissions":["WEBHOOK.VIEW"]}"#),
            "API_KEY.CREATE",
        ),
        (revoke_key("x"), "API_KEY.DELETE"),
        (get("/v1/audit-records"), "AUDIT_RECORD.VIEW"),
    ] {
        let answer = service.ask_as(Some(&none), ask).await;
        answer.refuses(403, "USER_NOT_ALLOWED", None);
        assert!(answer.text("message").contains(permission));
    }
}

#[actix_web::test]
async fn a_tenants_key_acts_on_its_own_platform_alone() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    service
        .ask(read(&id).header("x-platform-id", "acme"))
        .await
        .succeeds(200);
    let other = service.ask(read(&id).header("x-platform-id", "other")).await;
    other.refuses(403, "USER_NOT_ALLOWED", None);
}

#[actix_web::test]
async fn a_key_for_all_platforms_acts_on_the_one_named_or_on_default() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let all = service.key_for(&PlatformScope::All, PermissionSet::all(), None);
    let named = read(&id).header("x-platform-id", "acme");
    service.ask_as(Some(&all), named).await.succeeds(200);
    service
        .ask_as(Some(&all), read(&id))
        .await
        .refuses(404, "RESOURCE_NOT_FOUND", None);
}

#[actix_web::test]
async fn what_belongs_to_another_platform_does_not_exist() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let stranger = service.key_for(
        &PlatformScope::One("other".parse().unwrap()),
        PermissionSet::all(),
        None,
    );
    for ask in [read, roll, remove] {
        let theirs = service.ask_as(Some(&stranger), ask(&id)).await;
        theirs.refuses(404, "RESOURCE_NOT_FOUND", None);
        let no_ones = service.ask_as(Some(&stranger), ask(NO_ONES_ID)).await;
        assert_eq!(theirs.text("message"), no_ones.text("message"));
        assert_eq!(theirs.text("resource_id"), id);
    }
}

#[actix_web::test]
async fn a_platform_that_is_malformed_or_named_twice_is_refused() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let long = "a".repeat(65);
    for wrong in ["", "*", "a b", "acme,acme", long.as_str()] {
        let answer = service.ask(read(&id).header("x-platform-id", wrong)).await;
        answer.refuses(400, "INVALID_FIELD", Some("x-platform-id"));
    }
    let twice = read(&id)
        .header("x-platform-id", "acme")
        .header("x-platform-id", "acme");
    service
        .ask(twice)
        .await
        .refuses(400, "INVALID_FIELD", Some("x-platform-id"));
}
