//! Rolling and removing through the service: on a store in memory for what it does, on mocks for what fails.

#![expect(clippy::panic, clippy::unwrap_used, reason = "so a test says that it failed")]

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::access::audit::{AuditAction, AuditRecord};
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::entropy::{Entropy, EntropyError, MockEntropy};
use webhook_domain::ports::{
    AuditLog, AuditQuery, Creation, Effect, MockWebhookStore, Outcome, WebhookStore,
};
use webhook_domain::services::{RemoveSecret, RollSecret, SecretKeyService};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::time::{Clock, Instant};
use webhook_domain::webhook::{
    AuthenticationType, Edit, Precondition, Settings, SettingsUpdate, Version, Webhook,
};
use webhook_domain::{Refusal, ServiceError, StoreError};

struct Fixture {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    entropy: Arc<SeededEntropy>,
    service: SecretKeyService,
    acting: Acting,
}

impl Fixture {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(SeededEntropy::default());
        let overlap = Overlap::from_seconds(1800).unwrap();
        let service = SecretKeyService::new(store.clone(), clock.clone(), entropy.clone(), overlap);
        Self {
            store,
            clock,
            entropy,
            service,
            acting: fixtures::acting(&fixtures::acme()),
        }
    }

    async fn webhook(&self, settings: Settings) -> Webhook {
        let now = self.clock.now();
        let webhook = fixtures::webhook(&fixtures::acme(), settings, now, self.entropy.as_ref());
        let stamp =
            webhook_domain::access::audit::AuditStamp::new(&self.acting, now, self.entropy.as_ref()).unwrap();
        let details = webhook_domain::access::audit::AuditDetails::default();
        let creation = Creation {
            announcement: None,
            webhook: webhook.clone(),
            audit: stamp.record(AuditAction::WebhookCreated, webhook.id.to_string(), details),
            quota: None,
            idempotency: None,
        };
        self.store.create(creation).await.unwrap();
        self.clock.advance_seconds(60);
        webhook
    }

    async fn roll(&self, webhook: &Webhook, roll: RollSecret) -> Result<Webhook, ServiceError> {
        self.service
            .roll(&self.acting, webhook.id, roll)
            .await
            .map(changed)
    }

    async fn remove(&self, webhook: &Webhook, overlap: Option<Overlap>) -> Result<Webhook, ServiceError> {
        let remove = RemoveSecret {
            overlap,
            ..RemoveSecret::default()
        };
        self.service
            .remove(&self.acting, webhook.id, remove)
            .await
            .map(changed)
    }

    async fn stored(&self, webhook: &Webhook) -> Webhook {
        let found = WebhookStore::find(self.store.as_ref(), &webhook.platform, webhook.id).await;
        found.unwrap().unwrap()
    }

    async fn records(&self, webhook: &Webhook) -> Vec<AuditRecord> {
        let query = AuditQuery::of_resource(webhook.id, 100);
        AuditLog::list(self.store.as_ref(), &webhook.platform, query)
            .await
            .unwrap()
    }

    fn in_seconds(&self, seconds: u64) -> Instant {
        self.clock
            .now()
            .whole_seconds()
            .plus(Duration::from_secs(seconds))
    }
}

fn changed(outcome: Outcome) -> Webhook {
    match outcome {
        Outcome::Done { subject, .. } => *subject,
        Outcome::Replayed(_) => panic!("replayed"),
    }
}

fn refusal(result: Result<Webhook, ServiceError>) -> Refusal {
    match result {
        Err(ServiceError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn over(store: MockWebhookStore, entropy: impl Entropy + 'static) -> SecretKeyService {
    let clock = Arc::new(ManualClock::default());
    SecretKeyService::new(Arc::new(store), clock, Arc::new(entropy), Overlap::DAY)
}

fn some_webhook() -> Webhook {
    let (now, entropy) = (ManualClock::START, SeededEntropy::default());
    fixtures::webhook(&fixtures::acme(), fixtures::bare_settings(), now, &entropy)
}

#[tokio::test]
async fn a_roll_keeps_the_previous_key_for_the_default_overlap() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::full_settings()).await;
    let rolled = fixture.roll(&webhook, RollSecret::default()).await.unwrap();
    let previous = rolled.key_ring.previous(fixture.clock.now()).unwrap();
    assert_eq!(Some(&previous.key), webhook.key_ring.current());
    assert_eq!(previous.expires_at, fixture.in_seconds(1800));
    assert_eq!(rolled.key_ring.rolled_at(), Some(fixture.in_seconds(0)));
    assert_eq!(rolled.settings, webhook.settings);
    assert_eq!(
        (rolled.version, rolled.updated_at),
        (Version(2), fixture.clock.now())
    );
    assert_eq!(fixture.stored(&webhook).await, rolled);
}

#[tokio::test]
async fn a_roll_is_audited_by_fingerprints_and_field_names() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::full_settings()).await;
    let update = SettingsUpdate::new(true, true, AuthenticationType::None);
    let roll = RollSecret {
        update: Some(update),
        overlap: Some(Overlap::NONE),
        ..RollSecret::default()
    };
    let rolled = fixture.roll(&webhook, roll).await.unwrap();
    let record = fixture.records(&webhook).await.remove(0);
    let fingerprint = |webhook: &Webhook| {
        let key = webhook.key_ring.current().unwrap();
        key.fingerprint().as_str().to_owned()
    };
    assert_eq!(record.action, AuditAction::SecretRolled);
    assert_eq!(record.at, fixture.clock.now());
    assert_eq!(record.credential, fixture.acting.credential());
    assert_eq!(&record.request, fixture.acting.request());
    assert_eq!(record.details.changed_fields, ["active", "authentication_type"]);
    assert_eq!(record.details.current_key, Some(fingerprint(&rolled)));
    assert_eq!(record.details.ended_keys, [fingerprint(&webhook)]);
    assert_eq!(record.details.retired_keys, []);
}

