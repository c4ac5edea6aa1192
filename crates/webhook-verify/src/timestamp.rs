//! The two notations of a delivery's timestamp. Both are read strictly: what is signed is the text, so a text that could be
//! read in two ways has no place here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Digits of a Unix timestamp up to the year 9999. One in milliseconds has more.
const MAX_SECONDS_LENGTH: usize = 12;

/// A timestamp as written, which is what was signed, and what it means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timestamp<'h> {
    pub(crate) written: &'h [u8],
    pub(crate) at: SystemTime,
}

impl<'h> Timestamp<'h> {
    /// Unix seconds: digits and nothing else.
    pub(crate) fn unix(written: &'h [u8]) -> Option<Self> {
        if written.is_empty() || written.len() > MAX_SECONDS_LENGTH {
            return None;
        }
        let seconds = number(written)?;
        Self::new(written, seconds)
    }

    /// ISO 8601 in UTC with whole seconds, `2024-04-12T15:22:37Z`, from 1970 on.
    pub(crate) fn iso_8601(written: &'h [u8]) -> Option<Self> {
        let [
            y1,
            y2,
            y3,
            y4,
            b'-',
            m1,
            m2,
            b'-',
            d1,
            d2,
            b'T',
            h1,
            h2,
            b':',
            i1,
            i2,
            b':',
            s1,
            s2,
            b'Z',
        ] = *written
        else {
            return None;
        };
        let year = number(&[y1, y2, y3, y4]).filter(|year| *year >= 1970)?;
        let month = number(&[m1, m2]).filter(|month| (1..=12).contains(month))?;
        let day = number(&[d1, d2]).filter(|day| (1..=days_in(year, month)).contains(day))?;
        let hour = number(&[h1, h2]).filter(|hour| *hour < 24)?;
        let minute = number(&[i1, i2]).filter(|minute| *minute < 60)?;
        let second = number(&[s1, s2]).filter(|second| *second < 60)?;
        let days = days_before(year, month) + day - 1;
        Self::new(written, ((days * 24 + hour) * 60 + minute) * 60 + second)
    }

    fn new(written: &'h [u8], seconds: u64) -> Option<Self> {
        let at = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
        Some(Self { written, at })
    }
}

/// The number that these digits are.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u64::from(digit - b'0'))
    })
}

fn is_leap(year: u64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the Unix epoch to the first of this month.
fn days_before(year: u64, month: u64) -> u64 {
    // The years before this one that had a 29 February, counted from the year 1; there were 477 before 1970.
    let before = year - 1;
    let leap_days = before / 4 - before / 100 + before / 400 - 477;
    let months: u64 = (1..month).map(|earlier| days_in(year, earlier)).sum();
    (year - 1970) * 365 + leap_days + months
}

#[cfg(test)]
mod tests {
    use time::{Date, Month, OffsetDateTime};

    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        let at = Timestamp::iso_8601(text.as_bytes())?.at;
        Some(at.duration_since(UNIX_EPOCH).unwrap().as_secs())
    }

    #[test]
    fn every_day_up_to_the_year_2500_is_the_day_that_it_is() {
        let mut date = Date::from_calendar_date(1970, Month::January, 1).unwrap();
        let mut expected = 0;
        loop {
            let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
            let text = format!("{year:04}-{month:02}-{day:02}T00:00:00Z");
            assert_eq!(seconds(&text), Some(expected), "{text}");
            expected += 86_400;
            match date.next_day() {
                Some(next) if next.year() <= 2500 => date = next,
                _ => break,
            }
        }
    }

    #[test]
    fn a_time_of_day_counts() {
        assert_eq!(seconds("2024-04-12T15:22:37Z"), Some(1_712_935_357));
        let last = OffsetDateTime::from_unix_timestamp(253_402_300_799).unwrap();
        assert_eq!(last.year(), 9999);
        assert_eq!(seconds("9999-12-31T23:59:59Z"), Some(253_402_300_799));
    }

    #[test]
    fn another_notation_or_no_date_is_none() {
        for wrong in [
            "",
            "1712935357",
            "2024-04-12T15:22:37",
            "2024-04-12t15:22:37z",
            "2024-04-12 15:22:37Z",
            " 2024-04-12T15:22:37Z",
            "2024-04-12T15:22:37Z ",
            "2024-04-12T15:22:37.000Z",
            "2024-04-12T15:22:37+00:00",
            "+2024-04-12T15:22:37Z",
            "02024-04-12T15:22:37Z",
            "1969-12-31T23:59:59Z",
            "2024-00-12T15:22:37Z",
            "2024-13-12T15:22:37Z",
            "2024-04-00T15:22:37Z",
            "2024-04-31T15:22:37Z",
            "2023-02-29T15:22:37Z",
            "2100-02-29T15:22:37Z",
            "2024-04-12T24:00:00Z",
            "2024-04-12T15:60:00Z",
            "2016-12-31T23:59:60Z",
            "2024-04-1\u{661}T15:22:37Z",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn unix_seconds_are_digits_and_nothing_else() {
        let at = |text: &str| Timestamp::unix(text.as_bytes()).map(|timestamp| timestamp.at);
        assert_eq!(
            at("1712935357"),
            Some(UNIX_EPOCH + Duration::from_secs(1_712_935_357))
        );
        // The last two are in milliseconds, and what overflows when it is subtracted from the present.
        for wrong in [
            "",
            "-1",
            "+1712935357",
            "1712935357.0",
            " 1712935357",
            "x",
            "1712935357000",
            "-9223372036854775808",
        ] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
