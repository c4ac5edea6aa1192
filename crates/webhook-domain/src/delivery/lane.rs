//! A lane: the queue of one webhook, who works at it, and when there is something to do in it.
//!
//! What may happen to a lane is a function from the lane to the lane after it. A store loads the lane under a lock, calls the
//! function and saves what it gives; no rule about lanes stands in SQL.
//!
//! **Ownership is fenced.** A lane is worked at by one process at a time, its owner. Each change of owner raises the
//! [`Epoch`]. What an owner did is recorded under the epoch in which it was done, and under no other: a process that lost the lane
//! and got it back cannot record what it did before. Fencing protects what is stored, not receivers: an attempt that was under way
//! when the lane changed hands may still arrive, after the next owner's.
//!
//! **A lane says when it has something to do.** [`ready_at`](LaneState::ready_at) is null while there is nothing to do. Whoever
//! queues something sets it; it is cleared, under the same lock, by [`settled`](LaneState::settled) alone. So a notification is
//! never needed to find work, only to find it sooner.

use std::time::Duration;

use crate::delivery::attempt::Attempt;
use crate::delivery::event::Event;
use crate::delivery::penalty_box::PenaltyBox;
use crate::delivery::trace::TraceParent;
use crate::delivery::{Delivery, DeliveryStatus};
use crate::id::ProcessId;
use crate::time::Instant;
use crate::webhook::{Settings, Version};

/// A place in the order of all deliveries. Of one lane, later ones are greater; no two are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub i64);

/// Counts the changes of a lane's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub i64);

impl Epoch {
    /// The epoch of a lane that was just made.
    pub const FIRST: Self = Self(1);
}

/// How long a process may own lanes without a word. Another has them at the latest so long after it died, and as long again as
/// passes between two looks.
pub const LEASE: Duration = Duration::from_secs(6);

/// After how long a lane that always has something to do says so anew. It keeps what is looked through for lanes that are ready
/// short, without a write at every turn.
const SAID_ANEW_AFTER: Duration = Duration::from_secs(60);

/// What an attempt at the head of a lane has left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Where in the lane the delivery stood.
    pub position: Position,
    /// In which epoch of the lane it was made.
    pub epoch: Epoch,
    /// Which attempt of the delivery it was, from 1.
    pub number: u32,
    /// The version of the webhook that it was made under.
    pub version: Version,
    /// The delivery after the attempt.
    pub delivery: Delivery,
    /// The attempt.
    pub attempt: Attempt,
    /// The penalty box after it.
    pub penalty_box: PenaltyBox,
    /// The trace that the delivered event belongs to, for the log.
    pub trace: Option<TraceParent>,
    /// What tells of it, each if what it says comes true by recording the turn.
    pub tells: Vec<Event>,
}

/// A lane as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LaneState {
    /// Who works at it, if anybody did since it was made. Whether that process still lives the lane does not say.
    pub owner: Option<ProcessId>,
    /// How often it changed hands.
    pub epoch: Epoch,
    /// All deliveries up to here have come to their end.
    pub done: Position,
    /// What holds it up.
    pub penalty_box: PenaltyBox,
    /// From when on it has something to do; none while it has nothing.
    pub ready_at: Option<Instant>,
}

/// As much of a stored delivery as decides whether a turn at it is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoredAttempts {
    /// How far it has come.
    pub status: DeliveryStatus,
    /// How many attempts of it are recorded.
    pub attempts: u32,
}

/// What becomes of a turn that is to be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Recording {
    /// The lane is not the process's in the epoch of the turn. Nothing is recorded.
    Lost,
    /// It is recorded already, or the delivery does not stand there any more. Nothing is to be done.
    Known,
    /// It is news: this is what the lane and the delivery become.
    News {
        /// The lane after it.
        lane: LaneState,
        /// How far the delivery has come by it.
        status: DeliveryStatus,
    },
}

impl LaneState {
    /// The lane of a webhook that was just created, with nothing in it.
    #[must_use]
    pub const fn new(owner: Option<ProcessId>) -> Self {
        Self {
            owner,
            epoch: Epoch::FIRST,
            done: Position(0),
            penalty_box: PenaltyBox::Out,
            ready_at: None,
        }
    }

    /// The lane once `process` has taken it.
    #[must_use]
    pub const fn taken_by(mut self, process: ProcessId) -> Self {
        self.owner = Some(process);
        self.epoch = Epoch(self.epoch.0 + 1);
        self
    }

    /// Whether `process` may act on what it did in `epoch`.
    #[must_use]
    pub fn is_held_by(&self, process: ProcessId, epoch: Epoch) -> bool {
        self.owner == Some(process) && self.epoch == epoch
    }

    /// The lane once something was queued in it at `now`.
    #[must_use]
    pub fn with_arrival(mut self, now: Instant) -> Self {
        let waits_until = self
            .penalty_box
            .retry_at()
            .filter(|_| !self.penalty_box.is_due(now));
        let due = waits_until.unwrap_or(now);
        self.ready_at = Some(self.ready_at.map_or(due, |ready_at| ready_at.min(due)));
        self
    }

    /// The lane once it is worth a look at `now`, whatever was thought of it before.
    #[must_use]
    pub fn woken(mut self, now: Instant) -> Self {
        self.ready_at = Some(self.ready_at.map_or(now, |ready_at| ready_at.min(now)));
        self
    }

