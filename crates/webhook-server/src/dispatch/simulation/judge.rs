//! Holds what happened in a run against what is promised. It knows nothing of how a run comes about, so that it can be shown to
//! find fault: see [`super::tampering`].
//!
//! | rule | |
//! |---|---|
//! | what is accepted is stored, once | for each webhook that wants it then |
//! | it arrives | at each such webhook that is still there and active, unless its delivery was given up in due time |
//! | in order | what arrives for the first time stands later in the queue than what arrived for the first time before |
//! | signed as stored | with the keys of the look that the attempt began with, neither more nor fewer |
//! | by an owner | while its lease lasts, and in the lane's latest epoch |
//! | no more than needed | who has delivered something, and knows it, does not send it again while the lane is its own |
//! | recorded once | under that epoch alone; what is acknowledged is recorded |
//! | nothing is forgotten | a lane with something to do says so |
//!
//! A late duplicate is allowed: an attempt may outlive the lease under which it began.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use webhook_domain::delivery::event::{Environment, Event};
use webhook_domain::delivery::lane::{Epoch, Position};
use webhook_domain::delivery::{Delivery, DeliveryStatus};
use webhook_domain::id::{EventId, ProcessId, WebhookId};
use webhook_domain::ports::{ListedDelivery, Turn};
use webhook_domain::signing::signature::{self, MESSAGE_TIMESTAMP};
use webhook_domain::testing::ManualClock;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

use super::journal::{Entry, Fact};
use super::run::Run;

/// What a run without fault adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) events: usize,
    pub(super) delivered: usize,
    pub(super) given_up: usize,
    /// What arrived again after it had been accepted.
    pub(super) duplicates: usize,
    /// Turns that came after their lane had changed hands.
    pub(super) too_late: usize,
    /// How often lanes changed hands.
    pub(super) taken_over: usize,
    /// What had been sent before its process lost the lane, and arrived after the next owner had looked at it.
    pub(super) strays: usize,
}

/// What is known of one webhook.
#[derive(Default)]
struct Book {
    /// As the store has it.
    webhook: Option<Webhook>,
    /// What was queued, in order; what is sent again stands in it twice.
    queue: Vec<EventId>,
    epoch: Option<Epoch>,
    /// The place of what arrived last for the first time.
    reached: Option<usize>,
    arrived: BTreeSet<EventId>,
    accepted: BTreeSet<EventId>,
    given_up: BTreeSet<EventId>,
    recorded: BTreeSet<(Position, u32)>,
    ended: BTreeSet<Position>,
}

/// What an attempt began with.
struct Look {
    process: ProcessId,
    epoch: Epoch,
    webhook: Option<Webhook>,
}

#[derive(Default)]
struct Judge {
    books: BTreeMap<WebhookId, Book>,
    events: BTreeMap<EventId, Event>,
    wanted: BTreeSet<(EventId, WebhookId)>,
    keys: BTreeSet<String>,
    accepted: BTreeSet<EventId>,
    leases: BTreeMap<ProcessId, Instant>,
    /// The last look of each process at each lane, until something is sent after it.
    looks: BTreeMap<(usize, WebhookId), Look>,
    /// In which epochs a process has sent what has not arrived yet.
    under_way: BTreeMap<(usize, WebhookId, EventId), Epoch>,
    /// What a process has delivered, and knows it.
    delivered: BTreeSet<(usize, WebhookId, EventId, Epoch)>,
    sums: Sums,
}

/// Adds a run up, or says what is wrong with it.
pub(super) fn judge(run: &Run) -> Result<Sums, String> {
    let mut judge = Judge::default();
    for entry in &run.entries {
        judge
            .follow(entry)
            .map_err(|problem| format!("{problem} (after {:.3} s)", entry.at.as_secs_f64()))?;
    }
    judge.close(run)?;
    Ok(judge.sums)
}

impl Judge {
    fn book(&mut self, webhook: WebhookId) -> &mut Book {
        self.books.entry(webhook).or_default()
    }

