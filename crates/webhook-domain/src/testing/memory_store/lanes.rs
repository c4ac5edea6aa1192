//! Events and lanes in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::poll_fn;
use std::task::{Poll, Waker};

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::attempt::Attempt;
use crate::delivery::{Delivery, DeliveryStatus};
use crate::error::{Refusal, ServiceError, StoreError};
use crate::event::Event;
use crate::id::{DeliveryId, EventId, PlatformId, ProcessId, WebhookId};
use crate::penalty_box::PenaltyBox;
use crate::ports::{
    DeliveryQuery, DeliveryQueue, EventStore, Lane, Lease, MAX_ATTEMPTS, Outcome, Position, Publication,
    Published, QueuedDelivery, Resend, TrackedDelivery, Turn,
};
use crate::time::Instant;
use crate::webhook::{Announcement, Happened, HeldUp, Webhook};

/// Events, deliveries in the order of all, and who works at which lane.
#[derive(Default)]
pub(super) struct Lanes {
    events: BTreeMap<EventId, Event>,
    deliveries: BTreeMap<Position, Kept>,
    last: i64,
    lanes: BTreeMap<WebhookId, LaneRow>,
    processes: HashMap<ProcessId, Instant>,
    /// The process that publishes through this store.
    own: Option<ProcessId>,
    arrived: BTreeMap<ProcessId, BTreeSet<WebhookId>>,
    waiting: Vec<Waker>,
}

struct Kept {
    delivery: Delivery,
    attempts: Vec<Attempt>,
}

#[derive(Default)]
struct LaneRow {
    owner: Option<ProcessId>,
    penalty_box: PenaltyBox,
}

impl Lanes {
    fn is_alive(&self, process: ProcessId, now: Instant) -> bool {
        self.processes.get(&process).is_some_and(|until| *until > now)
    }

    fn enqueue(&mut self, delivery: Delivery, attempts: Vec<Attempt>, now: Instant) {
        let webhook = delivery.webhook;
        self.last += 1;
        let kept = Kept { delivery, attempts };
        self.deliveries.insert(Position(self.last), kept);
        let owner = self.lanes.entry(webhook).or_default().owner;
        let owner = owner.filter(|owner| self.is_alive(*owner, now)).or(self.own);
        if let Some(row) = self.lanes.get_mut(&webhook) {
            row.owner = owner;
        }
        self.wake(webhook);
    }

    /// What holds the queue of `webhook` up, and the delivery at its head.
    fn held_up(&self, webhook: WebhookId) -> Option<Box<HeldUp>> {
        let row = self.lanes.get(&webhook)?;
        let head = self.head(webhook).and_then(|kept| self.tracked(kept));
        HeldUp::new(row.penalty_box, head.map(|head| (head.delivery, head.event)))
    }

    fn head(&self, webhook: WebhookId) -> Option<&Kept> {
        self.deliveries
            .values()
            .find(|kept| kept.delivery.webhook == webhook && kept.delivery.status == DeliveryStatus::Pending)
    }

    /// Tells the process whose lane it is to look at it.
    fn wake(&mut self, webhook: WebhookId) {
        if let Some(owner) = self.lanes.get(&webhook).and_then(|row| row.owner) {
            self.arrived.entry(owner).or_default().insert(webhook);
            self.waiting.drain(..).for_each(Waker::wake);
        }
    }

    fn is_own(&self, process: ProcessId, webhook: WebhookId) -> bool {
        self.lanes
            .get(&webhook)
            .is_some_and(|row| row.owner == Some(process))
    }

    fn place_of(&self, platform: &PlatformId, id: DeliveryId) -> Option<Position> {
        let of = |kept: &Kept| kept.delivery.id == id && kept.delivery.platform == *platform;
        self.deliveries
            .iter()
            .find(|(_, kept)| of(kept))
            .map(|(place, _)| *place)
    }

    fn tracked(&self, kept: &Kept) -> Option<TrackedDelivery> {
        Some(TrackedDelivery {
            delivery: kept.delivery.clone(),
            event: self.events.get(&kept.delivery.event)?.clone(),
            attempts: kept.attempts.clone(),
        })
    }
}

impl Tables {
    /// Keeps the event and its deliveries, and says how many there are.
    fn spread(&mut self, event: &Event) -> u64 {
        let collected: Vec<_> = self
            .webhooks
            .values()
            .filter_map(|webhook| Delivery::collect(event, webhook))
            .collect();
        let deliveries = collected.len() as u64;
        self.lanes.events.insert(event.id, event.clone());
        for delivery in collected {
            self.lanes.enqueue(delivery, Vec::new(), event.created_at);
        }
        deliveries
    }

