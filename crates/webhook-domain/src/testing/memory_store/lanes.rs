//! Events and lanes in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::Waker;

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::delivery::attempt::Attempt;
use crate::delivery::event::Event;
use crate::delivery::lane::{LaneState, Position};
use crate::delivery::{Delivery, DeliveryStatus};
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{DeliveryId, EventId, PlatformId, ProcessId, WebhookId};
use crate::ports::{
    Arrival, DeliveryQuery, EventStore, ListedDelivery, Outcome, Publication, Published, Resend,
    TrackedDelivery,
};
use crate::time::{Clock, Instant};
use crate::webhook::{Announcement, Happened, HeldUp, Webhook};

/// Events, deliveries in the order of all, and who works at which lane.
#[derive(Default)]
pub(super) struct Lanes {
    pub(super) events: BTreeMap<EventId, Event>,
    pub(super) deliveries: BTreeMap<Position, Kept>,
    last: i64,
    pub(super) lanes: BTreeMap<WebhookId, LaneState>,
    /// The processes that may own lanes, and until when. One that is not here any more never is again.
    pub(super) processes: BTreeMap<ProcessId, Instant>,
    pub(super) arrived: BTreeMap<ProcessId, BTreeSet<Arrival>>,
    pub(super) waiting: Vec<Waker>,
    /// The store's own clock, if it goes by one.
    clock: Option<Arc<dyn Clock>>,
}

pub(super) struct Kept {
    pub(super) delivery: Delivery,
    /// The last [`MAX_ATTEMPTS`] of them.
    pub(super) attempts: Vec<Attempt>,
    /// How many there were.
    pub(super) tried: u32,
}

impl MemoryStore {
    /// An empty store that goes by a clock of its own where a store does that several machines share: leases, and since when
    /// lanes have something to do.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        let store = Self::new();
        store.tables().lanes.clock = Some(clock);
        store
    }
}

impl Lanes {
    /// What time it is, if the caller's clock says `callers`.
    pub(super) fn now(&self, callers: Instant) -> Instant {
        self.clock.as_ref().map_or(callers, |clock| clock.now())
    }

    /// Makes the lane of a webhook that was just created.
    pub(super) fn make(&mut self, webhook: WebhookId) {
        self.lanes.insert(webhook, LaneState::new(None));
    }

    /// Removes the lane of a webhook that is no more.
    pub(super) fn unmake(&mut self, webhook: WebhookId) {
        self.lanes.remove(&webhook);
    }

    fn enqueue(&mut self, kept: Kept, now: Instant) {
        let webhook = kept.delivery.webhook;
        let now = self.now(now);
        self.last += 1;
        self.deliveries.insert(Position(self.last), kept);
        self.update(webhook, |lane| lane.with_arrival(now));
    }

    /// Changes a lane, and tells whoever may have to know.
    pub(super) fn update(&mut self, webhook: WebhookId, change: impl FnOnce(LaneState) -> LaneState) {
        if let Some(lane) = self.lanes.get_mut(&webhook) {
            *lane = change(*lane);
            self.wake(webhook);
        }
    }

    /// What holds the queue of `webhook` up, and the delivery at its head.
    fn held_up(&self, webhook: WebhookId) -> Option<Box<HeldUp>> {
        let lane = self.lanes.get(&webhook)?;
        let head = self.head(webhook).and_then(|kept| self.tracked(kept));
        HeldUp::new(lane.penalty_box, head.map(|head| (head.delivery, head.event)))
    }

    pub(super) fn head(&self, webhook: WebhookId) -> Option<&Kept> {
        self.queued(webhook, None).next().map(|(_, kept)| kept)
    }

    /// What waits in the lane after this place, or from its head on. What stands before the place up to which the lane is done is
    /// not looked at any more.
    pub(super) fn queued(
        &self,
        webhook: WebhookId,
        after: Option<Position>,
    ) -> impl Iterator<Item = (Position, &Kept)> {
        let done = self.lanes.get(&webhook).map(|lane| lane.done);
        self.deliveries
            .iter()
            .filter(move |(place, _)| Some(**place) > done.max(after))
            .filter(move |(_, kept)| kept.delivery.webhook == webhook)
            .filter(|(_, kept)| kept.delivery.status == DeliveryStatus::Pending)
            .map(|(place, kept)| (*place, kept))
    }

