//! A state of the model: what the store keeps, what each process has in memory, and what is on its way between them.

use std::time::Duration;

use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::delivery::lane::{Epoch, LaneState, Position, StoredAttempts};
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::id::ProcessId;
use webhook_domain::webhook::Version;

use crate::world::{NOW, aged_box, aged_lane, waits};

/// A state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) lanes: Vec<StoredLane>,
    pub(crate) processes: Vec<Process>,
    /// Requests to record a turn that nobody waits for any more. They may arrive at any time.
    pub(crate) late: Vec<(ProcessId, MadeTurn)>,
    pub(crate) left: Left,
    pub(crate) wrong: Wrong,
}

/// How many faults are still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub(crate) crashes: u8,
    pub(crate) failures: u8,
    pub(crate) late_turns: u8,
    pub(crate) changes: u8,
}

/// What must never happen, once it has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Wrong {
    /// A turn of another epoch, or of a process that does not own the lane, was recorded.
    pub(crate) stale_turn: bool,
    /// A delivery that had ended was changed.
    pub(crate) ended_twice: bool,
    /// A delivery arrived before one that was published earlier.
    pub(crate) out_of_order: bool,
    /// A failure under an older version of the webhook held the lane up, or gave its delivery up.
    pub(crate) held_up: bool,
    /// A lane was taken from a process whose lease had not ended.
    pub(crate) deposed: bool,
}

/// A webhook, its lane and the deliveries in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct StoredLane {
    pub(crate) state: LaneState,
    pub(crate) version: Version,
    pub(crate) setup: Setup,
    pub(crate) deliveries: Vec<Queued>,
    /// How many deliveries are still to be published.
    pub(crate) unpublished: u8,
    /// With the fault of the wrong null: whether something was pending before the lane was locked.
    pub(crate) pending_before_lock: Option<bool>,
}

/// As much of a webhook's settings as can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Setup {
    pub(crate) moved: bool,
    pub(crate) active: bool,
}

/// A delivery. The one at position n is the n-th in its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Queued {
    pub(crate) position: Position,
    pub(crate) stored: StoredAttempts,
    /// Whether its receiver has had it.
    pub(crate) arrived: bool,
}

/// A server process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) id: ProcessId,
    pub(crate) lease: Lease,
    /// How often it may still stand still for longer than its lease.
    pub(crate) pauses: u8,
    /// What it has in memory of each lane.
    pub(crate) workers: Vec<Option<Worker>>,
    /// Turns that are made and not recorded, in order.
    pub(crate) unrecorded: Vec<MadeTurn>,
    /// A lane that it has found free, and in which epoch.
    pub(crate) judged: Option<(usize, Epoch)>,
}

/// What the store has of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lease {
    /// A row whose time is not up. The process renews it all the time.
    Current,
    /// A row whose time is up. It cannot be renewed.
    Over,
    /// No row any more.
    Buried,
}

/// What a process remembers of a lane, as `LaneWorker` does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Worker {
    pub(crate) epoch: Epoch,
    /// What was read ahead: positions, and how often each was attempted.
    pub(crate) read: Vec<(Position, u32)>,
    pub(crate) ended: Option<Position>,
    pub(crate) penalty_box: Option<PenaltyBox>,
    /// Whether its last turn gave a delivery up, and is not recorded yet.
    pub(crate) gave_up: bool,
    /// Whether it was told that the lane is lost, and has not looked since.
    pub(crate) lost: bool,
    pub(crate) under_way: Option<UnderWay>,
}

/// An attempt that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct UnderWay {
    pub(crate) version: Version,
    pub(crate) before: PenaltyBox,
}

/// A `Turn`, without what the model keeps the same in all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MadeTurn {
    pub(crate) lane: usize,
    pub(crate) position: Position,
    pub(crate) epoch: Epoch,
    pub(crate) number: u32,
    pub(crate) version: Version,
    pub(crate) succeeded: bool,
    pub(crate) status: DeliveryStatus,
    pub(crate) penalty_box: PenaltyBox,
}

impl Worker {
    /// One that has read nothing yet.
    pub(crate) const fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            read: Vec::new(),
            ended: None,
            penalty_box: None,
            gave_up: false,
            lost: false,
            under_way: None,
        }
    }
}

impl Process {
    /// One that was just started.
    pub(crate) fn new(id: ProcessId, lanes: usize, pauses: u8) -> Self {
        Self {
            id,
            lease: Lease::Current,
            pauses,
            workers: vec![None; lanes],
            unrecorded: Vec::new(),
            judged: None,
        }
    }

    /// Whether all its turns at the lane are recorded.
    pub(crate) fn has_recorded(&self, lane: usize) -> bool {
        self.unrecorded.iter().all(|turn| turn.lane != lane)
    }
}

impl StoredLane {
    /// The deliveries that wait, as the store's queries find them: behind what is done.
    pub(crate) fn pending(&self) -> impl Iterator<Item = &Queued> {
        let done = self.state.done;
        self.deliveries
            .iter()
            .filter(move |queued| queued.position > done && queued.stored.status == DeliveryStatus::Pending)
    }

    /// Whether all that was published has ended.
    pub(crate) fn is_delivered(&self) -> bool {
        let has_ended = |queued: &Queued| queued.stored.status != DeliveryStatus::Pending;
        self.deliveries.iter().all(has_ended)
    }
}

impl State {
    /// Whether a lane of this owner may be taken, once leases that are over are buried.
    pub(crate) fn is_free(&self, owner: Option<ProcessId>) -> bool {
        let lives = |process: &Process| Some(process.id) == owner && process.lease == Lease::Current;
        !self.processes.iter().any(lives)
    }

    /// Whether something of the lane waits for time to pass.
    pub(crate) fn waits(&self, lane: usize) -> bool {
        let StoredLane { state, .. } = &self.lanes[lane];
        let turns = self.late.iter().map(|(_, turn)| turn);
        let unrecorded = self.processes.iter().flat_map(|process| &process.unrecorded);
        let mut turns = turns.chain(unrecorded).filter(|turn| turn.lane == lane);
        let mut workers = self
            .processes
            .iter()
            .filter_map(|process| process.workers[lane].as_ref());
        state.ready_at.is_some_and(|ready_at| ready_at > NOW)
            || waits(&state.penalty_box)
            || turns.any(|turn| waits(&turn.penalty_box))
            || workers.any(|worker| worker.penalty_box.as_ref().is_some_and(waits))
    }

    /// Moves all instants of the lane back by so much.
    pub(crate) fn age(&mut self, lane: usize, by: Duration) {
        let stored = &mut self.lanes[lane];
        stored.state = aged_lane(stored.state, by);
        for process in &mut self.processes {
            if let Some(worker) = &mut process.workers[lane] {
                worker.penalty_box = worker.penalty_box.map(|penalty_box| aged_box(penalty_box, by));
                if let Some(under_way) = &mut worker.under_way {
                    under_way.before = aged_box(under_way.before, by);
                }
            }
        }
        let unrecorded = self
            .processes
            .iter_mut()
            .flat_map(|process| &mut process.unrecorded);
        let late = self.late.iter_mut().map(|(_, turn)| turn);
        for turn in unrecorded.chain(late).filter(|turn| turn.lane == lane) {
            turn.penalty_box = aged_box(turn.penalty_box, by);
        }
    }
}
