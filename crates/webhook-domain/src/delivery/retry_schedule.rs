//! When a delivery that failed is sent again, and when no more.
//!
//! The default is the contract's (§6): after 2, 4, 8, 16 and 32 minutes, 1, 2, 4 and 8 hours, then every 8 hours,
//! until 7 days after the first attempt failed. Each wait counts from the end of the attempt that failed.
//!
//! - **Jitter** only ever lengthens a wait, by up to a tenth ([`Jitter`]), so that receivers which failed together
//!   are not all called together again.
//! - **A `Retry-After`** of the receiver ([`parse_retry_after`]) lengthens a wait, to at most 8 hours: it says when to come back at the
//!   earliest (RFC 9110 §10.2.3).
//! - **Back-pressure is no outage.** With 429 ("too many requests") and 503 ("unavailable") a receiver's wish shortens the wait
//!   too, down to a second; with 429 and no wish the waits are 1, 2, 4 … seconds, up to the ordinary one. A delivery has at most
//!   [`RetrySchedule::MAX_SHORT_WAITS`] of them: a receiver that always says "at once" is not called without end.
//! - **The last attempt** is made when the 7 days are over, and not up to 8 hours before or after: the wait before
//!   it is cut to end there.

mod retry_after;

use std::num::NonZeroU32;
use std::time::Duration;

pub use retry_after::parse_retry_after;

use crate::delivery::attempt::StatusCode;
use crate::entropy::{Entropy, EntropyError};
use crate::error::InvalidValue;
use crate::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// When a delivery is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule {
    /// Never empty; the last one is that of every later retry.
    waits: Vec<Duration>,
    longest_retry_after: Duration,
    /// The shortest wait of a receiver that takes no more for the moment.
    shortest_wait: Duration,
    give_up_after: Duration,
}

/// How a delivery has failed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    /// When it first did.
    pub first_failed_at: Instant,
    /// How often it was sent again since, after waits of the schedule.
    pub retries: u32,
    /// How many short waits it has had.
    pub short_waits: u32,
}

/// When a delivery is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Then.
    pub at: Instant,
    /// Whether it waits for less than the schedule has it, because its receiver takes no more for the moment.
    pub is_short: bool,
}

impl RetrySchedule {
    /// The most waits that a schedule has of its own.
    pub const MAX_WAITS: usize = 64;
    /// The shortest wait: 10 milliseconds, so that a receiver that is down is not called without end.
    pub const MIN_WAIT: Duration = Duration::from_millis(10);
    /// How many short waits a delivery has at the most.
    pub const MAX_SHORT_WAITS: u32 = 600;
    /// The longest that a delivery is held on to: 30 days.
    pub const MAX_GIVE_UP_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// A schedule: how long to wait before each retry, the last of which holds for all later ones; how long a
    /// receiver's `Retry-After` may make any of them; and how long after its first failure a delivery is given up.
    ///
    /// # Errors
    /// When there are no waits or more than [`MAX_WAITS`](Self::MAX_WAITS), when one is shorter than
    /// [`MIN_WAIT`](Self::MIN_WAIT) or than the one before it, or when `give_up_after` is shorter than any or longer than
    /// [`MAX_GIVE_UP_AFTER`](Self::MAX_GIVE_UP_AFTER).
    pub fn new(
        waits: Vec<Duration>,
        longest_retry_after: Duration,
        give_up_after: Duration,
    ) -> Result<Self, InvalidValue> {
        let (Some(first), Some(last)) = (waits.first(), waits.last()) else {
            return Err(InvalidValue::new("must have a wait before the first retry"));
        };
        if waits.len() > Self::MAX_WAITS {
            return Err(InvalidValue::new("must have at most 64 waits of its own"));
        }
        if *first < Self::MIN_WAIT || !waits.is_sorted() {
            return Err(InvalidValue::new(
                "must have waits of at least 10 milliseconds, none shorter than the one before it",
            ));
        }
        if give_up_after < *last || give_up_after > Self::MAX_GIVE_UP_AFTER {
            return Err(InvalidValue::new(
                "must give a delivery up no sooner than after its longest wait, and after 30 days at the latest",
            ));
        }
        Ok(Self {
            waits,
            longest_retry_after,
            shortest_wait: SECOND,
            give_up_after,
        })
    }

