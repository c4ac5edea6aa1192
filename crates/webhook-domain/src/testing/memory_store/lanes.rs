//! Lanes in memory, and the deliveries in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::Waker;

use super::{MemoryStore, Tables};
use crate::delivery::attempt::Attempt;
use crate::delivery::event::Event;
use crate::delivery::lane::{LaneState, Position};
use crate::delivery::{Delivery, DeliveryStatus};
use crate::id::{DeliveryId, EventId, PlatformId, ProcessId, WebhookId};
use crate::ports::{Arrival, TrackedDelivery};
use crate::time::{Clock, Instant};
use crate::webhook::{HeldUp, Webhook};

/// Events, deliveries in the order of all, and who works at which lane.
#[derive(Default)]
pub(super) struct Lanes {
    pub(super) events: BTreeMap<EventId, Event>,
    pub(super) deliveries: BTreeMap<Position, Kept>,
    last: i64,
    pub(super) lanes: BTreeMap<WebhookId, LaneState>,
    /// How many deliveries were given up by request, by lane.
    pub(super) withdrawn: BTreeMap<WebhookId, u64>,
    /// The processes that may own lanes, and until when. One that is not here any more never is again.
    pub(super) processes: BTreeMap<ProcessId, Instant>,
    pub(super) arrived: BTreeMap<ProcessId, BTreeSet<Arrival>>,
    pub(super) waiting: Vec<Waker>,
    /// The store's own clock, if it goes by one.
    clock: Option<Arc<dyn Clock>>,
}

pub(super) struct Kept {
    pub(super) delivery: Delivery,
    /// The last [`MAX_ATTEMPTS`](crate::ports::MAX_ATTEMPTS) of them.
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

    /// Forgets what processes would be told.
    pub(super) fn forget_hints(&mut self) {
        self.arrived.clear();
        self.waiting.clear();
    }

    /// Makes the lane of a webhook that was just created.
    pub(super) fn make(&mut self, webhook: WebhookId) {
        self.lanes.insert(webhook, LaneState::new(None));
    }

    /// Removes the lane of a webhook that is no more.
    pub(super) fn unmake(&mut self, webhook: WebhookId) {
        self.lanes.remove(&webhook);
    }

    pub(super) fn enqueue(&mut self, kept: Kept, now: Instant) {
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

    pub(super) fn place_of(&self, platform: &PlatformId, id: DeliveryId) -> Option<Position> {
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
}
