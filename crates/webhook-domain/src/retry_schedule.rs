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

use crate::attempt::StatusCode;
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
mod tests {
    use super::*;
    use crate::testing::{ManualClock, SeededEntropy};
    use crate::time::Clock;

    const NOW: Instant = ManualClock::START;

    fn retried(retries: u32) -> Failures {
        Failures {
            first_failed_at: NOW,
            retries,
            short_waits: 0,
        }
    }

    fn next(retries: u32, retry_after: Option<Duration>, jitter: Jitter) -> Duration {
        wait_after(retried(retries), 500, retry_after, jitter).0
    }

    /// How long is waited after such failures, the last one with this status, and whether that is short.
    fn wait_after(
        failures: Failures,
        status: u16,
        retry_after: Option<Duration>,
        jitter: Jitter,
    ) -> (Duration, bool) {
        let status = Some(StatusCode::new(status).unwrap());
        let schedule = RetrySchedule::default();
        let retry = schedule.next(failures, status, retry_after, NOW, jitter).unwrap();
        (retry.at.since(NOW), retry.is_short)
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
    fn a_receiver_that_takes_no_more_for_the_moment_is_asked_again_when_it_wishes() {
        for (status, retries, wish, wait, is_short) in [
            (429, 0, SECOND, SECOND, true),
            (503, 0, SECOND * 5, SECOND * 5, true),
            (429, 0, Duration::ZERO, SECOND, true),
            (503, 3, MINUTE, MINUTE, true),
            // As long as the ordinary one, or longer.
            (429, 0, MINUTE * 2, MINUTE * 2, false),
            (503, 0, HOUR, HOUR, false),
            (503, 0, HOUR * 9, HOUR * 8, false),
            // Others have failed.
            (500, 0, SECOND, MINUTE * 2, false),
            (404, 0, SECOND, MINUTE * 2, false),
        ] {
            let wait_after = wait_after(retried(retries), status, Some(wish), Jitter::NONE);
            assert_eq!(wait_after, (wait, is_short), "{status} {wish:?}");
        }
    }

    #[test]
    fn without_a_wish_the_waits_double_up_to_the_ordinary_one() {
        let waits = |status, retries| {
            let wait = |short_waits| {
                let failures = Failures {
                    short_waits,
                    ..retried(retries)
                };
                wait_after(failures, status, None, Jitter::NONE)
            };
            (0..9).map(wait).collect::<Vec<_>>()
        };
        let ordinary = (MINUTE * 2, false);
        let doubled: Vec<_> = [1, 2, 4, 8, 16, 32, 64]
            .map(|seconds| (SECOND * seconds, true))
            .into();
        assert_eq!(waits(429, 0), [doubled, vec![ordinary; 2]].concat());
        assert_eq!(waits(429, 1)[7], (SECOND * 128, true));
        assert_eq!(waits(503, 0), [ordinary; 9]);
    }

    #[test]
    fn short_waits_come_to_an_end() {
        for (short_waits, is_short) in [(599, true), (600, false), (u32::MAX, false)] {
            let failures = Failures {
                short_waits,
                ..retried(0)
            };
            let (wait, short) = wait_after(failures, 429, Some(SECOND), Jitter::NONE);
            assert_eq!(short, is_short);
            assert_eq!(wait == SECOND, is_short);
        }
    }

    #[test]
    fn the_last_attempt_is_made_when_the_7_days_are_over() {
        let schedule = RetrySchedule::default();
        for jitter in [Jitter::NONE, Jitter::MOST] {
            let clock = ManualClock::at(NOW);
            let mut waits = Vec::new();
            while let Some(Retry { at, .. }) = schedule.next(
                retried(waits.len().try_into().unwrap()),
                None,
                None,
                clock.now(),
                jitter,
            ) {
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
        let next = |retries, now| schedule.next(retried(retries), None, None, now, Jitter::NONE);
        assert_eq!(next(9, before).map(|retry| retry.at), Some(end));
        assert_eq!(next(0, end), None);
    }

    #[test]
    fn a_schedule_can_be_shortened_but_not_to_nothing() {
        let factor = |factor| NonZeroU32::new(factor).unwrap();
        let shortened = RetrySchedule::default().shortened(factor(1000)).unwrap();
        let milliseconds = |at: Instant| at.as_milliseconds() - NOW.as_milliseconds();
        let next = |wish, at| shortened.next(retried(0), None, wish, at, Jitter::NONE);
        assert_eq!(milliseconds(next(None, NOW).unwrap().at), 120);
        assert_eq!(milliseconds(next(Some(HOUR), NOW).unwrap().at), 28_800);
        let busy = Some(StatusCode::TOO_MANY_REQUESTS);
        let short = shortened.next(retried(0), busy, None, NOW, Jitter::NONE).unwrap();
        assert_eq!(milliseconds(short.at), 10, "no less than the shortest wait");
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
