//! Creating and reading webhooks, and upkeep, through their services.

#![expect(clippy::panic, clippy::unwrap_used, reason = "so a test says that it failed")]

use std::sync::{Arc, Mutex};

use webhook_domain::access::audit::{AuditAction, AuditRecord};
use webhook_domain::access::permission::Permission;
use webhook_domain::entropy::{EntropyError, MockEntropy};
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::idempotency::RETENTION;
use webhook_domain::ports::{AuditLog, AuditQuery, Effect, MockWebhookStore, Outcome, WebhookStore};
use webhook_domain::services::{
    CreateWebhook, RollSecret, SecretKeyService, Upkeep, UpkeepTally, WebhookService,
};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::webhook::{Version, Webhook};
use webhook_domain::{Refusal, ServiceError, StoreError};

fn over(store: Arc<dyn WebhookStore>) -> WebhookService {
    let clock = Arc::new(ManualClock::default());
    WebhookService::new(store, clock, Arc::new(SeededEntropy::default()))
}

async fn create(service: &WebhookService, platform: &PlatformId) -> Webhook {
    let create = CreateWebhook {
        settings: fixtures::full_settings(),
        idempotent: Some(fixtures::request("create", "body")),
    };
    match service.create(&fixtures::acting(platform), create).await.unwrap() {
        Outcome::Done { subject, .. } => *subject,
        Outcome::Replayed(_) => panic!("replayed"),
    }
}

async fn records(store: &MemoryStore, webhook: &Webhook) -> Vec<AuditRecord> {
    let query = AuditQuery::of_resource(webhook.id, 10);
    AuditLog::list(store, &webhook.platform, query).await.unwrap()
}

fn some_id() -> WebhookId {
    WebhookId::generate(ManualClock::START, &SeededEntropy::new(7)).unwrap()
}

#[tokio::test]
async fn a_new_webhook_has_one_key_and_the_first_version() {
    let store = Arc::new(MemoryStore::new());
    let acme = fixtures::acme();
    let webhook = create(&over(store.clone()), &acme).await;
    assert_eq!(webhook.platform, acme);
    assert_eq!(webhook.version, Version::FIRST);
    assert_eq!(webhook.key_ring.valid_at(ManualClock::START).count(), 1);
    assert_eq!(webhook.key_ring.rolled_at(), None);
    let records = records(&store, &webhook).await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].action, AuditAction::WebhookCreated);
    let fingerprint = webhook.key_ring.current().unwrap().fingerprint();
    assert_eq!(
        records[0].details.current_key.as_deref(),
        Some(fingerprint.as_str())
    );
}

#[tokio::test]
async fn who_may_view_is_shown_no_keys_and_no_record_is_made() {
    let store = Arc::new(MemoryStore::new());
    let (service, acme) = (over(store.clone()), fixtures::acme());
    let webhook = create(&service, &acme).await;
    let viewer = fixtures::acting_with(&acme, &[Permission::WebhookView]);
    let seen = service.read(&viewer, webhook.id).await.unwrap();
    assert!(!seen.revealed);
    assert_eq!(seen.webhook, webhook);
    let records = records(&store, &webhook).await;
    assert_eq!(records.len(), 1);
}

#[tokio::test]
async fn each_reveal_is_audited_before_the_keys_are_given() {
    let store = Arc::new(MemoryStore::new());
    let (service, acme) = (over(store.clone()), fixtures::acme());
    let webhook = create(&service, &acme).await;
    let revealer = fixtures::acting_with(&acme, &[Permission::WebhookView, Permission::WebhookReveal]);
    for reveals in 1..=2 {
        let seen = service.read(&revealer, webhook.id).await.unwrap();
        assert!(seen.revealed);
        assert_eq!(seen.webhook, webhook, "a reveal is no change");
        let records = records(&store, &webhook).await;
        let revealed = records
            .iter()
            .filter(|record| record.action == AuditAction::SecretRevealed);
        assert_eq!(revealed.clone().count(), reveals);
        let key = webhook.key_ring.current().unwrap().fingerprint();
        for record in revealed {
            assert_eq!(
                record.details.current_key.as_deref(),
                Some(key.as_str()),
                "it says which"
            );
        }
    }
}

#[tokio::test]
async fn a_reveal_that_cannot_be_audited_reveals_nothing() {
    let mut store = MockWebhookStore::new();
    store.expect_find().never();
    store
        .expect_change()
        .returning(|_| Err(StoreError::Unavailable("no connection".into()).into()));
    let revealer = fixtures::acting(&fixtures::acme());
    let result = over(Arc::new(store)).read(&revealer, some_id()).await;
    assert!(
        matches!(result, Err(ServiceError::Store(StoreError::Unavailable(_)))),
        "{result:?}"
    );
}

#[tokio::test]
async fn another_platforms_webhook_does_not_exist() {
    let service = over(Arc::new(MemoryStore::new()));
    let webhook = create(&service, &fixtures::acme()).await;
    let other = fixtures::platform("other");
    for acting in [
        fixtures::acting(&other),
        fixtures::acting_with(&other, &[Permission::WebhookView]),
    ] {
        let result = service.read(&acting, webhook.id).await;
        assert!(
            matches!(result, Err(ServiceError::Refused(Refusal::NotFound { .. }))),
            "{result:?}"
        );
    }
}

