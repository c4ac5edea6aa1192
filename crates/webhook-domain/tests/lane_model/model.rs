//! The model: what can happen in a state.

use stateright::{Model, Property};
use webhook_domain::delivery::lane::LaneState;
use webhook_domain::webhook::Version;

use crate::canonical::canonical;
use crate::properties::all;
use crate::state::{Lease, Left, Process, Setup, State, StoredLane, Wrong};
use crate::world::{WAIT, World};

/// How much there is of everything, and how many faults come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) processes: usize,
    /// How many deliveries are published in each lane.
    pub(crate) deliveries: &'static [u8],
    /// Of all processes together.
    pub(crate) crashes: u8,
    /// Of each process, each longer than its lease.
    pub(crate) pauses: u8,
    /// How often a receiver fails. It fails twice until its delivery is given up.
    pub(crate) failures: u8,
    /// How many turns are sent and arrive at any time later, while their process sends them again.
    pub(crate) late_turns: u8,
    /// How often the first lane's webhook is moved to another address, or made inactive and active again.
    pub(crate) changes: u8,
    /// How many turns wait to be recorded before their process waits for them.
    pub(crate) unrecorded: usize,
    /// Whether something may happen between judging a lane free and taking it. If not, the two are one step.
    pub(crate) judged_apart: bool,
}

/// A fault that is put in on purpose, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A lane is taken as it was when it was judged, whatever it has become.
    UnconditionalHandOver,
    /// A turn is recorded for whoever owns the lane, in whatever epoch it was made.
    MissingEpoch,
    /// Whether a lane is empty is asked before it is locked.
    WrongNull,
    /// A turn counts whatever version of the webhook it was made under.
    OlderVersionCounts,
    /// A process goes on behind a delivery that it gave up, before it knows that this was recorded.
    PassesWhatItGaveUp,
}

/// The model.
pub(crate) struct LaneModel {
    pub(crate) bounds: Bounds,
    pub(crate) fault: Option<Fault>,
    /// Whether a process joins under the name that it had before. Then it may win back a lane that it has lost.
    pub(crate) reuses_names: bool,
    pub(crate) world: World,
}

/// Something that happens. Processes, lanes and late turns are named by their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Publish {
        lane: usize,
    },
    Look {
        process: usize,
        lane: usize,
    },
    Answer {
        process: usize,
        lane: usize,
        succeeds: bool,
    },
    Record {
        process: usize,
    },
    SendLate {
        process: usize,
    },
    ArriveLate {
        place: usize,
    },
    Judge {
        process: usize,
        lane: usize,
    },
    Take {
        process: usize,
    },
    Settle {
        lane: usize,
    },
    TimePasses {
        lane: usize,
    },
    Change {
        lane: usize,
        after: Setup,
    },
    Pause {
        process: usize,
    },
    BeginAnew {
        process: usize,
    },
    Crash {
        process: usize,
    },
}

