//! The answers to requests that change nothing in a store of their own: what they did was done elsewhere.

use async_trait::async_trait;

use super::Outcome;
use crate::delivery::probed::Probed;
use crate::error::ServiceError;
use crate::idempotency::Idempotency;

/// Keeps the answers to probes, to be given again. Between [`earlier`](Self::earlier) and [`keep`](Self::keep) the probe is
/// made, so one that was answered is not made again; one that a crash cut off may be.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait AnswerStore: Send + Sync {
    /// What this request was answered before, if it was.
    ///
    /// # Errors
    /// [`Refusal::IdempotencyKeyReused`](crate::Refusal::IdempotencyKeyReused), or the store's.
    async fn earlier(&self, request: &Idempotency<Probed>) -> Result<Option<Outcome<Probed>>, ServiceError>;

    /// Stores the answer to this request, and gives it. An answer stored meanwhile is given instead.
    ///
    /// # Errors
    /// [`Refusal::IdempotencyKeyReused`](crate::Refusal::IdempotencyKeyReused), or the store's.
    async fn keep(
        &self,
        probed: Probed,
        request: Idempotency<Probed>,
    ) -> Result<Outcome<Probed>, ServiceError>;
}
