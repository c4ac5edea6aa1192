//! The receiver's own wish of when to be asked again.

use std::time::{Duration, SystemTime};

use crate::time::Instant;

/// Reads the value of a `Retry-After` that came at `now`: seconds, or a date in one of HTTP's three spellings (RFC
/// 9110 §10.2.3). A date that is past means at once. None for anything else: a wish that cannot be read is none.
#[must_use]
pub fn parse_retry_after(value: &[u8], now: Instant) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than a u64 counts are a very long time all the same.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let date = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(now.as_milliseconds().unsigned_abs());
    Some(date.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2024-04-12T15:22:37.250Z, a Friday.
    const NOW: Instant = crate::testing::ManualClock::START;

    fn read(text: &str) -> Option<Duration> {
        parse_retry_after(text.as_bytes(), NOW)
    }

    #[test]
    fn seconds_are_read() {
        for (text, seconds) in [
            ("0", 0),
            ("120", 120),
            (" 007\t", 7),
            ("18446744073709551616", u64::MAX),
        ] {
            assert_eq!(read(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn a_date_is_read_in_each_of_the_three_spellings_and_counts_from_now() {
        let until = Some(Duration::from_millis(119_750));
        for text in [
            "Fri, 12 Apr 2024 15:24:37 GMT",
            "Friday, 12-Apr-24 15:24:37 GMT",
            "Fri Apr 12 15:24:37 2024",
        ] {
            assert_eq!(read(text), until, "{text}");
        }
        assert_eq!(read("Thu, 11 Apr 2024 15:24:37 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn anything_else_is_no_wish() {
        for text in [
            "",
            " ",
            "-1",
            "+1",
            "1.5",
            "1s",
            "1, 2",
            "soon",
            "2024-04-12T15:24:37Z",
            "Fri, 12 Apr 2024",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(parse_retry_after(b"\xff", NOW), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_value_of_a_receiver_is_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            date in "[A-Z][a-z]{2,8},? [0-9]{2}[ -][A-Z][a-z]{2}[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
            now in any::<i64>().prop_map(Instant::from_milliseconds),
        ) {
            let _ = parse_retry_after(&bytes, now);
            let _ = parse_retry_after(date.as_bytes(), now);
        }
    }
}
