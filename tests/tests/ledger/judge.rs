//! Holds what arrived against what was published. It knows nothing of how either came about, so that it can be shown to
//! find fault: see [`crate::tampering`].
//!
//! An attempt reads the webhook's keys a moment before it takes its time, and its time is in whole seconds: by one
//! second, a key may be early or late.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::json;
use webhook_tests::{clock::instant, receiver::Delivered};

use crate::plan::Plan;

/// What a key may be early or late by, in seconds.
const GRACE: i64 = 1;

/// An event whose publication was answered with 202.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) event: usize,
    pub(crate) id: String,
    pub(crate) created_at: String,
    pub(crate) webhook_events: u64,
}

/// A key, and between which two instants it became and ceased to be valid.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) secret: String,
    pub(crate) from: (i64, i64),
    pub(crate) until: Option<(i64, i64)>,
}

impl Key {
    fn may_sign(&self, at: i64) -> bool {
        at >= self.from.0 - GRACE && self.until.is_none_or(|(_, latest)| at <= latest + GRACE)
    }

    fn must_sign(&self, at: i64) -> bool {
        at > self.from.1 + GRACE && self.until.is_none_or(|(earliest, _)| at < earliest - GRACE)
    }
}

/// A delivery as the service lists it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) attempts: usize,
}

/// All about one webhook: what arrived as it came, what the service lists with the oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pub(crate) keys: Vec<Key>,
    pub(crate) listed: Vec<Listed>,
    pub(crate) arrived: Vec<Delivered>,
}

/// All there is to judge; `published` is by publisher, each in the order of its answers.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub(crate) plan: Plan,
    pub(crate) published: Vec<Vec<Accepted>>,
    pub(crate) books: Vec<Book>,
}

/// What a ledger without fault adds up to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) events: usize,
    pub(crate) deliveries: usize,
    pub(crate) attempts: usize,
    /// Attempts that arrived and of which the service knows nothing: their outcome was lost, and they were made again.
    pub(crate) unrecorded: usize,
}

impl Ledger {
    /// Adds it up, or says what is wrong.
    pub(crate) fn judge(&self) -> Result<Sums, String> {
        let events = self.events()?;
        let places: HashMap<&str, usize> = self.books[0]
            .listed
            .iter()
            .enumerate()
            .map(|(place, listed)| (listed.id.as_str(), place))
            .collect();
        for (publisher, published) in self.published.iter().enumerate() {
            let in_order = published.iter().map(|accepted| places.get(accepted.id.as_str()));
            if !in_order.is_sorted() {
                return Err(format!(
                    "the events of publisher {publisher} are not in the order of its answers"
                ));
            }
        }
        let mut sums = Sums {
            events: events.len(),
            ..Sums::default()
        };
        for (webhook, book) in self.books.iter().enumerate() {
            let judged = self.judge_book(webhook, book, &events, &places);
            let (attempts, recorded) = judged.map_err(|problem| format!("webhook {webhook}: {problem}"))?;
            sums.deliveries += book.listed.len();
            sums.attempts += attempts;
            sums.unrecorded += attempts.saturating_sub(recorded);
        }
        Ok(sums)
    }

    fn events(&self) -> Result<BTreeMap<&str, &Accepted>, String> {
        let mut events = BTreeMap::new();
        for accepted in self.published.iter().flatten() {
            if events.insert(accepted.id.as_str(), accepted).is_some() {
                return Err(format!("two events are {}", accepted.id));
            }
            let wanted = (0..self.plan.webhooks).filter(|webhook| self.plan.wants(*webhook, accepted.event));
            if accepted.webhook_events != wanted.count() as u64 {
                return Err(format!(
                    "event {} goes to the wrong number of webhooks",
                    accepted.event
                ));
            }
        }
        Ok(events)
    }

    fn judge_book(
        &self,
        webhook: usize,
        book: &Book,
        events: &BTreeMap<&str, &Accepted>,
        places: &HashMap<&str, usize>,
    ) -> Result<(usize, usize), String> {
        let wanted = events
            .values()
            .filter(|accepted| self.plan.wants(webhook, accepted.event));
        let wanted: HashSet<&str> = wanted.map(|accepted| accepted.id.as_str()).collect();
        let listed: Vec<&str> = book.listed.iter().map(|listed| listed.id.as_str()).collect();
        if listed.len() != wanted.len() || listed.iter().any(|id| !wanted.contains(id)) {
            return Err(format!(
                "{} deliveries are listed where {} are wanted, or others",
                listed.len(),
                wanted.len()
            ));
        }
        if !listed.iter().map(|id| places.get(id)).is_sorted() {
            return Err("its order is not that of the others".to_owned());
        }
        if let Some(open) = book.listed.iter().find(|listed| listed.status != "SUCCEEDED") {
            return Err(format!("{} is {}", open.id, open.status));
        }
        let mut first = Vec::new();
        let mut seen = HashSet::new();
        for delivered in &book.arrived {
            let id = delivered.header("webhook-id");
            let accepted = events.get(id).filter(|_| wanted.contains(id));
            let accepted = accepted.ok_or_else(|| format!("{id} arrived, which it does not want"))?;
            self.judge_attempt(webhook, book, accepted, delivered)?;
            if seen.insert(id) {
                first.push(id);
            }
        }
        if first != listed {
            let place = first
                .iter()
                .zip(&listed)
                .take_while(|(one, other)| one == other)
                .count();
            return Err(format!(
                "what arrived first at place {place} is {:?}, and {:?} stands there ({} of {} arrived)",
                first.get(place),
                listed.get(place),
                first.len(),
                listed.len()
            ));
        }
        let recorded = book.listed.iter().map(|listed| listed.attempts).sum();
        Ok((book.arrived.len(), recorded))
    }

    fn judge_attempt(
        &self,
        webhook: usize,
        book: &Book,
        accepted: &Accepted,
        delivered: &Delivered,
    ) -> Result<(), String> {
        let id = &accepted.id;
        let expected = self.plan.payload(webhook, accepted.event, &accepted.created_at);
        if delivered.body != expected.as_bytes() {
            return Err(format!("{id} arrived as {}, not as {expected}", delivered.text()));
        }
        let at = instant(&json!(delivered.header("x-payload-signature-timestamp")));
        if delivered.header("webhook-timestamp") != at.to_string() {
            return Err(format!("{id} has two timestamps"));
        }
        let mut signed = 0;
        for (number, key) in book.keys.iter().enumerate() {
            let signs = delivered.is_signed_with(&key.secret);
            signed += usize::from(signs);
            if signs && !key.may_sign(at) {
                return Err(format!(
                    "{id} is signed at {at} with key {number}, which is not valid then: {:?} to {:?}",
                    key.from, key.until
                ));
            }
            if !signs && key.must_sign(at) {
                return Err(format!(
                    "{id} is not signed at {at} with key {number}, which is valid"
                ));
            }
        }
        let own = delivered.header("x-payload-signature").split(',').count();
        let standard = delivered.header("webhook-signature").split(' ').count();
        if (own, standard) != (signed, signed) {
            return Err(format!("{id} has signatures that no key made"));
        }
        Ok(())
    }
}
