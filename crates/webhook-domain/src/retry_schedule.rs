//! When a delivery that failed is sent again, and when no more.
//!
//! The default is the contract's (§6): after 2, 4, 8, 16 and 32 minutes, 1, 2, 4 and 8 hours, then every 8 hours,
//! until 7 days after the first attempt failed. Each wait counts from the end of the attempt that failed.
//!
//! - **Jitter** only ever lengthens a wait, by up to a tenth ([`Jitter`]), so that receivers which failed together
//!   are not all called together again.
//! - **A `Retry-After`** of the receiver ([`parse_retry_after`]) only ever lengthens a wait too, to at most 8 hours: it says
//!   when to come back at the earliest (RFC 9110 §10.2.3). A receiver that always says "at once" is not called without end.
//! - **The last attempt** is made when the 7 days are over, and not up to 8 hours before or after: the wait before
//!   it is cut to end there.

mod retry_after;

use std::num::NonZeroU32;
use std::time::Duration;

pub use retry_after::parse_retry_after;

use crate::entropy::{Entropy, EntropyError};
use crate::error::InvalidValue;
use crate::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// When a delivery is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule {
    /// Never empty; the last one is that of every later retry.
    waits: Vec<Duration>,
    longest_retry_after: Duration,
    give_up_after: Duration,
}

