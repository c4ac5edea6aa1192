//! Holds what arrived against what was published. It knows nothing of how either came about, so that it can be shown to
//! find fault: see [`crate::tampering`].
//!
//! The clocks of the processes are wrong at times, and the judge is told [when and by how much](Clocks). This is what a wrong
//! clock may change, and nothing else:
//!
//! - A time that the service tells is that of one of the clocks at that moment: `created_at`, and the timestamp of an attempt, by
//!   which a receiver that compares it with a clock of its own may refuse it.
//! - A key that overlaps signs by the clock of the process that signs: the same key may be over in one process and not in another.
//!   As soon as one clock says that it is over, it may also be erased, for all.
//! - A retry's time, as it is shown, is that of the clock by which the attempt before it failed. When that clock was ahead, it lies
//!   [far away](PutOff), and what failed is sent all the same, once the clock is right.
//! - A delivery is given up when one clock says that it failed first so long ago by the clock that said so then. It has arrived,
//!   then: at a receiver that refused it.
//!
//! What a clock says does not matter to a key that was revoked: it signs no attempt that began when the roll was answered, whatever the
//! clock of its process. Nor does it matter to what arrives, and in which order.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::json;
use webhook_tests::{clock::instant, receiver::Delivered};

use crate::{
    clocks::{Clocks, Moment},
    fleet::RETRY_SPEED,
    plan::Plan,
};

/// The longest wait before a retry, in seconds: 8 hours and a tenth, as fast as they go here, and a second for what is cut off.
pub(crate) const LONGEST_WAIT: i64 = 8 * 60 * 60 * 11 / 10 / RETRY_SPEED as i64 + 1;
/// After how many seconds a delivery is given up: 7 days, as fast as they go here. A second is cut off of each time.
const GIVE_UP_AFTER: i64 = 7 * 24 * 60 * 60 / RETRY_SPEED as i64 - 1;

/// An event whose publication was answered with 202.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) event: usize,
    pub(crate) id: String,
    pub(crate) created_at: String,
    /// When it was asked for, and when that was answered.
    pub(crate) between: (i64, i64),
    pub(crate) webhook_events: u64,
}

/// A key of a webhook.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) secret: String,
    /// When the roll that made it was asked for, and when that was answered.
    pub(crate) from: (i64, i64),
    pub(crate) overlap: Option<Overlap>,
    /// When the roll that revoked it was asked for, and when that was answered.
    pub(crate) revoked: Option<(i64, i64)>,
}

impl Key {
    pub(crate) fn new(secret: String, from: (i64, i64)) -> Self {
        Self {
            secret,
            from,
            overlap: None,
            revoked: None,
        }
    }

    /// Whether it may sign an attempt that began at `began`, and so read the keys then or later, but before it arrived.
    fn may_sign(&self, began: Moment, arrived: i64) -> bool {
        arrived >= self.from.0
            && (self.overlap).is_none_or(|overlap| began.at <= overlap.from.1 || began.shown() < overlap.end)
            && self.revoked.is_none_or(|(_, latest)| began.at <= latest)
    }

    /// Whether it must.
    fn must_sign(&self, began: Moment, arrived: i64, clocks: &Clocks) -> bool {
        began.at > self.from.1
            && self.overlap.is_none_or(|overlap| {
                // It may be erased as soon as any clock says that it is over.
                let erased = clocks.first_past(overlap.end, overlap.from.0);
                arrived < overlap.from.0 || (began.shown() < overlap.end && arrived < erased)
            })
            && self.revoked.is_none_or(|(earliest, _)| arrived < earliest)
    }
}

/// How a key goes on to sign beside the one after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overlap {
    /// When the roll was asked for, and when that was answered.
    pub(crate) from: (i64, i64),
    /// When the key is over, by the clock of whoever signs.
    pub(crate) end: i64,
}

/// An attempt as the service lists it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried {
    /// By the clock of its process.
    pub(crate) ended_at: i64,
    pub(crate) failed: bool,
}

/// A delivery as the service lists it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) attempts: Vec<Tried>,
}

impl Listed {
    /// Whether a clock has said that it failed first so long ago that it is given up.
    fn is_over(&self) -> bool {
        let Some((last, before)) = self.attempts.split_last() else {
            return false;
        };
        let long_ago = |first: &Tried| last.ended_at - first.ended_at >= GIVE_UP_AFTER;
        self.attempts.iter().all(|tried| tried.failed) && before.iter().any(long_ago)
    }
}

/// A delivery as it arrived, and when.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) delivered: Delivered,
    pub(crate) at: i64,
}

/// What was held up for longer than any schedule says, as it was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PutOff {
    pub(crate) webhook: usize,
    pub(crate) until: i64,
    pub(crate) seen: i64,
}

/// All about one webhook: what arrived as it came, what the service lists with the oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pub(crate) keys: Vec<Key>,
    pub(crate) listed: Vec<Listed>,
    pub(crate) arrived: Vec<Arrived>,
}

/// All there is to judge; `published` is by publisher, each in the order of its answers.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub(crate) plan: Plan,
    pub(crate) published: Vec<Vec<Accepted>>,
    pub(crate) books: Vec<Book>,
    pub(crate) clocks: Clocks,
    pub(crate) put_off: Vec<PutOff>,
}

/// What a ledger without fault adds up to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) events: usize,
    pub(crate) deliveries: usize,
    pub(crate) attempts: usize,
    /// Attempts that arrived and of which the service knows nothing: their outcome was lost, and they were made again.
    pub(crate) unrecorded: usize,
    /// Attempts that can only have been made by a process whose clock was wrong.
    pub(crate) by_wrong_clocks: usize,
    /// Deliveries that were given up because a clock was wrong.
    pub(crate) given_up: usize,
}

