//! What the store does. Each function is one transaction, or the part of one that nobody can come between because the lane is
//! locked; what a lane becomes is always what the domain says.

use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::delivery::lane::{LaneState, Position, Recording, StoredAttempts};
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::id::ProcessId;
use webhook_domain::webhook::Version;

use crate::model::{Fault, LaneModel};
use crate::state::{Lease, MadeTurn, Queued, Setup, State};
use crate::world::{NOW, World};

impl LaneModel {
    /// Publishes the next delivery of the lane.
    pub(crate) fn publish(&self, state: &mut State, lane: usize) -> bool {
        let stored = &mut state.lanes[lane];
        if stored.unpublished == 0 {
            return false;
        }
        stored.unpublished -= 1;
        let position = i64::try_from(stored.deliveries.len()).unwrap() + 1;
        stored.deliveries.push(Queued {
            position: Position(position),
            stored: StoredAttempts {
                status: DeliveryStatus::Pending,
                attempts: 0,
            },
            arrived: false,
        });
        stored.state = stored.state.with_arrival(NOW);
        true
    }

    /// Changes the settings of the lane's webhook.
    pub(crate) fn change(&self, state: &mut State, lane: usize, after: Setup) -> bool {
        let stored = &mut state.lanes[lane];
        let (before, after_settings) = (self.world.settings(stored.setup), self.world.settings(after));
        stored.state = stored.state.after_change(before, after_settings, NOW, NOW);
        stored.version = Version(stored.version.0 + 1);
        stored.setup = after;
        true
    }

    /// Puts right what the lane says of having something to do.
    pub(crate) fn settle(&self, state: &mut State, lane: usize) -> bool {
        if self.fault == Some(Fault::WrongNull) {
            return self.settle_by_what_was_pending(state, lane);
        }
        let stored = &mut state.lanes[lane];
        let pending = stored.pending().next().is_some();
        stored.state = stored.state.settled(pending, stored.setup.active, NOW);
        true
    }

    /// What is pending is asked before the lane is locked: what happens in between is not seen.
    fn settle_by_what_was_pending(&self, state: &mut State, lane: usize) -> bool {
        let stored = &mut state.lanes[lane];
        let is_pending = stored.pending().next().is_some();
        match stored.pending_before_lock.take() {
            None => stored.pending_before_lock = Some(is_pending),
            Some(pending) => stored.state = stored.state.settled(pending, stored.setup.active, NOW),
        }
        true
    }

    /// The first part of taking a lane: the process buries leases that are over, and finds the lane free.
    pub(crate) fn judge(&self, state: &mut State, process: usize, lane: usize) -> bool {
        let stored = &state.lanes[lane];
        let taker = &state.processes[process];
        if taker.judged.is_some() || !state.is_free(stored.state.owner) {
            return false;
        }
        let epoch = stored.state.epoch;
        for process in state
            .processes
            .iter_mut()
            .filter(|process| process.lease == Lease::Over)
        {
            process.lease = Lease::Buried;
        }
        let taker = &mut state.processes[process];
        if taker.lease == Lease::Current {
            taker.judged = Some((lane, epoch));
        }
        true
    }

    /// The second part: the lane is taken if it is as it was found.
    pub(crate) fn take(&self, state: &mut State, process: usize) -> bool {
        let taker = &mut state.processes[process];
        let Some((lane, judged)) = taker.judged.take() else {
            return false;
        };
        let taker = taker.id;
        let found = state.lanes[lane].state;
        let is_as_judged = found.epoch == judged;
        if self.fault == Some(Fault::UnconditionalHandOver) {
            let as_judged = LaneState {
                epoch: judged,
                ..found
            };
            state.wrong.deposed |= !state.is_free(found.owner);
            state.lanes[lane].state = as_judged.taken_by(taker);
        } else if is_as_judged {
            state.wrong.deposed |= !state.is_free(found.owner);
            state.lanes[lane].state = found.taken_by(taker);
        }
        true
    }

    /// Records a turn. False if the lane is not the process's in the epoch of the turn.
    pub(crate) fn record(&self, state: &mut State, process: ProcessId, made: &MadeTurn) -> bool {
        let mut turn = self.world.turn(made);
        let lane = &mut state.lanes[made.lane];
        let before = lane.state;
        if self.fault == Some(Fault::MissingEpoch) {
            turn.epoch = before.epoch;
        }
        let version = match self.fault {
            Some(Fault::OlderVersionCounts) => turn.version,
            _ => lane.version,
        };
        let is_current = lane.version == made.version;
        let mut at_position = lane
            .deliveries
            .iter_mut()
            .find(|queued| queued.position == made.position);
        let stored = at_position.as_ref().map(|queued| queued.stored);
        let (after, status) = match before.after_turn(process, &turn, stored, Some(version), NOW) {
            Recording::Lost => return false,
            Recording::Known => return true,
            Recording::News { lane, status } => (lane, status),
        };
        lane.state = after;
        if let Some(queued) = &mut at_position {
            state.wrong.ended_twice |= queued.stored.status != DeliveryStatus::Pending;
            queued.stored = StoredAttempts {
                status,
                attempts: turn.number,
            };
        }
        let holds_up = status != DeliveryStatus::Pending
            || !after.penalty_box.is_due(NOW)
            || after.ready_at.is_none_or(|ready_at| ready_at > NOW)
            || before.penalty_box == PenaltyBox::Out && after.penalty_box != PenaltyBox::Out;
        state.wrong.stale_turn |= !before.is_held_by(process, made.epoch);
        state.wrong.held_up |= !made.succeeded && !is_current && holds_up;
        true
    }

    /// The next failure, if there are any left.
    pub(crate) fn answer_of_receiver(
        state: &mut State,
        succeeds: bool,
    ) -> Option<webhook_domain::delivery::attempt::Attempt> {
        if !succeeds {
            state.left.failures = state.left.failures.checked_sub(1)?;
        }
        Some(World::attempt(succeeds))
    }
}
