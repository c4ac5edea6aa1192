//! That everything is delivered in the end, said as something that holds in every state.
//!
//! From the state on, no more faults come, nothing more is published, and all notifications get lost. Everybody does what it can in
//! turn, a bounded number of times; then everything that was published must have ended.

use webhook_domain::delivery::DeliveryStatus;

use crate::model::{Fault, LaneModel};
use crate::state::{Lease, Setup, State};
use crate::world::{NOW, WAIT};

/// How many rounds it may take. In each round a lane is found, and gets on by an attempt.
pub(crate) const ROUNDS: usize = 8;

impl LaneModel {
    /// Whether everything that is published in this state is delivered in so many rounds.
    pub(crate) fn delivers_everything(&self, state: &State) -> bool {
        let is_delivered = |state: &State| state.lanes.iter().all(|lane| lane.is_delivered());
        if is_delivered(state) {
            return true;
        }
        let mut state = state.clone();
        self.finish_what_is_under_way(&mut state);
        (0..ROUNDS).any(|_| {
            self.round(&mut state);
            is_delivered(&state)
        })
    }

    /// What was sent to the store arrives, and who has lost its lease finds out.
    fn finish_what_is_under_way(&self, state: &mut State) {
        while !state.late.is_empty() {
            self.arrive_late(state, 0);
        }
        for lane in 0..state.lanes.len() {
            if self.fault == Some(Fault::WrongNull) && state.lanes[lane].pending_before_lock.is_some() {
                self.settle(state, lane);
            }
        }
        for process in 0..state.processes.len() {
            if state.processes[process].lease != Lease::Current {
                self.begin_anew(state, process);
            }
            self.take(state, process);
        }
    }

    fn round(&self, state: &mut State) {
        for lane in 0..state.lanes.len() {
            let setup = state.lanes[lane].setup;
            if !setup.active {
                self.change(
                    state,
                    lane,
                    Setup {
                        active: true,
                        ..setup
                    },
                );
            }
            for process in 0..state.processes.len() {
                self.work_at_what_is_ready(state, process, lane);
                self.answer(state, process, lane, true);
                while self.record_first(state, process) {}
            }
            state.age(lane, WAIT);
        }
    }

    /// The process looks for lanes that say that they have something to do; no notification helps it. A task that is at the lane
    /// already goes on.
    fn work_at_what_is_ready(&self, state: &mut State, process: usize, lane: usize) {
        let (stored, id) = (&state.lanes[lane], state.processes[process].id);
        let is_ready = stored.state.ready_at.is_some_and(|ready_at| ready_at <= NOW);
        let mut deliveries = stored.deliveries.iter();
        let is_wanted = deliveries.any(|queued| {
            queued.position > stored.state.done && queued.stored.status == DeliveryStatus::Pending
        });
        let is_own = stored.state.owner == Some(id);
        if is_ready && !is_own && self.judge(state, process, lane) {
            self.take(state, process);
            self.look(state, process, lane);
        } else if is_ready && is_own && is_wanted || state.processes[process].workers[lane].is_some() {
            self.look(state, process, lane);
        }
    }
}
