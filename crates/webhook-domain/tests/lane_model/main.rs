//! Lanes against a model checker: who owns them, what is recorded of them, and when they say that they have something to do.
//!
//! Everything that happens to a lane is done by the domain's own functions ([`LaneState`](webhook_domain::delivery::lane::LaneState),
//! [`PenaltyBox`](webhook_domain::delivery::penalty_box::PenaltyBox), [`Delivery`](webhook_domain::delivery::Delivery)). The model adds what
//! stands around them: which statements of the store are one step, what `LaneWorker` and its process remember, and what can go wrong:
//!
//! - A process dies, and is started again under another name. What it had sent to the store may still arrive.
//! - A process stands still for longer than its lease, between any two steps, and goes on as if nothing had happened until it finds
//!   that its lease cannot be renewed.
//! - A turn is sent to the store and arrives at any time later, while its process has sent it again.
//! - Notifications come late, twice, or not at all: a process may look at a lane of its own, or take one that is free, at any time.
//! - A receiver fails. After the second failure, a delivery is given up.
//! - A webhook is moved, or made inactive and active again, in the first lane.
//!
//! The checker goes through all states that can be reached, and tries each property in each of them. That everything is delivered
//! in the end is such a property too: see `fair_run`. To show that the properties can fail, known faults are put in, one at a time,
//! and must be found.
//!
//! All kinds of faults together, in three processes and two lanes, have more states than can be gone through. So each exploration
//! has some of them, up to two deaths, one pause of each process, two failures, one late turn and one change. Those of
//! [`EXPLORATIONS`] always run: 125,000 states, half a minute of one core. Those of [`FULL_EXPLORATIONS`], a million states more,
//! run if they are asked for. Not modelled are 410 Gone, resending, and what an operator asks to be sent at once.
//!
//! ```console
//! $ WEBHOOK_TEST_LANE_MODEL=full cargo test --release -p webhook-domain --test lane_model -- --nocapture
//! ```
//!
//! | file | what |
//! |---|---|
//! | `model` | what can happen |
//! | `properties` | what must hold |
//! | `state` | what the store keeps, and what processes remember |
//! | `store` | the store's transactions |
//! | `process` | what a process does |
//! | `fair_run` | everything is delivered in the end |
//! | `canonical` | states that differ in names only are one |
//! | `world` | values that stay the same, and how time is kept small |

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod canonical;
mod fair_run;
mod model;
mod process;
mod properties;
mod state;
mod store;
mod world;

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use crate::model::{Bounds, Fault, LaneModel};

/// Two processes, one lane with two deliveries, and no faults.
const NO_FAULTS: Bounds = Bounds {
    processes: 2,
    deliveries: &[2],
    crashes: 0,
    pauses: 0,
    failures: 0,
    late_turns: 0,
    changes: 0,
    unrecorded: 2,
    judged_apart: false,
};

/// What always runs, and how many states it has at least.
const EXPLORATIONS: [(Bounds, usize); 6] = [
    // Who owns lanes: deaths and pauses of three processes.
    (
        Bounds {
            processes: 3,
            crashes: 1,
            pauses: 1,
            ..NO_FAULTS
        },
        35_000,
    ),
    // A lane changes between being judged and being taken.
    (
        Bounds {
            crashes: 1,
            pauses: 1,
            judged_apart: true,
            ..NO_FAULTS
        },
        7_000,
    ),
    // Two lanes, whose turns go through one queue.
    (
        Bounds {
            processes: 3,
            deliveries: &[2, 1],
            crashes: 2,
            ..NO_FAULTS
        },
        3_000,
    ),
    (
        Bounds {
            deliveries: &[2, 1],
            crashes: 2,
            late_turns: 1,
            ..NO_FAULTS
        },
        15_000,
    ),
    (
        Bounds {
            deliveries: &[1, 1],
            crashes: 1,
            pauses: 1,
            ..NO_FAULTS
        },
        33_000,
    ),
    // What turns do: failures, a change of the webhook, a death, and a turn that comes late.
    (
        Bounds {
            crashes: 1,
            failures: 2,
            late_turns: 1,
            changes: 1,
            ..NO_FAULTS
        },
        29_000,
    ),
];

/// What runs only if it is asked for.
const FULL_EXPLORATIONS: [(Bounds, usize); 8] = [
    // Who owns lanes: two deaths, and all three processes stand still once.
    (
        Bounds {
            processes: 3,
            crashes: 2,
            pauses: 1,
            judged_apart: true,
            ..NO_FAULTS
        },
        166_000,
    ),
    // Three deliveries in two lanes, and deaths and pauses of two processes.
    (
        Bounds {
            deliveries: &[2, 1],
            crashes: 1,
            pauses: 1,
            ..NO_FAULTS
        },
        228_000,
    ),
    (
        Bounds {
            deliveries: &[2, 1],
            pauses: 1,
            judged_apart: true,
            ..NO_FAULTS
        },
        201_000,
    ),
    (
        Bounds {
            deliveries: &[1, 1],
            pauses: 1,
            late_turns: 1,
            ..NO_FAULTS
        },
        63_000,
    ),
    // What turns do: three deliveries in one lane.
    (
        Bounds {
            deliveries: &[3],
            crashes: 1,
            failures: 2,
            late_turns: 1,
            changes: 1,
            ..NO_FAULTS
        },
        108_000,
    ),
    // What turns do while their processes stand still.
    (
        Bounds {
            crashes: 1,
            pauses: 1,
            failures: 2,
            ..NO_FAULTS
        },
        70_000,
    ),
    (
        Bounds {
            crashes: 1,
            pauses: 1,
            failures: 1,
            late_turns: 1,
            ..NO_FAULTS
        },
        178_000,
    ),
    (
        Bounds {
            pauses: 1,
            failures: 1,
            changes: 1,
            ..NO_FAULTS
        },
        90_000,
    ),
];

