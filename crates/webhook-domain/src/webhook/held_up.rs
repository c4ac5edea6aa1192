//! That a webhook's queue is held up, as its representation tells it.
//!
//! The queue has a penalty box of its own, which changes with every attempt and is no part of the webhook's version. A store
//! that gives a webhook to be shown gives this along; what saves a webhook does not save it.

use super::Settings;
use crate::delivery::Delivery;
use crate::delivery::event::{Environment, Event};
use crate::delivery::penalty_box::PenaltyBox;
use crate::time::Instant;

/// That a queue is held up, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldUp {
    penalty_box: PenaltyBox,
    head: Option<(Delivery, Event)>,
}

impl HeldUp {
    /// A queue with this box, and the delivery at its head if it was read; none outside the box.
    #[must_use]
    pub fn new(penalty_box: PenaltyBox, head: Option<(Delivery, Event)>) -> Option<Box<Self>> {
        (penalty_box != PenaltyBox::Out).then(|| Box::new(Self { penalty_box, head }))
    }

    /// The box; never [`PenaltyBox::Out`].
    #[must_use]
    pub const fn penalty_box(&self) -> &PenaltyBox {
        &self.penalty_box
    }

    /// What is delivered first once the queue goes on, and what it tells of. None if nothing is queued, or it was not read.
    #[must_use]
    pub fn first(&self) -> Option<(&Delivery, &Event)> {
        self.head.as_ref().map(|(delivery, event)| (delivery, event))
    }

    /// What is delivered first once the queue goes on, as it is delivered. None if nothing is queued, or it was not read.
    #[must_use]
    pub fn payload(&self, environment: Environment) -> Option<Vec<u8>> {
        self.first()
            .map(|(delivery, event)| delivery.payload(event, environment))
    }

    /// What holds the queue up once the webhook's settings, which were `before`, are `after`.
    pub(super) fn after_change(
        mut self: Box<Self>,
        before: &Settings,
        after: &Settings,
        now: Instant,
    ) -> Option<Box<Self>> {
        self.penalty_box = self.penalty_box.after_change(before, after, now);
        (self.penalty_box != PenaltyBox::Out).then_some(self)
    }
}
