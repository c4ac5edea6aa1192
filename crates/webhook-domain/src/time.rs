//! Instants and where they come from.
//!
//! The domain never asks what time it is: a caller passes an [`Instant`], or hands a service a [`Clock`].
//! An instant has milliseconds inside and whole seconds outside (ISO 8601, UTC). What is promised to a
//! client, such as when a key stops signing, is therefore cut to [whole seconds](Instant::whole_seconds)
//! before it is stored, so that what was shown is what holds.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::error::InvalidValue;

const ISO_8601: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
/// The last instant with a year of four digits.
const LAST_MILLISECOND: i64 = 253_402_300_799_999;

/// How far the clocks of machines that share a database may be apart.
pub const CLOCKS_APART: Duration = Duration::from_secs(5 * 60);
/// 2024-01-01T00:00:00Z, before this service was written. A machine without a clock of its own starts in 1970, or when it was made: a
/// clock that says so is wrong, and by it nothing is put right.
pub const EARLIEST: Instant = Instant::from_milliseconds(1_704_067_200_000);

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, up to the year 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// The instant that many milliseconds after the Unix epoch, kept within the years 1970 to 9999.
    #[must_use]
    pub const fn from_milliseconds(milliseconds: i64) -> Self {
        if milliseconds < 0 {
            Self(0)
        } else if milliseconds > LAST_MILLISECOND {
            Self(LAST_MILLISECOND)
        } else {
            Self(milliseconds)
        }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_milliseconds(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0 / 1000
    }

    /// How long after `earlier` this is; nothing if it is before that.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let milliseconds = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
    }

    /// This instant without its fraction of a second, as clients see it.
    #[must_use]
    pub const fn whole_seconds(self) -> Self {
        Self(self.0 / 1000 * 1000)
    }

    /// The instant `later` than this one, no later than the end of the year 9999.
    #[must_use]
    pub fn plus(self, later: Duration) -> Self {
        Self::from_milliseconds(
            self.0
                .saturating_add(i64::try_from(later.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// The instant `earlier` than this one, no earlier than the Unix epoch.
    #[must_use]
    pub fn minus(self, earlier: Duration) -> Self {
        Self::from_milliseconds(
            self.0
                .saturating_sub(i64::try_from(earlier.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for Instant {
    /// ISO 8601 in UTC with whole seconds, such as `2024-04-12T15:22:37Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = OffsetDateTime::from_unix_timestamp(self.as_seconds()).map_err(|_| fmt::Error)?;
        f.write_str(&date.format(ISO_8601).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}+{}ms", self.0 % 1000)
    }
}

impl FromStr for Instant {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let wrong = InvalidValue::new("must be an instant like 2024-04-12T15:22:37Z");
        let date = time::PrimitiveDateTime::parse(text, ISO_8601).map_err(|_| wrong.clone())?;
        let seconds = date.assume_utc().unix_timestamp();
        if seconds < 0 {
            Err(wrong)
        } else {
            Ok(Self::from_milliseconds(seconds * 1000))
        }
    }
}

impl From<SystemTime> for Instant {
    /// The same instant, kept within the years 1970 to 9999.
    fn from(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self::from_milliseconds(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

impl From<Instant> for SystemTime {
    fn from(instant: Instant) -> Self {
        UNIX_EPOCH + instant.since(Instant(0))
    }
}

/// Says what time it is.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
pub trait Clock: Send + Sync {
    /// The present instant. May stand still or step back: rules that rely on order see to it themselves.
    fn now(&self) -> Instant;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_in_whole_seconds_of_utc() {
        assert_eq!(
            Instant::from_milliseconds(1_712_935_357_999).to_string(),
            "2024-04-12T15:22:37Z"
        );
        assert_eq!(Instant::from_milliseconds(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(
            Instant::from_milliseconds(i64::MAX).to_string(),
            "9999-12-31T23:59:59Z"
        );
    }

    #[test]
    fn an_instant_is_the_same_in_the_standard_librarys_type() {
        let time = UNIX_EPOCH + Duration::from_millis(1_712_935_357_999);
        let instant = Instant::from(time);
        assert_eq!(instant, Instant::from_milliseconds(1_712_935_357_999));
        assert_eq!(SystemTime::from(instant), time);
        assert_eq!(Instant::from(UNIX_EPOCH - Duration::from_secs(1)), Instant(0));
        assert_eq!(
            Instant::from(SystemTime::from(Instant(LAST_MILLISECOND))),
            Instant(LAST_MILLISECOND)
        );
    }

    #[test]
    fn an_instant_reads_back_as_it_was_written() {
        let text = "2024-02-29T23:59:59Z";
        assert_eq!(text.parse::<Instant>().unwrap().to_string(), text);
        for wrong in [
            "",
            "2024-02-30T00:00:00Z",
            "2024-04-12 15:22:37",
            "1969-12-31T23:59:59Z",
        ] {
            assert!(wrong.parse::<Instant>().is_err(), "{wrong}");
        }
    }
}
