//! What is recorded, refused, counted, and answered again.

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::access::audit::{AuditAction, AuditDetails, AuditStamp};
use webhook_domain::access::caller::Acting;
use webhook_domain::delivery::key_check::allowance::Allowance;
use webhook_domain::delivery::key_check::{Crowded, KeyCheck, Verdict};
use webhook_domain::idempotency::{IdempotencyKey, IdempotentRequest, RequestFingerprint};
use webhook_domain::ports::{
    DeliveryPause, DeliveryQuery, EventStore as _, Outcome, Pause, PauseReason, Shortage,
};
use webhook_domain::services::{RemoveSecret, RollSecret, SecretKeyService};
use webhook_domain::signing::key_ring::{Evidence, Overlap};
use webhook_domain::signing::secret::SecretBytes;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::testing::fixtures;
use webhook_domain::time::{Clock as _, Instant};
use webhook_domain::webhook::Settings;
use webhook_domain::{Refusal, ServiceError};

use crate::scene::*;

#[tokio::test]
async fn a_check_is_recorded_and_changes_nothing_else() {
    let fixture = Fixture::new();
    let protocol = SigningProtocol::HmacSha256;
    let (webhook, keys) = fixture.rolled(protocol, protocol).await;
    let before = fixture.stored(&webhook).await;
    for (status, verdict) in [
        (410, "UNREACHABLE"),
        (401, "INCONCLUSIVE"),
        (200, "DOES_NOT_VERIFY"),
    ] {
        fixture.conducts(move |_, _| answered(status));
        assert_eq!(fixture.check(&webhook).await.unwrap().verdict.name(), verdict);
        assert_eq!(fixture.stored(&webhook).await, before);
        let record = fixture.records(&webhook).await.remove(0);
        let expected = AuditDetails {
            current_key: Some(keys.new.fingerprint().as_str().to_owned()),
            verdict: Some(verdict.to_owned()),
            ..AuditDetails::default()
        };
        assert_eq!(record.details, expected);
        assert_eq!(record.credential, fixture.acting.credential());
        assert_eq!(&record.request, fixture.acting.request());
    }
    let query = DeliveryQuery {
        limit: 10,
        ..DeliveryQuery::default()
    };
    let deliveries = fixture.store.deliveries(&webhook.platform, query).await;
    assert_eq!(deliveries.unwrap(), []);
}

#[tokio::test]
async fn a_key_that_is_adopted_is_told_once_and_only_while_it_is_current() {
    let fixture = Fixture::new();
    let protocol = SigningProtocol::HmacSha256;
    let listener = Settings {
        included_actions: Some(fixtures::actions(&["WEBHOOK.SECRET_ADOPTED"])),
        ..fixtures::bare_settings()
    };
    fixture.webhook(listener).await;
    let (webhook, keys) = fixture.rolled(protocol, protocol).await;
    fixture.conducts(verifying(Keys::verifier(&[&keys.old]), 401));
    fixture.check(&webhook).await.unwrap();
    assert_eq!(fixture.stored(&webhook).await.key_ring.adoption(), None);
    fixture.conducts(verifying(Keys::verifier(&[&keys.new]), 401));
    let mut adopted_at = None;
    for _ in 0..2 {
        fixture.clock.advance_seconds(60);
        fixture.check(&webhook).await.unwrap();
        let stored = fixture.stored(&webhook).await;
        let adoption = stored.key_ring.adoption().unwrap();
        assert_eq!(adoption.evidence, Evidence::Check);
        assert_eq!(
            *adopted_at.get_or_insert(adoption.adopted_at),
            adoption.adopted_at
        );
        assert_eq!(stored.version, webhook.version);
    }
    // What says otherwise later takes nothing away: a check is no receipt.
    fixture.conducts(|_, _| answered(401));
    fixture.check(&webhook).await.unwrap();
    assert!(fixture.stored(&webhook).await.key_ring.adoption().is_some());
    let query = DeliveryQuery {
        limit: 10,
        ..DeliveryQuery::default()
    };
    let told = fixture.store.deliveries(&webhook.platform, query).await.unwrap();
    let told: Vec<_> = told.iter().map(|told| told.action.as_str()).collect();
    assert_eq!(told, ["WEBHOOK.SECRET_ADOPTED"]);
    assert_eq!(fixture.records(&webhook).await.len(), 4, "each is recorded");

    // A roll while it is checked: the key that was proved is not the current one any more.
    let (webhook, keys) = fixture.rolled(protocol, protocol).await;
    let secrets = SecretKeyService::new(
        fixture.store.clone(),
        fixture.clock.clone(),
        fixture.entropy.clone(),
        Overlap::DAY,
    );
    let (acting, id, verifier) = (fixture.acting.clone(), webhook.id, Keys::verifier(&[&keys.new]));
    let first = fixture.got(|_| ()).len();
    fixture.conducts(move |number, parcel| {
        if number == first + 3 {
            finished(secrets.roll(&acting, id, RollSecret::default())).unwrap();
        }
        answered(if verifies(&verifier, parcel) { 204 } else { 401 })
    });
    assert_eq!(fixture.check(&webhook).await.unwrap().verdict, Verdict::Adopted);
    assert_eq!(fixture.stored(&webhook).await.key_ring.adoption(), None);
}

