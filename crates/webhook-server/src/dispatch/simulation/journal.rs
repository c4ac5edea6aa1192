//! What really happened in a run, in order: what the judge judges, and what is printed of a run that failed.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use webhook_domain::delivery::event::Event;
use webhook_domain::delivery::lane::Epoch;
use webhook_domain::id::{EventId, ProcessId, WebhookId};
use webhook_domain::ports::Turn;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

/// Something that happened, and how long after the beginning.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) at: Duration,
    pub(super) fact: Fact,
}

/// Something that happened. A process is named by its number among all that were started, and for each term by its id.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    /// Something that is to be read by people alone.
    Note(String),
    /// The store made the lease of a process end at an instant of the store's clock.
    Leased { process: ProcessId, until: Instant },
    /// The store ended the lease of a process.
    Left { process: ProcessId },
    /// The store has this of a webhook from now on; nothing, if it is deleted.
    Stored {
        webhook: WebhookId,
        is: Option<Box<Webhook>>,
    },
    /// The store has an event, with deliveries to these webhooks.
    Published {
        event: Box<Event>,
        key: Option<String>,
        to: Vec<WebhookId>,
    },
    /// A publisher was told that its event is accepted.
    Accepted { event: EventId },
    /// The store put a delivery at the end of its queue again.
    Resent { webhook: WebhookId, event: EventId },
    /// A process looked at a lane of its own.
    Looked {
        number: usize,
        process: ProcessId,
        webhook: WebhookId,
        epoch: Epoch,
    },
    /// A process sent something.
    Sent {
        number: usize,
        webhook: WebhookId,
        event: EventId,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// A receiver got something, and accepts it or does not.
    Arrived {
        number: usize,
        webhook: WebhookId,
        event: EventId,
        accepts: bool,
    },
    /// A process was told that a receiver has accepted something.
    Answered {
        number: usize,
        webhook: WebhookId,
        event: EventId,
    },
    /// The store was asked to record a turn. `is_news` is whether it has one attempt more by it.
    Recorded { turn: Box<Turn>, is_news: bool },
    /// A process was told that a turn is recorded.
    Acknowledged { turn: Box<Turn> },
    /// The store found lanes that had something to do and did not say so.
    Repaired { lanes: u64 },
}

/// The journal of a run.
#[derive(Default)]
pub(super) struct Journal(Mutex<Vec<Entry>>);

impl Journal {
    pub(super) fn write(&self, at: Duration, fact: Fact) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(Entry { at, fact });
    }

    pub(super) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9.3} {}", self.at.as_secs_f64(), self.fact)
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(text) => f.write_str(text),
            Self::Leased { process, until } => write!(f, "{process} has a lease until {until:?}"),
            Self::Left { process } => write!(f, "{process} has left"),
            Self::Stored { webhook, is: None } => write!(f, "{webhook} is deleted"),
            Self::Stored {
                webhook,
                is: Some(is),
            } => {
                let (version, settings) = (is.version.0, &is.settings);
                let keys = is.key_ring.fingerprints(Instant::from_milliseconds(0));
                let url = settings.url.as_ref().map(|url| url.as_str());
                let active = settings.active;
                write!(
                    f,
                    "{webhook} is version {version}, active {active}, {url:?}, {keys:?}"
                )
            }
            Self::Published { event, key, to } => {
                write!(
                    f,
                    "{} {} is stored for {to:?}, {key:?}",
                    event.action.as_str(),
                    event.id
                )
            }
            Self::Accepted { event } => write!(f, "{event} is accepted"),
            Self::Resent { webhook, event } => write!(f, "{event} goes to {webhook} again"),
            Self::Looked {
                number,
                process,
                webhook,
                epoch,
            } => write!(f, "#{number} {process} looks at {webhook}, {epoch:?}"),
            Self::Sent {
                number,
                webhook,
                event,
                headers,
                body,
            } => write!(
                f,
                "#{number} sends {event} to {webhook}: {headers:?}, {} bytes",
                body.len()
            ),
            Self::Arrived {
                number,
                webhook,
                event,
                accepts,
            } => write!(
                f,
                "{event} arrives at {webhook} from #{number}, accepted {accepts}"
            ),
            Self::Answered {
                number,
                webhook,
                event,
            } => write!(f, "#{number} knows that {event} is accepted by {webhook}"),
            Self::Recorded { turn, is_news } => write!(f, "recorded, news {is_news}: {}", Brief(turn)),
            Self::Acknowledged { turn } => write!(f, "acknowledged: {}", Brief(turn)),
            Self::Repaired { lanes } => write!(f, "{lanes} lanes are repaired"),
        }
    }
}

/// A turn, as much as is worth reading.
struct Brief<'a>(&'a Turn);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Turn {
            position,
            epoch,
            number,
            version,
            delivery,
            attempt,
            penalty_box,
            trace: _,
            tells: _,
        } = self.0;
        write!(
            f,
            "{} to {} at {}, {epoch:?}, attempt {number}, {version:?}, {:?} in {:?}, {}, {penalty_box:?}",
            delivery.event,
            delivery.webhook,
            position.0,
            attempt.outcome,
            attempt.duration,
            delivery.status.name()
        )
    }
}
