//! The access log: a line for a request that changes something or was refused, and sums of publications.
//!
//! Who publishes does so thousands of times a second, so publications are counted by platform, and a line every few seconds says how many
//! there were. Answers from 400 on are [sampled](Sampled): a client can make as many of them as it likes. What nobody who is known has sent
//! is sampled apart, so that a stranger cannot hide what goes wrong for others.
//!
//! Nothing in a line can forge another one. Methods and routes come from closed lists; ids and platforms have an alphabet; the subject of a
//! bearer token, which its issuer makes up, is [escaped](plain). Paths, queries, headers and bodies are in no line.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use webhook_domain::InvalidValue;
use webhook_domain::access::caller::Credential;
use webhook_domain::id::PlatformId;
use webhook_http_actix::{Answered, ObservedRequest, RequestObserver};

use super::sampled::Sampled;

/// What the lines come from: it can be named in the filter of the log.
const TARGET: &str = "webhook_server::access";
/// Where events are published.
const PUBLICATIONS: &str = "/v1/events";
/// Where it is asked every few seconds whether the service lives.
const HEALTH: &str = "/health/";
/// How many answers of a kind, from 400 on, are written in a period.
const MOST: u64 = 250;
/// How many platforms' publications are counted apart in a period.
const MAX_PLATFORMS: usize = 1000;
/// How many of them a line names.
const NAMED_PLATFORMS: usize = 20;

/// What the access log has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accesses {
    /// What changes something, and what is answered with 400 or more.
    Changes,
    /// What is answered with 400 or more.
    Errors,
    /// Every request.
    All,
}

impl std::str::FromStr for Accesses {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "changes" => Ok(Self::Changes),
            "errors" => Ok(Self::Errors),
            "all" => Ok(Self::All),
            _ => Err(InvalidValue::new("must be changes, errors or all")),
        }
    }
}

/// The access log.
pub(crate) struct AccessLog {
    accesses: Accesses,
    publications: Mutex<Publications>,
    /// Answers from 500 on.
    failures: Sampled,
    /// Refusals of requests with a valid credential.
    refusals: Sampled,
    /// Refusals of other requests.
    strangers: Sampled,
}

impl AccessLog {
    /// The log of these requests.
    pub(crate) fn new(accesses: Accesses) -> Self {
        Self {
            accesses,
            publications: Mutex::new(Publications::new()),
            failures: Sampled::new(MOST),
            refusals: Sampled::new(MOST),
            strangers: Sampled::new(MOST),
        }
    }

    /// Ends a period: says what was published in it, and how many lines of it were left out.
    pub(super) fn end_period(&self) {
        let mut publications = self.publications.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = std::mem::replace(&mut *publications, Publications::new());
        drop(publications);
        ended.say();
        for (lines, left_out) in [
            (&self.failures, "requests failed"),
            (&self.refusals, "requests of valid credentials were refused"),
            (
                &self.strangers,
                "requests without a valid credential were refused",
            ),
        ] {
            if let Some(count) = lines.end_period() {
                tracing::warn!(
                    target: TARGET,
                    {
                        lines.left_out = count
                    },
                    "{count} more {left_out}; their lines are left out"
                );
            }
        }
    }

    /// Whether an answer from 400 on is to have a line.
    fn admits(&self, request: &ObservedRequest<'_>, is_failure: bool) -> bool {
        match self.accesses {
            Accesses::All => true,
            // Probes come every second, and what they find is in the log without them.
            _ if request.route.starts_with(HEALTH) => false,
            _ if is_failure => self.failures.admits(),
            _ if request.credential.is_some() => self.refusals.admits(),
            _ => self.strangers.admits(),
        }
    }
}

impl RequestObserver for AccessLog {
    fn answered(&self, request: &ObservedRequest<'_>, answer: &Answered<'_>) {
        match (answer.status, self.accesses) {
            (500.., _) => {
                if self.admits(request, true) {
                    fail(request, answer);
                }
            }
            (400.., _) => {
                if self.admits(request, false) {
                    write(request, answer);
                }
            }
            (_, Accesses::All) => write(request, answer),
            (_, Accesses::Errors) => {}
            (_, Accesses::Changes) if request.route == PUBLICATIONS => {
                let mut publications = self.publications.lock().unwrap_or_else(PoisonError::into_inner);
                publications.count(request.platform);
            }
            (_, Accesses::Changes) if changes(request) => write(request, answer),
            (_, Accesses::Changes) => {}
        }
    }

