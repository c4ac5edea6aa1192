//! Lines of one kind, of which a flood is cut off: so many are written in a period, the rest is counted, and how many that were is said at
//! the end of the period.

use std::sync::atomic::{AtomicU64, Ordering};

/// Lines of one kind.
pub(super) struct Sampled {
    /// How many of them are written in a period.
    most: u64,
    /// How many there were in this period.
    seen: AtomicU64,
}

impl Sampled {
    pub(super) const fn new(most: u64) -> Self {
        Self {
            most,
            seen: AtomicU64::new(0),
        }
    }

    /// Counts a line, and says whether it is to be written.
    pub(super) fn admits(&self) -> bool {
        self.seen.fetch_add(1, Ordering::Relaxed) < self.most
    }

    /// Ends the period, and says how many lines of it were left out, if any.
    pub(super) fn end_period(&self) -> Option<u64> {
        let seen = self.seen.swap(0, Ordering::Relaxed);
        seen.checked_sub(self.most).filter(|left_out| *left_out > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_off_and_counted_and_the_next_period_begins_anew() {
        let lines = Sampled::new(3);
        for _ in 0..2 {
            let written = (0..10).filter(|_| lines.admits()).count();
            assert_eq!((written, lines.end_period()), (3, Some(7)));
        }
        assert!((0..3).all(|_| lines.admits()));
        assert_eq!(lines.end_period(), None);
        assert_eq!(lines.end_period(), None);
    }
}
