//! Where a rule takes place: a platform of its own on the store, with time and randomness under control.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::Ports;
pub(super) use super::verdict::fail;
use crate::access::audit::{AuditAction, AuditDetails, AuditRecord, AuditStamp};
use crate::access::caller::Acting;
use crate::error::ServiceError;
use crate::id::{PlatformId, WebhookId};
use crate::idempotency::{Idempotency, IdempotentRequest};
use crate::ports::{AuditQuery, Change, ChangeOrder, Creation, Effect, Outcome};
use crate::services::{RemoveSecret, RollSecret, SecretKeyService};
use crate::signing::key_ring::{Evidence, Overlap};
use crate::signing::secret::SecretBytes;
use crate::testing::{ManualClock, SeededEntropy, fixtures};
use crate::time::{Clock, Instant};
use crate::webhook::{PageSize, Settings, Webhook, WebhookPage, WebhookQuery};

pub(super) struct Scene {
    pub(super) ports: Ports,
    pub(super) platform: PlatformId,
    pub(super) clock: Arc<ManualClock>,
    pub(super) entropy: Arc<SeededEntropy>,
    pub(super) acting: Acting,
}

impl Scene {
    pub(super) fn new(ports: &Ports) -> Self {
        Self::at(ports, ManualClock::START)
    }

