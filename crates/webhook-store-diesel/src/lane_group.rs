//! A group of publications and of turns at lanes, committed once.
//!
//! Publications get their positions while the head of all deliveries is locked, until they are there to be seen: so a lane
//! never grows anywhere but at its end, whichever process publishes. A turn is written only if its lane is still the
//! process's own.
//!
//! Locks are taken in one order: the head of the audit records' chain (where something is sealed), the head of deliveries,
//! lanes.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::oneshot;
use webhook_domain::delivery::{Delivery, DeliveryStatus};
use webhook_domain::event::Event;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::idempotency::Idempotency;
use webhook_domain::ports::{Outcome, Publication, Published, Turn};
use webhook_domain::webhook::Route;
use webhook_domain::{Refusal, ServiceError};

use crate::answers;
use crate::arrivals::Arrived;
use crate::chain_head::{Chain, Keys};
use crate::connection::AnyConnection;
use crate::failure::{Failure, transact};
use crate::rows::answer::slot_key;
use crate::rows::delivery::{DeliveryRow, TurnColumns};
use crate::rows::event::EventRow;
use crate::rows::lane::{LaneColumns, LaneRow, encode_penalty_box};
use crate::rows::route::RouteRow;

/// A publication or turns at lanes, and who waits for them.
pub(crate) struct LaneMember {
    pub(crate) work: LaneWork,
    pub(crate) reply: oneshot::Sender<LaneReply>,
}

impl LaneMember {
    pub(crate) fn answer(self, reply: LaneReply) {
        // A caller who has stopped waiting needs no answer.
        let _ = self.reply.send(reply);
    }
}

/// What a member wants.
pub(crate) enum LaneWork {
    Publish(Box<Publication>),
    Record(ProcessId, Vec<Turn>),
}

/// What a member is told.
pub(crate) type LaneReply = Result<LaneDone, ServiceError>;

/// What was done.
pub(crate) enum LaneDone {
    Published(Outcome<Published>),
    /// All turns but those at these lanes, which were somebody else's.
    Recorded(Vec<WebhookId>),
}

/// Runs all of `works` in one transaction, for a process with the id `own` if it delivers. The replies stand in their
/// order; with them comes where something has arrived.
pub(crate) fn attempt(
    connection: &mut AnyConnection,
    keys: Keys<'_>,
    own: Option<ProcessId>,
    works: &[&LaneWork],
) -> Result<(Vec<LaneReply>, Vec<Arrived>), Failure> {
    transact(connection, |connection| {
        let mut replies: Vec<Option<LaneReply>> = works.iter().map(|_| None).collect();
        let head = lock_head(connection, keys, works)?;
        record_turns(connection, works, &mut replies)?;
        let arrived = match head {
            Some(head) => publish(connection, keys, own, works, head, &mut replies)?,
            None => Vec::new(),
        };
        let replies = replies.into_iter().flatten().collect();
        Ok((replies, arrived))
    })
}

/// Locks what publications need, and gives the position of the newest delivery; none if nothing is published.
fn lock_head(
    connection: &mut AnyConnection,
    keys: Keys<'_>,
    works: &[&LaneWork],
) -> Result<Option<i64>, Failure> {
    let mut published = works.iter().filter_map(|work| match work {
        LaneWork::Publish(publication) => Some(publication),
        LaneWork::Record(..) => None,
    });
    let Some(first) = published.next() else {
        return Ok(None);
    };
    let has_name = |publication: &Publication| publication.idempotency.is_some();
    if has_name(first) || published.any(|publication| has_name(publication)) {
        // Answers are sealed: under the key that the head of the chain names.
        Chain::lock(connection, keys)?;
    }
    Ok(Some(connection.lock_delivery_head()?))
}

