//! What is done about keys that are due for a roll.
//!
//! The service rolls those that receivers look up, where somebody has said that they do: with the overlap of the deployment, or a day if
//! that is longer. Of any other it is told once. Both are decided on the webhook as it is stored: so no two processes roll one key twice,
//! and nobody is told of a key that was rolled a moment ago. An inactive webhook is no exception: its key ages all the same. While
//! deliveries are paused nothing is done by itself; it is once they are resumed.
//!
//! A webhook whose ring is full is tried again when it has room, or in an hour, and so is one that is noted as due and is not: by days that
//! the deployment had before, or by a clock that was behind. What cannot be read keeps no other from being done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::access::audit::{AuditAction, AuditStamp};
use crate::access::caller::Acting;
use crate::concurrently::concurrently;
use crate::entropy::Entropy;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{PlatformId, RequestId, WebhookId};
use crate::ports::{Change, DeliveryPause, Effect, RollDue, WebhookStore};
use crate::services::secret_key::rekeyed;
use crate::services::{Changing, save_next};
use crate::signing::key_ring::{NewKey, Overlap};
use crate::time::{CLOCKS_APART, Clock, EARLIEST, Instant};
use crate::webhook::{Describe, Happened, Webhook, WhenDue};

/// How many webhooks are taken at a time.
const STEP: u32 = 256;
/// How many are done at once.
const DONE_AT_ONCE: usize = 32;
/// After how many rounds it is seen to again that all is noted right: a day, if there are two a minute.
const ROUNDS_BETWEEN_NOTING: u32 = 2_880;
/// For how long a webhook is left alone at the most about which there is nothing to be done.
const LEFT_ALONE_FOR: Duration = Duration::from_secs(3_600);

/// Rolls keys that are due, and tells of them.
pub struct DueRolls {
    store: Arc<dyn WebhookStore>,
    pause: Arc<dyn DeliveryPause>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    overlap: Overlap,
    describe: Option<Describe>,
    memory: Mutex<Memory>,
}

/// What it knows from earlier rounds.
#[derive(Default)]
struct Memory {
    /// How many rounds there are until all is noted anew: at first, none.
    noted_for: u32,
    /// About which webhooks there is nothing to be done, and until when they are left alone.
    later: BTreeMap<WebhookId, Instant>,
}

/// What a round has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DueRollsTally {
    /// How many webhooks were rolled.
    pub rolled: u32,
    /// Of how many it was told that they are due.
    pub told: u32,
    /// How many are due and were not rolled, because too many of their keys sign.
    pub full: u32,
    /// How many had a key of a clock that was ahead.
    pub recounted: u32,
}

/// What came of one webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Came {
    #[default]
    Nothing,
    Recounted,
    Told,
    Rolled,
    /// It was left alone.
    Later,
}

impl DueRolls {
    /// What is done about keys of what is in `store`, unless there is a `pause` of deliveries. A key goes on signing for a day after its roll, or longer if `default_overlap` is.
    #[must_use]
    pub fn new(
        store: Arc<dyn WebhookStore>,
        pause: Arc<dyn DeliveryPause>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        default_overlap: Overlap,
    ) -> Self {
        Self {
            store,
            pause,
            clock,
            entropy,
            overlap: default_overlap.max(Overlap::DAY),
            describe: None,
            memory: Mutex::default(),
        }
    }

    /// The same, telling of what it does, in events whose data `describe` writes.
    #[must_use]
    pub fn announcing(mut self, describe: Describe) -> Self {
        self.describe = Some(describe);
        self
    }

    /// Does all that is due.
    ///
    /// # Errors
    /// The store's; what was done before stays done. A webhook that cannot be read keeps no other from being done.
    pub async fn run(&self) -> Result<DueRollsTally, ServiceError> {
        let now = self.clock.now();
        let mut round = Round::default();
        if now < EARLIEST || self.pause.current().await?.is_some() {
            return Ok(round.tally);
        }
        let latest = now.plus(LEFT_ALONE_FOR);
        self.memory()
            .later
            .retain(|_, until| now < *until && *until <= latest);
        self.note_anew().await?;
        self.recount(now, &mut round).await?;
        let mut after = (Instant::from_milliseconds(0), None);
        loop {
            let due = self.store.with_due_rolls(after, now, STEP).await?;
            for some in due.chunks(DONE_AT_ONCE) {
                let done = concurrently(some.iter().map(|due| self.one(due))).await;
                for (due, came) in some.iter().zip(done) {
                    self.count(due.webhook, came, &mut round)?;
                }
            }
            match due.last() {
                Some(last) if due.len() >= STEP as usize => after = (last.at, Some(last.webhook)),
                _ => return round.end(),
            }
        }
    }

