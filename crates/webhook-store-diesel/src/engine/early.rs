//! Letting go of queues before a commit is on disk.
//!
//! A transaction that publishes keeps its queues locked until it is committed, so that their order is that of the commits. Where several processes
//! publish into the same queues, they so wait for each other's disk writes, one after the other. So a writer whose disk is slow, and that
//! others wait for, lets its next transactions commit in two steps for a while: first in memory, which lets the next process go on, then to
//! disk, for all of them at once. Only then it answers.
//!
//! Nothing is sent meanwhile: whoever reads deliveries of such a transaction in order to send them waits for the second step too. Changes, and what is
//! published under an `Idempotency-Key`, are committed in one step, always.

use std::time::{Duration, Instant};

/// A commit that takes so long waits for the disk.
const LONG: Duration = Duration::from_millis(5);
/// For how long it is done after somebody has waited.
const FOR: Duration = Duration::from_secs(2);

/// How a transaction went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    /// Whether somebody waited for it when it was about to commit, if that was asked.
    pub(crate) was_waited_for: bool,
    /// How long it then took until all was on disk.
    pub(crate) commit: Duration,
}

/// Whether it is done.
#[derive(Debug, Default)]
pub(crate) struct EarlyRelease {
    is_slow: bool,
    until: Option<Instant>,
}

impl EarlyRelease {
    /// Notes how a transaction went.
    pub(crate) fn learn(&mut self, course: Course) {
        self.is_slow = course.commit >= LONG;
        if self.is_slow && course.was_waited_for {
            self.until = Some(Instant::now() + FOR);
        }
    }

    /// Whether it is worth asking who waits for the next transaction.
    pub(crate) const fn is_slow(&self) -> bool {
        self.is_slow
    }

    /// Whether the next transaction lets go early.
    pub(crate) fn is_due(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }
}
