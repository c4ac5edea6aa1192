use std::time::Duration;

use super::*;
use crate::delivery::Delivery;
use crate::delivery::attempt::{Attempt, AttemptOutcome, CredentialsTaken, FailureCause, StatusCode};
use crate::delivery::retry_schedule::{Jitter, RetrySchedule};
use crate::testing::{ManualClock, SeededEntropy, fixtures};

const NOW: Instant = ManualClock::START;
const VERSION: Version = Version(7);

fn later(seconds: u64) -> Instant {
    NOW.plus(Duration::from_secs(seconds))
}

fn process(seed: u64) -> ProcessId {
    ProcessId::generate(NOW, &SeededEntropy::new(seed)).unwrap()
}

/// A lane of `process(1)` with something at position 5.
fn lane() -> LaneState {
    LaneState::new(None).taken_by(process(1)).with_arrival(NOW)
}

fn turn(lane: &LaneState, outcome: AttemptOutcome) -> Turn {
    let event = fixtures::event(&fixtures::acme(), "INVOICE.CREATED", NOW);
    let webhook = fixtures::webhook(
        &fixtures::acme(),
        fixtures::bare_settings(),
        NOW,
        &SeededEntropy::default(),
    );
    let delivery = Delivery::collect(&event, &webhook).unwrap();
    let attempt = Attempt {
        response_body: None,
        at: NOW,
        duration: Duration::from_secs(1),
        key_fingerprints: Vec::new(),
        host: None,
        credentials: CredentialsTaken::Current,
        outcome,
    };
    let aftermath = lane
        .penalty_box
        .after(&attempt, None, &RetrySchedule::default(), Jitter::NONE);
    Turn {
        position: Position(5),
        epoch: lane.epoch,
        number: 1,
        version: VERSION,
        delivery: delivery.after(aftermath.head, attempt.ended_at()),
        attempt,
        penalty_box: aftermath.penalty_box,
        trace: None,
        tells: Vec::new(),
    }
}

fn succeeded() -> AttemptOutcome {
    AttemptOutcome::of_answer(StatusCode::new(204).unwrap())
}

fn failed() -> AttemptOutcome {
    AttemptOutcome::failed(FailureCause::Timeout)
}

const PENDING: Option<StoredAttempts> = Some(StoredAttempts {
    status: DeliveryStatus::Pending,
    attempts: 0,
});

#[test]
fn a_success_of_what_was_given_up_counts_and_a_failure_does_not() {
    let given_up = StoredAttempts {
        status: DeliveryStatus::Failed { at: later(1) },
        attempts: 0,
    };
    // Something before it waits still.
    let lane = LaneState {
        done: Position(3),
        penalty_box: PenaltyBox::NextInTurn {
            since: NOW,
            given_up_at: later(1),
            cause: FailureCause::Timeout,
        },
        ..lane()
    };
    let record =
        |turn: &Turn, stored| lane.after_turn(process(1), turn, Some(stored), Some(VERSION), later(2));
    let success = turn(&lane, succeeded());
    let Recording::News { lane: after, status } = record(&success, given_up) else {
        panic!("it counts");
    };
    assert_eq!(status, success.delivery.status);
    assert_eq!((after.done, after.penalty_box), (Position(3), PenaltyBox::Out));
    assert_eq!(record(&turn(&lane, failed()), given_up), Recording::Known);
    let again = StoredAttempts { status, attempts: 1 };
    assert_eq!(record(&success, again), Recording::Known);
    let lost = lane.taken_by(process(2));
    let recorded = lost.after_turn(process(1), &success, Some(given_up), Some(VERSION), later(2));
    assert_eq!(recorded, Recording::Lost);
}

