//! What must hold in all states, and what must be possible.

use stateright::Property;
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::delivery::lane::Epoch;
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::webhook::Version;

use crate::model::LaneModel;
use crate::state::{State, StoredLane};
use crate::world::NOW;

pub(crate) const ONE_OWNER: &str = "no two processes hold one lane in one epoch";
pub(crate) const NOT_DEPOSED: &str = "no lane is taken from a process whose lease lasts";
pub(crate) const FENCED: &str = "no turn of another epoch or another's lane is recorded";
pub(crate) const ENDS_ONCE: &str = "a delivery ends once and stays ended";
pub(crate) const IN_ORDER: &str = "deliveries arrive in order for the first time";
pub(crate) const SENT: &str = "a delivery that ended was sent";
pub(crate) const CHANGE_COUNTS: &str = "a failure under an older version holds nothing up";
pub(crate) const SAYS_SO: &str = "a lane with something to send says so";
pub(crate) const DELIVERED: &str = "everything is delivered in the end";
/// What must hold.
pub(crate) const ALWAYS: [&str; 9] = [
    ONE_OWNER,
    NOT_DEPOSED,
    FENCED,
    ENDS_ONCE,
    IN_ORDER,
    SENT,
    CHANGE_COUNTS,
    SAYS_SO,
    DELIVERED,
];

/// What must be possible, or the others would say nothing.
pub(crate) const SOMETIMES: [&str; 5] = [GIVEN_UP, ALL_DELIVERED, OLD_EPOCH, OLD_VERSION, TOLD_TWICE];
pub(crate) const GIVEN_UP: &str = "a delivery is given up";
pub(crate) const ALL_DELIVERED: &str = "all is delivered";
pub(crate) const OLD_EPOCH: &str = "a turn of an old epoch is on its way";
pub(crate) const OLD_VERSION: &str = "a turn under an older version is on its way";
pub(crate) const TOLD_TWICE: &str = "a turn is on its way that is recorded already";

/// All of them.
pub(crate) fn all() -> Vec<Property<LaneModel>> {
    let always = Property::<LaneModel>::always;
    let sometimes = Property::<LaneModel>::sometimes;
    vec![
        always(ONE_OWNER, |_, state| has_one_owner_each(state)),
        always(NOT_DEPOSED, |_, state| !state.wrong.deposed),
        always(FENCED, |_, state| !state.wrong.stale_turn),
        always(ENDS_ONCE, |_, state| !state.wrong.ended_twice),
        always(IN_ORDER, |_, state| !state.wrong.out_of_order),
        always(SENT, |_, state| was_sent(state)),
        always(CHANGE_COUNTS, |_, state| !state.wrong.held_up),
        always(SAYS_SO, |_, state| state.lanes.iter().all(says_so)),
        always(DELIVERED, |model, state| model.delivers_everything(state)),
        sometimes(GIVEN_UP, |_, state| is_given_up(state)),
        sometimes(ALL_DELIVERED, |_, state| is_all_delivered(state)),
        sometimes(OLD_EPOCH, |_, state| {
            turns(state).any(|(lane, epoch, _)| epoch < state.lanes[lane].state.epoch)
        }),
        sometimes(OLD_VERSION, |_, state| {
            turns(state).any(|(lane, _, version)| version < state.lanes[lane].version)
        }),
        sometimes(TOLD_TWICE, |_, state| is_told_twice(state)),
    ]
}

fn has_one_owner_each(state: &State) -> bool {
    (0..state.lanes.len()).all(|lane| {
        let workers = state
            .processes
            .iter()
            .filter_map(|process| process.workers[lane].as_ref());
        let mut held: Vec<Epoch> = workers.map(|worker| worker.epoch).collect();
        held.sort_unstable();
        held.windows(2).all(|pair| pair[0] != pair[1])
    })
}

fn was_sent(state: &State) -> bool {
    let mut deliveries = state.lanes.iter().flat_map(|lane| &lane.deliveries);
    deliveries.all(|queued| queued.arrived || queued.stored.status == DeliveryStatus::Pending)
}

/// Between two transactions, a lane in which something waits is ready, at the latest when its box lets it be sent.
fn says_so(lane: &StoredLane) -> bool {
    let due = match lane.state.penalty_box {
        PenaltyBox::Retrying { retry_at, .. } => retry_at.max(NOW),
        PenaltyBox::Out | PenaltyBox::NextInTurn { .. } => NOW,
    };
    let is_silent = lane.state.ready_at.is_none_or(|ready_at| ready_at > due);
    !(is_silent && lane.setup.active && lane.pending().next().is_some())
}

fn is_given_up(state: &State) -> bool {
    let mut deliveries = state.lanes.iter().flat_map(|lane| &lane.deliveries);
    deliveries.any(|queued| matches!(queued.stored.status, DeliveryStatus::Failed { .. }))
}

fn is_told_twice(state: &State) -> bool {
    state.late.iter().any(|(_, turn)| {
        let mut deliveries = state.lanes[turn.lane].deliveries.iter();
        deliveries.any(|queued| queued.position == turn.position && queued.stored.attempts >= turn.number)
    })
}

fn is_all_delivered(state: &State) -> bool {
    let mut lanes = state.lanes.iter();
    lanes.all(|lane| lane.unpublished == 0 && lane.is_delivered())
}

/// The lane, epoch and version of every turn that is made and not recorded.
fn turns(state: &State) -> impl Iterator<Item = (usize, Epoch, Version)> {
    let unrecorded = state.processes.iter().flat_map(|process| &process.unrecorded);
    let late = state.late.iter().map(|(_, turn)| turn);
    unrecorded
        .chain(late)
        .map(|turn| (turn.lane, turn.epoch, turn.version))
}
