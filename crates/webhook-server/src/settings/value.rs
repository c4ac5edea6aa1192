//! The values of settings, each read from text. An error completes the sentence that begins with the setting.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use webhook_domain::InvalidValue;
use webhook_domain::access::quota::{Counted, Quota};
use webhook_domain::delivery::address::Network;
use webhook_domain::delivery::retry_schedule::RetrySchedule;
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::secret::SecretText;
use webhook_domain::webhook::{HttpPolicy, RotationDays};
use webhook_store_diesel::MasterKey;

/// The highest rate per second that can be told from no limit.
const MAX_RATE: u32 = 1_000_000;

pub(super) fn listen(text: &str) -> Result<SocketAddr, InvalidValue> {
    text.parse().map_err(|_| {
        InvalidValue::new("must be an IP address and a port, such as 127.0.0.1:8080 or [::]:8080")
    })
}

/// An address to listen on; none if it is empty.
pub(super) fn metrics_listen(text: &str) -> Result<Option<SocketAddr>, InvalidValue> {
    match text {
        "" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| {
            InvalidValue::new("must be an IP address and a port, such as 127.0.0.1:9464, or empty for none")
        }),
    }
}

/// How many connections may wait to be accepted. The machine has a limit of its own (`net.core.somaxconn`).
pub(super) fn listen_backlog(text: &str) -> Result<i32, InvalidValue> {
    let digits_alone = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let length: Option<i32> = digits_alone.then(|| text.parse().ok()).flatten();
    length
        .filter(|length| (1..=65_535).contains(length))
        .ok_or(InvalidValue::new("must be a whole number from 1 to 65535"))
}

pub(super) fn path(text: &str) -> Result<PathBuf, InvalidValue> {
    match text {
        "" => Err(InvalidValue::new("must be the path of a file")),
        // What cannot be read is named in an error.
        _ if MasterKey::parse(&SecretText::new(text.to_owned())).is_ok() => Err(InvalidValue::new(
            "must be the path of a file, and is itself a key, which belongs in the file",
        )),
        _ => Ok(PathBuf::from(text)),
    }
}

/// Any text but the empty one.
pub(super) fn text(text: &str) -> Result<String, InvalidValue> {
    match text {
        "" => Err(InvalidValue::new("must not be empty")),
        _ => Ok(text.to_owned()),
    }
}

pub(super) fn boolean(text: &str) -> Result<bool, InvalidValue> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(InvalidValue::new("must be true or false")),
    }
}

pub(super) fn http_policy(text: &str) -> Result<HttpPolicy, InvalidValue> {
    boolean(text).map(|is_allowed| match is_allowed {
        true => HttpPolicy::AllowHttp,
        false => HttpPolicy::HttpsOnly,
    })
}

pub(super) fn previous_secret_ttl(text: &str) -> Result<Overlap, InvalidValue> {
    let digits_alone = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let seconds = digits_alone.then(|| text.parse().ok()).flatten();
    Overlap::from_seconds(seconds.ok_or(Overlap::invalid())?)
}

/// After how many days a key is due for a roll; 0 is never.
pub(super) fn secret_rotation_days(text: &str) -> Result<Option<RotationDays>, InvalidValue> {
    const EXPECTED: InvalidValue =
        InvalidValue::new("must be a whole number of days from 1 to 730, or 0 for never");
    let digits_alone = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match digits_alone.then(|| text.parse().ok()).flatten() {
        Some(0) => Ok(None),
        Some(days) => RotationDays::new(days).map(Some).map_err(|_| EXPECTED),
        None => Err(EXPECTED),
    }
}

/// A rate per second; 0 is no limit.
pub(super) fn rate(text: &str) -> Result<Option<NonZeroU32>, InvalidValue> {
    const EXPECTED: InvalidValue =
        InvalidValue::new("must be a whole number per second from 1 to 1000000, or 0 for no limit");
    let digits_alone = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let rate = digits_alone.then(|| text.parse().ok()).flatten();
    rate.filter(|rate| *rate <= MAX_RATE)
        .map(NonZeroU32::new)
        .ok_or(EXPECTED)
}

