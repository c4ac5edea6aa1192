//! Those who get deliveries.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause, StatusCode};
use webhook_domain::ports::Response;
use webhook_domain::webhook::{TargetPolicy, TargetUrl};

/// How many hosts there are.
pub(super) const HOSTS: usize = 5;
/// How long an attempt may take: longer than a lease.
pub(super) const ATTEMPT: Duration = Duration::from_secs(10);

/// What a receiver does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Answers 200 at once.
    Well,
    /// Answers 200 after some seconds.
    Slow,
    /// Answers 500.
    Fails,
    /// Answers 503, and wishes not to be asked for a while.
    Unavailable,
    /// Takes what it gets, and does not answer in time.
    Hangs,
    /// Takes no connection.
    Refuses,
    /// Answers 410.
    Gone,
}

impl Behaviour {
    pub(super) const ALL: [Self; 7] = [
        Self::Well,
        Self::Slow,
        Self::Fails,
        Self::Unavailable,
        Self::Hangs,
        Self::Refuses,
        Self::Gone,
    ];

    /// Whether it accepts what it is sent.
    pub(super) const fn accepts(self) -> bool {
        matches!(self, Self::Well | Self::Slow)
    }

    /// What comes back, when it comes back.
    pub(super) async fn answer(self) -> Response {
        let status = |code| AttemptOutcome::of_answer(StatusCode::new(code).unwrap());
        let (outcome, after) = match self {
            Self::Well => (status(200), 20),
            Self::Slow => (status(200), 3_000),
            Self::Fails => (status(500), 30),
            Self::Unavailable => (status(503), 10),
            Self::Hangs => (AttemptOutcome::failed(FailureCause::Timeout), 30_000),
            Self::Refuses => (AttemptOutcome::failed(FailureCause::Connection), 1),
            Self::Gone => (status(410), 15),
        };
        sleep(Duration::from_millis(after)).await;
        let wishes = self == Self::Unavailable;
        Response {
            retry_after: wishes.then_some(Duration::from_secs(3)),
            ..Response::of(outcome)
        }
    }
}

/// What each host does now.
pub(super) struct Receivers(Mutex<[Behaviour; HOSTS]>);

impl Receivers {
    pub(super) const fn new() -> Self {
        Self(Mutex::new([Behaviour::Well; HOSTS]))
    }

    pub(super) fn behave(&self, host: usize, behaviour: Behaviour) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[host] = behaviour;
    }

    pub(super) fn at(&self, host: usize) -> Behaviour {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[host]
    }
}

/// Where `host` takes what is for the webhook of this number.
pub(super) fn url(host: usize, webhook: usize) -> TargetUrl {
    TargetUrl::parse(
        format!("https://host-{host}.example/{webhook}"),
        &TargetPolicy::default(),
    )
    .unwrap()
}

/// The host and the number of the webhook that a URL is made of.
pub(super) fn parts(url: &TargetUrl) -> (usize, usize) {
    let rest = url.as_str().strip_prefix("https://host-").unwrap();
    let (host, webhook) = rest.split_once(".example/").unwrap();
    (host.parse().unwrap(), webhook.parse().unwrap())
}
