//! Whether the parts of delivering move.
//!
//! A part beats each time it has come round. One that has not for the length of a lease stands still: the lease is not renewed
//! then, so that another process takes over, and the service says that it is not ready.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use webhook_domain::lane::LEASE;

/// The parts.
pub(crate) struct Pulse {
    /// Looks for lanes, all the time.
    pub(super) finder: Beat,
    /// Records turns, while there are any.
    pub(super) recorder: Beat,
}

/// When a part has beaten last; or that it has nothing to do.
pub(super) struct Beat {
    /// From when on milliseconds are counted.
    started: Instant,
    /// Milliseconds since then, and one more; zero while there is nothing to do.
    last: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        let pulse = Self {
            finder: Beat::new(),
            recorder: Beat::new(),
        };
        pulse.finder.beat();
        pulse
    }
}

impl Pulse {
    /// Whether all that has something to do moves.
    pub(crate) fn moves(&self) -> bool {
        self.finder.moves(LEASE) && self.recorder.moves(LEASE)
    }
}

impl Beat {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    /// Says that the part has come round, and has something to do.
    pub(super) fn beat(&self) {
        let since = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.last.store(since + 1, Ordering::Release);
    }

    /// Says that it has nothing to do.
    pub(super) fn rest(&self) {
        self.last.store(0, Ordering::Release);
    }

    fn moves(&self, within: Duration) -> bool {
        match self.last.load(Ordering::Acquire) {
            0 => true,
            last => self.started.elapsed() < Duration::from_millis(last - 1) + within,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_something_to_do_and_does_not_come_round_stands_still() {
        let beat = Beat::new();
        assert!(beat.moves(Duration::ZERO), "there is nothing to do");
        beat.beat();
        assert!(beat.moves(LEASE) && !beat.moves(Duration::ZERO));
        beat.rest();
        assert!(beat.moves(Duration::ZERO));
    }
}