    /// Sees to it that the store finds what is due, now and then.
    async fn note_anew(&self) -> Result<(), ServiceError> {
        let left = self.memory().noted_for.checked_sub(1);
        if let Some(left) = left {
            self.memory().noted_for = left;
            return Ok(());
        }
        let mut after = None;
        loop {
            after = self.store.note_rolls_anew(after, STEP).await?;
            if after.is_none() {
                self.memory().noted_for = ROUNDS_BETWEEN_NOTING;
                return Ok(());
            }
        }
    }

    /// Has keys of a clock that was ahead count from now.
    async fn recount(&self, now: Instant, round: &mut Round) -> Result<(), ServiceError> {
        loop {
            let ahead = self.store.with_keys_ahead(now.plus(CLOCKS_APART), STEP).await?;
            let before = round.tally.recounted;
            for some in ahead.chunks(DONE_AT_ONCE) {
                let done = concurrently(some.iter().map(|of| self.recount_one(of, now))).await;
                for ((_, webhook), came) in some.iter().zip(done) {
                    self.count(*webhook, came, round)?;
                }
            }
            // What cannot be read is named again.
            if ahead.len() < STEP as usize || round.tally.recounted == before {
                return Ok(());
            }
        }
    }

    async fn recount_one(
        &self,
        (platform, webhook): &(PlatformId, WebhookId),
        now: Instant,
    ) -> Result<Came, ServiceError> {
        let next = move |stored: &Webhook| stored.recounted(now);
        let is_saved = save_next(self.store.as_ref(), (platform, *webhook), None, &[], next).await?;
        Ok(if is_saved { Came::Recounted } else { Came::Later })
    }

    /// Does what is to be done about one that is due.
    async fn one(&self, due: &RollDue) -> Result<Came, ServiceError> {
        let now = self.clock.now();
        if self.memory().later.contains_key(&due.webhook) {
            return Ok(Came::Later);
        }
        let request = RequestId::generate(self.entropy.as_ref())?;
        let acting = Acting::as_rotation(due.platform.clone(), request);
        let key = NewKey::generate(now, self.entropy.as_ref())?;
        let overlap = self.overlap;
        let came = Arc::new(Mutex::new(Came::Nothing));
        let says = Arc::clone(&came);
        let decide = move |stored: &Webhook, stamp: &AuditStamp| {
            let (change, came) = match stored.when_due(key.clone(), overlap, now)? {
                WhenDue::Nothing => (Change::default(), Came::Nothing),
                WhenDue::Told(webhook) => (told(webhook), Came::Told),
                WhenDue::Rolled(webhook) => {
                    let change = rekeyed(stored, *webhook, stamp, AuditAction::SecretRolled, now);
                    (change, Came::Rolled)
                }
            };
            *says.lock().unwrap_or_else(PoisonError::into_inner) = came;
            Ok(change)
        };
        let changing = Changing {
            store: self.store.as_ref(),
            entropy: self.entropy.as_ref(),
            describe: self.describe,
        };
        changing.decide(&acting, due.webhook, None, now, decide).await?;
        let came = *came.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(came)
    }

    fn count(
        &self,
        webhook: WebhookId,
        came: Result<Came, ServiceError>,
        round: &mut Round,
    ) -> Result<(), ServiceError> {
        match came {
            Ok(Came::Later) => {}
            Ok(Came::Nothing) => self.leave_alone(webhook, None),
            Ok(Came::Recounted) => round.tally.recounted += 1,
            Ok(Came::Told) => round.tally.told += 1,
            Ok(Came::Rolled) => round.tally.rolled += 1,
            Err(ServiceError::Refused(Refusal::TooManyRetiredKeys { next_free_at, .. })) => {
                self.leave_alone(webhook, Some(next_free_at));
                round.tally.full += 1;
            }
            // Deleted since it was listed.
            Err(ServiceError::Refused(Refusal::NotFound { .. })) => {}
            Err(error @ ServiceError::Store(StoreError::Corrupt(_))) => round.unreadable = Some(error),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Leaves a webhook alone until then, for an hour at the most: it may be changed meanwhile.
    fn leave_alone(&self, webhook: WebhookId, until: Option<Instant>) {
        let latest = self.clock.now().plus(LEFT_ALONE_FOR);
        let until = until.map_or(latest, |until| until.min(latest));
        self.memory().later.insert(webhook, until);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That it is told is saved without a record: nobody asked for it.
fn told(webhook: Box<Webhook>) -> Change {
    Change {
        effect: Effect::Save(webhook),
        tells: &[Happened::SecretRollDue],
        ..Change::default()
    }
}

/// A round so far.
#[derive(Default)]
struct Round {
    tally: DueRollsTally,
    unreadable: Option<ServiceError>,
}

impl Round {
    fn end(self) -> Result<DueRollsTally, ServiceError> {
        self.unreadable.map_or(Ok(self.tally), Err)
    }
}