/// How many of something a platform may have; 0 is no limit. API keys are counted one by one, so their limit is lower.
pub(super) fn quota(of: Counted) -> impl Fn(&str) -> Result<Option<Quota>, InvalidValue> {
    let (highest, expected) = match of {
        Counted::ApiKeys => (
            10_000,
            "must be a whole number from 1 to 10000, or 0 for no limit",
        ),
        Counted::Webhooks | Counted::PendingEvents => (
            1_000_000,
            "must be a whole number from 1 to 1000000, or 0 for no limit",
        ),
    };
    move |text| {
        let digits_alone = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let most: Option<u32> = digits_alone.then(|| text.parse().ok()).flatten();
        let most = most.filter(|most| *most <= highest);
        let most = most.ok_or(InvalidValue::new(expected))?;
        Ok(NonZeroU32::new(most).map(|most| Quota::new(of, most)))
    }
}

/// Networks in CIDR notation with commas between them; none at all is fine.
pub(super) fn networks(text: &str) -> Result<Vec<Network>, InvalidValue> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let networks = text.split(',').enumerate().map(|(index, item)| {
        Network::parse(item.trim()).map_err(|_| {
            let expected = format!(
                "must be networks like 10.0.0.0/8 or fd00::/8 with commas between them, no bit set behind the \
                 prefix; number {} is not",
                index + 1
            );
            InvalidValue(expected.into())
        })
    });
    networks.collect()
}

/// How long an attempt may take. Longer than a minute, and one receiver that hangs would hold others up.
pub(super) fn attempt_timeout(text: &str) -> Result<Duration, InvalidValue> {
    const EXPECTED: InvalidValue = InvalidValue::new("must be a whole number of seconds from 1 to 60");
    seconds(text, 1..=60).ok_or(EXPECTED)
}

/// How long a stop may take. Less than 2 seconds leaves no time to record what deliveries have left.
pub(super) fn stop_timeout(text: &str) -> Result<Duration, InvalidValue> {
    const EXPECTED: InvalidValue = InvalidValue::new("must be a whole number of seconds from 2 to 600");
    seconds(text, 2..=600).ok_or(EXPECTED)
}

/// How long a start waits for the database.
pub(super) fn wait_for_database(text: &str) -> Result<Duration, InvalidValue> {
    const EXPECTED: InvalidValue = InvalidValue::new("must be a whole number of seconds from 0 to 3600");
    seconds(text, 0..=3600).ok_or(EXPECTED)
}

/// A whole number of seconds within these bounds.
fn seconds(text: &str, bounds: std::ops::RangeInclusive<u64>) -> Option<Duration> {
    let digits_alone = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let seconds: Option<u64> = digits_alone.then(|| text.parse().ok()).flatten();
    seconds
        .filter(|seconds| bounds.contains(seconds))
        .map(Duration::from_secs)
}

/// How many times faster than usual what has failed is sent again.
pub(super) fn retry_schedule(text: &str) -> Result<RetrySchedule, InvalidValue> {
    let digits_alone = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let speed: Option<NonZeroU32> = digits_alone.then(|| text.parse().ok()).flatten();
    speed
        .and_then(|speed| RetrySchedule::default().shortened(speed).ok())
        .ok_or(InvalidValue::new("must be a whole number from 1 to 12000"))
}

/// A number of days.
pub(super) fn days(text: &str) -> Result<Duration, InvalidValue> {
    const DAY: u64 = 24 * 60 * 60;
    let digits_alone = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let days: Option<u64> = digits_alone.then(|| text.parse().ok()).flatten();
    days.filter(|days| (1..=3650).contains(days))
        .map(|days| Duration::from_secs(days * DAY))
        .ok_or(InvalidValue::new("must be a whole number of days from 1 to 3650"))
}

