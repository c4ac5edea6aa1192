//! The domain's `Sender` over hyper: HTTP/1.1, a connection pool, TLS by rustls.
//!
//! Its connector resolves the receiver's name, checks each address, and connects only to allowed ones. So the address is checked at
//! every new connection, and a DNS change cannot bypass the check. IP addresses in a URL are checked in the same way. Redirects are
//! not followed. The address of a reused connection was checked when the connection was made.
//!
//! **The response head decides the outcome.** An attempt ends with the head of a response, or after [`SenderLimits::attempt_timeout`],
//! counted from the name look-up, or less if the parcel says so. The body is read in the background, up to [`SenderLimits::max_answer_bytes`] and for at most a
//! second, so that the connection can be reused. A connection with a longer body is closed. The attempt waits for the first KiB of a
//! failed response within that second, and within its own timeout. This part of the body is stored with the attempt, and does not
//! change the outcome.
//!
//! **A reused connection may be dead.** Receivers close idle connections at any time. If a reused connection closes before the first
//! byte of the response, this is not counted as a failure: the request is sent once more, at once, on a new connection.

mod connection;
mod connector;
mod own;
mod pool;
mod proxy;
mod reach;
mod request;
mod resolver;
mod rest;
mod spelling;
mod tls;
mod watched;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use hyper::body::Incoming;
use hyper::header::RETRY_AFTER;
use tokio::time::{Instant, timeout_at};
use webhook_domain::delivery::address::AllowedNetworks;
use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause, StatusCode};
use webhook_domain::delivery::retry_schedule::parse_retry_after;
use webhook_domain::ports::{Parcel, Response, Sender, Shortage};
use webhook_domain::signing::receipt::{RECEIPT, ReceiptHeader};
use webhook_domain::time::Clock;

use crate::connection::Connection;
use crate::connector::{Connector, Guard, NotConnected};
use crate::own::NoAnswer;
use crate::pool::{Keeping, Origin, Pool};
pub use crate::proxy::EgressProxy;
use crate::proxy::NoTunnel;
pub use crate::reach::{Judged, NotReached, Reach, Tried};
use crate::request::{Addressed, addressed};
pub use crate::resolver::{MachineResolver, Resolve};
use crate::rest::Rest;
use crate::tls::Tls;
pub use crate::tls::{ClientIdentity, Roots, UnusablePem};

/// How much a receiver may take.
#[derive(Debug, Clone, Copy)]
pub struct SenderLimits {
    /// How long an attempt may take, up to the head of the answer. 10 seconds.
    pub attempt_timeout: Duration,
    /// How many bytes are read of what follows the head. 64 KiB.
    pub max_answer_bytes: usize,
    /// For how long. 1 second.
    pub body_timeout: Duration,
    /// How long a connection may be idle before it is closed. 1.8 seconds: some servers close theirs after 2.
    pub idle_timeout: Duration,
    /// How long a connection is used in all. 60 seconds.
    pub max_connection_age: Duration,
    /// How many idle connections are kept to one receiver. 32.
    pub max_idle_per_receiver: usize,
    /// How many in all. 512.
    pub max_idle: usize,
}

