//! A clock for leases and pulses: it only goes forward, at its own pace, and goes on while the machine sleeps.
//!
//! It is handed in, so that a test can run through hours in a moment.

use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Tells how many milliseconds have passed since some instant, the same at every call.
#[derive(Clone)]
pub(crate) struct Uptime(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Uptime {
    /// The time since the machine was started, that included in which it slept.
    pub(super) fn of_machine() -> Self {
        Self(Arc::new(|| {
            let now = clock_gettime(ClockId::Boottime);
            now.tv_sec * 1000 + now.tv_nsec / 1_000_000
        }))
    }

    /// The time that `now` tells.
    #[cfg(test)]
    pub(super) fn told_by(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(super) fn now(&self) -> i64 {
        (self.0)()
    }
}

/// A duration in the unit of [`Uptime::now`].
pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