    fn follow(&mut self, entry: &Entry) -> Result<(), String> {
        match &entry.fact {
            Fact::Note(_) => {}
            Fact::Leased { process, until } => drop(self.leases.insert(*process, *until)),
            Fact::Left { process } => drop(self.leases.remove(process)),
            Fact::Stored { webhook, is } => self.book(*webhook).webhook = is.as_deref().cloned(),
            Fact::Published { event, key, to } => self.published(event, key.as_ref(), to)?,
            Fact::Accepted { event } => {
                if !self.events.contains_key(event) {
                    return Err(format!("{event} is accepted and not stored"));
                }
                self.accepted.insert(*event);
            }
            Fact::Resent { webhook, event } => {
                self.book(*webhook).queue.push(*event);
                self.delivered
                    .retain(|(_, to, what, _)| (to, what) != (webhook, event));
            }
            Fact::Looked {
                number,
                process,
                webhook,
                epoch,
            } => self.looked(*number, *process, *webhook, *epoch),
            Fact::Sent {
                number,
                webhook,
                event,
                headers,
                body,
            } => {
                let problem = self.sent(entry.at, *number, *webhook, *event, headers, body);
                problem.map_err(|problem| format!("#{number} sends {event} to {webhook} {problem}"))?;
            }
            Fact::Arrived {
                number,
                webhook,
                event,
                accepts,
            } => self.arrived(*number, *webhook, *event, *accepts)?,
            Fact::Answered {
                number,
                webhook,
                event,
            } => {
                if let Some(epoch) = self.under_way.remove(&(*number, *webhook, *event)) {
                    self.delivered.insert((*number, *webhook, *event, epoch));
                }
            }
            Fact::Recorded { turn, is_news } => self.recorded(turn, *is_news)?,
            Fact::Acknowledged { turn } => self.acknowledged(turn)?,
            Fact::Repaired { lanes } => {
                return Err(format!("{lanes} lanes had something to do and did not say so"));
            }
        }
        Ok(())
    }

    fn published(&mut self, event: &Event, key: Option<&String>, to: &[WebhookId]) -> Result<(), String> {
        if key.is_some_and(|key| !self.keys.insert(key.clone())) {
            return Err(format!(
                "there are two events for one idempotency key: {}",
                event.id
            ));
        }
        let mut wanting = BTreeSet::new();
        for (id, book) in &mut self.books {
            if book
                .webhook
                .as_ref()
                .is_some_and(|webhook| webhook.wants(&event.action))
            {
                wanting.insert(*id);
                book.queue.push(event.id);
            }
        }
        if wanting != to.iter().copied().collect() {
            return Err(format!(
                "{} is stored for {to:?}, and {wanting:?} want it",
                event.id
            ));
        }
        self.wanted
            .extend(wanting.into_iter().map(|webhook| (event.id, webhook)));
        self.events.insert(event.id, event.clone());
        Ok(())
    }

    fn looked(&mut self, number: usize, process: ProcessId, webhook: WebhookId, epoch: Epoch) {
        let book = self.book(webhook);
        let is_taken = book.epoch.replace(epoch).is_some_and(|before| before != epoch);
        let look = Look {
            process,
            epoch,
            webhook: book.webhook.clone(),
        };
        self.sums.taken_over += usize::from(is_taken);
        self.looks.insert((number, webhook), look);
    }

