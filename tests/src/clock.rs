//! Instants as the API writes them, as seconds since 1970.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The time of this machine, in seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a client has a clock of its own to hold the server's against"
)]
pub fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970");
    i64::try_from(since.as_secs()).expect("the clock is before the end of time")
}

/// Reads `2024-04-12T15:22:37Z`, and nothing looser: UTC, whole seconds.
#[track_caller]
pub fn instant(value: &Value) -> i64 {
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("an instant is a string, not {value}"));
    assert!(
        text.len() == 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T',
        "not whole seconds in UTC: {text}"
    );
    let parsed = OffsetDateTime::parse(text, &Rfc3339);
    parsed
        .unwrap_or_else(|error| panic!("not an instant: {text}: {error}"))
        .unix_timestamp()
}

/// Asks `ready` every 20 ms until it gives something, and panics with `what` when `patience` has run out.
#[track_caller]
pub fn wait_for<T>(what: &str, patience: Duration, mut ready: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ready() {
            return found;
        }
        assert!(start.elapsed() < patience, "waited {patience:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
