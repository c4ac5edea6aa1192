//! What the API tells whoever watches it: each request that was answered, and, where the deployment wants it here, the metrics.

use std::sync::Arc;
use std::time::Duration;

/// What a binary may bring to watch the API by. Without any of it the API tells nobody.
#[derive(Clone, Default)]
pub struct Monitoring {
    /// Is told of each request that was answered.
    pub requests: Option<Arc<dyn RequestObserver>>,
    /// Writes the metrics for `GET /metrics`. Without it there is no such path.
    pub metrics: Option<WriteMetrics>,
}

/// Is told of requests. It is called on the threads that answer, so it must not wait for anything.
pub trait RequestObserver: Send + Sync {
    /// A request was answered.
    fn answered(&self, request: &AnsweredRequest);
}

/// A request that was answered. Nothing of it is the client's own: what can be counted by is from a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweredRequest {
    /// The method, if it is one of HTTP's own, otherwise [`OTHER`].
    pub method: &'static str,
    /// The pattern that the path matched, otherwise [`OTHER`].
    pub route: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// From when the head was complete until the answer was ready to be sent.
    pub took: Duration,
}

/// Stands for a method or a path that the API does not know: a client may send any.
pub const OTHER: &str = "_OTHER";

/// Writes the metrics in the form that the value of an `Accept` header asks for.
pub type WriteMetrics = Arc<dyn Fn(&str) -> MetricsText + Send + Sync>;

/// The metrics, written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsText {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The metrics.
    pub text: String,
}