    fn sent(
        &mut self,
        at: Duration,
        number: usize,
        webhook: WebhookId,
        event: EventId,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<(), String> {
        let look = self.looks.remove(&(number, webhook));
        let look = look.ok_or("without a look at the lane before it")?;
        let now = ManualClock::START.plus(at);
        if self.leases.get(&look.process).is_none_or(|until| *until <= now) {
            return Err("without a lease".to_owned());
        }
        if self.book(webhook).epoch != Some(look.epoch) {
            return Err("although the lane is another's".to_owned());
        }
        if self.delivered.contains(&(number, webhook, event, look.epoch)) {
            return Err("again, which it has delivered".to_owned());
        }
        let told = self.events.get(&event).ok_or("which was not published")?;
        let expected = Delivery::to(told, webhook, false).payload(told, Environment::Test);
        if body != expected {
            return Err("with another body".to_owned());
        }
        let seconds = headers.iter().find(|(name, _)| *name == MESSAGE_TIMESTAMP);
        let seconds: i64 = seconds
            .and_then(|(_, seconds)| seconds.parse().ok())
            .ok_or("without a timestamp")?;
        let signed_at = Instant::from_milliseconds(seconds * 1000);
        let looked_at = look.webhook.ok_or("which is deleted")?;
        let signed = signature::sign(&looked_at.key_ring, event, body, signed_at);
        if signed.headers != headers {
            return Err("and it is not signed with the keys of the webhook".to_owned());
        }
        self.under_way.insert((number, webhook, event), look.epoch);
        Ok(())
    }

    fn arrived(
        &mut self,
        number: usize,
        webhook: WebhookId,
        event: EventId,
        accepts: bool,
    ) -> Result<(), String> {
        let epoch = self.under_way.get(&(number, webhook, event)).copied();
        let book = self.book(webhook);
        let is_stray = epoch < book.epoch;
        let is_duplicate = book.accepted.contains(&event);
        if accepts {
            book.accepted.insert(event);
        }
        // What was given up before it ever arrived has no place among the others any more.
        if book.arrived.insert(event) && !book.given_up.contains(&event) {
            let place = book.queue.iter().rposition(|queued| *queued == event);
            if place <= book.reached {
                return Err(format!(
                    "{event} arrives at {webhook} for the first time, out of order"
                ));
            }
            book.reached = place;
        }
        self.sums.duplicates += usize::from(is_duplicate);
        self.sums.strays += usize::from(is_stray);
        Ok(())
    }

    fn recorded(&mut self, turn: &Turn, is_news: bool) -> Result<(), String> {
        let (event, webhook) = (turn.delivery.event, turn.delivery.webhook);
        let book = self.book(webhook);
        let is_late = book.epoch.is_some_and(|epoch| turn.epoch < epoch);
        if is_news && is_late {
            return Err(format!(
                "a turn of {event} to {webhook} is recorded that is of an earlier epoch"
            ));
        }
        if is_news && !book.recorded.insert((turn.position, turn.number)) {
            return Err(format!(
                "attempt {} of {event} to {webhook} is recorded twice",
                turn.number
            ));
        }
        if is_news && turn.delivery.status != DeliveryStatus::Pending {
            book.ended.insert(turn.position);
            if let DeliveryStatus::Failed { .. } = turn.delivery.status {
                book.given_up.insert(event);
            }
        }
        self.sums.too_late += usize::from(is_late);
        Ok(())
    }

    fn acknowledged(&mut self, turn: &Turn) -> Result<(), String> {
        let (event, webhook) = (turn.delivery.event, turn.delivery.webhook);
        let book = self.book(webhook);
        if book.recorded.contains(&(turn.position, turn.number)) || book.ended.contains(&turn.position) {
            return Ok(());
        }
        Err(format!(
            "a turn of {event} to {webhook} is acknowledged and not recorded"
        ))
    }

    fn close(&mut self, run: &Run) -> Result<(), String> {
        let mut rows = BTreeSet::new();
        for row in &run.rows {
            rows.insert((row.delivery.event, row.delivery.webhook));
            self.judge_row(row, run.give_up_after)
                .map_err(|problem| format!("{} to {} {problem}", row.delivery.event, row.delivery.webhook))?;
        }
        if let Some((event, webhook)) = self.wanted.difference(&rows).next() {
            return Err(format!("{event} to {webhook} is lost"));
        }
        self.sums.events = self.accepted.len();
        Ok(())
    }

    fn judge_row(&mut self, row: &ListedDelivery, give_up_after: Duration) -> Result<(), String> {
        let (event, webhook) = (row.delivery.event, row.delivery.webhook);
        if !self.wanted.contains(&(event, webhook)) {
            return Err("is not wanted".to_owned());
        }
        let book = self.books.entry(webhook).or_default();
        match row.delivery.status {
            DeliveryStatus::Succeeded { .. } if !book.accepted.contains(&event) => {
                return Err("is said to be delivered, and never arrived".to_owned());
            }
            DeliveryStatus::Succeeded { .. } => self.sums.delivered += 1,
            DeliveryStatus::Failed { .. } => {
                let (first, last) = (row.attempts.first(), row.attempts.last());
                let tried = last
                    .zip(first)
                    .map(|(last, first)| last.ended_at().since(first.ended_at()));
                if last.is_none_or(|last| last.cause().is_none()) || tried < Some(give_up_after) {
                    return Err("is given up too early".to_owned());
                }
                self.sums.given_up += 1;
            }
            DeliveryStatus::Pending => {
                let sendable = book
                    .webhook
                    .as_ref()
                    .is_some_and(|webhook| webhook.settings.active);
                if sendable {
                    return Err("is pending".to_owned());
                }
            }
        }
        Ok(())
    }
}