    /// `webhook`, with what holds its queue up.
    pub(super) fn shown(&self, webhook: &Webhook) -> Webhook {
        Webhook {
            held_up: self.lanes.held_up(webhook.id),
            ..webhook.clone()
        }
    }

    /// `webhook`, with what holds its queue up, but not what is queued.
    pub(super) fn listed(&self, webhook: &Webhook) -> Webhook {
        let row = self.lanes.lanes.get(&webhook.id);
        Webhook {
            held_up: row.and_then(|row| HeldUp::new(row.penalty_box, None)),
            ..webhook.clone()
        }
    }

    /// Has the queue of a webhook go on, if a change of its settings says so.
    pub(super) fn go_on(&mut self, before: &Webhook, after: &Webhook) {
        let Some(row) = self.lanes.lanes.get_mut(&after.id) else {
            return;
        };
        let stood = row.penalty_box;
        row.penalty_box = stood.after_change(&before.settings, &after.settings, after.updated_at);
        if row.penalty_box != stood {
            self.lanes.wake(after.id);
        }
    }

    /// Publishes what happened to a webhook.
    pub(super) fn tell(&mut self, announcement: Option<&Announcement>, happened: Happened<'_>) {
        if let Some(announcement) = announcement {
            self.spread(&announcement.event(happened));
        }
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn publish(&self, publication: Publication) -> Result<Outcome<Published>, ServiceError> {
        let mut tables = self.tables();
        let Publication { event, idempotency } = publication;
        if let Some(replayed) = tables.replay(idempotency.as_ref())? {
            return Ok(replayed);
        }
        let deliveries = tables.spread(&event);
        Ok(tables.done(Published { event, deliveries }, idempotency))
    }

    async fn find_delivery(
        &self,
        platform: &PlatformId,
        id: DeliveryId,
    ) -> Result<Option<TrackedDelivery>, StoreError> {
        let lanes = &self.tables().lanes;
        let place = lanes.place_of(platform, id);
        Ok(place.and_then(|place| lanes.tracked(lanes.deliveries.get(&place)?)))
    }

    async fn deliveries(
        &self,
        platform: &PlatformId,
        query: DeliveryQuery,
    ) -> Result<Vec<TrackedDelivery>, StoreError> {
        let lanes = &self.tables().lanes;
        // What is no more has nothing after it.
        let end = match query.after {
            None => Position(i64::MAX),
            Some(after) => lanes.place_of(platform, after).unwrap_or(Position(0)),
        };
        let asked_for = |tracked: &TrackedDelivery| {
            tracked.delivery.platform == *platform
                && query.webhook.is_none_or(|id| tracked.delivery.webhook == id)
                && query.event.is_none_or(|id| tracked.delivery.event == id)
                && query
                    .action
                    .as_ref()
                    .is_none_or(|action| tracked.event.action == *action)
                && query
                    .status
                    .is_none_or(|name| tracked.delivery.status.name() == name)
        };
        let newest_first = lanes.deliveries.range(..end).rev();
        let found = newest_first
            .filter_map(|(_, kept)| lanes.tracked(kept))
            .filter(asked_for)
            .take(query.limit as usize)
            .collect();
        Ok(found)
    }

    async fn resend(&self, resend: Resend) -> Result<Outcome<TrackedDelivery>, ServiceError> {
        let mut tables = self.tables();
        if let Some(replayed) = tables.replay(resend.idempotency.as_ref())? {
            return Ok(replayed);
        }
        let lanes = &mut tables.lanes;
        let place = lanes.place_of(&resend.platform, resend.delivery);
        let kept = place.and_then(|place| lanes.deliveries.get(&place));
        let mut tracked = kept
            .and_then(|kept| lanes.tracked(kept))
            .ok_or(Refusal::NO_SUCH_DELIVERY)?;
        tracked.delivery = tracked.delivery.resent()?;
        if let Some(place) = place {
            lanes.deliveries.remove(&place);
        }
        lanes.enqueue(tracked.delivery.clone(), tracked.attempts.clone(), resend.at);
        Ok(tables.done(tracked, resend.idempotency))
    }

    async fn forget_events(&self, before: Instant, limit: u32) -> Result<u32, StoreError> {
        let mut tables = self.tables();
        let Tables { lanes, webhooks, .. } = &mut *tables;
        let waits = |delivery: &Delivery| {
            delivery.status == DeliveryStatus::Pending && webhooks.contains_key(&delivery.webhook)
        };
        let needed: BTreeSet<EventId> = lanes
            .deliveries
            .values()
            .filter(|kept| waits(&kept.delivery))
            .map(|kept| kept.delivery.event)
            .collect();
        let done_with: BTreeSet<EventId> = lanes
            .events
            .values()
            .filter(|event| event.created_at < before && !needed.contains(&event.id))
            .map(|event| event.id)
            .take(limit as usize)
            .collect();
        lanes
            .deliveries
            .retain(|_, kept| !done_with.contains(&kept.delivery.event));
        lanes.events.retain(|id, _| !done_with.contains(id));
        Ok(u32::try_from(done_with.len()).unwrap_or(u32::MAX))
    }
}

#[async_trait]
impl DeliveryQueue for MemoryStore {
    async fn live(&self, lease: Lease) -> Result<(), StoreError> {
        let lanes = &mut self.tables().lanes;
        lanes.processes.insert(lease.process, lease.until);
        lanes.own = Some(lease.process);
        Ok(())
    }

