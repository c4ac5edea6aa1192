//! Rotations beside clocks that are wrong.

use std::time::Duration;

use webhook_domain::rotation::{RotationStatus, RotationTotals, Settled, SkipReason, Spread};
use webhook_domain::services::{RotationTurn, StartRotation};
use webhook_domain::time::Clock as _;

use crate::scene::{Scene, claim, finished, run};

const YEAR: u64 = 365 * 86_400;

fn spread(seconds: u64) -> StartRotation {
    StartRotation {
        spread: Spread::from_seconds(seconds).unwrap(),
        ..StartRotation::default()
    }
}

#[test]
fn a_webhook_that_a_clock_has_rolled_which_was_ahead_is_not_passed_over() {
    let scene = Scene::new();
    let webhooks = scene.webhooks(2);
    let right = scene.clock.now();
    scene.clock.advance_seconds(YEAR);
    scene.roll(webhooks[0].id);
    scene.clock.set(right);
    // It says the same when it is rolled by a right clock.
    for rolls_before in 0..2 {
        if rolls_before > 0 {
            scene.clock.advance_seconds(86_400);
            scene.roll(webhooks[0].id);
        }
        scene.clock.advance_seconds(86_400);
        let rotation = scene.begin(StartRotation::default());
        let runner = scene.process(&scene.store);
        let mut working = finished(claim(&runner)).unwrap();
        assert_eq!(finished(run(&runner, &mut working)), RotationTurn::Over);
        assert_eq!(scene.find(&rotation).totals.rolled, 2);
    }
}

#[test]
fn what_was_rolled_or_removed_since_is_passed_over_and_what_was_before_is_not_whatever_a_clock_says() {
    for (before, since) in [(3_600_i64, -3_600_i64), (0, 0), (-3_600, 3_600)] {
        let scene = Scene::new();
        let webhooks = scene.webhooks(4);
        scene.clock.advance_seconds(86_400);
        let begins = scene.clock.now();
        let shifted = |by: i64| match by < 0 {
            true => begins.minus(Duration::from_secs(by.unsigned_abs())),
            false => begins.plus(Duration::from_secs(by.unsigned_abs())),
        };
        scene.clock.set(shifted(before));
        scene.roll(webhooks[1].id);
        scene.clock.set(begins);
        let rotation = scene.begin(StartRotation::default());
        scene.clock.set(shifted(since));
        scene.roll(webhooks[2].id);
        scene.remove(webhooks[3].id);
        let was = [2, 3].map(|number| scene.stored(webhooks[number].id).key_ring);
        scene.clock.set(begins);
        let runner = scene.process(&scene.store);
        let mut working = finished(claim(&runner)).unwrap();
        assert_eq!(finished(run(&runner, &mut working)), RotationTurn::Over);
        let outcomes = scene.webhooks_of(&rotation);
        let settled = outcomes
            .iter()
            .map(|webhook| webhook.settled.map(|(settled, _)| settled));
        let rolled = |number: usize| {
            let ring = scene.stored(webhooks[number].id).key_ring;
            Some(Settled::Rolled(ring.current().unwrap().id))
        };
        let since = Some(Settled::Skipped(SkipReason::RolledSince));
        assert!(
            settled.eq([rolled(0), rolled(1), since, since]),
            "{before}: {outcomes:?}"
        );
        assert_eq!(
            [2, 3].map(|number| scene.stored(webhooks[number].id).key_ring),
            was
        );
    }
}

#[test]
fn a_rotation_that_was_begun_by_a_clock_which_was_ahead_goes_on_from_when_that_is_noticed() {
    let scene = Scene::new();
    scene.webhooks(10);
    let right = scene.clock.now();
    scene.clock.advance_seconds(YEAR);
    let rotation = scene.begin(spread(100));
    scene.clock.set(right);
    let runner = scene.process(&scene.store);
    let mut working = finished(claim(&runner)).unwrap();
    for (seconds, rolled) in [(0, 1), (9, 1), (1, 2), (35, 5)] {
        scene.clock.advance_seconds(seconds);
        let due = right.plus(Duration::from_secs(rolled * 10));
        assert_eq!(finished(run(&runner, &mut working)), RotationTurn::WaitUntil(due));
        assert_eq!(scene.find(&rotation).totals.rolled, rolled);
    }
    // One that takes over counts anew, and so does this one when its clock goes back.
    scene.clock.set(right.minus(Duration::from_secs(YEAR)));
    for (seconds, rolled) in [(0, 5), (59, 6), (1, 7), (30, 10)] {
        scene.clock.advance_seconds(seconds);
        let turn = finished(run(&runner, &mut working));
        assert_eq!(turn == RotationTurn::Over, rolled == 10, "{turn:?}");
        assert_eq!(scene.find(&rotation).totals.rolled, rolled);
    }
    let done = scene.find(&rotation);
    let totals = RotationTotals {
        total: 10,
        rolled: 10,
        ..RotationTotals::default()
    };
    assert_eq!((done.status, done.totals), (RotationStatus::Done, totals));
}
