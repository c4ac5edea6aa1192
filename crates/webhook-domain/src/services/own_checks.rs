//! Checks that the service makes by itself, for a roll that keeps its previous key until the new one is adopted.
//!
//! A check is made in the last tenth of the overlap, and then each day that the key is kept. Its time is moved on before it is made, in a
//! transaction: so no two processes make it. One that could not be made is tried again in twenty minutes; one that a crash cut off, the
//! next day. None is made while the webhook is inactive or in the penalty box, nor within a day of a receipt, and none any more once the
//! receiver was found to take what it does not verify.

use std::sync::Arc;
use std::time::Duration;

use crate::access::caller::Acting;
use crate::concurrently::concurrently;
use crate::delivery::key_check::Verdict;
use crate::delivery::key_check::allowance::Allowance;
use crate::error::{Refusal, ServiceError};
use crate::id::RequestId;
use crate::ports::{KeyExpiry, Outcome, WebhookStore};
use crate::services::{KeyCheckService, ProbeService, save_next};
use crate::signing::key_ring::KeyRing;
use crate::time::Instant;
use crate::webhook::Webhook;

/// After how long a check is tried again that could not be made: there were too many at the host, for instance.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1_200);
/// How many webhooks are taken at a time.
const STEP: u32 = 256;
/// How many are checked at once.
const CHECKED_AT_ONCE: usize = 8;

/// Makes such checks.
#[derive(Clone)]
pub struct OwnChecks {
    /// The webhooks.
    pub store: Arc<dyn WebhookStore>,
    /// What checks.
    pub checks: KeyCheckService,
}

/// What came of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwnChecksTally {
    /// How many checks came to a verdict.
    pub checked: u32,
    /// How many could not be made.
    pub failed: u32,
}

impl OwnChecks {
    /// Makes all checks that are due.
    ///
    /// # Errors
    /// The store's, when it cannot say which are due.
    pub async fn run(&self) -> Result<OwnChecksTally, ServiceError> {
        let now = self.checks.probes.clock.now();
        let mut tally = OwnChecksTally::default();
        if self.checks.probes.pause.current().await?.is_some() {
            return Ok(tally);
        }
        let mut after = (Instant::from_milliseconds(0), None);
        loop {
            let due = self.store.with_expiring_keys(after, now, STEP).await?;
            let Some(last) = due.last() else {
                return Ok(tally);
            };
            after = (last.at, Some(last.webhook));
            self.all(&due, &mut tally).await;
        }
    }

    async fn all(&self, due: &[KeyExpiry], tally: &mut OwnChecksTally) {
        for some in due.chunks(CHECKED_AT_ONCE) {
            for result in concurrently(some.iter().map(|due| self.one(due))).await {
                match result {
                    Ok(is_checked) => tally.checked += u32::from(is_checked),
                    // Deleted since it was listed.
                    Err(ServiceError::Refused(Refusal::NotFound { .. })) => {}
                    Err(_) => tally.failed += 1,
                }
            }
        }
    }

    /// Checks the webhook if that is due, and says whether it came to a verdict.
    async fn one(&self, due: &KeyExpiry) -> Result<bool, ServiceError> {
        let ProbeService { clock, entropy, .. } = &self.checks.probes;
        let now = clock.now();
        let found = self.store.find(&due.platform, due.webhook).await?;
        let Some(webhook) = found.filter(|webhook| webhook.key_ring.being_checked(now).is_some()) else {
            return Ok(false);
        };
        let is_begun = self.change(due, move |ring| ring.being_checked(now)).await?;
        let held_up = webhook.held_up.as_ref();
        let is_in_penalty_box = held_up.is_some_and(|held_up| held_up.penalty_box().since().is_some());
        let settings = &webhook.settings;
        if !is_begun || is_in_penalty_box || !settings.active || settings.url.is_none() {
            return Ok(false);
        }
        let acting = Acting::as_service(due.platform.clone(), RequestId::generate(entropy.as_ref())?);
        let checked = self
            .checks
            .check(&acting, due.webhook, Allowance::ByItself, None)
            .await;
        let next = match &checked {
            Ok(Outcome::Done { subject, .. }) if subject.verdict == Verdict::DoesNotVerify => None,
            Ok(_) => return Ok(true),
            Err(_) => Some(clock.now().plus(TRY_AGAIN_AFTER)),
        };
        self.change(due, move |ring| Some(ring.clone().checked_next_at(next)))
            .await?;
        checked.map(|_| true)
    }

    /// Gives the webhook the ring that `next` makes of it, if it makes one, and says whether that was so.
    async fn change(
        &self,
        due: &KeyExpiry,
        next: impl Fn(&KeyRing) -> Option<KeyRing> + Send + Sync + 'static,
    ) -> Result<bool, ServiceError> {
        let next = move |stored: &Webhook| {
            let key_ring = next(&stored.key_ring)?;
            Some(Webhook {
                key_ring,
                ..stored.clone()
            })
        };
        save_next(self.store.as_ref(), (&due.platform, due.webhook), None, &[], next).await
    }
}
