//! Letting go of queues before a commit is on disk.
//!
//! A transaction that publishes keeps its queues locked until it is committed, so that their order is that of the commits. Where several processes
//! publish into the same queues, they so wait for each other's disk writes, one after the other. So a writer that had to wait lets its next transactions
//! commit in two steps for a while: first in memory, which lets the next process go on, then to disk, for all of them at once. Only then it answers.
//!
//! Nothing is sent meanwhile: whoever reads deliveries of such a transaction in order to send them waits for the second step too. Changes, and what is
//! published under an `Idempotency-Key`, are committed in one step, always.

use std::time::{Duration, Instant};

/// Who waits so long for queues waits for somebody's disk.
const LONG: Duration = Duration::from_millis(5);
/// For how long it is done. Then one transaction shows whether others are still waited for.
const FOR: Duration = Duration::from_secs(2);

/// Whether it is done.
#[derive(Debug, Default)]
pub(crate) struct EarlyRelease {
    until: Option<Instant>,
}

impl EarlyRelease {
    /// Notes how long a transaction has waited for its queues.
    pub(crate) fn waited(&mut self, long: Duration) {
        if long >= LONG {
            self.until = Some(Instant::now() + FOR);
        }
    }

    /// Whether the next transaction lets go early.
    pub(crate) fn is_due(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }
}