#[tokio::test]
async fn an_update_and_its_roll_happen_together() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::full_settings()).await;
    let update = SettingsUpdate {
        reference: Edit::Set(fixtures::reference("new")),
        name: Edit::Clear,
        ..SettingsUpdate::new(true, false, AuthenticationType::ApiKey)
    };
    let roll = RollSecret {
        update: Some(update),
        ..RollSecret::default()
    };
    let rolled = fixture.roll(&webhook, roll).await.unwrap();
    assert_eq!(rolled.settings.reference, Some(fixtures::reference("new")));
    assert_eq!(rolled.settings.name, None);
    assert_ne!(rolled.key_ring.current(), webhook.key_ring.current());
    assert_eq!(rolled.version, Version(2), "an update with a roll is one change");
    assert_eq!(fixture.records(&webhook).await.len(), 2);
}

#[tokio::test]
async fn a_refused_update_rolls_nothing() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::bare_settings()).await;
    let roll = RollSecret {
        update: Some(SettingsUpdate::new(true, true, AuthenticationType::Password)),
        ..RollSecret::default()
    };
    let refusal = refusal(fixture.roll(&webhook, roll).await);
    assert!(
        matches!(
            refusal,
            Refusal::MissingField {
                field: "username",
                ..
            }
        ),
        "{refusal}"
    );
    assert_eq!(fixture.stored(&webhook).await, webhook);
    assert_eq!(fixture.records(&webhook).await.len(), 1);
}

#[tokio::test]
async fn a_refused_roll_updates_nothing() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::bare_settings()).await;
    for _ in 0..5 {
        fixture.roll(&webhook, RollSecret::default()).await.unwrap();
    }
    let before = fixture.stored(&webhook).await;
    let roll = || RollSecret {
        update: Some(SettingsUpdate::new(false, true, AuthenticationType::None)),
        ..RollSecret::default()
    };
    let next_free_at = fixture.in_seconds(1800);
    let expected = Refusal::TooManyRetiredKeys {
        limit: 5,
        next_free_at,
    };
    assert_eq!(refusal(fixture.roll(&webhook, roll()).await), expected);
    assert_eq!(fixture.stored(&webhook).await, before);
    let leak = RollSecret {
        overlap: Some(Overlap::NONE),
        ..roll()
    };
    let rolled = fixture.roll(&webhook, leak).await.unwrap();
    assert_eq!(rolled.key_ring.valid_at(fixture.clock.now()).count(), 1);
    assert!(!rolled.settings.active);
}

#[tokio::test]
async fn a_roll_meant_for_another_version_changes_nothing() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::bare_settings()).await;
    let roll = |versions: &[i64]| RollSecret {
        precondition: Precondition::VersionIn(versions.iter().copied().map(Version).collect()),
        ..RollSecret::default()
    };
    for stale in [&[][..], &[2], &[0, 3]] {
        let refusal = refusal(fixture.roll(&webhook, roll(stale)).await);
        assert_eq!(refusal, Refusal::VersionMismatch);
    }
    assert_eq!(fixture.stored(&webhook).await, webhook);
    fixture.roll(&webhook, roll(&[7, 1])).await.unwrap();
    assert_eq!(
        refusal(fixture.roll(&webhook, roll(&[1])).await),
        Refusal::VersionMismatch
    );
}

