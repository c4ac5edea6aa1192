//! Rotations as clients see them: begun, read, stopped. What rolls the webhooks is [`RotationRunner`](super::RotationRunner).

use std::sync::Arc;

use super::secret_key::RollRule;
use crate::access::audit::{AuditAction, AuditDetails, AuditRecord, AuditStamp};
use crate::access::caller::Acting;
use crate::access::permission::Permission;
use crate::entropy::{Entropy, EntropyError};
use crate::error::{Refusal, ServiceError};
use crate::id::RotationId;
use crate::idempotency::IdempotentRequest;
use crate::ports::{
    FinishRotation, MatchingWebhooks, NewRotation, Outcome, RotationStore, RotationWebhooksQuery,
};
use crate::rotation::{
    DescribeRotation, Rotation, RotationAnnouncement, RotationFilter, RotationOrders, RotationStatus,
    RotationTotals, RotationWebhook, Spread, StopReason,
};
use crate::signing::key_ring::{Overlap, WantedOverlap};
use crate::signing::signing_protocol::SigningProtocol;
use crate::time::{Clock, Instant};

/// Begins, reads and stops rotations.
#[derive(Clone)]
pub struct RotationService {
    store: Arc<dyn RotationStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    default_overlap: Overlap,
    describe: Option<DescribeRotation>,
}

/// A rotation to be begun.
#[derive(Default)]
pub struct StartRotation {
    /// Which webhooks it is about.
    pub filter: RotationFilter,
    /// How long the key before goes on signing; the deployment's default, if none.
    pub overlap: Option<Overlap>,
    /// Whether it goes on beyond that until the receiver was shown to verify with the new one.
    pub keeps_previous_until_adopted: bool,
    /// Over how long the webhooks are spread.
    pub spread: Spread,
    /// With how many failures it stops, if it does.
    pub stop_after_failures: Option<u32>,
    /// How many webhooks it must be about, if that is said. It must be where no older key goes on signing.
    pub confirm_total: Option<u64>,
    /// How to answer a request that is sent again.
    pub idempotent: Option<IdempotentRequest<Rotation>>,
}

impl RotationService {
    /// How many webhooks a plan names.
    pub const SHOWN: u32 = 100;