#[test]
fn a_turn_counts_in_its_own_epoch_alone() {
    let turn = turn(&lane(), succeeded());
    let record = |lane: LaneState, process| lane.after_turn(process, &turn, PENDING, Some(VERSION), later(1));
    assert!(matches!(record(lane(), process(1)), Recording::News { .. }));
    assert_eq!(record(lane(), process(2)), Recording::Lost);
    let back = lane().taken_by(process(2)).taken_by(process(1));
    assert_eq!(
        record(back, process(1)),
        Recording::Lost,
        "won back is another epoch"
    );
}

#[test]
fn a_turn_is_recorded_once() {
    let turn = turn(&lane(), failed());
    let record = |stored| lane().after_turn(process(1), &turn, stored, Some(VERSION), later(1));
    let stored = |status, attempts| Some(StoredAttempts { status, attempts });
    assert_eq!(record(stored(DeliveryStatus::Pending, 1)), Recording::Known);
    assert_eq!(record(None), Recording::Known, "it was put to the end meanwhile");
    let ended = DeliveryStatus::Succeeded { at: NOW };
    assert_eq!(record(stored(ended, 0)), Recording::Known);
}

#[test]
fn a_success_counts_whatever_its_number() {
    let turn = turn(&lane(), succeeded());
    let stored = Some(StoredAttempts {
        status: DeliveryStatus::Pending,
        attempts: turn.number + 1,
    });
    let Recording::News { lane: after, status } =
        lane().after_turn(process(1), &turn, stored, Some(VERSION), later(1))
    else {
        panic!("it waits for ever behind what is done")
    };
    assert_eq!((after.done, status), (turn.position, turn.delivery.status));
}

#[test]
fn a_success_moves_the_lane_on_and_leaves_it_ready() {
    let turn = turn(&lane(), succeeded());
    let Recording::News { lane: after, status } =
        lane().after_turn(process(1), &turn, PENDING, Some(Version(8)), later(1))
    else {
        unreachable!("it is news, whatever the webhook has become")
    };
    assert_eq!(status, turn.delivery.status);
    assert_eq!((after.done, after.penalty_box), (Position(5), PenaltyBox::Out));
    assert_eq!(after.ready_at, Some(NOW), "not written anew at every turn");
    let mut old = lane();
    old.ready_at = Some(NOW.minus(SAID_ANEW_AFTER));
    let Recording::News { lane: after, .. } =
        old.after_turn(process(1), &turn, PENDING, Some(VERSION), later(1))
    else {
        unreachable!("it is news")
    };
    assert_eq!(after.ready_at, Some(later(1)), "but after a while");
}

#[test]
fn a_failure_makes_the_lane_wait() {
    let turn = turn(&lane(), failed());
    let Recording::News { lane: after, status } =
        lane().after_turn(process(1), &turn, PENDING, Some(VERSION), later(1))
    else {
        unreachable!("it is news")
    };
    assert_eq!((status, after.done), (DeliveryStatus::Pending, Position(0)));
    assert_eq!(after.penalty_box, turn.penalty_box);
    assert_eq!(after.ready_at, after.penalty_box.retry_at());
    assert_eq!(after.with_arrival(later(2)).ready_at, after.ready_at);
}

#[test]
fn a_failure_under_an_older_webhook_holds_nothing_up() {
    let turn = turn(&lane(), failed());
    for version in [Some(Version(8)), None] {
        let Recording::News { lane: after, status } =
            lane().after_turn(process(1), &turn, PENDING, version, later(1))
        else {
            unreachable!("it is news")
        };
        assert_eq!(
            (status, after.penalty_box),
            (DeliveryStatus::Pending, PenaltyBox::Out)
        );
        assert_eq!(after.ready_at, Some(NOW));
    }
    let mut held_up = lane();
    held_up.penalty_box = turn.penalty_box;
    held_up.ready_at = turn.penalty_box.retry_at();
    let Recording::News { lane: after, .. } =
        held_up.after_turn(process(1), &turn, PENDING, Some(Version(8)), later(1))
    else {
        unreachable!("it is news")
    };
    assert_eq!(after.penalty_box, held_up.penalty_box.expedited(later(1)));
    assert_eq!(after.ready_at, Some(later(1)));
}

