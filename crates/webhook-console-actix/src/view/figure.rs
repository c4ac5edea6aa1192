//! Numbers of things and lengths of time, in words.

use std::fmt;
use std::time::Duration;

use askama::filters::HtmlSafe;

/// How many there are, counted no further than so many.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figure {
    pub(crate) count: u64,
    /// Whether there may be more.
    pub(crate) has_more: bool,
}

/// What it writes are digits and words.
impl HtmlSafe for Figure {}

impl Figure {
    /// How far things are counted.
    pub(crate) const MOST: u32 = 10_000;

    /// How far what waits in one queue is counted.
    pub(crate) const MOST_QUEUED: u32 = 1_000;

    /// Of a count that goes one further than `most`.
    pub(crate) fn of(counted: u64, most: u32) -> Self {
        let most = u64::from(most);
        Self {
            count: counted.min(most),
            has_more: counted > most,
        }
    }

    /// Whether it is one thing.
    pub(crate) fn is_one(self) -> bool {
        self.count == 1 && !self.has_more
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_more {
            f.write_str("more than ")?;
        }
        match self.count {
            0..1_000 => write!(f, "{}", self.count),
            count => write!(f, "{},{:03}", count / 1_000, count % 1_000),
        }
    }
}

/// A length of time, in its largest unit.
pub(crate) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let (count, unit) = match seconds {
        0 => return "less than a second".to_owned(),
        1..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_counted_to_its_end_says_so() {
        for (counted, shown) in [
            (0, "0"),
            (999, "999"),
            (1_005, "1,005"),
            (10_000, "10,000"),
            (10_001, "more than 10,000"),
        ] {
            assert_eq!(Figure::of(counted, Figure::MOST).to_string(), shown);
        }
    }

    #[test]
    fn a_length_of_time_is_told_in_one_unit() {
        for (seconds, told) in [
            (0, "less than a second"),
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7_199, "119 minutes"),
            (7_200, "2 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), told);
        }
    }
}