#[tokio::test]
async fn a_removal_meant_for_another_version_changes_nothing() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::bare_settings()).await;
    let remove = RemoveSecret {
        precondition: Precondition::VersionIn(vec![Version(2)]),
        ..RemoveSecret::default()
    };
    let removed = fixture.service.remove(&fixture.acting, webhook.id, remove).await;
    assert_eq!(refusal(removed.map(changed)), Refusal::VersionMismatch);
    assert_eq!(fixture.stored(&webhook).await, webhook);
}

#[tokio::test]
async fn a_removal_that_finds_no_current_key_is_no_change() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::bare_settings()).await;
    let removed = fixture.remove(&webhook, None).await.unwrap();
    assert_eq!(removed.key_ring.current(), None);
    assert_eq!(
        removed.key_ring.previous(fixture.clock.now()).unwrap().expires_at,
        fixture.in_seconds(1800)
    );
    assert_eq!(fixture.remove(&webhook, None).await.unwrap(), removed);
    let records = fixture.records(&webhook).await;
    let actions: Vec<_> = records.iter().map(|record| record.action).collect();
    assert_eq!(actions, [AuditAction::SecretRemoved, AuditAction::WebhookCreated]);

    let ended = fixture.remove(&webhook, Some(Overlap::NONE)).await.unwrap();
    assert_eq!(ended.version, Version(3));
    assert_eq!(ended.key_ring.valid_at(fixture.clock.now()).count(), 0);
    assert_eq!(fixture.records(&webhook).await.len(), 3);
    assert_eq!(
        fixture.remove(&webhook, Some(Overlap::NONE)).await.unwrap(),
        ended
    );
}

#[tokio::test]
async fn a_roll_after_everything_ended_has_nothing_to_preserve() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::bare_settings()).await;
    fixture.remove(&webhook, None).await.unwrap();
    fixture.clock.advance_seconds(1800);
    let rolled = fixture.roll(&webhook, RollSecret::default()).await.unwrap();
    assert_eq!(rolled.key_ring.previous(fixture.clock.now()), None);
    assert!(rolled.key_ring.current().is_some());
}

#[tokio::test]
async fn without_the_permission_the_store_is_not_asked() {
    let mut store = MockWebhookStore::new();
    store.expect_change().never();
    let mut entropy = MockEntropy::new();
    entropy.expect_fill().never();
    let service = over(store, entropy);
    let all_but = Permission::ALL
        .iter()
        .copied()
        .filter(|p| *p != Permission::WebhookUpdate);
    let acting = fixtures::acting_with(&fixtures::acme(), &all_but.collect::<Vec<_>>());
    let id = some_webhook().id;
    let rolled = service
        .roll(&acting, id, RollSecret::default())
        .await
        .map(changed);
    let removed = service
        .remove(&acting, id, RemoveSecret::default())
        .await
        .map(changed);
    for result in [rolled, removed] {
        let permission = Permission::WebhookUpdate;
        assert_eq!(refusal(result), Refusal::NotPermitted { permission });
    }
}

#[tokio::test]
async fn without_randomness_the_store_is_not_asked() {
    let mut store = MockWebhookStore::new();
    store.expect_change().never();
    let mut entropy = MockEntropy::new();
    entropy.expect_fill().returning(|_| Err(EntropyError));
    let service = over(store, entropy);
    let acting = fixtures::acting(&fixtures::acme());
    let result = service
        .roll(&acting, some_webhook().id, RollSecret::default())
        .await;
    assert!(
        matches!(result, Err(ServiceError::Entropy(EntropyError))),
        "{result:?}"
    );
}

#[tokio::test]
async fn an_unknown_outcome_is_passed_on_as_unknown() {
    let mut store = MockWebhookStore::new();
    store
        .expect_change()
        .once()
        .returning(|_| Err(StoreError::OutcomeUnknown("the connection broke".into()).into()));
    let service = over(store, SeededEntropy::default());
    let acting = fixtures::acting(&fixtures::acme());
    let result = service
        .roll(&acting, some_webhook().id, RollSecret::default())
        .await;
    let unknown = matches!(result, Err(ServiceError::Store(StoreError::OutcomeUnknown(_))));
    assert!(unknown, "{result:?}");
}

#[tokio::test]
async fn a_decision_run_twice_decides_the_same() {
    let mut store = MockWebhookStore::new();
    store.expect_change().once().returning(|order| {
        let stored = some_webhook();
        let first = (order.decide)(&stored)?;
        let second = (order.decide)(&stored)?;
        assert_eq!(first.effect, second.effect);
        assert_eq!(first.audit, second.audit);
        let Effect::Save(subject) = second.effect else {
            panic!("not saved");
        };
        Ok(Outcome::Done {
            subject,
            answer: None,
        })
    });
    let service = over(store, SeededEntropy::new(1));
    let acting = fixtures::acting(&fixtures::acme());
    service
        .roll(&acting, some_webhook().id, RollSecret::default())
        .await
        .unwrap();
}