impl Default for SenderLimits {
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(10),
            max_answer_bytes: 64 * 1024,
            body_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_millis(1_800),
            max_connection_age: Duration::from_secs(60),
            max_idle_per_receiver: 32,
            max_idle: 512,
        }
    }
}

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("TLS of deliveries cannot be set up")]
pub struct TlsUnusable(#[source] rustls::Error);

/// Carries deliveries over HTTP.
pub struct HyperSender {
    connector: Connector,
    pool: Arc<Pool>,
    limits: SenderLimits,
    clock: Arc<dyn Clock>,
}

impl HyperSender {
    /// A sender to public addresses and those of `allowed` networks, of the names that `resolver` knows. It believes certificates from
    /// `roots`, and proves itself by `identity` where a certificate is wanted.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(
        allowed: AllowedNetworks,
        resolver: Arc<dyn Resolve>,
        roots: Roots,
        identity: Option<ClientIdentity>,
        limits: SenderLimits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TlsUnusable> {
        let connector = Connector {
            guard: Guard { allowed, resolver },
            tls: Tls::new(roots, identity).map_err(TlsUnusable)?,
            proxy: None,
        };
        let pool = Pool::new(Keeping {
            idle: limits.idle_timeout,
            age: limits.max_connection_age,
            per_receiver: limits.max_idle_per_receiver,
            in_all: limits.max_idle,
        });
        Ok(Self {
            connector,
            pool,
            limits,
            clock,
        })
    }

    /// The same, with all connections through `proxy`.
    #[must_use]
    pub fn through(mut self, proxy: Option<EgressProxy>) -> Self {
        self.connector.proxy = proxy;
        self
    }

    async fn answer_to(&self, parcel: Parcel) -> Result<Answer, NoAnswer> {
        let is_probe = parcel.is_probe;
        let Addressed {
            origin,
            request,
            spelling,
        } = addressed(parcel).ok_or(NoAnswer::Failed(FailureCause::Connection))?;
        let keep = !is_probe;
        if keep && let Some(mut kept) = self.pool.take(&origin) {
            match kept.ask(request.clone(), &spelling).await {
                Ok(response) => return Ok(self.answer(Some(origin), kept, response)?),
                Err(error) if kept.has_heard() => return Err(no_answer(&kept, &error)),
                // It was dead, and the others that are kept may be as well.
                Err(_) => {}
            }
        }
        let opened = self
            .connector
            .connect(&origin)
            .await
            .map_err(|error| not_connected(&error))?;
        let mut connection = Connection::on(opened)
            .await
            .map_err(|_| NoAnswer::Failed(FailureCause::Connection))?;
        match connection.ask(request, &spelling).await {
            Ok(response) => Ok(self.answer(keep.then_some(origin), connection, response)?),
            Err(error) => Err(no_answer(&connection, &error)),
        }
    }

    /// What the head of an answer says. If it is said to whom the connection leads, that is kept afterwards.
    fn answer(
        &self,
        origin: Option<Origin>,
        connection: Connection,
        response: hyper::Response<Incoming>,
    ) -> Result<Answer, FailureCause> {
        let status =
            StatusCode::new(response.status().as_u16()).map_err(|_| FailureCause::MalformedAnswer)?;
        let outcome = AttemptOutcome::of_answer(status);
        let wish = response.headers().get(RETRY_AFTER);
        // The first line alone; what it says is up to the domain.
        let receipt = match outcome {
            AttemptOutcome::Succeeded { .. } => response.headers().get(RECEIPT),
            AttemptOutcome::Failed { .. } => None,
        };
        Ok(Answer {
            response: Response {
                retry_after: wish.and_then(|wish| parse_retry_after(wish.as_bytes(), self.clock.now())),
                receipt: receipt.map(|receipt| ReceiptHeader::read(receipt.as_bytes())),
                ..Response::of(outcome)
            },
            rest: Rest::new(response.into_body(), self.limits),
            connection,
            origin,
        })
    }

    /// Waits for the beginning of what follows the head of a failed answer, and leaves the rest of any to be read aside.
    async fn response_of(&self, answer: Answer, deadline: Instant) -> Response {
        let Answer {
            mut response,
            mut rest,
            connection,
            origin,
        } = answer;
        if let AttemptOutcome::Failed { .. } = response.outcome {
            let until = rest.until.min(deadline);
            // What has come until then is what there is.
            let _ = timeout_at(until, rest.begin(&mut response.body)).await;
        }
        if let Some(origin) = origin {
            self.read_aside(origin, connection, rest);
        }
        response
    }

    /// Reads what follows a head, and keeps the connection if that comes to its end soon.
    fn read_aside(&self, origin: Origin, connection: Connection, rest: Rest) {
        if rest.is_at_its_end() {
            return self.pool.put(origin, connection);
        }
        let pool = Arc::clone(&self.pool);
        let mut reading: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            if timeout_at(rest.until, rest.ends()).await == Ok(true) {
                pool.put(origin, connection);
            }
        });
        // Most often all of it has come with the head.
        let mut nobody_waits = Context::from_waker(Waker::noop());
        if reading.as_mut().poll(&mut nobody_waits).is_pending() {
            tokio::spawn(reading);
        }
    }
}

/// An answer whose head has come.
struct Answer {
    response: Response,
    rest: Rest,
    connection: Connection,
    /// To whom the connection leads, if it is to be kept.
    origin: Option<Origin>,
}

#[async_trait]
impl Sender for HyperSender {
    async fn send(&self, parcel: Parcel) -> Result<Response, Shortage> {
        let longest = self.limits.attempt_timeout;
        let deadline = Instant::now() + parcel.within.unwrap_or(longest).min(longest);
        match timeout_at(deadline, self.answer_to(parcel)).await {
            Ok(Ok(answer)) => Ok(self.response_of(answer, deadline).await),
            Ok(Err(NoAnswer::Failed(cause))) => Ok(Response::of(AttemptOutcome::failed(cause))),
            Ok(Err(NoAnswer::Short(shortage))) => {
                self.pool.close_all();
                Err(shortage)
            }
            Err(_) => Ok(Response::of(AttemptOutcome::failed(FailureCause::Timeout))),
        }
    }
}

/// Why there is no connection.
const fn not_connected(error: &NotConnected) -> NoAnswer {
    NoAnswer::Failed(match error {
        NotConnected::Short(shortage) => return NoAnswer::Short(*shortage),
        NotConnected::Unknown => FailureCause::NameResolution,
        NotConnected::Forbidden => FailureCause::ForbiddenAddress,
        NotConnected::Tcp(_) | NotConnected::Proxy(NoTunnel::Receiver) => FailureCause::Connection,
        NotConnected::Proxy(_) => FailureCause::EgressProxy,
        NotConnected::Tls(error) => FailureCause::Tls(error.failure),
    })
}

/// Why there is no answer on a connection.
fn no_answer(connection: &Connection, error: &hyper::Error) -> NoAnswer {
    own::shortage(error).map_or_else(|| NoAnswer::Failed(connection.cause(error)), NoAnswer::Short)
}
