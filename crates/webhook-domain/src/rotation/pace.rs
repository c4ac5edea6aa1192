//! When it is which webhook's turn.
//!
//! The turns of a rotation of `n` webhooks are spread evenly: the first comes at once, the last one a part of `n` before the end. What a
//! rotation could not do in its time, because no process ran or deliveries were paused, is due as soon as it goes on.

use std::time::Duration;

use super::Rotation;
use crate::time::Instant;

impl Rotation {
    /// When it is the turn of the webhook with that number, counted from 0.
    #[must_use]
    pub fn due_at(&self, number: u64) -> Instant {
        let spread = u128::from(self.orders.spread.as_seconds()) * 1_000;
        let after = spread * u128::from(number) / u128::from(self.totals.total.max(1));
        let after = u64::try_from(after).unwrap_or(u64::MAX);
        self.created_at.plus(Duration::from_millis(after))
    }

    /// Whether it is the turn of the webhook with that number.
    #[must_use]
    pub fn is_due(&self, number: u64, now: Instant) -> bool {
        self.orders.spread.as_seconds() == 0 || self.due_at(number) <= now
    }
}
