//! The queues of deliveries, one per webhook, and which process works at which.
//!
//! A queue is a **lane**: its deliveries are sent strictly in order, so one process at a time works at it. It is that
//! process's for as long as the process lives, which it says again and again by a [`Lease`]. A lane of a process that has
//! stopped saying so is anybody's.

use async_trait::async_trait;

use crate::attempt::Attempt;
use crate::delivery::Delivery;
use crate::error::StoreError;
use crate::event::Event;
use crate::id::{ProcessId, WebhookId};
use crate::penalty_box::PenaltyBox;
use crate::ports::TrackedDelivery;
use crate::time::Instant;
use crate::webhook::Webhook;

/// A place in the order of all deliveries. Later ones are greater, and no two are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub i64);

/// That a process lives until some instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The process.
    pub process: ProcessId,
    /// Until when, by the clock that all processes have in common.
    pub until: Instant,
}

/// A delivery in its lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedDelivery {
    /// Where in the lane it stands.
    pub position: Position,
    /// The delivery.
    pub delivery: Delivery,
    /// What is delivered.
    pub event: Event,
}

/// A lane as a process finds it.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The webhook, with its keys and settings as they are now.
    pub webhook: Webhook,
    /// Whether the lane is held up.
    pub penalty_box: PenaltyBox,
    /// What stands at its head, in order.
    pub queued: Vec<QueuedDelivery>,
}

/// What an attempt at the head of a lane has left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Where in the lane the delivery stood.
    pub position: Position,
    /// The delivery after the attempt.
    pub delivery: Delivery,
    /// The attempt.
    pub attempt: Attempt,
    /// The penalty box after it.
    pub penalty_box: PenaltyBox,
}

/// Keeps lanes.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait DeliveryQueue: Send + Sync {
    /// Makes the process live until the end of the lease. From the first lease on, lanes that nobody alive has become
    /// its own when it publishes to them.
    ///
    /// # Errors
    /// The store's.
    async fn live(&self, lease: Lease) -> Result<(), StoreError>;

    /// Makes up to `limit` lanes the process's own in which something is queued and that nobody has who is alive at
    /// `now`, and names them.
    ///
    /// # Errors
    /// The store's.
    async fn adopt(&self, process: ProcessId, now: Instant, limit: u32)
    -> Result<Vec<WebhookId>, StoreError>;

    /// The lane of `webhook` with the first `limit` deliveries after `after`, or from its head on. None if it is not the
    /// process's own, or the webhook is no more.
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

    /// Saves turns, in one transaction; of one lane they are in the order of its deliveries. Turns in lanes that are not
    /// the process's own any more are left out, and these lanes are named.
    ///
    /// # Errors
    /// The store's.
    async fn record(&self, process: ProcessId, turns: Vec<Turn>) -> Result<Vec<WebhookId>, StoreError>;

    /// Has the delivery at the head of the lane of `webhook` sent at `now`, whoever works at the lane, and gives it as it
    /// is before. None if the webhook is not in the penalty box, or nothing is queued.
    ///
    /// # Errors
    /// The store's.
    async fn expedite(&self, webhook: WebhookId, now: Instant)
    -> Result<Option<TrackedDelivery>, StoreError>;

    /// Gives up all lanes of the process, and its life.
    ///
    /// # Errors
    /// The store's.
    async fn leave(&self, process: ProcessId) -> Result<(), StoreError>;

    /// Waits until something was queued in lanes of the process, or may have been, and names them.
    async fn arrivals(&self, process: ProcessId) -> Vec<WebhookId>;
}
