//! What is done from time to time: erasing keys that have expired, forgetting answers that are too old.
//!
//! Nothing depends on it for being right. An expired key signs nothing and is shown to nobody from its instant
//! on, erased or not; erasing keeps what could leak from the store small.

use std::sync::Arc;

use crate::concurrently::concurrently;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{PlatformId, WebhookId};
use crate::idempotency::RETENTION;
use crate::ports::WebhookStore;
use crate::services::save_next;
use crate::time::{Clock, Instant};
use crate::webhook::Webhook;

/// How many webhooks or answers are taken at a time.
const STEP: u32 = 256;
/// How many webhooks are swept at once: enough for a store to commit them together, so that a sweep keeps up
/// with those who roll everything they have, and few beside what it admits.
const SWEPT_AT_ONCE: usize = 32;

/// Erases and forgets what its time has passed.
#[derive(Clone)]
pub struct Upkeep {
    store: Arc<dyn WebhookStore>,
    clock: Arc<dyn Clock>,
}

/// What one round of upkeep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpkeepTally {
    /// Webhooks that lost expired keys.
    pub webhooks_swept: u32,
    /// Stored answers forgotten.
    pub answers_forgotten: u32,
}

impl Upkeep {
    /// Upkeep over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn WebhookStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Does all there is to do, in small steps.
    ///
    /// # Errors
    /// The store's; what was done before stays done. A webhook that cannot be read does not keep others from
    /// being swept, nor does one half of this keep the other from being done.
    pub async fn run(&self) -> Result<UpkeepTally, ServiceError> {
        let now = self.clock.now();
        let webhooks_swept = self.erase_expired_keys(now).await;
        let answers_forgotten = self.forget_old_answers(now).await;
        Ok(UpkeepTally {
            webhooks_swept: webhooks_swept?,
            answers_forgotten: answers_forgotten?,
        })
    }

    async fn erase_expired_keys(&self, now: Instant) -> Result<u32, ServiceError> {
        let mut swept = 0;
        let mut unreadable = None;
        loop {
            let due = self.store.with_expired_keys(now, STEP).await?;
            let swept_before = swept;
            for some in due.chunks(SWEPT_AT_ONCE) {
                for result in concurrently(some.iter().map(|due| self.sweep(due, now))).await {
                    match result {
                        Ok(is_swept) => swept += u32::from(is_swept),
                        // Deleted since it was listed.
                        Err(ServiceError::Refused(Refusal::NotFound { .. })) => {}
                        Err(error @ ServiceError::Store(StoreError::Corrupt(_))) => unreadable = Some(error),
                        Err(error) => return Err(error),
                    }
                }
            }
            // What cannot be read stays at the head of the list, and so does what waits for a check. A step that finds nothing else is
            // the last.
            if due.len() < STEP as usize || swept == swept_before {
                return unreadable.map_or(Ok(swept), Err);
            }
        }
    }

    /// Erases what has expired of the webhook, and says whether there was anything to do.
    async fn sweep(
        &self,
        (platform, webhook): &(PlatformId, WebhookId),
        now: Instant,
    ) -> Result<bool, ServiceError> {
        let next = move |stored: &Webhook| {
            let swept = stored.clone().without_expired_keys(now);
            (swept != *stored).then_some(swept)
        };
        save_next(self.store.as_ref(), (platform, *webhook), None, &[], next).await
    }

    async fn forget_old_answers(&self, now: Instant) -> Result<u32, ServiceError> {
        let mut forgotten = 0;
        loop {
            let step = self.store.forget_answers(now.minus(RETENTION), STEP).await?;
            forgotten += step;
            if step < STEP {
                return Ok(forgotten);
            }
        }
    }
}
