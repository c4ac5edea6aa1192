//! Sending a webhook again what it was sent in a time, in as many parts as it takes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests: what they cannot do is a failure"
)]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use webhook_domain::access::audit::{AuditAction, AuditDetails, AuditStamp};
use webhook_domain::access::caller::Acting;
use webhook_domain::access::quota::{Counted, OverQuota, Quota, Quotas};
use webhook_domain::delivery::event::JsonText;
use webhook_domain::id::{DeliveryId, WebhookId};
use webhook_domain::idempotency::{IdempotencyKey, IdempotentRequest, RequestFingerprint};
use webhook_domain::ports::{Creation, DeliveryQuery, Outcome, Resent, WebhookStore as _};
use webhook_domain::services::{EventService, PublishEvent, Replay};
use webhook_domain::signing::secret::SecretBytes;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::time::Clock as _;
use webhook_domain::webhook::Action;
use webhook_domain::{Refusal, ServiceError};

/// More than go into two transactions.
const MANY: usize = 1_203;

fn done<T>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Done { subject, .. } => *subject,
        Outcome::Replayed(_) => panic!("it was not asked before"),
    }
}

type Scene = (EventService, Acting, WebhookId);

/// A webhook of which so many events were given up, in this order.
async fn with_given_up() -> (Scene, Vec<DeliveryId>) {
    let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(ManualClock::default()));
    let entropy = Arc::new(SeededEntropy::default());
    let acme = fixtures::acme();
    let acting = fixtures::acting(&acme);
    let events = EventService::new(store.clone(), clock.clone(), entropy.clone());
    let webhook = fixtures::webhook(&acme, fixtures::bare_settings(), clock.now(), entropy.as_ref());
    let id: WebhookId = webhook.id;
    let stamp = AuditStamp::new(&acting, clock.now(), entropy.as_ref()).unwrap();
    let audit = stamp.record(
        AuditAction::WebhookCreated,
        id.to_string(),
        AuditDetails::default(),
    );
    let creation = Creation {
        webhook,
        audit,
        announcement: None,
        quota: None,
        idempotency: None,
    };
    store.create(creation).await.unwrap();
    let mut given_up = Vec::new();
    for _ in 0..MANY {
        clock.advance(Duration::from_millis(1));
        let publish = PublishEvent {
            action: Action::parse("INVOICE.CREATED".into()).unwrap(),
            data: JsonText::parse(b"1").unwrap(),
            previous_data: None,
            original_request_id: None,
            trace: None,
            idempotent: None,
        };
        let published = done(events.publish(&acting, publish).await.unwrap());
        let delivery = DeliveryId::of(published.event.id, id);
        done(events.give_up(&acting, delivery, None).await.unwrap());
        given_up.push(delivery);
    }
    ((events, acting, id), given_up)
}

fn replay_of(webhook: WebhookId) -> Replay {
    Replay {
        webhook,
        created_after: ManualClock::START,
        created_before: None,
        status: None,
        idempotent: Some(IdempotentRequest {
            key: IdempotencyKey::parse("replay").unwrap(),
            fingerprint: RequestFingerprint::of(&[b"replay"]),
            render: Arc::new(|resent: &Resent, _| {
                SecretBytes::new(resent.deliveries.to_string().into_bytes())
            }),
        }),
    }
}

/// What waits, in order.
async fn queued(events: &EventService, acting: &Acting) -> Vec<DeliveryId> {
    let queued = DeliveryQuery {
        status: Some("PENDING"),
        limit: u32::MAX,
        ..DeliveryQuery::default()
    };
    let queued = events.deliveries(acting, queued).await.unwrap();
    queued.iter().rev().map(|listed| listed.delivery.id).collect()
}

#[tokio::test]
async fn many_are_sent_again_in_the_order_of_their_events_and_once() {
    let ((events, acting, webhook), given_up) = with_given_up().await;
    let resent = done(events.replay(&acting, replay_of(webhook)).await.unwrap());
    assert_eq!(resent.deliveries, MANY as u64);
    assert_eq!(queued(&events, &acting).await, given_up);
    done(events.give_up(&acting, given_up[0], None).await.unwrap());
    match events.replay(&acting, replay_of(webhook)).await.unwrap() {
        Outcome::Replayed(answer) => assert_eq!(answer.expose(), MANY.to_string().as_bytes()),
        Outcome::Done { .. } => panic!("it was asked before"),
    }
    let queued = events.delivery(&acting, given_up[0]).await.unwrap();
    assert_eq!(
        queued.delivery.status.name(),
        "FAILED",
        "a replay of the request sends nothing"
    );
}

#[tokio::test]
async fn a_replay_that_the_quota_has_no_room_for_sends_nothing() {
    let (events, acting, webhook) = with_given_up().await.0;
    let quota = Quota::new(Counted::PendingEvents, NonZeroU32::new(600).unwrap());
    let events = events.limited(Quotas {
        pending_events: Some(quota),
        ..Quotas::default()
    });
    let refused = events.replay(&acting, replay_of(webhook)).await;
    let over = OverQuota {
        quota,
        present: 0,
        more: MANY as u64,
    };
    assert!(
        matches!(&refused, Err(ServiceError::Refused(Refusal::OverQuota(refused))) if *refused == over),
        "{refused:?}"
    );
    assert_eq!(queued(&events, &acting).await, []);
}
