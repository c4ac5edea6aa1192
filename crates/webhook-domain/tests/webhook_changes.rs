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

struct Fixture {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    entropy: Arc<SeededEntropy>,
    service: WebhookService,
    acting: Acting,
}

impl Fixture {
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
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::bare_settings()).await;
    let update = SettingsUpdate {
        active: false,
        ..referring("r")
    };
    let updated = done(fixture.update(&webhook, update).await);
    let expected = Webhook {
        settings: Settings {
            active: false,
            reference: Some(fixtures::reference("r")),
            ..fixtures::bare_settings()
        },
        updated_at: fixture.clock.now(),
        version: Version(2),
        ..webhook.clone()
    };
    assert_eq!(updated, expected);
    assert_eq!(fixture.stored(&webhook).await, Some(expected));

    let records = fixture.records(&webhook).await;
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].action, AuditAction::WebhookUpdated);
    assert_eq!(records[0].at, fixture.clock.now());
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
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::bare_settings()).await;
    let same = SettingsUpdate {
        name: Edit::Clear,
        ..keeping()
    };
    assert_eq!(done(fixture.update(&webhook, same).await), webhook);
    assert_eq!(fixture.stored(&webhook).await.as_ref(), Some(&webhook));
    assert_eq!(fixture.records(&webhook).await.len(), 1);
}

#[tokio::test]
async fn an_update_is_done_once_and_answered_again() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::bare_settings()).await;
    let update = || UpdateWebhook {
        idempotent: Some(fixtures::request("update", "body")),
        ..plainly(referring("r"))
    };
    let first = fixture
        .service
        .update(&fixture.acting, webhook.id, update())
        .await;
    let Outcome::Done { answer, .. } = first.unwrap() else {
        panic!("replayed");
    };
    done(fixture.update(&webhook, referring("s")).await);
    match fixture
        .service
        .update(&fixture.acting, webhook.id, update())
        .await
    {
        Ok(Outcome::Replayed(again)) => assert_eq!(Some(again), answer),
        other => panic!("not replayed: {other:?}"),
    }
    let stored = fixture.stored(&webhook).await.unwrap();
    assert_eq!(stored.settings.reference, Some(fixtures::reference("s")));
}

#[tokio::test]
async fn what_was_meant_for_another_version_changes_nothing() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::bare_settings()).await;
    let current = done(fixture.update(&webhook, referring("r")).await);
    let stale = || Precondition::VersionIn(vec![webhook.version]);
    let update = UpdateWebhook {
        precondition: stale(),
        ..plainly(referring("s"))
    };
    let updated = fixture.service.update(&fixture.acting, webhook.id, update).await;
    assert_eq!(refusal(updated), Refusal::VersionMismatch);
    // Neither is a stale reader told that all is as they wish.
    let update = UpdateWebhook {
        precondition: stale(),
        ..plainly(referring("r"))
    };
    let updated = fixture.service.update(&fixture.acting, webhook.id, update).await;
    assert_eq!(refusal(updated), Refusal::VersionMismatch);
    let delete = |precondition| DeleteWebhook {
        precondition,
        idempotent: None,
    };
    let deleted = fixture.delete(&webhook, delete(stale())).await;
    assert_eq!(refusal(deleted), Refusal::VersionMismatch);
    assert_eq!(fixture.stored(&webhook).await.as_ref(), Some(&current));
    assert_eq!(fixture.records(&webhook).await.len(), 2);

    let right = Precondition::VersionIn(vec![webhook.version, current.version]);
    done(fixture.delete(&webhook, delete(right)).await);
    assert_eq!(fixture.stored(&webhook).await, None);
}

#[tokio::test]
async fn a_reference_that_is_taken_is_refused_on_its_own_platform_alone() {
    let fixture = Fixture::new();
    let taken = fixture.webhook(fixtures::bare_settings()).await;
    done(fixture.update(&taken, referring("r")).await);
    let webhook = fixture.webhook(fixtures::bare_settings()).await;
    assert_eq!(
        refusal(fixture.update(&webhook, referring("r")).await),
        Refusal::ReferenceTaken
    );
    assert_eq!(fixture.stored(&webhook).await.as_ref(), Some(&webhook));
    assert_eq!(fixture.records(&webhook).await.len(), 1);

    let elsewhere = fixtures::acting(&fixtures::platform("other"));
    let create = CreateWebhook {
        settings: fixtures::bare_settings(),
        idempotent: None,
    };
    let other = done(fixture.service.create(&elsewhere, create).await);
    let update = plainly(referring("r"));
    done(fixture.service.update(&elsewhere, other.id, update).await);
}

