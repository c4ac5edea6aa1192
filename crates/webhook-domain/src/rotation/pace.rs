//! When it is which webhook's turn.
//!
//! The turns of a rotation of `n` webhooks are spread evenly: the first comes at once, the last one a part of `n` before the end. What a
//! rotation could not do in its time, because no process ran or deliveries were paused, is due as soon as it goes on.
//!
//! A rotation that was begun by a clock which was ahead would wait until that time comes, and keep its platform from beginning another.
//! So its turns are counted from when a process has begun to work at it, for as long as a clock says that its own beginning is yet to come.

use std::time::Duration;

use super::Rotation;
use crate::time::{CLOCKS_APART, Instant};

impl Rotation {
    /// From when on its turns are counted at `now`, in a process that noticed at `noticed_at` that it was begun by a clock which was ahead.
    #[must_use]
    pub fn counts_from(&self, noticed_at: Option<Instant>, now: Instant) -> Instant {
        let latest = now.plus(CLOCKS_APART);
        match self.created_at <= latest {
            true => self.created_at,
            false => noticed_at.filter(|at| *at <= latest).unwrap_or(now),
        }
    }

    /// When it is the turn of the webhook with that number, counted from 0, if turns are counted from `from`.
    #[must_use]
    pub fn due_at(&self, number: u64, from: Instant) -> Instant {
        let spread = u128::from(self.orders.spread.as_seconds()) * 1_000;
        let after = spread * u128::from(number) / u128::from(self.totals.total.max(1));
        let after = u64::try_from(after).unwrap_or(u64::MAX);
        from.plus(Duration::from_millis(after))
    }

    /// Whether it is the turn of the webhook with that number, likewise.
    #[must_use]
    pub fn is_due(&self, number: u64, from: Instant, now: Instant) -> bool {
        self.orders.spread.as_seconds() == 0 || self.due_at(number, from) <= now
    }
}
