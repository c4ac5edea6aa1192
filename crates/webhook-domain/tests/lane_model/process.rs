//! What a process does: it works at lanes as `LaneWorker` does, records its turns one after another, stands still, and dies.
//!
//! It does not ask its own clock how long its lease lasts. That keeps needless duplicates from receivers; nothing stored may depend
//! on it.

use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::delivery::attempt::Attempt;
use webhook_domain::delivery::lane::Position;
use webhook_domain::delivery::retry_schedule::Jitter;

use crate::model::{Fault, LaneModel};
use crate::state::{Lease, MadeTurn, Process, State, UnderWay, Worker};
use crate::world::NOW;

impl LaneModel {
    /// A step at the lane until the attempt is under way, or nothing is to be done. A process may look at a lane at any time: that is
    /// what a notification has it do, and they come late, twice, or not at all.
    pub(crate) fn look(&self, state: &mut State, process: usize, lane: usize) -> bool {
        let (stored, looking) = (&state.lanes[lane], &mut state.processes[process]);
        let attempts = looking.workers[lane]
            .as_ref()
            .is_some_and(|worker| worker.under_way.is_some());
        if attempts || looking.unrecorded.len() >= self.bounds.unrecorded {
            return false;
        }
        let all_recorded = looking.has_recorded(lane);
        let owned = stored.state.owner == Some(looking.id) && looking.lease != Lease::Buried;
        let remembered = looking.workers[lane].take();
        if !owned {
            return remembered.is_some();
        }
        let epoch = stored.state.epoch;
        let mut worker = remembered
            .filter(|worker| !worker.lost && worker.epoch == epoch)
            .unwrap_or_else(|| Worker::new(epoch));
        if all_recorded {
            worker.penalty_box = None;
            worker.gave_up = false;
        }
        if !worker.gave_up && worker.read.is_empty() {
            let unread = stored
                .pending()
                .filter(|queued| Some(queued.position) > worker.ended);
            worker.read = unread
                .map(|queued| (queued.position, queued.stored.attempts))
                .collect();
        }
        let before = worker.penalty_box.unwrap_or(stored.state.penalty_box);
        if !worker.read.is_empty() && stored.setup.active && before.is_due(NOW) {
            worker.under_way = Some(UnderWay {
                version: stored.version,
                before,
            });
        } else if all_recorded {
            return true;
        }
        looking.workers[lane] = Some(worker);
        true
    }

    /// The attempt arrives at the receiver, and its answer comes back.
    pub(crate) fn answer(&self, state: &mut State, process: usize, lane: usize, succeeds: bool) -> bool {
        let worker = state.processes[process].workers[lane].as_mut();
        let Some(under_way) = worker.and_then(|worker| worker.under_way.take()) else {
            return false;
        };
        let Some(attempt) = Self::answer_of_receiver(state, succeeds) else {
            return false;
        };
        let Process {
            workers, unrecorded, ..
        } = &mut state.processes[process];
        let worker = workers[lane].as_mut().unwrap();
        let made = self.turn_after(worker, lane, under_way, &attempt);
        let position = made.position;
        unrecorded.push(made);
        arrive(state, lane, position);
        true
    }

    fn turn_after(
        &self,
        worker: &mut Worker,
        lane: usize,
        under_way: UnderWay,
        attempt: &Attempt,
    ) -> MadeTurn {
        let aftermath = under_way
            .before
            .after(attempt, None, &self.world.schedule, Jitter::NONE);
        let head = &mut worker.read[0];
        head.1 += 1;
        let (position, number) = *head;
        let delivery = self.world.delivery.clone().after(aftermath.head, NOW);
        worker.penalty_box = Some(aftermath.penalty_box);
        if delivery.status != DeliveryStatus::Pending {
            worker.read.remove(0);
        }
        match delivery.status {
            DeliveryStatus::Pending => {}
            DeliveryStatus::Failed { .. } if self.fault != Some(Fault::PassesWhatItGaveUp) => {
                worker.gave_up = true;
                worker.read.clear();
            }
            DeliveryStatus::Succeeded { .. } | DeliveryStatus::Failed { .. } => worker.ended = Some(position),
        }
        MadeTurn {
            lane,
            position,
            epoch: worker.epoch,
            number,
            version: under_way.version,
            succeeded: attempt.cause().is_none(),
            status: delivery.status,
            penalty_box: aftermath.penalty_box,
        }
    }

