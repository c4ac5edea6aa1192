//! A preview foretells the roll: it says what one would do, refuses what one would refuse, and does nothing.

#![expect(clippy::panic, clippy::unwrap_used, reason = "so a test says that it failed")]

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::ports::{AuditLog, AuditQuery, Outcome, WebhookStore};
use webhook_domain::services::{
    CreateWebhook, RemoveSecret, RollPreview, RollSecret, SecretKeyService, WebhookService,
};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::time::{Clock, Instant};
use webhook_domain::webhook::{AuthenticationType, Edit, Precondition, SettingsUpdate, Version, Webhook};
use webhook_domain::{Refusal, ServiceError};

const DEFAULT_OVERLAP: u64 = 1_800;

struct Fixture {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    service: SecretKeyService,
    acting: Acting,
    webhook: Webhook,
}

impl Fixture {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(SeededEntropy::default());
        let overlap = Overlap::from_seconds(DEFAULT_OVERLAP).unwrap();
        let acting = fixtures::acting(&fixtures::acme());
        let create = CreateWebhook {
            settings: fixtures::bare_settings(),
            idempotent: None,
        };
        let webhooks = WebhookService::new(store.clone(), clock.clone(), entropy.clone());
        let webhook = done(webhooks.create(&acting, create).await.unwrap());
        Self {
            service: SecretKeyService::new(store.clone(), clock.clone(), entropy, overlap),
            store,
            clock,
            acting,
            webhook,
        }
    }

    async fn roll(&self, roll: RollSecret) -> Webhook {
        done(
            self.service
                .roll(&self.acting, self.webhook.id, roll)
                .await
                .unwrap(),
        )
    }

    async fn preview(&self, roll: RollSecret) -> Result<RollPreview, Refusal> {
        self.preview_as(&self.acting, self.webhook.id, roll).await
    }

    async fn preview_as(
        &self,
        acting: &Acting,
        id: WebhookId,
        roll: RollSecret,
    ) -> Result<RollPreview, Refusal> {
        match self.service.preview(acting, id, roll).await {
            Ok(preview) => Ok(preview),
            Err(ServiceError::Refused(refusal)) => Err(refusal),
            Err(error) => panic!("{error}"),
        }
    }

    async fn state(&self) -> (Option<Webhook>, usize) {
        let platform = fixtures::acme();
        let found = WebhookStore::find(self.store.as_ref(), &platform, self.webhook.id).await;
        let query = AuditQuery::of_resource(self.webhook.id, 100);
        let records = AuditLog::list(self.store.as_ref(), &platform, query).await;
        (found.unwrap(), records.unwrap().len())
    }

    fn in_seconds(&self, seconds: u64) -> Instant {
        let now = self.clock.now().whole_seconds();
        now.plus(Duration::from_secs(seconds))
    }
}

fn done(outcome: Outcome) -> Webhook {
    match outcome {
        Outcome::Done { subject, .. } => *subject,
        Outcome::Replayed(_) => panic!("replayed"),
    }
}

fn current(webhook: &Webhook) -> Fingerprint {
    webhook.key_ring.current().unwrap().fingerprint()
}

fn overlapping(seconds: u64) -> RollSecret {
    RollSecret {
        overlap: Some(Overlap::from_seconds(seconds).unwrap()),
        ..RollSecret::default()
    }
}

#[tokio::test]
async fn it_names_the_keys_that_would_go_on_signing_and_until_when_newest_first() {
    let fixture = Fixture::new().await;
    let first = current(&fixture.webhook);
    let retired = vec![(first.clone(), fixture.in_seconds(DEFAULT_OVERLAP))];
    let expected = RollPreview {
        retired,
        ended: Vec::new(),
    };
    assert_eq!(fixture.preview(RollSecret::default()).await, Ok(expected));

    let second = current(&fixture.roll(overlapping(600)).await);
    let first_ends = fixture.in_seconds(600);
    fixture.clock.advance_seconds(60);
    let expected = |seconds| RollPreview {
        retired: vec![
            (second.clone(), fixture.in_seconds(seconds)),
            (first.clone(), first_ends),
        ],
        ended: Vec::new(),
    };
    assert_eq!(fixture.preview(overlapping(900)).await, Ok(expected(900)));
    assert_eq!(
        fixture.preview(RollSecret::default()).await,
        Ok(expected(DEFAULT_OVERLAP))
    );
}