    /// A scene at `start`: rules that sweep a whole store are at home in years where no other rule is.
    pub(super) fn at(ports: &Ports, start: Instant) -> Self {
        // A rule may have several scenes, each with a platform of its own.
        let seed = RandomState::new().hash_one(0);
        let platform = fixtures::platform(&format!("conformance-{seed:016x}"));
        Self {
            ports: ports.clone(),
            clock: Arc::new(ManualClock::at(start)),
            entropy: Arc::new(SeededEntropy::new(seed)),
            acting: fixtures::acting(&platform),
            platform,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// A webhook that is not stored yet.
    pub(super) fn new_webhook(&self, settings: Settings) -> Webhook {
        fixtures::webhook(&self.platform, settings, self.now(), self.entropy.as_ref())
    }

    pub(super) fn creation(&self, webhook: &Webhook, request: Option<IdempotentRequest>) -> Creation {
        let details = AuditDetails::of_keys(None, &webhook.key_ring, self.now());
        Creation {
            announcement: None,
            webhook: webhook.clone(),
            audit: self.record(AuditAction::WebhookCreated, &webhook.id.to_string(), details),
            quota: None,
            idempotency: self.idempotency(request),
        }
    }

    pub(super) async fn create(&self, settings: Settings) -> Webhook {
        let webhook = self.new_webhook(settings);
        let created = self.ports.webhooks().create(self.creation(&webhook, None)).await;
        done(created).0
    }

    pub(super) fn record(
        &self,
        action: AuditAction,
        resource_id: &str,
        details: AuditDetails,
    ) -> AuditRecord {
        let stamp = AuditStamp::new(&self.acting, self.now(), self.entropy.as_ref());
        held(stamp).record(action, resource_id.to_owned(), details)
    }

    pub(super) fn idempotency(&self, request: Option<IdempotentRequest>) -> Option<Idempotency> {
        request.map(|request| request.by(&self.acting, self.now()))
    }

    /// Has `decide` run on the webhook.
    pub(super) async fn change(
        &self,
        webhook: WebhookId,
        request: Option<IdempotentRequest>,
        decide: impl Fn(&Webhook) -> Result<Change, crate::Refusal> + Send + Sync + 'static,
    ) -> Result<Outcome, ServiceError> {
        let order = ChangeOrder {
            announcement: None,
            platform: self.platform.clone(),
            webhook,
            decide: Box::new(decide),
            settles: None,
            idempotency: self.idempotency(request),
        };
        self.ports.webhooks().change(order).await
    }

    /// Changes the settings, without a record.
    pub(super) async fn set(
        &self,
        webhook: WebhookId,
        edit: impl Fn(&mut Settings) + Send + Sync + 'static,
    ) -> Result<Outcome, ServiceError> {
        let decide = move |stored: &Webhook| {
            let mut webhook = stored.clone();
            edit(&mut webhook.settings);
            Ok(Change {
                effect: Effect::Save(Box::new(webhook)),
                ..Change::default()
            })
        };
        self.change(webhook, None, decide).await
    }

    fn secrets(&self) -> SecretKeyService {
        let store = self.ports.webhooks().clone();
        SecretKeyService::new(store, self.clock.clone(), self.entropy.clone(), Overlap::DAY)
    }

    pub(super) async fn roll(&self, webhook: WebhookId, overlap: Overlap) -> Result<Outcome, ServiceError> {
        let roll = RollSecret {
            overlap: Some(overlap),
            ..RollSecret::default()
        };
        self.secrets().roll(&self.acting, webhook, roll).await
    }

    /// Rolls, and keeps the key before until the new one is adopted.
    pub(super) async fn roll_keeping(
        &self,
        webhook: WebhookId,
        overlap: Overlap,
    ) -> Result<Outcome, ServiceError> {
        let roll = RollSecret {
            overlap: Some(overlap),
            keeps_previous_until_adopted: true,
            ..RollSecret::default()
        };
        self.secrets().roll(&self.acting, webhook, roll).await
    }

    /// Has the service not check the webhook by itself.
    pub(super) async fn end_checks(&self, webhook: WebhookId) {
        let decide = |stored: &Webhook| {
            let mut webhook = stored.clone();
            webhook.key_ring = webhook.key_ring.checked_next_at(None);
            Ok(Change {
                effect: Effect::Save(Box::new(webhook)),
                ..Change::default()
            })
        };
        done(self.change(webhook, None, decide).await);
    }

    /// Shows that the receiver verifies with the current key.
    pub(super) async fn prove(&self, webhook: WebhookId, evidence: Evidence) {
        let now = self.now();
        let decide = move |stored: &Webhook| {
            let current = stored.key_ring.current().map(|key| key.id);
            let proved = current.map(|key| stored.clone().proved(key, evidence, now));
            Ok(Change {
                effect: proved.map_or(Effect::Keep, |webhook| Effect::Save(Box::new(webhook))),
                ..Change::default()
            })
        };
        done(self.change(webhook, None, decide).await);
    }

    pub(super) async fn roll_as(
        &self,
        acting: &Acting,
        webhook: WebhookId,
        request: IdempotentRequest,
    ) -> Result<Outcome, ServiceError> {
        let roll = RollSecret {
            idempotent: Some(request),
            ..RollSecret::default()
        };
        self.secrets().roll(acting, webhook, roll).await
    }

    pub(super) async fn remove(
        &self,
        webhook: WebhookId,
        overlap: Overlap,
        request: Option<IdempotentRequest>,
    ) -> Result<Outcome, ServiceError> {
        let remove = RemoveSecret {
            overlap: Some(overlap),
            idempotent: request,
            ..RemoveSecret::default()
        };
        self.secrets().remove(&self.acting, webhook, remove).await
    }

    pub(super) async fn find(&self, webhook: WebhookId) -> Option<Webhook> {
        held(self.ports.webhooks().find(&self.platform, webhook).await)
    }

    pub(super) async fn stored(&self, webhook: WebhookId) -> Webhook {
        held(self.find(webhook).await.ok_or("the webhook is gone"))
    }

    /// All records of a resource, newest first.
    pub(super) async fn records(&self, resource_id: impl ToString) -> Vec<AuditRecord> {
        self.audit(AuditQuery::of_resource(resource_id, 1000)).await
    }

    /// The records of the platform that are asked for.
    pub(super) async fn audit(&self, query: AuditQuery) -> Vec<AuditRecord> {
        held(self.ports.audit().list(&self.platform, query).await)
    }

    pub(super) async fn page(&self, query: WebhookQuery) -> WebhookPage {
        held(self.ports.webhooks().page(&self.platform, query).await)
    }

    /// The webhooks of the platform, of which there must not be more than go on a page, by their creation.
    pub(super) async fn list(&self) -> Vec<Webhook> {
        let limit = PageSize::MAX;
        let query = WebhookQuery {
            limit,
            ..WebhookQuery::default()
        };
        self.page(query).await.webhooks
    }
}

/// The value of a result that must be one.
#[track_caller]
pub(super) fn held<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => fail(&format!("the store failed: {error:?}")),
    }
}

/// The webhook and the answer of something that must have been done.
#[track_caller]
pub(super) fn done<T>(result: Result<Outcome<T>, ServiceError>) -> (T, Option<SecretBytes>) {
    match held(result) {
        Outcome::Done { subject, answer } => (*subject, answer),
        Outcome::Replayed(_) => fail("answered as if it had been done before"),
    }
}

/// The answer of something that must have been done just now and answered.
#[track_caller]
pub(super) fn answered<T>(result: Result<Outcome<T>, ServiceError>) -> SecretBytes {
    held(done(result).1.ok_or("done, but the answer is missing"))
}

/// The answer of something that must have been done before.
#[track_caller]
pub(super) fn replayed<T>(result: Result<Outcome<T>, ServiceError>) -> SecretBytes {
    match held(result) {
        Outcome::Replayed(answer) => answer,
        Outcome::Done { .. } => fail("done a second time"),
    }
}

/// The refusal of something that must have been refused.
#[track_caller]
pub(super) fn refused<T: std::fmt::Debug>(result: Result<Outcome<T>, ServiceError>) -> crate::Refusal {
    match result {
        Err(ServiceError::Refused(refusal)) => refusal,
        other => fail(&format!("not refused, but: {other:?}")),
    }
}
