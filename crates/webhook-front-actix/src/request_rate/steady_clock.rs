//! Time as the limiter wants it: it goes forward or stands still.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::nanos::Nanos;
use webhook_domain::time::Clock;

/// How long it is since this was made, by a clock that may be set. What the clock steps back is left out, so that
/// nobody has to wait until it has caught up with itself.
pub(super) struct SteadyClock {
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
}

/// A hundred years, in milliseconds: the limiter counts nanoseconds in 64 bits, and adds to them.
const AT_MOST: u64 = 100 * 365 * 86_400 * 1_000;

/// All in milliseconds.
struct Seen {
    /// What the clock said when it was last asked.
    clock: i64,
    /// The sum of its steps forward.
    elapsed: u64,
}

impl SteadyClock {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let seen = Seen {
            clock: clock.now().as_milliseconds(),
            elapsed: 0,
        };
        Self {
            clock,
            seen: Mutex::new(seen),
        }
    }
}

impl governor::clock::Clock for SteadyClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        // Nothing panics while holding the lock.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now().as_milliseconds();
        let step = u64::try_from(now.saturating_sub(seen.clock)).unwrap_or(0);
        seen.clock = now;
        seen.elapsed = seen.elapsed.saturating_add(step).min(AT_MOST);
        Duration::from_millis(seen.elapsed).into()
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::Clock as _;
    use webhook_domain::testing::ManualClock;

    use super::*;

    #[test]
    fn it_goes_on_from_where_it_was_after_the_clock_was_set_back() {
        let clock = Arc::new(ManualClock::default());
        let steady = SteadyClock::new(clock.clone());
        let elapsed = || Duration::from_nanos(steady.now().as_u64());
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(elapsed(), Duration::from_millis(1_500));
        clock.set(ManualClock::START.minus(Duration::from_secs(3_600)));
        assert_eq!(elapsed(), Duration::from_millis(1_500));
        clock.advance_seconds(1);
        assert_eq!(elapsed(), Duration::from_millis(2_500));
    }

    #[test]
    fn a_clock_that_was_centuries_behind_is_borne() {
        let clock = Arc::new(ManualClock::at(webhook_domain::time::Instant::from_milliseconds(
            0,
        )));
        let steady = SteadyClock::new(clock.clone());
        clock.set(webhook_domain::time::Instant::from_milliseconds(i64::MAX));
        assert_eq!(steady.now().as_u64(), AT_MOST * 1_000_000);
    }
}