    /// Tells the owner of the lane to look at it; if it has none, all who may take it.
    fn wake(&mut self, webhook: WebhookId) {
        let Some(lane) = self.lanes.get(&webhook) else {
            return;
        };
        let owner = lane.owner.filter(|owner| self.processes.contains_key(owner));
        let told: Vec<ProcessId> = match owner {
            Some(owner) => vec![owner],
            None => self.processes.keys().copied().collect(),
        };
        for process in told {
            let owned = owner.is_some();
            self.arrived
                .entry(process)
                .or_default()
                .insert(Arrival { webhook, owned });
        }
        self.waiting.drain(..).for_each(Waker::wake);
    }

    /// Ends the leases that end at `now`. Whoever judges a lease does this first, so that what has ended stays ended.
    pub(super) fn bury(&mut self, now: Instant) {
        self.processes.retain(|_, until| *until > now);
    }

    fn is_free(&self, lane: &LaneState) -> bool {
        lane.owner
            .is_none_or(|owner| !self.processes.contains_key(&owner))
    }

    pub(super) fn take(&mut self, process: ProcessId, webhook: WebhookId) -> bool {
        // A process whose own lease has ended takes nothing.
        let may = self.processes.contains_key(&process);
        let free = may && self.lanes.get(&webhook).is_some_and(|lane| self.is_free(lane));
        if let Some(lane) = self.lanes.get_mut(&webhook).filter(|_| free) {
            *lane = lane.taken_by(process);
        }
        free
    }

    fn place_of(&self, platform: &PlatformId, id: DeliveryId) -> Option<Position> {
        let of = |kept: &Kept| kept.delivery.id == id && kept.delivery.platform == *platform;
        self.deliveries
            .iter()
            .find(|(_, kept)| of(kept))
            .map(|(place, _)| *place)
    }

    pub(super) fn tracked(&self, kept: &Kept) -> Option<TrackedDelivery> {
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
            let kept = Kept {
                delivery,
                attempts: Vec::new(),
                tried: 0,
            };
            self.lanes.enqueue(kept, event.created_at);
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
        let lane = self.lanes.lanes.get(&webhook.id);
        Webhook {
            held_up: lane.and_then(|lane| HeldUp::new(lane.penalty_box, None)),
            ..webhook.clone()
        }
    }

    /// Has the lane of a webhook be what a change of its settings makes of it.
    pub(super) fn go_on(&mut self, before: &Webhook, after: &Webhook) {
        if LaneState::is_concerned_by(&before.settings, &after.settings) {
            let (before, settings, at) = (&before.settings, &after.settings, after.updated_at);
            let now = self.lanes.now(at);
            self.lanes
                .update(after.id, |lane| lane.after_change(before, settings, at, now));
        }
    }

    pub(super) fn settle(&mut self, webhook: WebhookId, now: Instant) -> Option<LaneState> {
        let pending = self.lanes.head(webhook).is_some();
        let sendable = self
            .webhooks
            .get(&webhook)
            .is_some_and(|webhook| webhook.settings.active && webhook.settings.url.is_some());
        let lane = self.lanes.lanes.get_mut(&webhook)?;
        *lane = lane.settled(pending, sendable, now);
        Some(*lane)
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
    ) -> Result<Vec<ListedDelivery>, StoreError> {
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
            .map(|tracked| ListedDelivery {
                delivery: tracked.delivery,
                action: tracked.event.action,
                attempts: tracked.attempts,
            })
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
        let place = place.ok_or(Refusal::NO_SUCH_DELIVERY)?;
        let kept = lanes.deliveries.get(&place);
        // Without its webhook there is no queue for it.
        let kept = kept.filter(|kept| lanes.lanes.contains_key(&kept.delivery.webhook));
        let mut tracked = kept
            .and_then(|kept| lanes.tracked(kept))
            .ok_or(Refusal::NO_SUCH_DELIVERY)?;
        tracked.delivery = tracked.delivery.resent()?;
        if let Some(kept) = lanes.deliveries.remove(&place) {
            let delivery = tracked.delivery.clone();
            lanes.enqueue(Kept { delivery, ..kept }, resend.at);
        }
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