impl LaneModel {
    /// A model without faults.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            fault: None,
            reuses_names: false,
            world: World::new(),
        }
    }

    /// The model with this fault.
    pub(crate) const fn with(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    fn apply(&self, state: &mut State, action: &Action) -> bool {
        match *action {
            Action::Publish { lane } => self.publish(state, lane),
            Action::Look { process, lane } => self.look(state, process, lane),
            Action::Answer {
                process,
                lane,
                succeeds,
            } => self.answer(state, process, lane, succeeds),
            Action::Record { process } => self.record_first(state, process),
            Action::SendLate { process } => self.send_late(state, process),
            Action::ArriveLate { place } => self.arrive_late(state, place),
            Action::Judge { process, lane } => {
                let is_free = self.judge(state, process, lane);
                if is_free && !self.bounds.judged_apart {
                    self.take(state, process);
                }
                is_free
            }
            Action::Take { process } => self.take(state, process),
            Action::Settle { lane } => self.settle(state, lane),
            Action::TimePasses { lane } => {
                let waits = state.waits(lane);
                state.age(lane, WAIT);
                waits
            }
            Action::Change { lane, after } => {
                let is_end_of_another = after.active && !state.lanes[lane].setup.active;
                state.left.changes -= u8::from(!is_end_of_another);
                self.change(state, lane, after)
            }
            Action::Pause { process } => self.pause(state, process),
            Action::BeginAnew { process } => self.begin_anew(state, process),
            Action::Crash { process } => self.crash(state, process),
        }
    }

    fn actions_of(&self, state: &State, process: usize, acting: &Process, actions: &mut Vec<Action>) {
        if !acting.unrecorded.is_empty() {
            actions.push(Action::Record { process });
            if state.left.late_turns > 0 {
                actions.push(Action::SendLate { process });
            }
        }
        if acting.judged.is_some() {
            actions.push(Action::Take { process });
        }
        match acting.lease {
            Lease::Current if acting.pauses > 0 => actions.push(Action::Pause { process }),
            Lease::Current => {}
            Lease::Over | Lease::Buried => actions.push(Action::BeginAnew { process }),
        }
        if state.left.crashes > 0 {
            actions.push(Action::Crash { process });
        }
        for (lane, worker) in acting.workers.iter().enumerate() {
            let succeeds = |succeeds| Action::Answer {
                process,
                lane,
                succeeds,
            };
            let is_owner = state.lanes[lane].state.owner == Some(acting.id);
            match worker {
                Some(worker) if worker.under_way.is_some() => {
                    actions.push(succeeds(true));
                    if state.left.failures > 0 {
                        actions.push(succeeds(false));
                    }
                }
                None if !is_owner => {}
                _ => actions.push(Action::Look { process, lane }),
            }
            if acting.judged.is_none() && state.is_free(state.lanes[lane].state.owner) {
                actions.push(Action::Judge { process, lane });
            }
        }
    }

    /// What may be done to the settings of the first lane's webhook. One that was made inactive may always be made active again.
    fn changes(state: &State, actions: &mut Vec<Action>) {
        let setup = state.lanes[0].setup;
        let mut may = |after| actions.push(Action::Change { lane: 0, after });
        if !setup.active {
            may(Setup {
                active: true,
                ..setup
            });
        } else if state.left.changes > 0 {
            may(Setup {
                active: false,
                ..setup
            });
            if !setup.moved {
                may(Setup { moved: true, ..setup });
            }
        }
    }
}

impl Model for LaneModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let bounds = &self.bounds;
        let lane = |unpublished: &u8| StoredLane {
            state: LaneState::new(None),
            version: Version::FIRST,
            setup: Setup {
                moved: false,
                active: true,
            },
            deliveries: Vec::new(),
            unpublished: *unpublished,
            pending_before_lock: None,
        };
        let lanes: Vec<StoredLane> = bounds.deliveries.iter().map(lane).collect();
        let names = self.world.names.iter().take(bounds.processes);
        let state = State {
            processes: names
                .map(|name| Process::new(*name, lanes.len(), bounds.pauses))
                .collect(),
            lanes,
            late: Vec::new(),
            left: Left {
                crashes: bounds.crashes,
                failures: bounds.failures,
                late_turns: bounds.late_turns,
                changes: bounds.changes,
            },
            wrong: Wrong::default(),
        };
        vec![canonical(state, &self.world.names)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (lane, stored) in state.lanes.iter().enumerate() {
            if stored.unpublished > 0 {
                actions.push(Action::Publish { lane });
            }
            if stored.state.ready_at.is_some() || stored.pending_before_lock.is_some() {
                actions.push(Action::Settle { lane });
            }
            if state.waits(lane) {
                actions.push(Action::TimePasses { lane });
            }
        }
        Self::changes(state, actions);
        actions.extend((0..state.late.len()).map(|place| Action::ArriveLate { place }));
        for (process, acting) in state.processes.iter().enumerate() {
            self.actions_of(state, process, acting, actions);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut after = before.clone();
        if !self.apply(&mut after, &action) {
            return None;
        }
        let after = canonical(after, &self.world.names);
        (after != *before).then_some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        all()
    }
}
