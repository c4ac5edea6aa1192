//! What the API tells whoever watches it: each request that was answered, or whose connection broke before, and, where the
//! deployment wants it here, the metrics.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use webhook_domain::access::caller::Credential;
use webhook_domain::delivery::address::Network;
use webhook_domain::delivery::trace::TraceParent;
use webhook_domain::id::{PlatformId, RequestId};
use webhook_front_actix::client_address;

use crate::errors::Problem;
use crate::request::trace;

/// What a binary may bring to watch the API by. Without any of it the API tells nobody.
#[derive(Clone, Default)]
pub struct Monitoring {
    /// Are told of each request, in this order.
    pub requests: Vec<Arc<dyn RequestObserver>>,
    /// Writes the metrics for `GET /metrics`. Without it there is no such path.
    pub metrics: Option<WriteMetrics>,
}

/// Is told of requests. It is called on the threads that answer, so it must not wait for anything.
pub trait RequestObserver: Send + Sync {
    /// A request was answered.
    fn answered(&self, request: &ObservedRequest<'_>, answer: &Answered<'_>);

    /// A request reached its route, and its connection broke before there was an answer, or the process ends. What it asked for may be
    /// done.
    fn abandoned(&self, _request: &ObservedRequest<'_>) {}
}

/// A request. What can be counted by is from a closed list: nothing of it is the client's own.
#[derive(Clone, Copy)]
pub struct ObservedRequest<'a> {
    /// The method, if it is one of HTTP's own, otherwise [`OTHER`].
    pub method: &'static str,
    /// The pattern that the path matched, otherwise [`OTHER`].
    pub route: &'static str,
    /// From when the head was complete until the answer was ready to be sent.
    pub took: Duration,
    /// Its id, which a client may have chosen.
    pub id: &'a RequestId,
    /// The platform that it acted on; none if it did not come so far.
    pub platform: Option<&'a PlatformId>,
    /// Whose it was; none if nobody's that is known.
    pub credential: Option<&'a Credential>,
    pub(crate) http: Option<&'a HttpRequest>,
    pub(crate) trusted_proxies: &'a [Network],
}

impl<'a> ObservedRequest<'a> {
    /// A request of which no more is known.
    #[must_use]
    pub const fn new(method: &'static str, route: &'static str, took: Duration, id: &'a RequestId) -> Self {
        Self {
            method,
            route,
            took,
            id,
            platform: None,
            credential: None,
            http: None,
            trusted_proxies: &[],
        }
    }

    /// The client's address, as rate limits count by it. It is found out when it is asked for.
    #[must_use]
    pub fn client_address(&self) -> Option<IpAddr> {
        client_address(self.http?, self.trusted_proxies)
    }

    /// The trace that the request belongs to, likewise.
    #[must_use]
    pub fn trace(&self) -> Option<TraceParent> {
        trace::parent(self.http?.headers())
    }
}

/// What a request was answered.
#[derive(Clone, Copy)]
pub struct Answered<'a> {
    /// The status of the answer.
    pub status: u16,
    /// Whether it was given before, to the same request.
    pub is_replayed: bool,
    pub(crate) problem: Option<&'a Problem>,
}

impl Answered<'_> {
    /// An answer with this status, of which no more is known.
    #[must_use]
    pub const fn of(status: u16) -> Self {
        Self {
            status,
            is_replayed: false,
            problem: None,
        }
    }

    /// The code of the error, if it is one.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        self.problem.map(Problem::code)
    }

    /// What went wrong, with the chain of its causes. For the log alone.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        self.problem.map(Problem::chain)
    }
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