    /// The first of its turns is recorded, and it hears so.
    pub(crate) fn record_first(&self, state: &mut State, process: usize) -> bool {
        let recording = &mut state.processes[process];
        if recording.unrecorded.is_empty() {
            return false;
        }
        let (id, made) = (recording.id, recording.unrecorded.remove(0));
        let is_lost = !self.record(state, id, &made);
        let worker = &mut state.processes[process].workers[made.lane];
        if is_lost {
            match worker {
                Some(worker) if worker.under_way.is_some() => worker.lost = true,
                _ => *worker = None,
            }
        }
        true
    }

    /// The first of its turns is sent to the store and gets lost on the way, for now: the process will send it again.
    pub(crate) fn send_late(&self, state: &mut State, process: usize) -> bool {
        let sending = &state.processes[process];
        match (sending.unrecorded.first(), state.left.late_turns.checked_sub(1)) {
            (Some(made), Some(left)) => {
                state.late.push((sending.id, made.clone()));
                state.left.late_turns = left;
                true
            }
            _ => false,
        }
    }

    /// A turn arrives late.
    pub(crate) fn arrive_late(&self, state: &mut State, place: usize) -> bool {
        let (sender, made) = state.late.remove(place);
        self.record(state, sender, &made);
        true
    }

    /// It stands still for longer than its lease.
    pub(crate) fn pause(&self, state: &mut State, process: usize) -> bool {
        let paused = &mut state.processes[process];
        if paused.lease != Lease::Current || paused.pauses == 0 {
            return false;
        }
        paused.pauses -= 1;
        paused.lease = Lease::Over;
        true
    }

    /// It finds that its lease cannot be renewed, drops everything, and joins anew.
    pub(crate) fn begin_anew(&self, state: &mut State, process: usize) -> bool {
        let has_ended = state.processes[process].lease != Lease::Current;
        if has_ended {
            self.join(state, process);
        }
        has_ended
    }

    /// It dies and is started again. Its lease may end at any time from now on; while it lasts, nothing more can happen to its lanes
    /// than if it had ended and nobody had looked yet.
    pub(crate) fn crash(&self, state: &mut State, process: usize) -> bool {
        let Some(left) = state.left.crashes.checked_sub(1) else {
            return false;
        };
        state.left.crashes = left;
        self.join(state, process);
        true
    }

    fn join(&self, state: &mut State, process: usize) {
        let ended = &state.processes[process];
        let is_taken = |name| {
            state.processes.iter().any(|process| process.id == name)
                || state.lanes.iter().any(|lane| lane.state.owner == Some(name))
                || state.late.iter().any(|(sender, _)| *sender == name)
        };
        let fresh = self.world.names.iter().copied().find(|name| !is_taken(*name));
        let name = if self.reuses_names {
            ended.id
        } else {
            fresh.unwrap()
        };
        state.processes[process] = Process::new(name, state.lanes.len(), ended.pauses);
    }
}

/// The receiver has the delivery.
fn arrive(state: &mut State, lane: usize, position: Position) {
    let deliveries = &mut state.lanes[lane].deliveries;
    let is_before = |place: Position| place < position;
    let missing = deliveries
        .iter()
        .any(|queued| is_before(queued.position) && !queued.arrived);
    if let Some(queued) = deliveries.iter_mut().find(|queued| queued.position == position) {
        state.wrong.out_of_order |= missing && !queued.arrived;
        queued.arrived = true;
    }
}