    /// The service over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn RotationStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        default_overlap: Overlap,
    ) -> Self {
        Self {
            store,
            clock,
            entropy,
            default_overlap,
            describe: None,
        }
    }

    /// The service that tells of the end of a rotation, in an event whose data `describe` writes.
    #[must_use]
    pub fn announcing(mut self, describe: DescribeRotation) -> Self {
        self.describe = Some(describe);
        self
    }

    /// What a rotation would be about. Nothing is begun. Needs `WEBHOOK.UPDATE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::InvalidField`], or the store's.
    pub async fn plan(
        &self,
        acting: &Acting,
        start: &StartRotation,
    ) -> Result<MatchingWebhooks, ServiceError> {
        acting.require(Permission::WebhookUpdate)?;
        self.check(acting, start).await?;
        Ok(self
            .store
            .matching_webhooks(acting.platform(), &start.filter, Self::SHOWN)
            .await?)
    }

    /// Begins a rotation. Needs `WEBHOOK.UPDATE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::InvalidField`], [`Refusal::MissingField`], [`Refusal::RotationUnderWay`],
    /// [`Refusal::IdempotencyKeyReused`], or the store's. Nothing is begun then, unless the store says that it does not know.
    pub async fn start(
        &self,
        acting: &Acting,
        start: StartRotation,
    ) -> Result<Outcome<Rotation>, ServiceError> {
        acting.require(Permission::WebhookUpdate)?;
        self.check(acting, &start).await?;
        let overlap = WantedOverlap::new(start.overlap, self.default_overlap);
        if overlap.wanted() == Overlap::NONE && start.confirm_total.is_none() {
            return Err(Refusal::MissingField {
                field: "confirm_total",
                expected: UNCONFIRMED,
            }
            .into());
        }
        let now = self.clock.now();
        let rotation = Rotation {
            id: RotationId::generate(now, self.entropy.as_ref())?,
            platform: acting.platform().clone(),
            orders: RotationOrders {
                filter: start.filter,
                overlap,
                keeps_previous_until_adopted: start.keeps_previous_until_adopted,
                spread: start.spread,
                stop_after_failures: start.stop_after_failures,
            },
            status: RotationStatus::Running,
            stop_reason: None,
            totals: RotationTotals::default(),
            begun_by: acting.credential(),
            request: acting.request().clone(),
            created_at: now,
            finished_at: None,
        };
        let stamp = AuditStamp::new(acting, now, self.entropy.as_ref())?;
        let details = AuditDetails::default();
        let new = NewRotation {
            confirm_total: start.confirm_total,
            audit: stamp.record(AuditAction::RotationStarted, rotation.id.to_string(), details),
            idempotency: start.idempotent.map(|request| request.by(acting, now)),
            rotation,
        };
        self.store.begin_rotation(new).await
    }

    /// What can be said of a rotation before it begins.
    async fn check(&self, acting: &Acting, start: &StartRotation) -> Result<(), ServiceError> {
        start.filter.check()?;
        let overlap = WantedOverlap::new(start.overlap, self.default_overlap);
        if start.keeps_previous_until_adopted && overlap.wanted() == Overlap::NONE {
            return Err(RollRule::nothing_to_keep().into());
        }
        let Err(too_short) = overlap.of_looked_up() else {
            return Ok(());
        };
        let mut filter = start.filter.clone();
        let protocol = filter
            .others
            .signing_protocol
            .get_or_insert(SigningProtocol::Ed25519);
        if *protocol != SigningProtocol::Ed25519 {
            return Ok(());
        }
        let looked_up = self
            .store
            .matching_webhooks(acting.platform(), &filter, 0)
            .await?;
        match looked_up.total {
            0 => Ok(()),
            _ => Err(too_short.into()),
        }
    }

    /// Up to `limit` rotations of the platform that were made before `before`, the newest first. Needs `WEBHOOK.VIEW`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], or the store's.
    pub async fn list(
        &self,
        acting: &Acting,
        before: Option<RotationId>,
        limit: u32,
    ) -> Result<Vec<Rotation>, ServiceError> {
        acting.require(Permission::WebhookView)?;
        Ok(self.store.rotations(acting.platform(), before, limit).await?)
    }

    /// The rotation, with its totals of this moment. Needs `WEBHOOK.VIEW`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], or the store's.
    pub async fn find(&self, acting: &Acting, id: RotationId) -> Result<Rotation, ServiceError> {
        acting.require(Permission::WebhookView)?;
        let found = self.store.find_rotation(acting.platform(), id).await?;
        Ok(found.ok_or(Refusal::NO_SUCH_ROTATION)?)
    }

    /// Up to `limit` webhooks of the rotation from that number on, each with what became of it, and the rotation. Needs `WEBHOOK.VIEW`.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub async fn webhooks(
        &self,
        acting: &Acting,
        id: RotationId,
        from: u64,
        limit: u32,
    ) -> Result<(Rotation, Vec<RotationWebhook>), ServiceError> {
        let rotation = self.find(acting, id).await?;
        let query = RotationWebhooksQuery {
            from,
            unsettled: false,
            limit,
        };
        Ok((rotation, self.store.rotation_webhooks(id, query).await?))
    }

    /// Stops the rotation: no webhook is rolled by it any more. Needs `WEBHOOK.UPDATE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], [`Refusal::RotationNotRunning`], [`Refusal::IdempotencyKeyReused`], or the
    /// store's.
    pub async fn stop(
        &self,
        acting: &Acting,
        id: RotationId,
        idempotent: Option<IdempotentRequest<Rotation>>,
    ) -> Result<Outcome<Rotation>, ServiceError> {
        acting.require(Permission::WebhookUpdate)?;
        let now = self.clock.now();
        let reason = StopReason::Requested;
        let entropy = self.entropy.as_ref();
        let finish = FinishRotation {
            platform: acting.platform().clone(),
            rotation: id,
            reason: Some(reason),
            at: now,
            epoch: None,
            audit: Some(stopped(acting, id, reason, now, entropy)?),
            announcement: announcement(self.describe, acting, now, entropy)?,
            idempotency: idempotent.map(|request| request.by(acting, now)),
        };
        self.store.finish_rotation(finish).await
    }
}

/// What is said to whoever would end all older keys without saying of how many webhooks.
const UNCONFIRMED: &str =
    "is required when no older key goes on signing: the number of webhooks that a dry run counts";

/// The record that `acting` stops a rotation.
pub(super) fn stopped(
    acting: &Acting,
    id: RotationId,
    reason: StopReason,
    now: Instant,
    entropy: &dyn Entropy,
) -> Result<AuditRecord, EntropyError> {
    let details = AuditDetails {
        stop_reason: Some(reason.name().to_owned()),
        ..AuditDetails::default()
    };
    let stamp = AuditStamp::new(acting, now, entropy)?;
    Ok(stamp.record(AuditAction::RotationStopped, id.to_string(), details))
}

/// What tells of the end of a rotation, if the deployment tells of any.
pub(super) fn announcement(
    describe: Option<DescribeRotation>,
    acting: &Acting,
    now: Instant,
    entropy: &dyn Entropy,
) -> Result<Option<RotationAnnouncement>, EntropyError> {
    let made = describe.map(|describe| RotationAnnouncement::new(acting, now, entropy, describe));
    made.transpose()
}