#[tokio::test]
async fn what_cannot_be_checked_is_refused_and_nothing_is_sent() {
    let fixture = Fixture::new();
    let refused = |checked: Result<KeyCheck, ServiceError>| match checked {
        Err(ServiceError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    };
    let bare = fixture.webhook(fixtures::bare_settings()).await;
    assert_eq!(refused(fixture.check(&bare).await), Refusal::NoTarget);
    let settings = Settings {
        reference: None,
        ..fixtures::full_settings()
    };
    let webhook = fixture.webhook(settings).await;
    let secrets = SecretKeyService::new(
        fixture.store.clone(),
        fixture.clock.clone(),
        fixture.entropy.clone(),
        Overlap::DAY,
    );
    let other = fixtures::acting(&fixtures::platform("other"));
    let of_other = fixture
        .service
        .check(&other, webhook.id, Allowance::OnRequest, None)
        .await;
    assert_eq!(
        refused(of_other.map(|outcome| done(Ok(outcome)))),
        Refusal::NO_SUCH_WEBHOOK
    );
    let since = fixture.clock.now();
    let pause = Pause {
        since,
        reason: PauseReason::Restored,
    };
    DeliveryPause::pause(fixture.store.as_ref(), pause, None)
        .await
        .unwrap();
    assert_eq!(
        refused(fixture.check(&webhook).await),
        Refusal::DeliveriesPaused { since }
    );
    let stamp = AuditStamp::new(&fixture.acting, since, fixture.entropy.as_ref()).unwrap();
    let resumed = stamp.record(
        AuditAction::DeliveriesResumed,
        String::new(),
        AuditDetails::default(),
    );
    fixture.store.resume(resumed).await.unwrap();
    secrets
        .remove(&fixture.acting, webhook.id, RemoveSecret::default())
        .await
        .unwrap();
    assert_eq!(refused(fixture.check(&webhook).await), Refusal::NoCurrentKey);
    assert_eq!(fixture.got(|_| ()).len(), 0);
    assert_eq!(fixture.records(&webhook).await, []);
}

#[tokio::test]
async fn checks_are_counted_and_what_was_not_sent_is_not() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::full_settings()).await;
    // Nothing is sent for want of our own, however often it is tried.
    *fixture.receiver.conduct.lock().unwrap() = Box::new(|_, _| Err(Shortage::FileDescriptors));
    for _ in 0..8 {
        let short = fixture.check(&webhook).await;
        assert!(matches!(short, Err(ServiceError::Short(_))), "{short:?}");
    }
    assert_eq!(fixture.records(&webhook).await, []);
    fixture.conducts(|_, _| answered(401));
    for _ in 0..6 {
        fixture.check(&webhook).await.unwrap();
    }
    let sent = fixture.got(|_| ()).len();
    let wait = Duration::from_secs(3600);
    let expected = Refusal::TooManyKeyChecks {
        of: Crowded::Webhook,
        wait,
    };
    match fixture.check(&webhook).await {
        Err(ServiceError::Refused(refusal)) => assert_eq!(refusal, expected),
        other => panic!("{other:?}"),
    }
    // The service's own account is another one.
    let service = Acting::as_service(fixtures::acme(), fixture.acting.request().clone());
    let own = fixture
        .service
        .check(&service, webhook.id, Allowance::ByItself, None)
        .await;
    assert_eq!(done(own).verdict, Verdict::Inconclusive);
    assert_eq!(fixture.got(|_| ()).len(), sent + 3);
    assert_eq!(
        fixture.records(&webhook).await[0].credential.to_string(),
        "service"
    );
}

#[tokio::test]
async fn a_check_that_is_asked_for_again_is_answered_again() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::full_settings()).await;
    fixture.conducts(|_, _| answered(401));
    let request = |asks: &str| IdempotentRequest {
        key: IdempotencyKey::parse("k").unwrap(),
        fingerprint: RequestFingerprint::of(&[asks.as_bytes()]),
        render: Arc::new(|check: &KeyCheck, at: Instant| {
            SecretBytes::new(format!("{} {at}", check.verdict.name()).into_bytes())
        }),
    };
    let check = |asks| {
        fixture.service.check(
            &fixture.acting,
            webhook.id,
            Allowance::OnRequest,
            Some(request(asks)),
        )
    };
    let first = match check("a").await.unwrap() {
        Outcome::Done { answer, .. } => answer.unwrap(),
        Outcome::Replayed(_) => panic!("replayed"),
    };
    fixture.clock.advance_seconds(7);
    let sent = fixture.got(|_| ()).len();
    for _ in 0..9 {
        match check("a").await.unwrap() {
            Outcome::Replayed(answer) => assert_eq!(answer, first),
            Outcome::Done { .. } => panic!("made again"),
        }
    }
    let refused = check("b").await;
    assert!(matches!(
        refused,
        Err(ServiceError::Refused(Refusal::IdempotencyKeyReused))
    ));
    assert_eq!(fixture.got(|_| ()).len(), sent);
    assert_eq!(fixture.records(&webhook).await.len(), 1);
}
