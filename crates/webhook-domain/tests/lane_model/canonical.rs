//! Making states alike that differ in names only, so that each is looked at once.
//!
//! Nothing depends on which of the processes is the first, how a process is called, or how often a lane has changed hands: only on
//! who is the same, and on which of two epochs is the later. So processes are put in an order that does not depend on their names,
//! names are given anew by where they stand, and epochs are numbered anew without gaps.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use webhook_domain::delivery::lane::Epoch;
use webhook_domain::id::ProcessId;

use crate::state::{MadeTurn, Process, State};

/// The one of all states like this that stands for them.
pub(crate) fn canonical(mut state: State, names: &[ProcessId]) -> State {
    for lane in 0..state.lanes.len() {
        state.age(lane, Duration::ZERO);
        number_epochs(&mut state, lane);
    }
    let shapes: Vec<u64> = state
        .processes
        .iter()
        .map(|process| shape(&state, process))
        .collect();
    let mut processes: Vec<(u64, Process)> = shapes.into_iter().zip(state.processes).collect();
    processes.sort_by_key(|(shape, _)| *shape);
    state.processes = processes.into_iter().map(|(_, process)| process).collect();
    rename(&mut state, names);
    state
}

/// What a process is like, but for its name.
fn shape(state: &State, process: &Process) -> u64 {
    let mut hasher = DefaultHasher::new();
    for lane in &state.lanes {
        (lane.state.owner == Some(process.id)).hash(&mut hasher);
    }
    for (sender, _) in &state.late {
        (*sender == process.id).hash(&mut hasher);
    }
    let Process {
        id: _,
        lease,
        pauses,
        workers,
        unrecorded,
        judged,
    } = process;
    (lease, pauses, workers, unrecorded, judged).hash(&mut hasher);
    hasher.finish()
}

fn rename(state: &mut State, names: &[ProcessId]) {
    let mut found: Vec<ProcessId> = state.processes.iter().map(|process| process.id).collect();
    let mut renamed = |id: &mut ProcessId| {
        let place = found.iter().position(|known| known == id).unwrap_or_else(|| {
            found.push(*id);
            found.len() - 1
        });
        *id = names[place];
    };
    for process in &mut state.processes {
        renamed(&mut process.id);
    }
    for owner in state
        .lanes
        .iter_mut()
        .filter_map(|lane| lane.state.owner.as_mut())
    {
        renamed(owner);
    }
    for (sender, _) in &mut state.late {
        renamed(sender);
    }
}

fn number_epochs(state: &mut State, lane: usize) {
    let mut epochs = Vec::with_capacity(8);
    each_epoch(state, lane, |epoch| epochs.push(*epoch));
    epochs.sort_unstable();
    epochs.dedup();
    each_epoch(state, lane, |epoch| {
        let before = epochs.iter().take_while(|earlier| *earlier < epoch).count();
        *epoch = Epoch(Epoch::FIRST.0 + i64::try_from(before).unwrap());
    });
}

fn each_epoch(state: &mut State, lane: usize, mut act: impl FnMut(&mut Epoch)) {
    act(&mut state.lanes[lane].state.epoch);
    let is_of_lane = |turn: &&mut MadeTurn| turn.lane == lane;
    for process in &mut state.processes {
        if let Some(worker) = &mut process.workers[lane] {
            act(&mut worker.epoch);
        }
        if let Some((_, epoch)) = process.judged.as_mut().filter(|(judged, _)| *judged == lane) {
            act(epoch);
        }
        for turn in process.unrecorded.iter_mut().filter(is_of_lane) {
            act(&mut turn.epoch);
        }
    }
    for turn in state.late.iter_mut().map(|(_, turn)| turn).filter(is_of_lane) {
        act(&mut turn.epoch);
    }
}
