//! How long the current key is the current one already, by which its webhook comes to be due for a roll.
//!
//! A key counts from when it became the current one, by the clock of that moment. Two things may be wrong with that. The ring may have
//! been rolled before by a clock that was ahead: then [`rolled_at`](KeyRing::rolled_at), which never steps back, is no measure, and the key
//! has an instant of its own. Or the clock was ahead when the key came: then it would be years until the key is due. So it counts from when
//! that was noticed, for as long as a clock says that the key's own instant is yet to come. To a clock that is behind every key is ahead:
//! once it is right the key's own instant holds again, and the key is due no earlier.

use super::KeyRing;
use crate::time::{CLOCKS_APART, Instant};

/// What is known of the age of a current key, beside when the ring was rolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyAge {
    /// Since when the key is the current one, if that is not when the ring was rolled.
    pub since: Option<Instant>,
    /// From when its time is counted while a clock says that it is yet to become the current one.
    pub counted_from: Option<Instant>,
    /// Whether it was told that it is due for a roll.
    pub is_told: bool,
}

impl KeyAge {
    /// That of a key which becomes the current one at `now`, in a ring that says to be rolled at `rolled_at`.
    pub(super) fn new(now: Instant, rolled_at: Instant) -> Self {
        Self {
            since: (now != rolled_at).then_some(now),
            ..Self::default()
        }
    }
}

impl KeyRing {
    /// What is known of the age of the current key.
    #[must_use]
    pub const fn age(&self) -> KeyAge {
        self.age
    }

    /// Since when the current key is the current one, by the clock of then, in a ring of a webhook that was created at this instant. None
    /// without one.
    #[must_use]
    pub fn current_since(&self, created_at: Instant) -> Option<Instant> {
        self.current.as_ref()?;
        Some(self.age.since.or(self.rolled_at).unwrap_or(created_at))
    }

    /// From when the time of the current key is counted at `now`.
    #[must_use]
    pub fn counts_from(&self, created_at: Instant, now: Instant) -> Option<Instant> {
        let latest = now.plus(CLOCKS_APART);
        let since = self.current_since(created_at)?;
        let counted_from = self.age.counted_from.filter(|from| *from <= latest);
        Some(match since <= latest {
            true => since,
            false => counted_from.unwrap_or(now),
        })
    }

    /// From when the time of the current key is counted as far as that is noted: a store looks for keys by it.
    #[must_use]
    pub fn noted_since(&self, created_at: Instant) -> Option<Instant> {
        let since = self.current_since(created_at)?;
        Some(self.age.counted_from.unwrap_or(since))
    }

    /// The ring whose current key counts from `now` on, if every instant that it could count from is yet to come.
    #[must_use]
    pub fn recounted(&self, created_at: Instant, now: Instant) -> Option<Self> {
        if self.noted_since(created_at)? <= now.plus(CLOCKS_APART) {
            return None;
        }
        let age = KeyAge {
            counted_from: Some(now.whole_seconds()),
            ..self.age
        };
        Some(Self { age, ..self.clone() })
    }

    /// The ring once it was told that its current key is due for a roll.
    #[must_use]
    pub fn told_of_due_roll(mut self) -> Self {
        self.age.is_told = true;
        self
    }
}
