//! Updating, deleting and listing webhooks through the service.

#![expect(clippy::panic, clippy::unwrap_used, reason = "so a test says that it failed")]

use std::sync::Arc;

use webhook_domain::access::audit::{AuditAction, AuditDetails, AuditRecord};
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::ports::{AuditLog, AuditQuery, MockWebhookStore, Outcome, WebhookStore};
use webhook_domain::services::{
    CreateWebhook, DeleteWebhook, RollSecret, SecretKeyService, UpdateWebhook, WebhookService,
};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::time::Clock as _;
use webhook_domain::webhook::{
    AuthenticationType, Edit, PageSize, Precondition, Settings, SettingsUpdate, Version, Webhook,
    WebhookQuery,
};
use webhook_domain::{Refusal, ServiceError};

struct House {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    entropy: Arc<SeededEntropy>,
    service: WebhookService,
    acting: Acting,
}

impl House {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(SeededEntropy::default());
        let service = WebhookService::new(store.clone(), clock.clone(), entropy.clone());
        Self {
            store,
            clock,
            entropy,
            service,
            acting: fixtures::acting(&fixtures::acme()),
        }
    }

    async fn webhook(&self, settings: Settings) -> Webhook {
        let create = CreateWebhook {
            settings,
            idempotent: None,
        };
        let webhook = done(self.service.create(&self.acting, create).await);
        self.clock.advance_seconds(60);
        webhook
    }

    async fn update(&self, webhook: &Webhook, update: SettingsUpdate) -> Result<Outcome, ServiceError> {
        let update = plainly(update);
        self.service.update(&self.acting, webhook.id, update).await
    }

    async fn delete(&self, webhook: &Webhook, delete: DeleteWebhook) -> Result<Outcome, ServiceError> {
        self.service.delete(&self.acting, webhook.id, delete).await
    }

    async fn stored(&self, webhook: &Webhook) -> Option<Webhook> {
        let found = self.store.find(&webhook.platform, webhook.id).await;
        found.unwrap()
    }

    async fn records(&self, webhook: &Webhook) -> Vec<AuditRecord> {
        let query = AuditQuery::of_resource(webhook.id, 10);
        self.store.list(&webhook.platform, query).await.unwrap()
    }
}

/// An update that keeps all of [`fixtures::bare_settings`].
fn keeping() -> SettingsUpdate {
    SettingsUpdate::new(true, false, AuthenticationType::None)
}

fn plainly(update: SettingsUpdate) -> UpdateWebhook {
    UpdateWebhook {
        update,
        precondition: Precondition::default(),
        idempotent: None,
    }
}

fn referring(name: &str) -> SettingsUpdate {
    SettingsUpdate {
        reference: Edit::Set(fixtures::reference(name)),
        ..keeping()
    }
}

#[track_caller]
fn done(result: Result<Outcome, ServiceError>) -> Webhook {
    match result.unwrap() {
        Outcome::Done { subject, .. } => *subject,
        Outcome::Replayed(_) => panic!("replayed"),
    }
}

