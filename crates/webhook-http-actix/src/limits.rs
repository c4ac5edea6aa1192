//! How much, how long and how many: what a client may take of the API.

use std::num::NonZeroU32;
use std::time::Duration;

use webhook_front_actix::FrontLimits;

/// What a client may take of the API.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// What it may take of any front: time, connections, heads.
    pub front: FrontLimits,
    /// The longest body, in bytes; beyond it 413. 64 KiB.
    pub max_body_bytes: usize,
    /// The longest event, in bytes; beyond it 413. 256 KiB.
    pub max_event_bytes: usize,
    /// How long a request waits for another with the same `Idempotency-Key`; then 422. 5 seconds.
    pub idempotency_wait: Duration,
    /// Requests per second of one credential, and how many of them may come at once; then 429. 50,000; none is no
    /// limit.
    pub requests_per_second: Option<NonZeroU32>,
    /// Requests per second without a valid credential from one client address, after 20 seconds' worth at once; then
    /// 429. 50; none is no limit.
    pub failed_authentications_per_second: Option<NonZeroU32>,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            front: FrontLimits::default(),
            max_body_bytes: 64 * 1024,
            max_event_bytes: 256 * 1024,
            idempotency_wait: Duration::from_secs(5),
            requests_per_second: NonZeroU32::new(50_000),
            failed_authentications_per_second: NonZeroU32::new(50),
        }
    }
}
