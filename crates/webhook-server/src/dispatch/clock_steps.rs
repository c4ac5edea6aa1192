//! Noticing that somebody has set the clock: it is then ahead of the time since the machine was started by more than before, or less.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use webhook_domain::time::Instant;

use super::uptime::Uptime;

/// From how many milliseconds on the clock was set, and does not only run a little fast or slow.
const STEP: u64 = 2_000;

/// Whether the clock was set.
pub(super) struct ClockSteps {
    uptime: Uptime,
    /// How far the clock was ahead when it was looked at last, in milliseconds.
    lead: AtomicI64,
    /// Whether something was [seen](Self::saw) since by a clock that was set.
    was_seen: AtomicBool,
}

impl ClockSteps {
    /// From `now` on.
    pub(super) fn since(now: Instant, uptime: Uptime) -> Self {
        Self {
            lead: AtomicI64::new(now.as_milliseconds() - uptime.now()),
            was_seen: AtomicBool::new(false),
            uptime,
        }
    }

    fn lead(&self, now: Instant) -> i64 {
        now.as_milliseconds() - self.uptime.now()
    }

    /// Whether it was set since this was asked last, be it for a moment in which something was seen.
    pub(super) fn has_stepped(&self, now: Instant) -> bool {
        let lead = self.lead(now);
        let before = self.lead.swap(lead, Ordering::AcqRel);
        self.was_seen.swap(false, Ordering::AcqRel) || lead.abs_diff(before) > STEP
    }

    /// Notes what the clock shows at a moment of which something is kept.
    pub(super) fn saw(&self, now: Instant) {
        if self.lead(now).abs_diff(self.lead.load(Ordering::Acquire)) > STEP {
            self.was_seen.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use webhook_domain::testing::ManualClock;

    use super::*;

    const NOW: Instant = ManualClock::START;
    const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);

    #[test]
    fn a_step_is_noticed_once_forwards_and_backwards_and_where_only_something_was_seen_by_it() {
        let steps = ClockSteps::since(NOW, Uptime::told_by(|| 1_000));
        assert!(!steps.has_stepped(NOW));
        assert!(
            !steps.has_stepped(NOW.plus(std::time::Duration::from_secs(2))),
            "it runs a little fast"
        );
        assert!(steps.has_stepped(NOW.plus(HOUR)));
        assert!(!steps.has_stepped(NOW.plus(HOUR)));
        assert!(steps.has_stepped(NOW));
        steps.saw(NOW);
        assert!(!steps.has_stepped(NOW));
        steps.saw(NOW.minus(HOUR));
        assert!(steps.has_stepped(NOW));
        assert!(!steps.has_stepped(NOW));
    }
}