fn record_turns(
    connection: &mut AnyConnection,
    works: &[&LaneWork],
    replies: &mut [Option<LaneReply>],
) -> Result<(), Failure> {
    let mut webhooks: Vec<String> = works.iter().flat_map(|work| turned(work)).collect();
    if webhooks.is_empty() {
        answer_recorders(works, replies, &BTreeMap::new());
        return Ok(());
    }
    webhooks.sort_unstable();
    webhooks.dedup();
    let lanes: BTreeMap<String, LaneRow> = connection
        .lock_lanes(&webhooks)?
        .into_iter()
        .map(|row| (row.webhook_id.clone(), row))
        .collect();
    let mut turns = Vec::new();
    let mut after: BTreeMap<String, LaneColumns> = BTreeMap::new();
    for work in works {
        let LaneWork::Record(process, of_process) = work else {
            continue;
        };
        let process = process.to_string();
        for turn in of_process {
            let webhook = turn.delivery.webhook.to_string();
            let Some(lane) = lanes.get(&webhook).filter(|lane| lane.owner == process) else {
                continue;
            };
            turns.push(TurnColumns::encode(turn)?);
            let ended = turn.delivery.status != DeliveryStatus::Pending;
            let columns = after.entry(webhook.clone()).or_insert_with(|| LaneColumns {
                webhook_id: webhook,
                done: lane.done,
                penalty_box: None,
            });
            if ended {
                columns.done = columns.done.max(turn.position.0);
            }
            columns.penalty_box = encode_penalty_box(turn.penalty_box)?;
        }
    }
    // One delivery may be tried twice in a group; the last attempt of each says how far it is.
    save_in_rounds(connection, turns)?;
    let after: Vec<_> = after.into_values().collect();
    if !after.is_empty() {
        connection.save_lanes(&after)?;
    }
    answer_recorders(works, replies, &lanes);
    Ok(())
}

/// Writes turns so that no statement has two of the same delivery: PostgreSQL would take one of them.
fn save_in_rounds(connection: &mut AnyConnection, mut turns: Vec<TurnColumns>) -> Result<(), Failure> {
    while !turns.is_empty() {
        let mut seen = BTreeSet::new();
        let (round, rest): (Vec<_>, Vec<_>) = turns.into_iter().partition(|turn| seen.insert(turn.position));
        connection.save_turns(&round)?;
        turns = rest;
    }
    Ok(())
}

fn turned(work: &LaneWork) -> Vec<String> {
    match work {
        LaneWork::Record(_, turns) => turns
            .iter()
            .map(|turn| turn.delivery.webhook.to_string())
            .collect(),
        LaneWork::Publish(_) => Vec::new(),
    }
}

fn answer_recorders(
    works: &[&LaneWork],
    replies: &mut [Option<LaneReply>],
    lanes: &BTreeMap<String, LaneRow>,
) {
    for (work, reply) in works.iter().zip(replies) {
        let LaneWork::Record(process, turns) = work else {
            continue;
        };
        let process = process.to_string();
        let is_lost = |webhook: &WebhookId| {
            lanes
                .get(&webhook.to_string())
                .is_none_or(|lane| lane.owner != process)
        };
        let lost: BTreeSet<_> = turns
            .iter()
            .map(|turn| turn.delivery.webhook)
            .filter(is_lost)
            .collect();
        *reply = Some(Ok(LaneDone::Recorded(lost.into_iter().collect())));
    }
}

fn publish(
    connection: &mut AnyConnection,
    keys: Keys<'_>,
    own: Option<ProcessId>,
    works: &[&LaneWork],
    head: i64,
    replies: &mut [Option<LaneReply>],
) -> Result<Vec<Arrived>, Failure> {
    let publications: Vec<(usize, &Publication)> = works
        .iter()
        .enumerate()
        .filter_map(|(place, work)| match work {
            LaneWork::Publish(publication) => Some((place, publication.as_ref())),
            LaneWork::Record(..) => None,
        })
        .collect();
    let mut new = New::after(head);
    let routes = routes(connection, &publications)?;
    let mut answered: BTreeMap<Vec<u8>, &Idempotency<Published>> = BTreeMap::new();
    let mut later = Vec::new();
    for (place, publication) in publications {
        let idempotency = publication.idempotency.as_ref();
        if let Some(earlier) = answers::earlier(connection, idempotency, keys.vault)? {
            replies[place] = Some(earlier.map(LaneDone::Published).map_err(ServiceError::from));
            continue;
        }
        if let Some(idempotency) = idempotency {
            if let Some(first) = answered.get(&slot_key(&idempotency.slot)) {
                if first.fingerprint != idempotency.fingerprint {
                    replies[place] = Some(Err(Refusal::IdempotencyKeyReused.into()));
                    continue;
                }
                // The same request twice in one group: by itself it finds the answer of the first.
                return Err(Failure::NotAsOne);
            }
            answered.insert(slot_key(&idempotency.slot), idempotency);
        }
        let event = &publication.event;
        let deliveries = new.add(event, &routes);
        let published = Published {
            event: event.clone(),
            deliveries,
        };
        later.push((place, published, publication.idempotency.clone()));
    }
    let arrived = new.save(connection, own)?;
    for (place, published, idempotency) in later {
        let answer = answers::store(connection, &published, idempotency, keys.vault)?;
        replies[place] = Some(Ok(LaneDone::Published(Outcome::Done {
            subject: Box::new(published),
            answer,
        })));
    }
    Ok(arrived)
}

