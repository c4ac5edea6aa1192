//! The queues of deliveries, one per webhook, and which process works at which.
//!
//! A queue is a [lane](crate::delivery::lane): its deliveries are sent strictly in order, so one process at a time works at it. A process
//! may own lanes from when it [joins](DeliveryQueue::join) until it leaves, or until it was silent for the length of a lease. A
//! lease that has ended is never renewed: its process must join again, under another id. So a lane whose owner has ended stays
//! free until somebody takes it, and nobody has to ask twice. Until then it is its last owner's: who sends must know itself that its
//! lease lasts.

use std::time::Duration;

use async_trait::async_trait;

use crate::delivery::Delivery;
use crate::delivery::event::Event;
use crate::delivery::lane::{Epoch, Position, Turn};
use crate::delivery::penalty_box::PenaltyBox;
use crate::error::StoreError;
use crate::id::{ProcessId, WebhookId};
use crate::ports::TrackedDelivery;
use crate::time::Instant;
use crate::webhook::Webhook;

/// A delivery in its lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedDelivery {
    /// Where in the lane it stands.
    pub position: Position,
    /// How many attempts of it are recorded.
    pub attempts: u32,
    /// The delivery.
    pub delivery: Delivery,
    /// What is delivered.
    pub event: Event,
}

/// A lane as its owner finds it.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The webhook, with its keys and settings as they are now.
    pub webhook: Webhook,
    /// In which epoch the lane is the process's.
    pub epoch: Epoch,
    /// Whether the lane is held up.
    pub penalty_box: PenaltyBox,
    /// How many deliveries were given up in it before their end because somebody asked for it. While this stays, what was read of
    /// the lane is still in it.
    pub withdrawn: u64,
    /// What stands at its head, in order.
    pub queued: Vec<QueuedDelivery>,
}

/// What has become of turns that were to be recorded. Those at no lane that is named here are recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The lanes that are not the process's own any more in the epoch of a turn. What was done in them is not recorded.
    pub lost: Vec<WebhookId>,
    /// The lanes that somebody else keeps locked. Nothing of what was done in them is recorded yet, and it is to be tried again.
    pub locked: Vec<WebhookId>,
}

/// A lane in which something may have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arrival {
    /// Its webhook.
    pub webhook: WebhookId,
    /// Whether it is the process's own. Otherwise it may be nobody's, and is to be [taken](DeliveryQueue::take) first.
    pub owned: bool,
}

/// Keeps lanes.
///
/// `now` is the time of the caller's clock. A store that several machines share goes by a clock of its own instead, so that it
/// does not matter whether theirs agree.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait DeliveryQueue: Send + Sync {
    /// Lets the process own lanes for the length of a lease from now on. False if this store lets one process deliver at a time
    /// and another one does; it may be tried again at any time. An id joins once.
    ///
    /// # Errors
    /// The store's.
    async fn join(&self, process: ProcessId, lease: Duration, now: Instant) -> Result<bool, StoreError>;

    /// Makes the lease of the process end so long from now. False if it has ended, and that is for good.
    ///
    /// # Errors
    /// The store's.
    async fn renew(&self, process: ProcessId, lease: Duration, now: Instant) -> Result<bool, StoreError>;

    /// Names the lanes of the process in which something is to be done at `now`, and takes up to `limit` such lanes whose owner
    /// has ended, or that never had one.
    ///
    /// # Errors
    /// The store's.
    async fn ready(&self, process: ProcessId, now: Instant, limit: u32)
    -> Result<Vec<WebhookId>, StoreError>;

    /// Takes those of these lanes that are nobody's, and names what was taken.
    ///
    /// # Errors
    /// The store's.
    async fn take(
        &self,
        process: ProcessId,
        webhooks: Vec<WebhookId>,
        now: Instant,
    ) -> Result<Vec<WebhookId>, StoreError>;

    /// Puts right what these lanes say of having something to do (see [`LaneState::settled`](crate::delivery::lane::LaneState::settled)),
    /// and names those that are due at `now`.
    ///
    /// # Errors
    /// The store's.
    async fn settle(&self, webhooks: Vec<WebhookId>, now: Instant) -> Result<Vec<WebhookId>, StoreError>;

    /// Looks through all lanes for such as have something to do and do not say so, puts them right, and says how many there
    /// were. There are none unless something is broken. Lanes that a clock that was ahead has put off are put right too, and not
    /// counted.
    ///
    /// # Errors
    /// The store's.
    async fn repair(&self, now: Instant) -> Result<u64, StoreError>;

    /// Moves a part of what was published for many webhooks into their lanes, and says whether there may be more of it. A store
    /// that puts an event into all its lanes at once has none.
    ///
    /// # Errors
    /// The store's.
    async fn fan_out(&self) -> Result<bool, StoreError>;

    /// The lane of `webhook` with the first `limit` deliveries after `after`, or from its head on, all as of one epoch. None if it
    /// is not the process's own, or the webhook is no more.
    ///
    /// # Errors
    /// The store's.
    async fn look(
        &self,
        process: ProcessId,
        webhook: WebhookId,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Option<Lane>, StoreError>;

    /// Saves turns as [`LaneState::after_turn`](crate::delivery::lane::LaneState::after_turn) says, in one transaction; of one lane they are
    /// in the order of its deliveries. Lanes that are not the process's own any more in the epoch of a turn are named, and those
    /// that somebody else keeps locked.
    ///
    /// # Errors
    /// The store's.
    async fn record(&self, process: ProcessId, turns: Vec<Turn>) -> Result<Recorded, StoreError>;

    /// Has the delivery at the head of the lane of `webhook` sent at `now`, whoever works at the lane, and gives it as it
    /// is before. None if the webhook is not in the penalty box, or nothing is queued.
    ///
    /// # Errors
    /// The store's.
    async fn expedite(&self, webhook: WebhookId, now: Instant)
    -> Result<Option<TrackedDelivery>, StoreError>;

    /// Ends the lease of the process, also one that has ended by itself: its lanes are anybody's, and the store keeps nothing of it that
    /// keeps others out, whether it can be reached or not.
    ///
    /// # Errors
    /// The store's.
    async fn leave(&self, process: ProcessId) -> Result<(), StoreError>;

    /// Waits until something was queued in lanes of the process, or in lanes that may be nobody's, and names them. It is a hint:
    /// it may come late, twice, or not at all.
    async fn arrivals(&self, process: ProcessId) -> Vec<Arrival>;
}