#[tokio::test]
async fn it_names_the_keys_that_would_sign_no_more() {
    let fixture = Fixture::new().await;
    let first = current(&fixture.webhook);
    let second = current(&fixture.roll(overlapping(600)).await);
    let expected = |ended| RollPreview {
        retired: Vec::new(),
        ended,
    };
    let leak = fixture.preview(overlapping(0)).await;
    assert_eq!(leak, Ok(expected(vec![second.clone(), first])));
    // What has ended by itself is not ended by a roll.
    fixture.clock.advance_seconds(600);
    assert_eq!(fixture.preview(overlapping(0)).await, Ok(expected(vec![second])));

    let remove = RemoveSecret {
        overlap: Some(Overlap::NONE),
        ..RemoveSecret::default()
    };
    let removed = fixture
        .service
        .remove(&fixture.acting, fixture.webhook.id, remove);
    removed.await.unwrap();
    assert_eq!(
        fixture.preview(RollSecret::default()).await,
        Ok(expected(Vec::new()))
    );
}

#[tokio::test]
async fn a_roll_does_what_was_foretold_and_the_preview_did_nothing() {
    let fixture = Fixture::new().await;
    fixture.roll(overlapping(600)).await;
    let before = fixture.state().await;
    let foretold = fixture.preview(overlapping(300)).await.unwrap();
    assert_eq!(fixture.state().await, before);
    let rolled = fixture.roll(overlapping(300)).await;
    let retired: Vec<_> = rolled
        .key_ring
        .retired_at(fixture.clock.now())
        .map(|retired| (retired.key.fingerprint(), retired.expires_at))
        .collect();
    assert_eq!(foretold.retired, retired);
    assert_eq!(retired.len(), 2);
}

#[tokio::test]
async fn it_refuses_what_a_roll_would_refuse() {
    let fixture = Fixture::new().await;
    let of_another_version = || RollSecret {
        precondition: Precondition::VersionIn(vec![Version(2)]),
        ..RollSecret::default()
    };
    assert_eq!(
        fixture.preview(of_another_version()).await,
        Err(Refusal::VersionMismatch)
    );
    let incomplete = RollSecret {
        update: Some(SettingsUpdate {
            username: Edit::Clear,
            ..SettingsUpdate::new(true, false, AuthenticationType::Password)
        }),
        ..RollSecret::default()
    };
    let refusal = fixture.preview(incomplete).await.unwrap_err();
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
    for _ in 0..5 {
        fixture.roll(RollSecret::default()).await;
    }
    let expected = Refusal::TooManyRetiredKeys {
        limit: 5,
        next_free_at: fixture.in_seconds(DEFAULT_OVERLAP),
    };
    assert_eq!(fixture.preview(RollSecret::default()).await, Err(expected));
    assert!(fixture.preview(overlapping(0)).await.is_ok());
}

#[tokio::test]
async fn it_is_for_those_alone_who_may_roll_the_webhook() {
    let fixture = Fixture::new().await;
    let id = fixture.webhook.id;
    let viewer = fixtures::acting_with(&fixtures::acme(), &[Permission::WebhookView]);
    let refusal = fixture.preview_as(&viewer, id, RollSecret::default()).await;
    let permission = Permission::WebhookUpdate;
    assert_eq!(refusal, Err(Refusal::NotPermitted { permission }));
    let stranger = fixtures::acting(&"other".parse().unwrap());
    let refusal = fixture.preview_as(&stranger, id, RollSecret::default()).await;
    assert_eq!(refusal, Err(Refusal::NO_SUCH_WEBHOOK));
}