/// The clock of `now` is hours ahead of the process's own, or hours behind it.
#[test]
fn since_when_a_lane_has_something_to_do_is_no_matter_of_the_clock_of_who_has_tried() {
    let (success, failure) = (turn(&lane(), succeeded()), turn(&lane(), failed()));
    for now in [later(7200), NOW.minus(Duration::from_secs(7200))] {
        let mut idle = lane();
        idle.ready_at = None;
        for (turn, version) in [(&success, VERSION), (&failure, Version(8))] {
            let recorded = idle.after_turn(process(1), turn, PENDING, Some(version), now);
            let Recording::News { lane: after, .. } = recorded else {
                unreachable!("it is news")
            };
            assert_eq!(after.ready_at, Some(now));
        }
        let woken = idle.expedited(NOW, now);
        assert_eq!(woken.ready_at, Some(now));
    }
    let late = later(7200);
    let Recording::News { lane: after, .. } =
        lane().after_turn(process(1), &failure, PENDING, Some(VERSION), late)
    else {
        unreachable!("it is news")
    };
    assert_eq!(after.ready_at, Some(late), "it is due by that clock");
}

#[test]
fn a_lane_is_settled_by_what_is_in_it() {
    let settle = |pending, sendable| lane().settled(pending, sendable, later(9)).ready_at;
    assert_eq!(settle(true, true), Some(NOW));
    assert_eq!(settle(false, true), None);
    assert_eq!(settle(true, false), None);
    let mut wrong = lane();
    wrong.ready_at = None;
    assert_eq!(wrong.settled(true, true, later(9)).ready_at, Some(later(9)));
    wrong.ready_at = Some(later(7200));
    assert_eq!(
        wrong.settled(true, true, later(9)).ready_at,
        Some(later(9)),
        "a clock that was ahead puts nothing off"
    );
    let mut held_up = lane();
    held_up.penalty_box = turn(&lane(), failed()).penalty_box;
    let retry_at = held_up.penalty_box.retry_at();
    assert_eq!(held_up.settled(true, true, later(9)).ready_at, retry_at);
    let long_after = later(9000);
    assert_eq!(held_up.settled(true, true, long_after).ready_at, Some(NOW));
}

#[test]
fn a_change_of_where_to_send_wakes_the_lane() {
    let before = fixtures::bare_settings();
    let mut held_up = lane();
    held_up.penalty_box = turn(&lane(), failed()).penalty_box;
    held_up.ready_at = None;
    let named = Settings {
        include_previous_data: true,
        ..fixtures::bare_settings()
    };
    assert_eq!(held_up.after_change(&before, &named, later(3), later(3)), held_up);
    let routed = Settings {
        custom_headers: fixtures::full_settings().custom_headers,
        ..fixtures::bare_settings()
    };
    let woken = held_up.after_change(&before, &routed, later(3), later(3));
    assert_eq!(woken.ready_at, Some(later(3)));
    let inactive = Settings {
        active: false,
        ..fixtures::bare_settings()
    };
    let woken = held_up.after_change(&inactive, &before, later(3), later(3));
    assert_eq!(
        (woken.ready_at, woken.penalty_box),
        (Some(later(3)), PenaltyBox::Out)
    );
}

#[test]
fn what_comes_after_a_delivery_that_was_given_up_is_due_whatever_the_clock_said() {
    let ahead = later(3600);
    let lane = LaneState {
        penalty_box: PenaltyBox::NextInTurn {
            since: NOW,
            cause: FailureCause::Timeout,
            given_up_at: ahead,
        },
        ready_at: None,
        ..lane()
    };
    assert!(lane.penalty_box.is_due(NOW));
    assert_eq!(lane.with_arrival(NOW).ready_at, Some(NOW));
    assert_eq!(lane.settled(true, true, NOW).ready_at, Some(NOW));
}
