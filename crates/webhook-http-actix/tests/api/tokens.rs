//! Bearer tokens beside API keys. What makes a token good is its verifier's to say; here it is what its text says.

use std::sync::Arc;

use webhook_domain::access::caller::{Caller, Credential, TokenSubject};
use webhook_domain::access::permission::PermissionSet;
use webhook_domain::ports::{AuditLog as _, AuditQuery, TokenVerifier};
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::time::Instant;

use crate::test_service::{Answer, Ask, CREATE, TestService, create, read, roll};

/// Believes `SUBJECT.PLATFORM.good`, for a day.
struct ByItsText;

impl TokenVerifier for ByItsText {
    fn verify(&self, token: &str, now: Instant) -> Option<Caller> {
        let [subject, platform, "good"] = token.split('.').collect::<Vec<_>>()[..] else {
            return None;
        };
        let in_force = now.as_seconds() < ManualClock::START.as_seconds() + 86_400;
        in_force.then(|| Caller {
            credential: Credential::Token(TokenSubject::parse(subject).unwrap()),
            scope: platform.parse().unwrap(),
            permissions: PermissionSet::all(),
        })
    }
}

fn service() -> TestService {
    TestService::believing(Arc::new(ByItsText))
}

async fn bearing(service: &TestService, token: &str, ask: Ask) -> Answer {
    service
        .ask_as(None, ask.header("authorization", &format!("Bearer {token}")))
        .await
}

#[actix_web::test]
async fn a_token_acts_on_its_own_platform_alone() {
    let service = service();
    let (id, _) = service.webhook().await;
    bearing(&service, "billing.acme.good", read(&id))
        .await
        .succeeds(200);
    let elsewhere = read(&id).header("x-platform-id", "other");
    let refused = bearing(&service, "billing.acme.good", elsewhere).await;
    refused.refuses(403, "USER_NOT_ALLOWED", None);
    let strangers = bearing(&service, "billing.other.good", read(&id)).await;
    strangers.refuses(404, "RESOURCE_NOT_FOUND", None);
    let named = read(&id).header("x-platform-id", "acme");
    bearing(&service, "billing.*.good", named).await.succeeds(200);
}

#[actix_web::test]
async fn a_token_is_no_api_key_and_every_refusal_is_the_same() {
    let service = service();
    let (id, _) = service.webhook().await;
    let missing = service.ask_as(None, read(&id)).await;
    let good = "billing.acme.good";
    let bearer = format!("Bearer {good}");
    let with_both = |key: &str| {
        read(&id)
            .header("x-api-key", key)
            .header("authorization", &bearer)
    };
    for ask in [
        read(&id).header("x-api-key", good),
        with_both(good),
        with_both(&service.key),
        with_both(""),
        read(&id).header("authorization", "Bearer billing.acme.bad"),
        read(&id)
            .header("authorization", &bearer)
            .header("authorization", "Bearer other.acme.good"),
        read(&id).header("authorization", good),
    ] {
        let answer = service.ask_as(None, ask).await;
        answer.refuses(401, "UNAUTHORISED", None);
        assert_eq!(answer.body, missing.body);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    service.clock.advance_seconds(86_400);
    bearing(&service, good, read(&id))
        .await
        .refuses(401, "UNAUTHORISED", None);
}

#[actix_web::test]
async fn without_a_verifier_no_token_is_good() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let answer = bearing(&service, "billing.acme.good", read(&id)).await;
    answer.refuses(401, "UNAUTHORISED", None);
}

#[actix_web::test]
async fn what_a_token_does_is_audited_under_its_subject() {
    let service = service();
    let created = bearing(&service, "billing.acme.good", create(CREATE)).await;
    created.succeeds(201);
    let records = service
        .store
        .list(&fixtures::acme(), AuditQuery::of_resource(created.text("id"), 10))
        .await
        .unwrap();
    assert_eq!(records[0].credential.to_string(), "jwt:billing");
}

#[actix_web::test]
async fn idempotency_keys_are_a_subjects_own() {
    let service = service();
    let (id, _) = service.webhook().await;
    let ask = || roll(&id).header("idempotency-key", "k");
    let first = bearing(&service, "billing.acme.good", ask()).await;
    assert_eq!(first.succeeds(200).header("idempotent-replayed"), None);
    let again = bearing(&service, "billing.*.good", ask().header("x-platform-id", "acme")).await;
    assert_eq!(again.succeeds(200).header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    for other in ["support.acme.good", "jwt:billing.acme.good"] {
        let others = bearing(&service, other, ask()).await;
        assert_eq!(others.succeeds(200).header("idempotent-replayed"), None);
        assert_ne!(others.body, first.body);
    }
    let with_a_key = service.ask(ask()).await;
    assert_eq!(with_a_key.succeeds(200).header("idempotent-replayed"), None);
}