#[tokio::test]
async fn without_the_permission_the_store_is_not_asked() {
    let mut store = MockWebhookStore::new();
    store.expect_create().never();
    store.expect_find().never();
    store.expect_change().never();
    let service = over(Arc::new(store));
    // To reveal is to view first.
    let acting = fixtures::acting_with(&fixtures::acme(), &[Permission::WebhookReveal]);
    let create = CreateWebhook {
        settings: fixtures::bare_settings(),
        idempotent: None,
    };
    let refused = |error| match error {
        ServiceError::Refused(Refusal::NotPermitted { permission }) => permission,
        other => panic!("{other:?}"),
    };
    let created = service.create(&acting, create).await.map(drop);
    assert_eq!(refused(created.unwrap_err()), Permission::WebhookCreate);
    let read = service.read(&acting, some_id()).await.map(drop);
    assert_eq!(refused(read.unwrap_err()), Permission::WebhookView);
}

#[tokio::test]
async fn without_randomness_nothing_is_created() {
    let mut store = MockWebhookStore::new();
    store.expect_create().never();
    let mut entropy = MockEntropy::new();
    entropy.expect_fill().returning(|_| Err(EntropyError));
    let clock = Arc::new(ManualClock::default());
    let service = WebhookService::new(Arc::new(store), clock, Arc::new(entropy));
    let create = CreateWebhook {
        settings: fixtures::bare_settings(),
        idempotent: None,
    };
    let result = service.create(&fixtures::acting(&fixtures::acme()), create).await;
    assert!(
        matches!(result, Err(ServiceError::Entropy(EntropyError))),
        "{result:?}"
    );
}

#[tokio::test]
async fn upkeep_does_all_there_is_to_do_and_counts_it() {
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let entropy = Arc::new(SeededEntropy::default());
    let webhooks = WebhookService::new(store.clone(), clock.clone(), entropy.clone());
    let secrets = SecretKeyService::new(store.clone(), clock.clone(), entropy, Overlap::DAY);
    // More than one step takes.
    for n in 0..300 {
        let platform = fixtures::platform(&format!("p{n}"));
        let webhook = create(&webhooks, &platform).await;
        let acting = fixtures::acting(&platform);
        secrets
            .roll(&acting, webhook.id, RollSecret::default())
            .await
            .unwrap();
    }
    let upkeep = Upkeep::new(store, clock.clone());
    assert_eq!(upkeep.run().await.unwrap(), UpkeepTally::default());
    clock.advance(RETENTION);
    clock.advance_seconds(1);
    let all = UpkeepTally {
        webhooks_swept: 300,
        answers_forgotten: 300,
    };
    assert_eq!(upkeep.run().await.unwrap(), all);
    assert_eq!(upkeep.run().await.unwrap(), UpkeepTally::default());
}

#[tokio::test]
async fn one_unreadable_webhook_does_not_keep_the_others_keys_in_the_store() {
    let ids = (0..600).map(|n| WebhookId::generate(ManualClock::START, &SeededEntropy::new(n)).unwrap());
    let ids: Vec<_> = ids.collect();
    let unreadable = ids[0];
    let due = Arc::new(Mutex::new(ids));
    let mut store = MockWebhookStore::new();
    let listed = due.clone();
    store.expect_with_expired_keys().returning(move |_, limit| {
        let due = listed.lock().unwrap();
        let first = due.iter().take(limit as usize);
        Ok(first.map(|id| (fixtures::acme(), *id)).collect())
    });
    store.expect_forget_answers().once().returning(|_, _| Ok(0));
    let swept = due.clone();
    store.expect_change().returning(move |order| {
        if order.webhook == unreadable {
            return Err(StoreError::Corrupt("a value does not open".into()).into());
        }
        let entropy = SeededEntropy::default();
        let mut webhook = fixtures::webhook(
            &order.platform,
            fixtures::bare_settings(),
            ManualClock::START,
            &entropy,
        );
        let key = fixtures::new_key(ManualClock::START, &entropy).under(SigningProtocol::HmacSha256);
        let second = Overlap::from_seconds(1).unwrap();
        webhook.key_ring = webhook.key_ring.roll(key, second, ManualClock::START).unwrap();
        if let Effect::Save(saved) = (order.decide)(&webhook).unwrap().effect {
            swept.lock().unwrap().retain(|id| *id != order.webhook);
            webhook = *saved;
        }
        Ok(Outcome::Done {
            subject: Box::new(webhook),
            answer: None,
        })
    });
    let clock = ManualClock::default();
    clock.advance_seconds(1);
    let upkeep = Upkeep::new(Arc::new(store), Arc::new(clock));
    let result = upkeep.run().await;
    assert!(
        matches!(result, Err(ServiceError::Store(StoreError::Corrupt(_)))),
        "{result:?}"
    );
    assert_eq!(*due.lock().unwrap(), [unreadable]);
}

#[test]
fn upkeep_can_be_left_to_another_thread() {
    fn sendable<T: Send>(_: T) {}
    let upkeep = Upkeep::new(Arc::new(MemoryStore::new()), Arc::new(ManualClock::default()));
    sendable(upkeep.run());
}