    async fn adopt(
        &self,
        process: ProcessId,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<WebhookId>, StoreError> {
        let lanes = &mut self.tables().lanes;
        let queued: BTreeSet<_> = lanes
            .deliveries
            .values()
            .filter(|kept| kept.delivery.status == DeliveryStatus::Pending)
            .map(|kept| kept.delivery.webhook)
            .collect();
        let mut adopted = Vec::new();
        for webhook in queued {
            let owner = lanes.lanes.get(&webhook).and_then(|row| row.owner);
            let free = owner.is_none_or(|owner| owner != process && !lanes.is_alive(owner, now));
            if free && adopted.len() < limit as usize {
                lanes.lanes.entry(webhook).or_default().owner = Some(process);
                adopted.push(webhook);
            }
        }
        Ok(adopted)
    }

    async fn look(
        &self,
        process: ProcessId,
        webhook: WebhookId,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Option<Lane>, StoreError> {
        let tables = self.tables();
        let Tables { lanes, webhooks, .. } = &*tables;
        let Some(found) = webhooks.get(&webhook).filter(|_| lanes.is_own(process, webhook)) else {
            return Ok(None);
        };
        let queued = lanes
            .deliveries
            .iter()
            .filter(|(place, _)| after.is_none_or(|after| **place > after))
            .filter(|(_, kept)| kept.delivery.webhook == webhook)
            .filter(|(_, kept)| kept.delivery.status == DeliveryStatus::Pending)
            .filter_map(|(place, kept)| {
                Some(QueuedDelivery {
                    position: *place,
                    delivery: kept.delivery.clone(),
                    event: lanes.events.get(&kept.delivery.event)?.clone(),
                })
            });
        Ok(Some(Lane {
            webhook: found.clone(),
            penalty_box: lanes
                .lanes
                .get(&webhook)
                .map(|row| row.penalty_box)
                .unwrap_or_default(),
            queued: queued.take(limit as usize).collect(),
        }))
    }

    async fn record(&self, process: ProcessId, turns: Vec<Turn>) -> Result<Vec<WebhookId>, StoreError> {
        let lanes = &mut self.tables().lanes;
        let mut lost = BTreeSet::new();
        for turn in turns {
            let webhook = turn.delivery.webhook;
            if !lanes.is_own(process, webhook) {
                lost.insert(webhook);
                continue;
            }
            if let Some(row) = lanes.lanes.get_mut(&webhook) {
                row.penalty_box = turn.penalty_box;
            }
            if let Some(kept) = lanes.deliveries.get_mut(&turn.position) {
                kept.delivery = turn.delivery;
                kept.attempts.push(turn.attempt);
                let surplus = kept.attempts.len().saturating_sub(MAX_ATTEMPTS);
                kept.attempts.drain(..surplus);
            }
        }
        Ok(lost.into_iter().collect())
    }

    async fn expedite(
        &self,
        webhook: WebhookId,
        now: Instant,
    ) -> Result<Option<TrackedDelivery>, StoreError> {
        let lanes = &mut self.tables().lanes;
        let Some(row) = lanes
            .lanes
            .get_mut(&webhook)
            .filter(|row| row.penalty_box != PenaltyBox::Out)
        else {
            return Ok(None);
        };
        row.penalty_box = row.penalty_box.expedited(now);
        let head = lanes.head(webhook).and_then(|kept| lanes.tracked(kept));
        lanes.wake(webhook);
        Ok(head)
    }

    async fn leave(&self, process: ProcessId) -> Result<(), StoreError> {
        let lanes = &mut self.tables().lanes;
        lanes.processes.remove(&process);
        let own = lanes.lanes.values_mut().filter(|row| row.owner == Some(process));
        own.for_each(|row| row.owner = None);
        if lanes.own == Some(process) {
            lanes.own = None;
        }
        Ok(())
    }

    async fn arrivals(&self, process: ProcessId) -> Vec<WebhookId> {
        poll_fn(|context| {
            let lanes = &mut self.tables().lanes;
            match lanes.arrived.remove(&process) {
                Some(arrived) => Poll::Ready(arrived.into_iter().collect()),
                None => {
                    lanes.waiting.push(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}
