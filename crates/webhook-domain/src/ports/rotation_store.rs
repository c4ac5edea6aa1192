//! The store of rotations.

use async_trait::async_trait;

use super::Outcome;
use crate::access::audit::AuditRecord;
use crate::error::{ServiceError, StoreError};
use crate::id::{PlatformId, ProcessId, RotationId, WebhookId};
use crate::idempotency::Idempotency;
use crate::rotation::{
    Rotation, RotationAnnouncement, RotationFilter, RotationStep, RotationWebhook, Settled, StopReason,
};
use crate::time::Instant;

/// What a rotation would be about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MatchingWebhooks {
    /// How many webhooks.
    pub total: u64,
    /// The first of them, in the order in which they were created.
    pub first: Vec<WebhookId>,
}

/// A rotation that is to begin.
pub struct NewRotation {
    /// The rotation, without its webhooks.
    pub rotation: Rotation,
    /// How many webhooks it must be about, if that was said.
    pub confirm_total: Option<u64>,
    /// The record of its beginning.
    pub audit: AuditRecord,
    /// How to answer a request that is sent again.
    pub idempotency: Option<Idempotency<Rotation>>,
}

/// A rotation that is to end.
pub struct FinishRotation {
    /// The platform it must belong to.
    pub platform: PlatformId,
    /// The rotation.
    pub rotation: RotationId,
    /// Why it is stopped; none if all its webhooks have an outcome.
    pub reason: Option<StopReason>,
    /// When.
    pub at: Instant,
    /// The epoch of the claim that it is ended under; none for whoever ends it from outside.
    pub epoch: Option<u64>,
    /// The record of its stop.
    pub audit: Option<AuditRecord>,
    /// What tells of its end.
    pub announcement: Option<RotationAnnouncement>,
    /// How to answer a request that is sent again.
    pub idempotency: Option<Idempotency<Rotation>>,
}

/// A rotation that a process works at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedRotation {
    /// The rotation. How many have adopted their key is not counted in it.
    pub rotation: Rotation,
    /// The epoch under which the process works at it.
    pub epoch: u64,
}

/// Which webhooks of a rotation are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationWebhooksQuery {
    /// From which number on.
    pub from: u64,
    /// Only those that have no outcome yet.
    pub unsettled: bool,
    /// How many at the most.
    pub limit: u32,
}

/// Keeps rotations, and what became of each of their webhooks. Steps are settled by
/// [`WebhookStore::change`](super::WebhookStore::change) too, with the roll that they are.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait RotationStore: Send + Sync {
    /// How many webhooks of the platform meet `filter`, and the first `shown` of them.
    ///
    /// # Errors
    /// The store's.
    async fn matching_webhooks(
        &self,
        platform: &PlatformId,
        filter: &RotationFilter,
        shown: u32,
    ) -> Result<MatchingWebhooks, StoreError>;

    /// Begins a rotation of the platform's webhooks that meet its filter, numbered from 0 in the order in which they were created, and saves
    /// the record and the answer. There is nothing of it until there is all of it, whatever comes between. An answer stored earlier for
    /// the same request is given again instead.
    ///
    /// # Errors
    /// [`Refusal::RotationUnderWay`](crate::Refusal::RotationUnderWay), [`Refusal::InvalidField`](crate::Refusal::InvalidField) when it
    /// is about another number of webhooks than it must be, [`Refusal::IdempotencyKeyReused`](crate::Refusal::IdempotencyKeyReused), or
    /// the store's.
    async fn begin_rotation(&self, rotation: NewRotation) -> Result<Outcome<Rotation>, ServiceError>;

    /// The rotation, with its totals of this moment.
    ///
    /// # Errors
    /// The store's.
    async fn find_rotation(
        &self,
        platform: &PlatformId,
        id: RotationId,
    ) -> Result<Option<Rotation>, StoreError>;

    /// Up to `limit` rotations of the platform that were made before `before`, the newest first.
    ///
    /// # Errors
    /// The store's.
    async fn rotations(
        &self,
        platform: &PlatformId,
        before: Option<RotationId>,
        limit: u32,
    ) -> Result<Vec<Rotation>, StoreError>;

    /// Webhooks of a rotation, of whatever platform, by their numbers.
    ///
    /// # Errors
    /// The store's.
    async fn rotation_webhooks(
        &self,
        rotation: RotationId,
        query: RotationWebhooksQuery,
    ) -> Result<Vec<RotationWebhook>, StoreError>;

    /// Has `process` work at every running rotation that it works at already or that nobody does, by
    /// [`RotationClaim::taken_by`](crate::rotation::RotationClaim::taken_by), and gives them.
    ///
    /// # Errors
    /// The store's.
    async fn claim_rotations(
        &self,
        process: ProcessId,
        now: Instant,
    ) -> Result<Vec<ClaimedRotation>, StoreError>;

    /// Saves what became of a step where no webhook is changed for it, and counts it. A step that is settled stays as it is.
    ///
    /// # Errors
    /// [`Refusal::RotationNotRunning`](crate::Refusal::RotationNotRunning) when the rotation does not run, or its claim has another epoch
    /// than the step; or the store's.
    async fn settle_step(&self, step: RotationStep, settled: Settled) -> Result<(), ServiceError>;

    /// Ends a rotation by [`Rotation::finished`], and saves the record, the announcement and the answer, in one transaction. No step of it is
    /// settled after that. An answer stored earlier for the same request is given again instead.
    ///
    /// # Errors
    /// [`Refusal::NotFound`](crate::Refusal::NotFound), [`Refusal::RotationNotRunning`](crate::Refusal::RotationNotRunning),
    /// [`Refusal::IdempotencyKeyReused`](crate::Refusal::IdempotencyKeyReused), or the store's.
    async fn finish_rotation(&self, finish: FinishRotation) -> Result<Outcome<Rotation>, ServiceError>;

    /// Forgets the rotations that ended before `before`, with what became of their webhooks, and says how many. One that runs is kept.
    ///
    /// # Errors
    /// The store's; what was forgotten stays so.
    async fn forget_rotations(&self, before: Instant) -> Result<u32, StoreError>;
}
