//! The clock of the machine.

use std::time::{Duration, SystemTime};

use webhook_domain::time::{Clock, Instant};

/// Tells the time of the operating system.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the port through which everybody else asks"
    )]
    fn now(&self) -> Instant {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Instant::from_milliseconds(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}
