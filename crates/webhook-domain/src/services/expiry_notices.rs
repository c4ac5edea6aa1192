//! Telling that a retired key stops soon, while nobody has shown that the receiver verifies with the current one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::access::caller::Acting;
use crate::concurrently::concurrently;
use crate::entropy::Entropy;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{RequestId, WebhookId};
use crate::ports::{Change, Effect, KeyExpiry, WebhookStore};
use crate::services::Changing;
use crate::signing::key_ring::NOTICE;
use crate::time::{Clock, Instant};
use crate::webhook::{Describe, Happened, Webhook};

/// How many webhooks are taken at a time.
const STEP: u32 = 256;
/// How many are told of at once.
const TOLD_AT_ONCE: usize = 32;

/// Tells of keys that stop within the hour.
///
/// Each webhook is looked at once when its key comes within the hour. What was told is kept with the key, so that no other process tells
/// it again, nor this one after a start.
pub struct ExpiryNotices {
    store: Arc<dyn WebhookStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    describe: Describe,
    /// The last key that was looked at.
    seen: Mutex<Option<(Instant, Option<WebhookId>)>>,
}

impl ExpiryNotices {
    /// Notices of what is in `store`, in events whose data `describe` writes.
    #[must_use]
    pub fn new(
        store: Arc<dyn WebhookStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        describe: Describe,
    ) -> Self {
        Self {
            store,
            clock,
            entropy,
            describe,
            seen: Mutex::new(None),
        }
    }

    /// Tells of all keys that stop within the hour and were not told of, and says how many webhooks that were.
    ///
    /// # Errors
    /// The store's; what was told before stays told, and the rest is told the next time. A webhook that cannot be read keeps no other from
    /// being told of.
    pub async fn run(&self) -> Result<u32, ServiceError> {
        let now = self.clock.now();
        let until = now.plus(NOTICE);
        let mut told = 0;
        let mut unreadable = None;
        loop {
            let after = self.seen().filter(|seen| seen.0 > now && seen.0 <= until);
            let after = after.unwrap_or((now.plus(Duration::from_millis(1)), None));
            let expiring = self.store.with_expiring_keys(after, until, STEP).await?;
            for some in expiring.chunks(TOLD_AT_ONCE) {
                for result in concurrently(some.iter().map(|key| self.tell(key, now))).await {
                    match result {
                        Ok(is_told) => told += u32::from(is_told),
                        // Deleted since it was listed.
                        Err(ServiceError::Refused(Refusal::NotFound { .. })) => {}
                        Err(error @ ServiceError::Store(StoreError::Corrupt(_))) => unreadable = Some(error),
                        Err(error) => return Err(error),
                    }
                }
                let last = some.last().map(|key| (key.at, Some(key.webhook)));
                *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = last;
            }
            if expiring.len() < STEP as usize {
                return unreadable.map_or(Ok(told), Err);
            }
        }
    }

    fn seen(&self) -> Option<(Instant, Option<WebhookId>)> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of the webhook if there is something to tell, and says whether there was.
    async fn tell(&self, key: &KeyExpiry, now: Instant) -> Result<bool, ServiceError> {
        let request = RequestId::generate(self.entropy.as_ref())?;
        let acting = Acting::as_service(key.platform.clone(), request);
        let decide = move |stored: &Webhook, _: &_| {
            let told = stored.told_of_expiry(now);
            Ok(told.map_or_else(Change::default, |webhook| Change {
                effect: Effect::Save(Box::new(webhook)),
                audit: None,
                tells: &[Happened::SecretExpiring],
            }))
        };
        let found = self.store.find(&key.platform, key.webhook).await?;
        if found.is_none_or(|webhook| webhook.told_of_expiry(now).is_none()) {
            return Ok(false);
        }
        let changing = Changing {
            store: self.store.as_ref(),
            entropy: self.entropy.as_ref(),
            describe: Some(self.describe),
        };
        changing.decide(&acting, key.webhook, None, now, decide).await?;
        Ok(true)
    }
}