impl Ledger {
    /// Adds it up, or says what is wrong.
    pub(crate) fn judge(&self) -> Result<Sums, String> {
        let events = self.events()?;
        self.judge_put_off()?;
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
            let by_wrong_clocks = judged.map_err(|problem| format!("webhook {webhook}: {problem}"))?;
            let (attempts, listed) = (book.arrived.len(), &book.listed);
            let recorded = listed.iter().map(|listed| listed.attempts.len()).sum();
            sums.deliveries += listed.len();
            sums.attempts += attempts;
            sums.unrecorded += attempts.saturating_sub(recorded);
            sums.by_wrong_clocks += by_wrong_clocks;
            sums.given_up += listed.iter().filter(|listed| listed.status == "FAILED").count();
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
            let (created_at, (asked, answered)) = (instant(&json!(accepted.created_at)), accepted.between);
            if self.clocks.showing(created_at, asked, answered).next().is_none() {
                return Err(format!(
                    "event {} was created at {created_at}, which no clock showed from {asked} to {answered}",
                    accepted.event
                ));
            }
        }
        Ok(events)
    }

    fn judge_put_off(&self) -> Result<(), String> {
        for put_off in &self.put_off {
            let latest = self.clocks.latest_shown(put_off.seen);
            if put_off.until > latest + LONGEST_WAIT {
                return Err(format!(
                    "webhook {} is put off until {}, and the latest time that a clock showed is {latest}",
                    put_off.webhook, put_off.until
                ));
            }
        }
        Ok(())
    }

    /// Gives how many attempts were made by wrong clocks.
    fn judge_book(
        &self,
        webhook: usize,
        book: &Book,
        events: &BTreeMap<&str, &Accepted>,
        places: &HashMap<&str, usize>,
    ) -> Result<usize, String> {
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
        let is_right = |listed: &Listed| match listed.status.as_str() {
            "SUCCEEDED" => true,
            "FAILED" => listed.is_over(),
            _ => false,
        };
        if let Some(open) = book.listed.iter().find(|listed| !is_right(listed)) {
            return Err(format!(
                "{} is {} after {:?}",
                open.id, open.status, open.attempts
            ));
        }
        let mut first = Vec::new();
        let mut seen = HashSet::new();
        let mut by_wrong_clocks = 0;
        for arrived in &book.arrived {
            let id = arrived.delivered.header("webhook-id");
            let accepted = events.get(id).filter(|_| wanted.contains(id));
            let accepted = accepted.ok_or_else(|| format!("{id} arrived, which it does not want"))?;
            let beginnings = self.judge_attempt(webhook, book, accepted, arrived)?;
            by_wrong_clocks += usize::from(beginnings.iter().all(|began| began.ahead != 0));
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
        Ok(by_wrong_clocks)
    }

    /// Gives when it may have begun. Several clocks may have shown its time: for one of them all must be right.
    fn judge_attempt(
        &self,
        webhook: usize,
        book: &Book,
        accepted: &Accepted,
        arrived: &Arrived,
    ) -> Result<Vec<Moment>, String> {
        let (id, delivered) = (&accepted.id, &arrived.delivered);
        let expected = self.plan.payload(webhook, accepted.event, &accepted.created_at);
        if delivered.body != expected.as_bytes() {
            return Err(format!("{id} arrived as {}, not as {expected}", delivered.text()));
        }
        let time = instant(&json!(delivered.header("x-payload-signature-timestamp")));
        if delivered.header("webhook-timestamp") != time.to_string() {
            return Err(format!("{id} has two timestamps"));
        }
        let beginnings = self.clocks.beginnings(time, arrived.at);
        if beginnings.is_empty() {
            return Err(format!(
                "{id} arrived at {} and says {time}, which no clock showed shortly before",
                arrived.at
            ));
        }
        let signing: Vec<bool> = book
            .keys
            .iter()
            .map(|key| delivered.is_signed_with(&key.secret))
            .collect();
        let (right, wrong): (Vec<_>, Vec<_>) = beginnings
            .into_iter()
            .map(|began| (began, self.wrong_key(book, &signing, began, arrived.at)))
            .partition(|(_, wrong)| wrong.is_none());
        if right.is_empty() {
            return Err(format!("{id}, which arrived at {}, {wrong:?}", arrived.at));
        }
        let signed = signing.iter().filter(|signs| **signs).count();
        let own = delivered.header("x-payload-signature").split(',').count();
        let standard = delivered.header("webhook-signature").split(' ').count();
        if (own, standard) != (signed, signed) {
            return Err(format!("{id} has signatures that no key made"));
        }
        Ok(right.into_iter().map(|(began, _)| began).collect())
    }

    /// The key that should not have signed an attempt if it began at `began`, or should have.
    fn wrong_key(&self, book: &Book, signing: &[bool], began: Moment, arrived: i64) -> Option<String> {
        let mut keys = book.keys.iter().zip(signing).enumerate();
        keys.find_map(|(number, (key, signs))| {
            let what = match signs {
                true if !key.may_sign(began, arrived) => "is signed with a key that is not valid then",
                false if key.must_sign(began, arrived, &self.clocks) => {
                    "is not signed with a key that is valid"
                }
                _ => return None,
            };
            let Key {
                from,
                overlap,
                revoked,
                ..
            } = key;
            Some(format!(
                "{what}: key {number}, made {from:?}, {overlap:?}, revoked {revoked:?}"
            ))
        })
    }
}
