//! Telling that a retired key stops soon, while nobody has shown that the receiver verifies with the current one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::access::caller::Acting;
use crate::concurrently::concurrently;
use crate::entropy::Entropy;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{RequestId, WebhookId};
use crate::ports::{KeyExpiry, WebhookStore};
use crate::services::{announcement, save_next};
use crate::signing::key_ring::NOTICE;
use crate::time::{Clock, Instant};
use crate::webhook::{Describe, Happened, Webhook};

/// How many webhooks are taken at a time.
const STEP: u32 = 256;
/// How many are told of at once.
const TOLD_AT_ONCE: usize = 32;

/// Tells of keys that stop within the hour.
///
/// Each webhook is looked at when its key comes within the hour. What was told is kept with the key, so that no other process tells it
/// again, nor this one after a start.
pub struct ExpiryNotices {
    store: Arc<dyn WebhookStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    describe: Describe,
    seen: Mutex<Seen>,
}

/// What was looked at.
#[derive(Default)]
struct Seen {
    /// The last one.
    last: Option<(Instant, Option<WebhookId>)>,
    /// Those of which something is to be told at this instant: they were come by earlier, because a check of them is due before their key
    /// stops.
    later: BTreeMap<(Instant, WebhookId), KeyExpiry>,
}

/// What there was to tell of a webhook.
enum Found {
    Told,
    Nothing,
    Later(Instant),
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
            seen: Mutex::default(),
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
        let mut round = Round::default();
        let later: Vec<KeyExpiry> = {
            let seen = self.seen();
            let due = seen.later.iter().take_while(|((at, _), _)| *at <= now);
            due.map(|(_, key)| key.clone()).collect()
        };
        self.all(&later, now, &mut round).await?;
        self.seen().later.retain(|(at, _), _| *at > now);
        loop {
            let after = self.seen().last.filter(|seen| seen.0 > now && seen.0 <= until);
            let after = after.unwrap_or((now.plus(Duration::from_millis(1)), None));
            let expiring = self.store.with_expiring_keys(after, until, STEP).await?;
            for some in expiring.chunks(TOLD_AT_ONCE) {
                self.all(some, now, &mut round).await?;
                self.seen().last = some.last().map(|key| (key.at, Some(key.webhook)));
            }
            if expiring.len() < STEP as usize {
                return round.unreadable.map_or(Ok(round.told), Err);
            }
        }
    }

    async fn all(&self, keys: &[KeyExpiry], now: Instant, round: &mut Round) -> Result<(), ServiceError> {
        for some in keys.chunks(TOLD_AT_ONCE) {
            let found = concurrently(some.iter().map(|key| self.tell(key, now))).await;
            for (key, found) in some.iter().zip(found) {
                match found {
                    Ok(Found::Told) => round.told += 1,
                    Ok(Found::Later(at)) => {
                        self.seen().later.insert((at, key.webhook), key.clone());
                    }
                    // Or deleted since it was listed.
                    Ok(Found::Nothing) | Err(ServiceError::Refused(Refusal::NotFound { .. })) => {}
                    Err(error @ ServiceError::Store(StoreError::Corrupt(_))) => {
                        round.unreadable = Some(error)
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of the webhook if there is something to tell.
    async fn tell(&self, key: &KeyExpiry, now: Instant) -> Result<Found, ServiceError> {
        let found = self.store.find(&key.platform, key.webhook).await?;
        match found.and_then(|webhook| webhook.key_ring.next_notice(now)) {
            Some(at) if at <= now => {}
            // Later than that, it is come by again: its check is made by then.
            Some(at) if at < key.at.plus(NOTICE) => return Ok(Found::Later(at)),
            _ => return Ok(Found::Nothing),
        }
        let request = RequestId::generate(self.entropy.as_ref())?;
        let acting = Acting::as_service(key.platform.clone(), request);
        let announcement = announcement(Some(self.describe), &acting, now, self.entropy.as_ref())?;
        let tells = &[Happened::SecretExpiring];
        let next = move |stored: &Webhook| stored.told_of_expiry(now);
        let of = (&key.platform, key.webhook);
        match save_next(self.store.as_ref(), of, announcement, tells, next).await? {
            true => Ok(Found::Told),
            false => Ok(Found::Nothing),
        }
    }
}

/// What came of a round so far.
#[derive(Default)]
struct Round {
    told: u32,
    unreadable: Option<ServiceError>,
}