/// Whether the full explorations are asked for.
fn is_full() -> bool {
    std::env::var("WEBHOOK_TEST_LANE_MODEL").is_ok_and(|bounds| bounds == "full")
}

/// Goes through all states within these bounds, and says how many there are.
fn explore(model: LaneModel) -> usize {
    let (bounds, began) = (model.bounds, Instant::now());
    let checker = model.checker().spawn_bfs().join();
    let states = checker.unique_state_count();
    println!("{states} states in {:?}: {bounds:?}", began.elapsed());
    for property in properties::ALWAYS {
        checker.assert_no_discovery(property);
    }
    states
}

/// Looks for a state in which the property does not hold, or for one in which it does if it is one of those that may.
fn is_found(model: LaneModel, property: &'static str) -> bool {
    let finish = HasDiscoveries::AnyOf([property].into());
    let checker = model.checker().finish_when(finish).spawn_bfs().join();
    let found = checker.discovery(property);
    println!(
        "\"{property}\": {} states, {}",
        checker.unique_state_count(),
        found.as_ref().map_or("not found".to_owned(), |path| format!(
            "{:?}",
            path.clone().into_actions()
        ))
    );
    found.is_some()
}

#[test]
fn whatever_fails_no_delivery_is_lost_and_no_lane_has_two_owners() {
    let full: &[(Bounds, usize)] = if is_full() { &FULL_EXPLORATIONS } else { &[] };
    for (bounds, at_least) in EXPLORATIONS.iter().chain(full) {
        let states = explore(LaneModel::new(*bounds));
        assert!(
            states >= *at_least,
            "{states} states are too few: something cannot happen any more"
        );
    }
}

#[test]
fn what_is_to_be_explored_does_happen() {
    let bounds = Bounds {
        crashes: 1,
        failures: 2,
        late_turns: 1,
        changes: 1,
        ..NO_FAULTS
    };
    for example in properties::SOMETIMES {
        assert!(is_found(LaneModel::new(bounds), example), "{example}");
    }
}

#[test]
fn a_hand_over_that_does_not_judge_the_epoch_is_found() {
    let bounds = Bounds {
        judged_apart: true,
        ..NO_FAULTS
    };
    for property in [properties::ONE_OWNER, properties::NOT_DEPOSED] {
        let model = LaneModel::new(bounds).with(Fault::UnconditionalHandOver);
        assert!(is_found(model, property), "{property}");
    }
}

/// A process loses a lane and may have it again, while a turn of it is on its way.
const LOST_AND_WON_BACK: Bounds = Bounds {
    pauses: 1,
    late_turns: 1,
    ..NO_FAULTS
};

#[test]
fn a_turn_that_is_recorded_without_its_epoch_is_found_where_names_are_used_again() {
    let model = LaneModel {
        reuses_names: true,
        ..LaneModel::new(LOST_AND_WON_BACK).with(Fault::MissingEpoch)
    };
    assert!(is_found(model, properties::FENCED));
}

/// There are two fences: epochs, and names that are never used again. Each does without the other.
#[test]
fn epochs_alone_keep_old_turns_out_and_so_do_names_that_are_never_used_again() {
    explore(LaneModel {
        reuses_names: true,
        ..LaneModel::new(LOST_AND_WON_BACK)
    });
    explore(LaneModel::new(LOST_AND_WON_BACK).with(Fault::MissingEpoch));
}

#[test]
fn an_emptiness_that_was_read_before_the_lock_is_found() {
    for property in [properties::DELIVERED, properties::SAYS_SO] {
        let model = LaneModel::new(NO_FAULTS).with(Fault::WrongNull);
        assert!(is_found(model, property), "{property}");
    }
}

#[test]
fn a_turn_under_an_older_version_that_fills_the_box_is_found() {
    let bounds = Bounds {
        failures: 1,
        changes: 1,
        ..NO_FAULTS
    };
    let model = LaneModel::new(bounds).with(Fault::OlderVersionCounts);
    assert!(is_found(model, properties::CHANGE_COUNTS));
}

#[test]
fn a_process_that_goes_on_behind_what_it_gave_up_is_found() {
    let bounds = Bounds {
        failures: 2,
        changes: 1,
        ..NO_FAULTS
    };
    let model = LaneModel::new(bounds).with(Fault::PassesWhatItGaveUp);
    assert!(is_found(model, properties::DELIVERED));
}