    /// The lane at `now` of a webhook whose settings were `before` and are `after` from `at` on, by the clock of whoever has
    /// changed them.
    #[must_use]
    pub fn after_change(mut self, before: &Settings, after: &Settings, at: Instant, now: Instant) -> Self {
        if !Self::is_concerned_by(before, after) {
            return self;
        }
        self.penalty_box = self.penalty_box.after_change(before, after, at);
        self.woken(now)
    }

    /// Whether a change of settings decides what is sent when: to where, as whom, or at all.
    #[must_use]
    pub fn is_concerned_by(before: &Settings, after: &Settings) -> bool {
        before.active != after.active
            || before.url != after.url
            || before.authentication != after.authentication
            || before.custom_headers != after.custom_headers
    }

    /// The lane at `now` with its head to be sent at once, because somebody asks for it at `at` by their own clock.
    #[must_use]
    pub fn expedited(mut self, at: Instant, now: Instant) -> Self {
        self.penalty_box = self.penalty_box.asked_for(at);
        self.woken(now)
    }

    /// The lane at `now` without the delivery at its head, which stood at this position and was given up at `at` because somebody
    /// asked for it, by their own clock.
    #[must_use]
    pub fn without_head(mut self, position: Position, at: Instant, now: Instant) -> Self {
        self.done = self.done.max(position);
        self.penalty_box = self.penalty_box.without_head(at);
        self.woken(now)
    }

    /// The lane with what it says of having something to do put right at `now`. `pending` is whether a delivery waits in it,
    /// `sendable` whether its webhook may be sent to. Both must have been read after the lane was locked.
    #[must_use]
    pub fn settled(mut self, pending: bool, sendable: bool, now: Instant) -> Self {
        self.ready_at = match self.penalty_box.retry_at() {
            _ if !pending || !sendable => None,
            Some(retry_at) if !self.penalty_box.is_due(now) => Some(retry_at),
            _ => Some(self.ready_at.map_or(now, |ready_at| ready_at.min(now))),
        };
        self
    }

    /// What becomes at `now` of a `turn` that `process` made. `stored` is the delivery at the turn's position, if there is one, and
    /// `version` the webhook's as it is now. All must have been read after the lane was locked.
    ///
    /// The turn has times of the process's own clock. They say when a delivery is sent again, but not since when the lane has
    /// something to do: whoever looks for that goes by the clock of `now`.
    ///
    /// A turn that failed while the webhook was changed says nothing of the webhook as it is now: it neither holds the lane up
    /// nor gives its delivery up, and the lane is due at once.
    ///
    /// Of two turns with one number the first counts; but what the receiver has taken is delivered, whatever the number: were that
    /// ignored, the next success would end the lane's work behind a delivery that waits.
    ///
    /// So is what the receiver has taken while it was given up: a late success counts, and empties the box as any does. How far the lane
    /// is done does not change by it: the delivery was out of it, and what stands before it may wait still.
    #[must_use]
    pub fn after_turn(
        self,
        process: ProcessId,
        turn: &Turn,
        stored: Option<StoredAttempts>,
        version: Option<Version>,
        now: Instant,
    ) -> Recording {
        if !self.is_held_by(process, turn.epoch) {
            return Recording::Lost;
        }
        let succeeded = turn.attempt.cause().is_none();
        let is_news = |stored: &StoredAttempts| match stored.status {
            DeliveryStatus::Pending => stored.attempts < turn.number || succeeded,
            DeliveryStatus::Failed { .. } => succeeded,
            DeliveryStatus::Succeeded { .. } => false,
        };
        let Some(stored) = stored.filter(is_news) else {
            return Recording::Known;
        };
        if !succeeded && version != Some(turn.version) {
            return Recording::News {
                lane: Self {
                    penalty_box: self.penalty_box.expedited(turn.attempt.ended_at()),
                    ..self
                }
                .woken(now),
                status: DeliveryStatus::Pending,
            };
        }
        let status = turn.delivery.status;
        let done = match (stored.status, status) {
            (DeliveryStatus::Pending, DeliveryStatus::Succeeded { .. } | DeliveryStatus::Failed { .. }) => {
                self.done.max(turn.position)
            }
            _ => self.done,
        };
        let ready_at = match turn.penalty_box {
            // By the clock of `now`: the process's own may be wrong.
            PenaltyBox::Retrying {
                failed_at, retry_at, ..
            } if failed_at > now => now.plus(retry_at.since(failed_at)),
            PenaltyBox::Retrying { retry_at, .. } => retry_at.max(now),
            PenaltyBox::Out | PenaltyBox::NextInTurn { .. } => self.still_ready_at(now),
        };
        Recording::News {
            lane: Self {
                done,
                penalty_box: turn.penalty_box,
                ready_at: Some(ready_at),
                ..self
            },
            status,
        }
    }

    /// Since when a lane with something to do at `now` says so: as before, unless that is long ago.
    fn still_ready_at(&self, now: Instant) -> Instant {
        let fresh = |ready_at: &Instant| *ready_at <= now && now.since(*ready_at) < SAID_ANEW_AFTER;
        self.ready_at.filter(fresh).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests;
