//! When it is whose turn.

use std::time::Duration;

use webhook_domain::rotation::{RotationTotals, Spread};
use webhook_domain::services::{RotationTurn, StartRotation};

use crate::scene::{Scene, claim, finished, run};

#[test]
fn turns_are_spread_evenly_from_the_first_moment_on() {
    let scene = Scene::new();
    let mut rotation = scene.begin(StartRotation::default());
    for (spread, total, due) in [
        (0, 100_000, &[(0, 0), (99_999, 0)][..]),
        (604_800, 1, &[(0, 0)]),
        (90, 3, &[(0, 0), (1, 30_000), (2, 60_000)]),
        (1, 4, &[(1, 250), (3, 750)]),
        (604_800, 100_000, &[(1, 6_048), (99_999, 604_793_952)]),
    ] {
        rotation.orders.spread = Spread::from_seconds(spread).unwrap();
        rotation.totals = RotationTotals {
            total,
            ..RotationTotals::default()
        };
        for (number, milliseconds) in due {
            let from = rotation.created_at;
            let at = from.plus(Duration::from_millis(*milliseconds));
            assert_eq!(
                rotation.due_at(*number, from),
                at,
                "{number} of {total} in {spread} s"
            );
            assert!(rotation.is_due(*number, from, at));
            let before = at.minus(Duration::from_millis(1));
            assert_eq!(rotation.is_due(*number, from, before), spread == 0);
        }
    }
    assert!(Spread::from_seconds(604_801).is_err());
}

#[test]
fn what_is_due_is_rolled_and_no_more() {
    let scene = Scene::new();
    scene.webhooks(10);
    let rotation = scene.begin(StartRotation {
        spread: Spread::from_seconds(100).unwrap(),
        ..StartRotation::default()
    });
    let runner = scene.process(&scene.store);
    let mut working = finished(claim(&runner)).unwrap();
    for (seconds, rolled) in [(0, 1), (9, 1), (1, 2), (35, 5)] {
        scene.clock.advance_seconds(seconds);
        let due = rotation.created_at.plus(Duration::from_secs(rolled * 10));
        assert_eq!(finished(run(&runner, &mut working)), RotationTurn::WaitUntil(due));
        assert_eq!(scene.find(&rotation).totals.rolled, rolled);
    }
    scene.clock.advance_seconds(45);
    assert_eq!(finished(run(&runner, &mut working)), RotationTurn::Over);
}