fn routes(
    connection: &mut AnyConnection,
    publications: &[(usize, &Publication)],
) -> Result<Vec<Route>, Failure> {
    let mut platforms: Vec<String> = publications
        .iter()
        .map(|(_, publication)| publication.event.platform.to_string())
        .collect();
    platforms.sort_unstable();
    platforms.dedup();
    decoded(&connection.routes_of(&platforms)?)
}

pub(crate) fn decoded(rows: &[RouteRow]) -> Result<Vec<Route>, Failure> {
    Ok(rows.iter().map(RouteRow::decode).collect::<Result<_, _>>()?)
}

/// What publications leave in the tables.
pub(crate) struct New {
    /// The position of the newest delivery.
    position: i64,
    events: Vec<EventRow>,
    deliveries: Vec<DeliveryRow>,
    /// The lanes, with the first new position in each.
    webhooks: BTreeMap<String, i64>,
}

impl New {
    /// Nothing yet, behind the newest delivery there is, which is at `head`.
    pub(crate) fn after(head: i64) -> Self {
        Self {
            position: head,
            events: Vec::new(),
            deliveries: Vec::new(),
            webhooks: BTreeMap::new(),
        }
    }

    /// Adds an event and its deliveries along `routes`, and says how many there are.
    pub(crate) fn add(&mut self, event: &Event, routes: &[Route]) -> u64 {
        let mut added = 0;
        for delivery in routes.iter().filter_map(|route| Delivery::along(event, route)) {
            self.position += 1;
            added += 1;
            self.webhooks
                .entry(delivery.webhook.to_string())
                .or_insert(self.position);
            self.deliveries
                .push(DeliveryRow::encode(&delivery, event, self.position));
        }
        self.events.push(EventRow::encode(event));
        added
    }

    /// Writes it, and finds who works at the lanes.
    pub(crate) fn save(
        self,
        connection: &mut AnyConnection,
        own: Option<ProcessId>,
    ) -> Result<Vec<Arrived>, Failure> {
        let now = self.events.iter().map(|event| event.created_at).max();
        if !self.events.is_empty() {
            connection.insert_events(&self.events)?;
        }
        if self.deliveries.is_empty() {
            return Ok(Vec::new());
        }
        connection.insert_deliveries(&self.deliveries)?;
        connection.save_delivery_head(self.position)?;
        assign(connection, &self.webhooks, own, now.unwrap_or_default())
    }
}

/// Finds who works at these lanes, making those that there are not and taking those that nobody alive has. Others are told
/// of theirs.
pub(crate) fn assign(
    connection: &mut AnyConnection,
    webhooks: &BTreeMap<String, i64>,
    own: Option<ProcessId>,
    now: i64,
) -> Result<Vec<Arrived>, Failure> {
    let ids: Vec<String> = webhooks.keys().cloned().collect();
    let own = own.map(|own| own.to_string()).unwrap_or_default();
    let found = connection.lanes_of(&ids)?;
    let mut foreign: BTreeMap<&str, &str> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for lane in &found {
        known.insert(lane.webhook_id.as_str());
        if lane.owner != own {
            foreign.insert(&lane.webhook_id, &lane.owner);
        }
    }
    if !foreign.is_empty() {
        let alive: BTreeSet<String> = connection.processes_alive_at(now)?.into_iter().collect();
        let free: Vec<String> = foreign
            .iter()
            .filter(|(_, owner)| !alive.contains(**owner))
            .map(|(webhook, _)| (*webhook).to_owned())
            .collect();
        if !free.is_empty() && !own.is_empty() {
            connection.give_lanes(&free, &own)?;
        }
        foreign.retain(|_, owner| alive.contains(*owner));
        let texts: Vec<String> = foreign
            .iter()
            .map(|(webhook, owner)| format!("{owner} {webhook}"))
            .collect();
        if !texts.is_empty() {
            connection.notify(&texts)?;
        }
    }
    let missing: Vec<LaneRow> = webhooks
        .iter()
        .filter(|(webhook, _)| !known.contains(webhook.as_str()))
        .map(|(webhook, first)| LaneRow {
            webhook_id: webhook.clone(),
            owner: own.clone(),
            done: first - 1,
            penalty_box: None,
        })
        .collect();
    if !missing.is_empty() {
        connection.insert_lanes(&missing)?;
    }
    let here = ids.iter().filter(|id| !foreign.contains_key(id.as_str()));
    Ok(here.filter_map(|id| id.parse().ok()).map(Arrived).collect())
}
