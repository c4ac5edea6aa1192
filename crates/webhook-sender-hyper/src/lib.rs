//! The domain's `Sender` over hyper: HTTP/1.1, pooled connections, TLS by rustls.
//!
//! Its connector resolves the receiver's name, judges each address, and connects to the judged ones alone, so that what a name
//! leads to is judged at every connection, whatever it led to before. A literal address goes the same way. There is no
//! proxy and no redirect that could lead elsewhere. A pooled connection was judged when it was made.
//!
//! An attempt is over within [`SenderLimits::attempt_timeout`], from the look-up of the name to the end of the answer. Of an
//! answer at most [`SenderLimits::max_answer_bytes`] are read; a connection with more to come is closed.

mod connector;
mod resolver;
mod stream;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use data_encoding::BASE64;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use webhook_domain::address::AllowedNetworks;
use webhook_domain::attempt::{AttemptOutcome, FailureCause, StatusCode};
use webhook_domain::ports::{Parcel, Receipt, Sender};
use webhook_domain::retry_schedule::parse_retry_after;
use webhook_domain::time::Clock;
use webhook_domain::webhook::{Authentication, AuthenticationType};

pub use crate::connector::Roots;
use crate::connector::{Guard, GuardedConnector, NotConnected};
pub use crate::resolver::{Resolve, SystemResolver};

/// What receivers see of who calls.
const AGENT: &str = concat!("webhook-server/", env!("CARGO_PKG_VERSION"));
/// How long a connection may be idle before it is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How many idle connections are kept to one receiver.
const MAX_IDLE_PER_HOST: usize = 32;

/// How much a receiver may take.
#[derive(Debug, Clone, Copy)]
pub struct SenderLimits {
    /// How long an attempt may take, all in. 10 seconds.
    pub attempt_timeout: Duration,
    /// How many bytes of an answer are read. 64 KiB.
    pub max_answer_bytes: usize,
}

impl Default for SenderLimits {
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(10),
            max_answer_bytes: 64 * 1024,
        }
    }
}

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("TLS of deliveries cannot be set up")]
pub struct TlsUnusable(#[source] rustls::Error);

/// Carries deliveries over HTTP.
pub struct HyperSender {
    client: Client<GuardedConnector, Full<Bytes>>,
    limits: SenderLimits,
    clock: Arc<dyn Clock>,
}

impl HyperSender {
    /// A sender to public addresses and those of `allowed` networks, of the names that `resolver` knows.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(
        allowed: AllowedNetworks,
        resolver: Arc<dyn Resolve>,
        roots: Roots,
        limits: SenderLimits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TlsUnusable> {
        let guard = Guard { allowed, resolver };
        let connector = GuardedConnector::new(guard, roots).map_err(TlsUnusable)?;
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self {
            client,
            limits,
            clock,
        })
    }

    async fn answer_to(&self, parcel: Parcel) -> Result<Receipt, FailureCause> {
        let request = request(parcel).ok_or(FailureCause::Connection)?;
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| cause(&error))?;
        let status =
            StatusCode::new(response.status().as_u16()).map_err(|_| FailureCause::MalformedAnswer)?;
        let wish = response.headers().get(RETRY_AFTER);
        let retry_after = wish.and_then(|wish| parse_retry_after(wish.as_bytes(), self.clock.now()));
        self.read(response).await;
        Ok(Receipt {
            outcome: AttemptOutcome::of_answer(status),
            retry_after,
        })
    }

    /// Reads as much of the answer as may be, so that its connection can be used again. What the answer says does not matter,
    /// nor whether it comes to its end: the status was given.
    async fn read(&self, response: Response<Incoming>) {
        let mut body = response.into_body();
        let mut left = self.limits.max_answer_bytes;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }
}

#[async_trait]
impl Sender for HyperSender {
    async fn send(&self, parcel: Parcel) -> Receipt {
        let sent = tokio::time::timeout(self.limits.attempt_timeout, self.answer_to(parcel)).await;
        let failed = |cause| Receipt {
            outcome: AttemptOutcome::failed(cause),
            retry_after: None,
        };
        match sent {
            Ok(Ok(receipt)) => receipt,
            Ok(Err(cause)) => failed(cause),
            Err(_) => failed(FailureCause::Timeout),
        }
    }
}

/// The request; none if a part of it cannot stand in one, which the domain's types do not let happen.
fn request(parcel: Parcel) -> Option<Request<Full<Bytes>>> {
    // As the URL standard reads it: every spelling of an address becomes the one that is judged.
    let url = url::Url::parse(parcel.url.as_str()).ok()?;
    let uri = Uri::try_from(url.as_str()).ok()?;
    let mut request = Request::builder().method(Method::POST).uri(uri);
    let headers = request.headers_mut()?;
    if let Some((name, mut value)) = proof(&parcel.authentication) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    // After the webhook's own: none of these can be overridden.
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in parcel.headers {
        headers.insert(
            HeaderName::from_bytes(name.as_bytes()).ok()?,
            HeaderValue::try_from(value).ok()?,
        );
    }
    request.body(Full::new(Bytes::from(parcel.body))).ok()
}

/// The header by which the service proves itself.
fn proof(authentication: &Authentication) -> Option<(HeaderName, HeaderValue)> {
    let credentials = authentication.credentials();
    match authentication.kind() {
        AuthenticationType::None => None,
        AuthenticationType::Password => {
            let (username, password) = (credentials.username.as_ref()?, credentials.password.as_ref()?);
            let pair = format!("{}:{}", username.as_str(), password.expose());
            let value = format!("Basic {}", BASE64.encode(pair.as_bytes()));
            Some((AUTHORIZATION, HeaderValue::try_from(value).ok()?))
        }
        AuthenticationType::ApiKey => {
            let (field, key) = (
                credentials.api_header_field.as_ref()?,
                credentials.api_key.as_ref()?,
            );
            let name = HeaderName::from_bytes(field.as_str().as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(key.expose()).ok()?))
        }
    }
}

/// Why there was no answer.
fn cause(error: &hyper_util::client::legacy::Error) -> FailureCause {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(not_connected) = inner.downcast_ref::<NotConnected>() {
            return match not_connected {
                NotConnected::Unknown => FailureCause::NameResolution,
                NotConnected::Forbidden => FailureCause::ForbiddenAddress,
                NotConnected::Tcp(_) => FailureCause::Connection,
                NotConnected::Tls(_) => FailureCause::Tls,
            };
        }
        if let Some(http) = inner.downcast_ref::<hyper::Error>()
            && http.is_parse()
        {
            return FailureCause::MalformedAnswer;
        }
        source = inner.source();
    }
    FailureCause::Connection
}
