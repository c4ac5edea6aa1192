//! Operations of clients and of three processes that follow from a seed, and what a store answers to them. All stores must answer
//! alike.
//!
//! The [conformance suite](super::conformance) says what a store must do in cases that somebody thought of. A sequence goes where
//! nobody has: into stale turns of a webhook that was moved, rolled and resent in between. Operations come one after the other; what
//! happens at the same time is another matter.
//!
//! Answers hold nothing that stores may choose: of positions only the order, of lists only what is in them.
//!
//! | file | what |
//! |---|---|
//! | `client` | what is asked by clients |
//! | `process` | what is asked by processes that deliver |

mod client;
mod process;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::access::caller::Acting;
use crate::delivery::lane::Position;
use crate::error::{ServiceError, StoreError};
use crate::id::{DeliveryId, EventId, ProcessId, WebhookId};
use crate::ports::{Lane, Outcome};
use crate::testing::conformance::Ports;
use crate::testing::{ManualClock, Random, SeededEntropy, fixtures};
use crate::time::{Clock, Instant};

/// How many operations a sequence has.
const LENGTH: usize = 120;
/// How many processes there are.
const PROCESSES: usize = 3;
/// How much time passes between two operations. Little, because some stores go by a clock of their own.
const STEP: Duration = Duration::from_millis(2);
/// How far the clock of clients and processes is behind the real time at the beginning: it must not get ahead of a store's own.
const BEHIND: Duration = Duration::from_secs(5);

/// One store, as those who use it have it.
pub struct Stores {
    /// Where nobody delivers.
    pub clients: Ports,
    /// Where the processes deliver, one at each.
    pub processes: [Ports; PROCESSES],
}

/// How many processes may deliver at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// One, until it leaves.
    OneAtATime,
    /// All of them, each for as long as its lease lasts.
    Leases,
}

/// What an operation is answered with.
type Answer = Result<String, ServiceError>;

/// A sequence under way.
struct Sequence<'a> {
    stores: &'a Stores,
    sharing: Sharing,
    clock: Arc<ManualClock>,
    entropy: Arc<SeededEntropy>,
    random: Random,
    acting: Acting,
    /// The id under which each process delivers, or did last.
    processes: [Option<ProcessId>; PROCESSES],
    webhooks: Vec<WebhookId>,
    events: Vec<EventId>,
    /// What processes have found at lanes, the last one last.
    looks: Vec<(ProcessId, usize, Lane)>,
    /// The number of each position, in the order in which they were seen.
    positions: BTreeMap<Position, usize>,
}

/// Carries the sequence of `seed` out, and gives each operation with what the store answered. `now` is the real time; the same
/// of all stores that are compared. What the sequence has stored is deleted at its end.
pub async fn run(stores: &Stores, sharing: Sharing, seed: u64, now: Instant) -> Vec<String> {
    let platform = fixtures::platform(&format!("sequence-{seed}"));
    let mut sequence = Sequence {
        stores,
        sharing,
        clock: Arc::new(ManualClock::at(now.minus(BEHIND))),
        entropy: Arc::new(SeededEntropy::new(seed)),
        random: Random::new(seed),
        acting: fixtures::acting(&platform),
        processes: [None; PROCESSES],
        webhooks: Vec::new(),
        events: Vec::new(),
        looks: Vec::new(),
        positions: BTreeMap::new(),
    };
    let mut answers = Vec::new();
    for _ in 0..LENGTH {
        let (operation, answer) = sequence.step().await;
        answers.push(format!("{operation}: {}", told(answer)));
        sequence.clock.advance(STEP);
    }
    let end = sequence.clean_up().await;
    answers.push(format!("end: {}", told(end)));
    answers
}

impl Sequence<'_> {
    async fn step(&mut self) -> (String, Answer) {
        if self.webhooks.is_empty() {
            return self.create().await;
        }
        match self.random.below(100) {
            0..=2 => self.create().await,
            3..=22 => self.publish().await,
            23..=26 => self.resend().await,
            27..=30 => self.roll().await,
            31 => self.undo_roll().await,
            32..=39 => self.update().await,
            40 => self.delete().await,
            41..=44 => self.read().await,
            45..=47 => self.list().await,
            48 => self.forget().await,
            _ => self.process_step().await,
        }
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Some webhook, perhaps one that is deleted by now.
    fn some_webhook(&mut self) -> WebhookId {
        self.random.pick(&self.webhooks)
    }

    /// The delivery of some event to some webhook, which there may be or not.
    fn some_delivery(&mut self) -> Option<DeliveryId> {
        let webhook = self.some_webhook();
        self.some_delivery_to(webhook)
    }

    fn some_delivery_to(&mut self, webhook: WebhookId) -> Option<DeliveryId> {
        let is_any = !self.events.is_empty();
        is_any.then(|| DeliveryId::of(self.random.pick(&self.events), webhook))
    }

    /// The number of a position.
    fn place(&mut self, position: Position) -> usize {
        let next = self.positions.len();
        *self.positions.entry(position).or_insert(next)
    }
}

/// What came of something, as text.
fn outcome<T>(outcome: Outcome<T>, told: impl FnOnce(&T) -> String) -> String {
    match outcome {
        Outcome::Done { subject, answer } => {
            let answer = answer.map(|answer| String::from_utf8_lossy(answer.expose()).into_owned());
            format!("done {} {answer:?}", told(&subject))
        }
        Outcome::Replayed(answer) => format!("replayed {}", String::from_utf8_lossy(answer.expose())),
    }
}

fn told(answer: Answer) -> String {
    match answer {
        Ok(answer) => answer,
        Err(ServiceError::Refused(refusal)) => format!("refused: {refusal}"),
        Err(ServiceError::Store(StoreError::Corrupt(_))) => "corrupt".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}
