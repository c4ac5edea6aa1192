//! After how many days a key is due for a roll, and what is done then.

use std::time::Duration;

use super::Webhook;
use crate::error::{InvalidValue, Refusal};
use crate::signing::key_ring::{NewKey, Overlap, SigningKey};
use crate::time::Instant;

/// After how many days as the current one a key is due for a roll: 1 to 730.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RotationDays(u16);

impl RotationDays {
    /// The most.
    pub const MAX: u16 = 730;

    /// That many days.
    ///
    /// # Errors
    /// When there are none, or more than [`MAX`](Self::MAX).
    pub fn new(days: u64) -> Result<Self, InvalidValue> {
        match u16::try_from(days) {
            Ok(days @ 1..=Self::MAX) => Ok(Self(days)),
            _ => Err(Self::invalid()),
        }
    }

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub fn restore(days: i64) -> Self {
        Self(u16::try_from(days.max(1)).unwrap_or(Self::MAX))
    }

    /// What would be right, for a value that is no such number.
    #[must_use]
    pub const fn invalid() -> InvalidValue {
        InvalidValue::new("must be a whole number of days from 1 to 730")
    }

    /// How many.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    fn after(self, instant: Instant) -> Instant {
        instant
            .whole_seconds()
            .plus(Duration::from_secs(u64::from(self.0) * 86_400))
    }
}

/// When the key of a webhook is due for a roll, as a store notes it to find those that are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotedRollDue {
    /// When it is due.
    pub at: Instant,
    /// From when on its days are counted by that.
    pub counted_from: Instant,
    /// Since when it is the current one, by the clock of then.
    pub since: Instant,
    /// Whether all is done about it.
    pub is_done: bool,
}

/// What is to be done about a webhook whose key may be due for a roll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhenDue {
    /// Nothing.
    Nothing,
    /// It is told that the key is due: no change of version.
    Told(Box<Webhook>),
    /// The key is rolled.
    Rolled(Box<Webhook>),
}

impl Webhook {
    /// After how many days its key is due for a roll, if ever.
    #[must_use]
    pub fn rotation_days(&self) -> Option<RotationDays> {
        self.settings.secret_rotation_days.or(self.default_rotation)
    }

    /// When its current key is due for a roll, as far as that is known at `now`.
    #[must_use]
    pub fn roll_due_at(&self, now: Instant) -> Option<Instant> {
        let counts_from = self.key_ring.counts_from(self.created_at, now)?;
        Some(self.rotation_days()?.after(counts_from))
    }

    /// Whether its current key is due for a roll at `now`.
    #[must_use]
    pub fn is_roll_due(&self, now: Instant) -> bool {
        self.roll_due_at(now).is_some_and(|due_at| due_at <= now)
    }

    /// What a store notes to find it when its key is due, and to find it when its key was made by a clock that was ahead. Nothing for a
    /// webhook without a current key or without days.
    #[must_use]
    pub fn noted_roll_due(&self) -> Option<NotedRollDue> {
        let counted_from = self.key_ring.noted_since(self.created_at)?;
        Some(NotedRollDue {
            at: self.rotation_days()?.after(counted_from),
            counted_from,
            since: self.key_ring.current_since(self.created_at)?,
            is_done: self.key_ring.age().is_told && !self.rotates_by_itself(),
        })
    }

    /// Whether the service rolls its key: its receiver looks keys up, and somebody has said that it does.
    fn rotates_by_itself(&self) -> bool {
        let is_looked_up = |key: &SigningKey| key.verification_key().is_some();
        self.settings.secret_rotates_automatically && self.key_ring.current().is_some_and(is_looked_up)
    }

    /// What is to be done at `now` if its key is due for a roll by then: it is rolled to `key`, with this overlap, if the service does that,
    /// and it is told once otherwise.
    ///
    /// # Errors
    /// [`Refusal::TooManyRetiredKeys`] when it cannot be rolled.
    pub fn when_due(&self, key: NewKey, overlap: Overlap, now: Instant) -> Result<WhenDue, Refusal> {
        if !self.is_roll_due(now) {
            return Ok(WhenDue::Nothing);
        }
        if self.rotates_by_itself() {
            let rolled = self.clone().roll(None, key, overlap, now)?;
            return Ok(WhenDue::Rolled(Box::new(rolled)));
        }
        if self.key_ring.age().is_told {
            return Ok(WhenDue::Nothing);
        }
        let mut told = self.clone();
        told.key_ring = told.key_ring.told_of_due_roll();
        Ok(WhenDue::Told(Box::new(told)))
    }

    /// The webhook whose current key counts from `now` on, if it was made by a clock that was ahead. Not a change of version.
    #[must_use]
    pub fn recounted(&self, now: Instant) -> Option<Self> {
        let key_ring = self.key_ring.recounted(self.created_at, now)?;
        Some(Self {
            key_ring,
            ..self.clone()
        })
    }
}
