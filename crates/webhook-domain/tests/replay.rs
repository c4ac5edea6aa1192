//! Sending a webhook again what it was sent in a time, in as many parts as it takes.

#![expect(
    clippy::panic,
    reason = "helpers of tests are tests: what they cannot do is a failure"
)]

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::delivery::event::JsonText;
use webhook_domain::id::{DeliveryId, WebhookId};
use webhook_domain::idempotency::{IdempotencyKey, IdempotentRequest, RequestFingerprint};
use webhook_domain::ports::{Creation, DeliveryQuery, Outcome, Resent, WebhookStore as _};
use webhook_domain::services::{EventService, PublishEvent, Replay};
use webhook_domain::signing::secret::SecretBytes;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::time::Clock as _;
use webhook_domain::webhook::Action;

/// More than go into two transactions.
const MANY: usize = 1_203;

fn done<T>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Done { subject, .. } => *subject,
        Outcome::Replayed(_) => panic!("it was not asked before"),
    }
}

#[tokio::test]
async fn many_are_sent_again_in_the_order_of_their_events_and_once() {
    let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(ManualClock::default()));
    let entropy = Arc::new(SeededEntropy::default());
    let acme = fixtures::acme();
    let acting = fixtures::acting(&acme);
    let events = EventService::new(store.clone(), clock.clone(), entropy.clone());
    let webhook = fixtures::webhook(&acme, fixtures::bare_settings(), clock.now(), entropy.as_ref());
    let id: WebhookId = webhook.id;
    let stamp =
        webhook_domain::access::audit::AuditStamp::new(&acting, clock.now(), entropy.as_ref()).unwrap();
    let audit = stamp.record(
        webhook_domain::access::audit::AuditAction::WebhookCreated,
        id.to_string(),
        Default::default(),
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
            idempotent: None,
        };
        let published = done(events.publish(&acting, publish).await.unwrap());
        let delivery = DeliveryId::of(published.event.id, id);
        done(events.give_up(&acting, delivery, None).await.unwrap());
        given_up.push(delivery);
    }
    let replay = || Replay {
        webhook: id,
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
    };
    let resent = done(events.replay(&acting, replay()).await.unwrap());
    assert_eq!(resent.deliveries, MANY as u64);
    let queued = DeliveryQuery {
        status: Some("PENDING"),
        limit: u32::MAX,
        ..DeliveryQuery::default()
    };
    let queued = events.deliveries(&acting, queued).await.unwrap();
    let queued: Vec<DeliveryId> = queued.iter().rev().map(|listed| listed.delivery.id).collect();
    assert_eq!(queued, given_up);
    done(events.give_up(&acting, given_up[0], None).await.unwrap());
    match events.replay(&acting, replay()).await.unwrap() {
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
