//! Whether the parts of delivering move, and where they count what they do.
//!
//! A part beats each time it has come round. One that has not for the length of a lease stands still: the lease is not renewed
//! then, so that another process takes over, and the service says that it is not ready.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use webhook_domain::delivery::lane::LEASE;

use super::uptime::{Uptime, milliseconds};
use crate::metrics::DeliveryMetrics;

/// The parts.
pub(crate) struct Pulse {
    /// What time is measured by, here and for leases.
    pub(super) uptime: Uptime,
    /// Looks for lanes, all the time.
    pub(super) finder: Beat,
    /// Records turns, while there are any.
    pub(super) recorder: Beat,
    /// Whether deliveries are paused, as the process last saw it.
    paused: AtomicBool,
    /// Where the parts count what they do.
    pub(super) metrics: DeliveryMetrics,
}

/// When a part has beaten last; or that it has nothing to do.
pub(super) struct Beat {
    uptime: Uptime,
    /// In milliseconds of `uptime`; [`RESTS`] while there is nothing to do.
    last: AtomicI64,
}

/// Stands for the time of a beat while there is nothing to do.
const RESTS: i64 = i64::MIN;

impl Pulse {
    /// Parts that have just begun to move, by this clock.
    pub(super) fn by(uptime: Uptime) -> Self {
        let pulse = Self {
            finder: Beat::by(uptime.clone()),
            recorder: Beat::by(uptime.clone()),
            paused: AtomicBool::new(false),
            metrics: DeliveryMetrics::default(),
            uptime,
        };
        pulse.finder.beat();
        pulse
    }

    /// Parts that have just begun to move, and count what they do by `metrics`.
    pub(crate) fn counting_by(metrics: DeliveryMetrics) -> Self {
        Self {
            metrics,
            ..Self::by(Uptime::of_machine())
        }
    }

    /// Whether deliveries are paused, as the process last saw it.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// Notes whether deliveries are paused, and says whether they were.
    pub(super) fn set_paused(&self, paused: bool) -> bool {
        self.paused.swap(paused, Ordering::AcqRel)
    }

    /// Whether all that has something to do moves.
    pub(crate) fn moves(&self) -> bool {
        self.finder.moves(LEASE) && self.recorder.moves(LEASE)
    }
}

impl Beat {
    fn by(uptime: Uptime) -> Self {
        Self {
            uptime,
            last: AtomicI64::new(RESTS),
        }
    }

    /// Says that the part has come round, and has something to do.
    pub(super) fn beat(&self) {
        self.last.store(self.uptime.now(), Ordering::Release);
    }

    /// Says that it has nothing to do.
    pub(super) fn rest(&self) {
        self.last.store(RESTS, Ordering::Release);
    }

    fn moves(&self, within: Duration) -> bool {
        match self.last.load(Ordering::Acquire) {
            RESTS => true,
            last => self.uptime.now() < last + milliseconds(within),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_something_to_do_and_does_not_come_round_stands_still() {
        let beat = Beat::by(Uptime::of_machine());
        assert!(beat.moves(Duration::ZERO), "there is nothing to do");
        beat.beat();
        assert!(beat.moves(LEASE) && !beat.moves(Duration::ZERO));
        beat.rest();
        assert!(beat.moves(Duration::ZERO));
    }
}
