//! The clock of the machine.

use std::time::SystemTime;

use webhook_domain::time::{Clock, Instant};

/// Tells the time of the operating system.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the port through which everybody else asks"
    )]
    fn now(&self) -> Instant {
        SystemTime::now().into()
    }
}