impl RetrySchedule {
    /// The most waits that a schedule has of its own.
    pub const MAX_WAITS: usize = 64;
    /// The shortest wait: 10 milliseconds, so that a receiver that is down is not called without end.
    pub const MIN_WAIT: Duration = Duration::from_millis(10);
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
            give_up_after,
        })
    }

    /// This schedule with all its times divided by `factor`, for tests, and deployments whose receivers are close by.
    ///
    /// # Errors
    /// When a wait would become shorter than [`MIN_WAIT`](Self::MIN_WAIT).
    pub fn shortened(&self, factor: NonZeroU32) -> Result<Self, InvalidValue> {
        let factor = factor.get();
        Self::new(
            self.waits.iter().map(|wait| *wait / factor).collect(),
            self.longest_retry_after / factor,
            self.give_up_after / factor,
        )
    }

    /// When a delivery is sent again whose attempt ended in failure at `now`: its first one failed at
    /// `first_failed_at`, and it was sent again `retries` times since. None when it is given up.
    #[must_use]
    pub fn next(
        &self,
        first_failed_at: Instant,
        retries: u32,
        retry_after: Option<Duration>,
        now: Instant,
        jitter: Jitter,
    ) -> Option<Instant> {
        let last_attempt_at = first_failed_at.plus(self.give_up_after);
        if now >= last_attempt_at {
            return None;
        }
        let wished = retry_after.unwrap_or_default().min(self.longest_retry_after);
        let wait = self.wait_before(retries).max(wished);
        Some(now.plus(jitter.lengthen(wait)).min(last_attempt_at))
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
mod tests {
    use super::*;
    use crate::testing::{ManualClock, SeededEntropy};
    use crate::time::Clock;

    const NOW: Instant = ManualClock::START;
    const SECOND: Duration = Duration::from_secs(1);

    fn next(retries: u32, retry_after: Option<Duration>, jitter: Jitter) -> Duration {
        let schedule = RetrySchedule::default();
        let at = schedule.next(NOW, retries, retry_after, NOW, jitter).unwrap();
        Duration::from_millis((at.as_milliseconds() - NOW.as_milliseconds()).unsigned_abs())
    }

    #[test]
    fn the_waits_are_the_contracts_and_the_last_one_holds_for_ever() {
        let minutes = [2, 4, 8, 16, 32, 60, 120, 240, 480, 480, 480];
        for (retries, minutes) in (0..).zip(minutes) {
            assert_eq!(next(retries, None, Jitter::NONE), MINUTE * minutes, "{retries}");
        }
        assert_eq!(next(u32::MAX, None, Jitter::NONE), HOUR * 8);
    }

    #[test]
    fn jitter_lengthens_a_wait_by_up_to_a_tenth() {
        assert_eq!(next(0, None, Jitter::MOST), SECOND * 132);
        assert_eq!(next(8, None, Jitter::MOST), MINUTE * 528);
        let entropy = SeededEntropy::default();
        let waits: Vec<_> = (0..100)
            .map(|_| next(0, None, Jitter::draw(&entropy).unwrap()))
            .collect();
        assert!(
            waits
                .iter()
                .all(|wait| (SECOND * 120..=SECOND * 132).contains(wait)),
            "{waits:?}"
        );
        for quarter in 0..4 {
            let part = SECOND * (120 + quarter * 3)..SECOND * (123 + quarter * 3);
            assert!(waits.iter().any(|wait| part.contains(wait)), "none in {part:?}");
        }
    }

    #[test]
    fn a_receivers_wish_lengthens_a_wait_up_to_8_hours_and_shortens_none() {
        for (retries, wish, wait) in [
            (0, MINUTE * 5, MINUTE * 5),
            (0, Duration::ZERO, MINUTE * 2),
            (2, MINUTE, MINUTE * 8),
            (0, HOUR * 8, HOUR * 8),
            (0, HOUR * 9, HOUR * 8),
            (0, Duration::MAX, HOUR * 8),
        ] {
            assert_eq!(next(retries, Some(wish), Jitter::NONE), wait, "{wish:?}");
        }
        assert_eq!(next(0, Some(MINUTE * 10), Jitter::MOST), MINUTE * 11);
    }

    #[test]
    fn the_last_attempt_is_made_when_the_7_days_are_over() {
        let schedule = RetrySchedule::default();
        for jitter in [Jitter::NONE, Jitter::MOST] {
            let clock = ManualClock::at(NOW);
            let mut waits = Vec::new();
            while let Some(at) =
                schedule.next(NOW, waits.len().try_into().unwrap(), None, clock.now(), jitter)
            {
                assert!(at > clock.now());
                waits.push(at.as_milliseconds() - clock.now().as_milliseconds());
                clock.set(at);
            }
            assert_eq!(clock.now(), NOW.plus(DAY * 7));
            // 9 up to 8 hours, as many whole ones as fit into what is left of the 7 days, and what is left of them.
            let expected = if jitter == Jitter::NONE {
                9 + 18 + 1
            } else {
                9 + 17 + 1
            };
            assert_eq!(waits.len(), expected, "{waits:?}");
        }
        let end = NOW.plus(DAY * 7);
        let before = end.minus(Duration::from_millis(1));
        assert_eq!(schedule.next(NOW, 9, None, before, Jitter::NONE), Some(end));
        assert_eq!(schedule.next(NOW, 0, None, end, Jitter::NONE), None);
    }

    #[test]
    fn a_schedule_can_be_shortened_but_not_to_nothing() {
        let factor = |factor| NonZeroU32::new(factor).unwrap();
        let shortened = RetrySchedule::default().shortened(factor(1000)).unwrap();
        let milliseconds = |at: Instant| at.as_milliseconds() - NOW.as_milliseconds();
        let next = |wish, at| shortened.next(NOW, 0, wish, at, Jitter::NONE);
        assert_eq!(milliseconds(next(None, NOW).unwrap()), 120);
        assert_eq!(milliseconds(next(Some(HOUR), NOW).unwrap()), 28_800);
        assert_eq!(next(None, NOW.plus(Duration::from_millis(604_800))), None);

        assert!(RetrySchedule::default().shortened(factor(12_000)).is_ok());
        assert!(RetrySchedule::default().shortened(factor(12_001)).is_err());
    }

    #[test]
    fn a_schedule_that_makes_no_sense_is_refused() {
        let new = |waits: &[Duration], give_up_after| RetrySchedule::new(waits.into(), HOUR, give_up_after);
        let shortest = RetrySchedule::MIN_WAIT;
        for (waits, give_up_after) in [
            (&[shortest][..], shortest),
            (&[SECOND, SECOND, MINUTE], DAY * 30),
            (&[SECOND; RetrySchedule::MAX_WAITS], DAY),
        ] {
            assert!(new(waits, give_up_after).is_ok(), "{waits:?}");
        }
        for (waits, give_up_after) in [
            (&[][..], DAY),
            (&[SECOND; RetrySchedule::MAX_WAITS + 1], DAY),
            (&[shortest - Duration::from_nanos(1)], DAY),
            (&[MINUTE, SECOND], DAY),
            (&[SECOND, MINUTE], MINUTE - SECOND),
            (&[SECOND], DAY * 30 + SECOND),
        ] {
            assert!(new(waits, give_up_after).is_err(), "{waits:?}");
        }
    }
}