#[track_caller]
fn refusal<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> Refusal {
    match result {
        Err(ServiceError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn an_update_changes_the_settings_and_leaves_the_keys() {
    let house = House::new();
    let webhook = house.webhook(fixtures::bare_settings()).await;
    let update = SettingsUpdate {
        active: false,
        ..referring("r")
    };
    let updated = done(house.update(&webhook, update).await);
    let expected = Webhook {
        settings: Settings {
            active: false,
            reference: Some(fixtures::reference("r")),
            ..fixtures::bare_settings()
        },
        updated_at: house.clock.now(),
        version: Version(2),
        ..webhook.clone()
    };
    assert_eq!(updated, expected);
    assert_eq!(house.stored(&webhook).await, Some(expected));

    let records = house.records(&webhook).await;
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].action, AuditAction::WebhookUpdated);
    assert_eq!(records[0].at, house.clock.now());
    let details = AuditDetails {
        changed_fields: vec!["reference".into(), "active".into()],
        ..AuditDetails::default()
    };
    assert_eq!(
        records[0].details, details,
        "what changed by name, and nothing of keys"
    );
}

#[tokio::test]
async fn an_update_that_changes_nothing_is_no_change() {
    let house = House::new();
    let webhook = house.webhook(fixtures::bare_settings()).await;
    let same = SettingsUpdate {
        name: Edit::Clear,
        ..keeping()
    };
    assert_eq!(done(house.update(&webhook, same).await), webhook);
    assert_eq!(house.stored(&webhook).await.as_ref(), Some(&webhook));
    assert_eq!(house.records(&webhook).await.len(), 1);
}

#[tokio::test]
async fn an_update_is_done_once_and_answered_again() {
    let house = House::new();
    let webhook = house.webhook(fixtures::bare_settings()).await;
    let update = || UpdateWebhook {
        idempotent: Some(fixtures::request("update", "body")),
        ..plainly(referring("r"))
    };
    let first = house.service.update(&house.acting, webhook.id, update()).await;
    let Outcome::Done { answer, .. } = first.unwrap() else {
        panic!("replayed");
    };
    done(house.update(&webhook, referring("s")).await);
    match house.service.update(&house.acting, webhook.id, update()).await {
        Ok(Outcome::Replayed(again)) => assert_eq!(Some(again), answer),
        other => panic!("not replayed: {other:?}"),
    }
    let stored = house.stored(&webhook).await.unwrap();
    assert_eq!(stored.settings.reference, Some(fixtures::reference("s")));
}

#[tokio::test]
async fn what_was_meant_for_another_version_changes_nothing() {
    let house = House::new();
    let webhook = house.webhook(fixtures::bare_settings()).await;
    let current = done(house.update(&webhook, referring("r")).await);
    let stale = || Precondition::VersionIn(vec![webhook.version]);
    let update = UpdateWebhook {
        precondition: stale(),
        ..plainly(referring("s"))
    };
    let updated = house.service.update(&house.acting, webhook.id, update).await;
    assert_eq!(refusal(updated), Refusal::VersionMismatch);
    // Neither is a stale reader told that all is as they wish.
    let update = UpdateWebhook {
        precondition: stale(),
        ..plainly(referring("r"))
    };
    let updated = house.service.update(&house.acting, webhook.id, update).await;
    assert_eq!(refusal(updated), Refusal::VersionMismatch);
    let delete = |precondition| DeleteWebhook {
        precondition,
        idempotent: None,
    };
    let deleted = house.delete(&webhook, delete(stale())).await;
    assert_eq!(refusal(deleted), Refusal::VersionMismatch);
    assert_eq!(house.stored(&webhook).await.as_ref(), Some(&current));
    assert_eq!(house.records(&webhook).await.len(), 2);

    let right = Precondition::VersionIn(vec![webhook.version, current.version]);
    done(house.delete(&webhook, delete(right)).await);
    assert_eq!(house.stored(&webhook).await, None);
}

#[tokio::test]
async fn a_reference_that_is_taken_is_refused_on_its_own_platform_alone() {
    let house = House::new();
    let taken = house.webhook(fixtures::bare_settings()).await;
    done(house.update(&taken, referring("r")).await);
    let webhook = house.webhook(fixtures::bare_settings()).await;
    assert_eq!(
        refusal(house.update(&webhook, referring("r")).await),
        Refusal::ReferenceTaken
    );
    assert_eq!(house.stored(&webhook).await.as_ref(), Some(&webhook));
    assert_eq!(house.records(&webhook).await.len(), 1);

    let elsewhere = fixtures::acting(&fixtures::platform("other"));
    let create = CreateWebhook {
        settings: fixtures::bare_settings(),
        idempotent: None,
    };
    let other = done(house.service.create(&elsewhere, create).await);
    let update = plainly(referring("r"));
    done(house.service.update(&elsewhere, other.id, update).await);
}

#[tokio::test]
async fn what_the_update_refuses_changes_nothing() {
    let house = House::new();
    let webhook = house.webhook(fixtures::bare_settings()).await;
    let update = SettingsUpdate {
        reference: Edit::Set(fixtures::reference("r")),
        ..SettingsUpdate::new(true, false, AuthenticationType::Password)
    };
    let refused = refusal(house.update(&webhook, update).await);
    let missing = matches!(
        refused,
        Refusal::MissingField {
            field: "username",
            ..
        }
    );
    assert!(missing, "{refused}");
    assert_eq!(house.stored(&webhook).await.as_ref(), Some(&webhook));
}

#[tokio::test]
async fn a_deletion_gives_the_webhook_as_it_was_and_names_the_keys_that_ended() {
    let house = House::new();
    let webhook = house.webhook(fixtures::full_settings()).await;
    let kept = house.webhook(fixtures::bare_settings()).await;
    let (store, clock) = (house.store.clone(), house.clock.clone());
    let secrets = SecretKeyService::new(store, clock, house.entropy.clone(), Overlap::DAY);
    let roll = |overlap| RollSecret {
        overlap: Some(overlap),
        ..RollSecret::default()
    };
    let minute = Overlap::from_seconds(60).unwrap();
    for overlap in [minute, Overlap::DAY] {
        done(secrets.roll(&house.acting, webhook.id, roll(overlap)).await);
    }
    // The first key has expired by then: it does not end now.
    house.clock.advance_seconds(61);
    let as_it_was = house.stored(&webhook).await.unwrap();
    let signing = as_it_was.key_ring.valid_at(house.clock.now());
    let signing: Vec<_> = signing
        .map(|key| key.secret.fingerprint().as_str().to_owned())
        .collect();
    assert_eq!(signing.len(), 2);

    let deleted = done(house.delete(&webhook, DeleteWebhook::default()).await);
    assert_eq!(deleted, as_it_was);
    assert_eq!(house.stored(&webhook).await, None);
    let records = house.records(&webhook).await;
    assert_eq!(records.len(), 4, "what was done before is still known");
    assert_eq!(records[0].action, AuditAction::WebhookDeleted);
    let details = AuditDetails {
        ended_keys: signing,
        ..AuditDetails::default()
    };
    assert_eq!(records[0].details, details);

    let left = house.service.list(&house.acting, WebhookQuery::default()).await;
    assert_eq!(left.unwrap().webhooks, [kept]);
    for again in [
        house.delete(&webhook, DeleteWebhook::default()).await,
        house.update(&webhook, keeping()).await,
    ] {
        assert_eq!(refusal(again), Refusal::NO_SUCH_WEBHOOK);
    }
    assert_eq!(house.records(&webhook).await.len(), 4);
}

#[tokio::test]
async fn another_platforms_webhook_is_neither_changed_nor_deleted_nor_listed() {
    let house = House::new();
    let webhook = house.webhook(fixtures::bare_settings()).await;
    let other = fixtures::platform("other");
    for stranger in [fixtures::acting(&other), fixtures::operator(&other)] {
        let update = plainly(referring("r"));
        let updated = house.service.update(&stranger, webhook.id, update).await;
        assert_eq!(refusal(updated), Refusal::NO_SUCH_WEBHOOK);
        let delete = DeleteWebhook::default();
        let deleted = house.service.delete(&stranger, webhook.id, delete).await;
        assert_eq!(refusal(deleted), Refusal::NO_SUCH_WEBHOOK);
        let page = house.service.list(&stranger, WebhookQuery::default()).await;
        let page = page.unwrap();
        assert_eq!((page.webhooks, page.total), (vec![], 0));
    }
    assert_eq!(house.stored(&webhook).await.as_ref(), Some(&webhook));
}

#[tokio::test]
async fn a_page_has_what_was_asked_for_and_tells_how_many_there_are() {
    let house = House::new();
    let first = house.webhook(fixtures::bare_settings()).await;
    house.webhook(fixtures::bare_settings()).await;
    let query = WebhookQuery {
        limit: PageSize::new(1).unwrap(),
        ..WebhookQuery::default()
    };
    let viewer = fixtures::acting_with(&fixtures::acme(), &[Permission::WebhookView]);
    let page = house.service.list(&viewer, query).await.unwrap();
    assert_eq!((page.webhooks, page.total), (vec![first.clone()], 2));
    assert_eq!(house.records(&first).await.len(), 1, "a list reveals nothing");
}

#[tokio::test]
async fn without_the_permission_the_store_is_not_asked() {
    let mut store = MockWebhookStore::new();
    store.expect_change().never();
    store.expect_page().never();
    let entropy = Arc::new(SeededEntropy::default());
    let clock = Arc::new(ManualClock::default());
    let service = WebhookService::new(Arc::new(store), clock, entropy);
    let id = "whk_01hv9k2m4rt6w8y0abcdefghjk".parse().unwrap();
    let without = |permission: Permission| {
        let others = Permission::ALL.iter().copied().filter(|one| *one != permission);
        fixtures::acting_with(&fixtures::acme(), &Vec::from_iter(others))
    };
    let not_permitted = |permission| Refusal::NotPermitted { permission };

    let update = UpdateWebhook {
        idempotent: Some(fixtures::request("update", "body")),
        ..plainly(keeping())
    };
    let permission = Permission::WebhookUpdate;
    let updated = service.update(&without(permission), id, update).await;
    assert_eq!(refusal(updated), not_permitted(permission));

    let delete = DeleteWebhook {
        precondition: Precondition::default(),
        idempotent: Some(fixtures::request("delete", "")),
    };
    let permission = Permission::WebhookDelete;
    let deleted = service.delete(&without(permission), id, delete).await;
    assert_eq!(refusal(deleted), not_permitted(permission));

    let permission = Permission::WebhookView;
    let listed = service.list(&without(permission), WebhookQuery::default()).await;
    assert_eq!(refusal(listed), not_permitted(permission));
}