    /// This schedule with all its times divided by `factor`, for tests, and deployments whose receivers are close by.
    ///
    /// # Errors
    /// When a wait would become shorter than [`MIN_WAIT`](Self::MIN_WAIT).
    pub fn shortened(&self, factor: NonZeroU32) -> Result<Self, InvalidValue> {
        let factor = factor.get();
        let shortened = Self::new(
            self.waits.iter().map(|wait| *wait / factor).collect(),
            self.longest_retry_after / factor,
            self.give_up_after / factor,
        )?;
        Ok(Self {
            shortest_wait: (self.shortest_wait / factor).max(Self::MIN_WAIT),
            ..shortened
        })
    }

    /// When a delivery is sent again that has failed like this, the last time at `now` with an answer of this `status`, if there was
    /// one, and this wish, if it had one. None when it is given up.
    #[must_use]
    pub fn next(
        &self,
        failures: Failures,
        status: Option<StatusCode>,
        retry_after: Option<Duration>,
        now: Instant,
        jitter: Jitter,
    ) -> Option<Retry> {
        let last_attempt_at = failures.first_failed_at.plus(self.give_up_after);
        if now >= last_attempt_at {
            return None;
        }
        let ordinary = self.wait_before(failures.retries);
        let short = self
            .short_wait(failures.short_waits, status, retry_after)
            .filter(|short| *short < ordinary);
        let wished = retry_after.unwrap_or_default().min(self.longest_retry_after);
        let wait = short.unwrap_or(ordinary.max(wished));
        Some(Retry {
            at: now.plus(jitter.lengthen(wait)).min(last_attempt_at),
            is_short: short.is_some(),
        })
    }

    /// How long a receiver that takes no more for the moment is left alone after so many short waits.
    fn short_wait(
        &self,
        before: u32,
        status: Option<StatusCode>,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        if before >= Self::MAX_SHORT_WAITS {
            return None;
        }
        match (status?, retry_after) {
            (StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAVAILABLE, Some(wish)) => {
                Some(wish.max(self.shortest_wait))
            }
            (StatusCode::TOO_MANY_REQUESTS, None) => {
                Some(self.shortest_wait.saturating_mul(2_u32.saturating_pow(before)))
            }
            _ => None,
        }
    }

    fn wait_before(&self, retries: u32) -> Duration {
        let place = usize::try_from(retries).unwrap_or(usize::MAX);
        let wait = self.waits.get(place).or(self.waits.last());
        wait.copied().unwrap_or(Self::MIN_WAIT)
    }
}

impl Default for RetrySchedule {
    /// The contract's.
    fn default() -> Self {
        let minutes = [2, 4, 8, 16, 32].map(|count| MINUTE * count);
        let hours = [1, 2, 4, 8].map(|count| HOUR * count);
        Self {
            waits: [&minutes[..], &hours[..]].concat(),
            longest_retry_after: HOUR * 8,
            shortest_wait: SECOND,
            give_up_after: DAY * 7,
        }
    }
}

/// How much of the most jitter, a tenth, a wait is lengthened by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter(u32);

impl Jitter {
    /// A wait as it stands in the schedule.
    pub const NONE: Self = Self(0);
    /// A wait lengthened by a tenth.
    pub const MOST: Self = Self(u32::MAX);
    /// The part of a wait that [`MOST`](Self::MOST) adds: one in so many.
    const ONE_IN: u32 = 10;

    /// Any of them, each as likely.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut random = [0; 4];
        entropy.fill(&mut random)?;
        Ok(Self(u32::from_be_bytes(random)))
    }

    fn lengthen(self, wait: Duration) -> Duration {
        wait + (wait / Self::ONE_IN).mul_f64(f64::from(self.0) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests;
