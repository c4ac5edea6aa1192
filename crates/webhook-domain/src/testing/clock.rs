//! Time at a test's command.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::time::{Clock, Instant};

/// A clock that stands still until it is told to move, also backwards.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Where a clock starts that is told nothing else: 2024-04-12T15:22:37.250Z. Not a whole second, so that
    /// a test sees what is cut to one and what is not.
    pub const START: Instant = Instant::from_milliseconds(1_712_935_357_250);

    /// A clock that says `now`.
    #[must_use]
    pub fn at(now: Instant) -> Self {
        Self(AtomicI64::new(now.as_milliseconds()))
    }

    /// Makes it `now`.
    pub fn set(&self, now: Instant) {
        self.0.store(now.as_milliseconds(), Ordering::SeqCst);
    }

    /// Lets `time` pass.
    pub fn advance(&self, time: Duration) {
        self.set(self.now().plus(time));
    }

    /// Lets `seconds` pass.
    pub fn advance_seconds(&self, seconds: u64) {
        self.advance(Duration::from_secs(seconds));
    }
}

impl Default for ManualClock {
    /// A clock that says [`START`](Self::START).
    fn default() -> Self {
        Self::at(Self::START)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        Instant::from_milliseconds(self.0.load(Ordering::SeqCst))
    }
}