/// The filter's syntax is that of `EnvFilter`, except that a bare word must be a level: as a target it would
/// turn a misspelt `inof` into silence.
pub(super) fn log_filter(text: &str) -> Result<EnvFilter, InvalidValue> {
    const EXPECTED: InvalidValue = InvalidValue::new(
        "must be a level (error, warn, info, debug, trace, off), or a level and exceptions, such as \
         info,webhook_store_diesel=debug",
    );
    let bare_word = |item: &str| {
        item.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let is_level =
        |item: &str| !item.is_empty() && item.parse::<tracing::level_filters::LevelFilter>().is_ok();
    if text.split(',').any(|item| bare_word(item) && !is_level(item)) {
        return Err(EXPECTED);
    }
    EnvFilter::builder().parse(text).map_err(|_| EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_speeds_are_whole_numbers_within_their_bounds() {
        assert_eq!(days("30"), Ok(Duration::from_secs(2_592_000)));
        assert_eq!(retry_schedule("1"), Ok(RetrySchedule::default()));
        assert!(retry_schedule("12000").is_ok());
        for wrong in ["", "0", "-1", "1.5", "x", "99999999999"] {
            assert!(days(wrong).is_err() && retry_schedule(wrong).is_err(), "{wrong}");
        }
        assert!(days("3651").is_err() && retry_schedule("12001").is_err());
    }

    #[test]
    fn a_quota_is_a_whole_number_within_its_bounds_and_0_is_none() {
        let quota_of = |of, text: &str| quota(of)(text).map(|quota| quota.map(Quota::most));
        assert_eq!(quota_of(Counted::Webhooks, "0"), Ok(None));
        assert_eq!(quota_of(Counted::PendingEvents, "1000000"), Ok(Some(1_000_000)));
        assert_eq!(quota_of(Counted::ApiKeys, "10000"), Ok(Some(10_000)));
        for wrong in ["", "-1", "1.5", "many", "1000001", "99999999999"] {
            assert!(quota_of(Counted::Webhooks, wrong).is_err(), "{wrong}");
        }
        assert!(quota_of(Counted::ApiKeys, "10001").is_err());
    }

    #[test]
    fn a_listening_address_has_a_port() {
        assert!(listen("0.0.0.0:0").is_ok() && listen("[::1]:8080").is_ok());
        for wrong in ["", "8080", "localhost:8080", "127.0.0.1", "127.0.0.1:65536"] {
            assert!(listen(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_queue_of_connections_has_a_length() {
        assert_eq!(listen_backlog("1024"), Ok(1024));
        for wrong in ["", "0", "-1", "65536", "1.5", "many"] {
            assert!(listen_backlog(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_is_not_taken_for_a_path() {
        assert!(path("").is_err());
        assert_eq!(path("keys/master.key").unwrap(), PathBuf::from("keys/master.key"));
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let problem = path(key).unwrap_err().to_string();
        assert!(
            problem.contains("itself a key") && !problem.contains("AAEC"),
            "{problem}"
        );
        assert!(path(&key[1..]).is_ok(), "43 characters are no key");
    }

    #[test]
    fn an_attempt_takes_a_minute_at_the_most() {
        assert_eq!(attempt_timeout("10").unwrap(), Duration::from_secs(10));
        for wrong in ["", "0", "61", "1.5", "-1", "+5", "10s"] {
            assert!(attempt_timeout(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_stop_and_a_wait_have_their_bounds() {
        assert_eq!(stop_timeout("8").unwrap(), Duration::from_secs(8));
        for wrong in ["", "0", "1", "601", "8s", "-8", "+8"] {
            assert!(stop_timeout(wrong).is_err(), "{wrong}");
        }
        assert_eq!(wait_for_database("0").unwrap(), Duration::ZERO);
        for wrong in ["", "3601", "1m", "-1"] {
            assert!(wait_for_database(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn networks_are_read_one_by_one() {
        assert_eq!(networks("").unwrap(), []);
        assert_eq!(networks("10.0.0.0/8, fd00::/8").unwrap().len(), 2);
        for wrong in ["10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8,", "all"] {
            assert!(networks(wrong).is_err(), "{wrong}");
        }
        let problem = networks("10.0.0.0/8,x").unwrap_err();
        assert!(problem.to_string().ends_with("number 2 is not"), "{problem}");
    }

    #[test]
    fn an_overlap_is_at_most_seven_days() {
        assert_eq!(previous_secret_ttl("0").unwrap(), Overlap::NONE);
        assert_eq!(previous_secret_ttl("604800").unwrap().as_seconds(), 604_800);
        for wrong in ["", "604801", "-1", "+1", "1.5", "1d", "99999999999999999999"] {
            assert!(previous_secret_ttl(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_of_0_is_no_limit() {
        assert_eq!(rate("0").unwrap(), None);
        for (text, expected) in [("1", 1), ("50000", 50_000), ("1000000", 1_000_000)] {
            assert_eq!(rate(text).unwrap(), NonZeroU32::new(expected));
        }
        for wrong in ["", "-1", "+1", "1.5", "1000001", "10/s", "99999999999", "none"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_misspelt_level_is_refused() {
        for right in [
            "info",
            "OFF",
            "warn,webhook_store_diesel=debug",
            "info,actix_server::worker=warn",
        ] {
            assert!(log_filter(right).is_ok(), "{right}");
        }
        for wrong in ["", "inof", "info,,debug", "info,x=verbose"] {
            assert!(log_filter(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_are_spelt_exactly() {
        assert_eq!(http_policy("true").unwrap(), HttpPolicy::AllowHttp);
        assert!(http_policy("1").is_err() && http_policy("True").is_err());
    }
}
