//! A process is cut off at each of its writes, before and after it is done. Another one takes over, and the first one, if it was merely slow,
//! finds out.

use std::collections::BTreeSet;
use std::time::Duration;

use webhook_domain::access::audit::AuditAction;
use webhook_domain::rotation::{LEASE, RotationStatus, RotationTotals};
use webhook_domain::services::{RotationTurn, StartRotation};

use crate::scene::{CutOff, Scene, claim, finished, poll, run};

const WEBHOOKS: usize = 70;

/// Each was rolled once, as its row says, as the totals say, and as the records say.
#[track_caller]
fn assert_whole(scene: &Scene, rotation: &webhook_domain::rotation::Rotation) {
    let rotation = scene.find(rotation);
    assert_eq!(rotation.status, RotationStatus::Done);
    let totals = RotationTotals {
        total: WEBHOOKS as u64,
        rolled: WEBHOOKS as u64,
        ..RotationTotals::default()
    };
    assert_eq!(rotation.totals, totals);
    for webhook in scene.webhooks_of(&rotation) {
        let ring = scene.stored(webhook.webhook).key_ring;
        let (settled, _) = webhook.settled.expect("it has an outcome");
        assert_eq!(settled.key(), ring.current().map(|key| key.id));
        assert_eq!(ring.retired().len(), 1, "rolled once");
    }
    let records = scene.records(AuditAction::SecretRolled);
    let rolled: BTreeSet<_> = records.iter().map(|record| record.resource_id.clone()).collect();
    assert_eq!((records.len(), rolled.len()), (WEBHOOKS, WEBHOOKS));
}

#[test]
fn wherever_a_process_is_cut_off_each_webhook_is_rolled_once() {
    // A claim, the steps, the end, and one more that is not reached.
    for write in 0..i64::try_from(WEBHOOKS).unwrap() + 3 {
        for is_done in [false, true] {
            let scene = Scene::new();
            scene.webhooks(WEBHOOKS);
            let rotation = scene.begin(StartRotation::default());
            let first = scene.process(&CutOff::new(scene.store.clone(), write, is_done));
            poll(async {
                let mut working = claim(&first).await.expect("it is nobody's");
                run(&first, &mut working).await
            });
            scene.clock.advance(LEASE);
            let second = scene.process(&CutOff::never(scene.store.clone()));
            if let Some(mut working) = finished(claim(&second)) {
                assert_eq!(finished(run(&second, &mut working)), RotationTurn::Over);
            }
            assert_whole(&scene, &rotation);
        }
    }
}

#[test]
fn a_process_that_was_slow_does_nothing_once_another_has_taken_over() {
    let scene = Scene::new();
    scene.webhooks(WEBHOOKS);
    let rotation = scene.begin(StartRotation::default());
    let first = scene.process(&CutOff::never(scene.store.clone()));
    let second = scene.process(&CutOff::never(scene.store.clone()));
    let mut slow = finished(claim(&first)).expect("it is nobody's");
    assert_eq!(finished(first.advance(&mut slow)).unwrap(), RotationTurn::GoOn);
    let just_before = LEASE.saturating_sub(Duration::from_millis(1));
    scene.clock.advance(just_before);
    assert!(finished(claim(&second)).is_none(), "its claim holds");
    scene.clock.advance(Duration::from_millis(1));
    let mut working = finished(claim(&second)).expect("its claim has ended");
    let rolled = scene.find(&rotation).totals.rolled;
    assert_eq!(finished(first.advance(&mut slow)).unwrap(), RotationTurn::Over);
    assert_eq!(scene.find(&rotation).totals.rolled, rolled);
    assert!(finished(claim(&first)).is_none());
    assert_eq!(finished(run(&second, &mut working)), RotationTurn::Over);
    assert_whole(&scene, &rotation);
}