#[tokio::test]
async fn what_the_update_refuses_changes_nothing() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::bare_settings()).await;
    let update = SettingsUpdate {
        reference: Edit::Set(fixtures::reference("r")),
        ..SettingsUpdate::new(true, false, AuthenticationType::Password)
    };
    let refused = refusal(fixture.update(&webhook, update).await);
    let missing = matches!(
        refused,
        Refusal::MissingField {
            field: "username",
            ..
        }
    );
    assert!(missing, "{refused}");
    assert_eq!(fixture.stored(&webhook).await.as_ref(), Some(&webhook));
}

#[tokio::test]
async fn a_deletion_gives_the_webhook_as_it_was_and_names_the_keys_that_ended() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::full_settings()).await;
    let kept = fixture.webhook(fixtures::bare_settings()).await;
    let (store, clock) = (fixture.store.clone(), fixture.clock.clone());
    let secrets = SecretKeyService::new(store, clock, fixture.entropy.clone(), Overlap::DAY);
    let roll = |overlap| RollSecret {
        overlap: Some(overlap),
        ..RollSecret::default()
    };
    let minute = Overlap::from_seconds(60).unwrap();
    for overlap in [minute, Overlap::DAY] {
        done(secrets.roll(&fixture.acting, webhook.id, roll(overlap)).await);
    }
    // The first key has expired by then: it does not end now.
    fixture.clock.advance_seconds(61);
    let as_it_was = fixture.stored(&webhook).await.unwrap();
    let signing = as_it_was.key_ring.valid_at(fixture.clock.now());
    let signing: Vec<_> = signing.map(|key| key.fingerprint().as_str().to_owned()).collect();
    assert_eq!(signing.len(), 2);

    let deleted = done(fixture.delete(&webhook, DeleteWebhook::default()).await);
    assert_eq!(deleted, as_it_was);
    assert_eq!(fixture.stored(&webhook).await, None);
    let records = fixture.records(&webhook).await;
    assert_eq!(records.len(), 4, "what was done before is still known");
    assert_eq!(records[0].action, AuditAction::WebhookDeleted);
    let details = AuditDetails {
        ended_keys: signing,
        ..AuditDetails::default()
    };
    assert_eq!(records[0].details, details);

    let left = fixture
        .service
        .list(&fixture.acting, WebhookQuery::default())
        .await;
    assert_eq!(left.unwrap().webhooks, [kept]);
    for again in [
        fixture.delete(&webhook, DeleteWebhook::default()).await,
        fixture.update(&webhook, keeping()).await,
    ] {
        assert_eq!(refusal(again), Refusal::NO_SUCH_WEBHOOK);
    }
    assert_eq!(fixture.records(&webhook).await.len(), 4);
}

#[tokio::test]
async fn another_platforms_webhook_is_neither_changed_nor_deleted_nor_listed() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::bare_settings()).await;
    let other = fixtures::platform("other");
    for stranger in [fixtures::acting(&other), fixtures::operator(&other)] {
        let update = plainly(referring("r"));
        let updated = fixture.service.update(&stranger, webhook.id, update).await;
        assert_eq!(refusal(updated), Refusal::NO_SUCH_WEBHOOK);
        let delete = DeleteWebhook::default();
        let deleted = fixture.service.delete(&stranger, webhook.id, delete).await;
        assert_eq!(refusal(deleted), Refusal::NO_SUCH_WEBHOOK);
        let page = fixture.service.list(&stranger, WebhookQuery::default()).await;
        let page = page.unwrap();
        assert_eq!((page.webhooks, page.total), (vec![], 0));
    }
    assert_eq!(fixture.stored(&webhook).await.as_ref(), Some(&webhook));
}

#[tokio::test]
async fn a_page_has_what_was_asked_for_and_tells_how_many_there_are() {
    let fixture = Fixture::new();
    let first = fixture.webhook(fixtures::bare_settings()).await;
    fixture.webhook(fixtures::bare_settings()).await;
    let query = WebhookQuery {
        limit: PageSize::new(1).unwrap(),
        ..WebhookQuery::default()
    };
    let viewer = fixtures::acting_with(&fixtures::acme(), &[Permission::WebhookView]);
    let page = fixture.service.list(&viewer, query).await.unwrap();
    assert_eq!((page.webhooks, page.total), (vec![first.clone()], 2));
    assert_eq!(fixture.records(&first).await.len(), 1, "a list reveals nothing");
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