    fn abandoned(&self, request: &ObservedRequest<'_>) {
        let is_of_interest = self.accesses == Accesses::All || changes(request);
        if is_of_interest && self.admits(request, false) {
            tracing::info!(
                target: TARGET,
                {
                    request.id = request.id.as_str(),
                    platform = request.platform.map(PlatformId::as_str),
                    credential.id = request.credential.map(plain),
                    client.address = request.client_address().map(tracing::field::display),
                    http.method = request.method,
                    http.route = request.route,
                    duration_ms = milliseconds(request),
                    traceparent = request.trace().map(tracing::field::display)
                },
                "a request ended without a response: its connection broke, or the server stops; what it asked for may be done"
            );
        }
    }
}

fn changes(request: &ObservedRequest<'_>) -> bool {
    matches!(request.method, "POST" | "PUT" | "PATCH" | "DELETE")
}

fn write(request: &ObservedRequest<'_>, answer: &Answered<'_>) {
    tracing::info!(
        target: TARGET,
        {
            request.id = request.id.as_str(),
            platform = request.platform.map(PlatformId::as_str),
            credential.id = request.credential.map(plain),
            client.address = request.client_address().map(tracing::field::display),
            http.method = request.method,
            http.route = request.route,
            http.status = answer.status,
            error.code = answer.code(),
            idempotent.replayed = answer.is_replayed.then_some(true),
            duration_ms = milliseconds(request),
            traceparent = request.trace().map(tracing::field::display)
        },
        "a request was answered"
    );
}

fn fail(request: &ObservedRequest<'_>, answer: &Answered<'_>) {
    tracing::error!(
        target: TARGET,
        {
            request.id = request.id.as_str(),
            platform = request.platform.map(PlatformId::as_str),
            credential.id = request.credential.map(plain),
            client.address = request.client_address().map(tracing::field::display),
            http.method = request.method,
            http.route = request.route,
            http.status = answer.status,
            error.code = answer.code(),
            error = answer.error(),
            duration_ms = milliseconds(request),
            traceparent = request.trace().map(tracing::field::display)
        },
        "a request failed"
    );
}

/// To the microsecond.
fn milliseconds(request: &ObservedRequest<'_>) -> f64 {
    request.took.as_micros() as f64 / 1000.0
}

/// The credential's id, with all but letters, digits and visible ASCII escaped: some readers of logs take other characters than a line feed
/// for the end of a line, or show a text in another order than it is written in.
fn plain(credential: &Credential) -> String {
    let text = credential.to_string();
    let is_plain = |char: char| char.is_alphanumeric() || char.is_ascii_graphic() || char == ' ';
    if text.chars().all(is_plain) {
        return text;
    }
    let mut escaped = String::with_capacity(2 * text.len());
    for char in text.chars() {
        match is_plain(char) {
            true => escaped.push(char),
            false => escaped.extend(char.escape_unicode()),
        }
    }
    escaped
}

/// What was published in a period.
struct Publications {
    since: Instant,
    all: u64,
    by_platform: HashMap<PlatformId, u64>,
}

impl Publications {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            all: 0,
            by_platform: HashMap::new(),
        }
    }

    fn count(&mut self, platform: Option<&PlatformId>) {
        self.all += 1;
        let Some(platform) = platform else { return };
        if let Some(count) = self.by_platform.get_mut(platform) {
            *count += 1;
        } else if self.by_platform.len() < MAX_PLATFORMS {
            self.by_platform.insert(platform.clone(), 1);
        }
    }

    /// The platforms with the most publications, and how many publications are none of theirs.
    fn named(&self) -> (String, u64) {
        let mut counts: Vec<_> = self.by_platform.iter().collect();
        counts.sort_unstable_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
        counts.truncate(NAMED_PLATFORMS);
        let named: u64 = counts.iter().map(|(_, count)| **count).sum();
        let texts: Vec<_> = counts
            .iter()
            .map(|(platform, count)| format!("{platform}={count}"))
            .collect();
        (texts.join(" "), self.all - named)
    }

    fn say(&self) {
        if self.all == 0 {
            return;
        }
        let (platforms, others) = self.named();
        tracing::info!(
            target: TARGET,
            {
                publications = self.all,
                platforms,
                publications.others = (others > 0).then_some(others),
                seconds = self.since.elapsed().as_secs_f64().round()
            },
            "events were published"
        );
    }
}

#[cfg(test)]
mod tests;
