//! A webhook that gets another target while an attempt at the one before is recorded as failed.
//!
//! Whichever comes first, the new target is tried at once.

use webhook_domain::delivery::lane::LaneState;
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::id::ProcessId;
use webhook_domain::ports::Turn;
use webhook_domain::webhook::{Settings, TargetUrl, Webhook};

use super::steps::{failed, lane};
use super::{Ground, race};
use crate::database::connection::AnyConnection;

#[test]
fn a_failure_that_waits_for_a_change_of_the_target_does_not_hold_the_new_one_up() {
    race(|ground, one, other| {
        let (webhook, process, turn) = with_a_failure_under_way(ground, one);
        one.begin().unwrap();
        ground
            .write(one, &[ground.setting(&webhook, moved)])
            .finish(ground, one);
        other.begin().unwrap();
        let lost = ground.while_waiting(
            other,
            |other| ground.record(other, process, &turn),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(lost, []);
        let lane = lane(one, webhook.id).unwrap();
        assert_eq!(lane.penalty_box, PenaltyBox::Out);
        assert_is_due(ground, &lane);
    });
}

#[test]
fn a_change_of_the_target_that_waits_for_a_failure_has_the_new_one_tried_at_once() {
    race(|ground, one, other| {
        let (webhook, process, turn) = with_a_failure_under_way(ground, one);
        one.begin().unwrap();
        assert_eq!(ground.record(one, process, &turn), []);
        other.begin().unwrap();
        let changing = ground.write(other, &[ground.setting(&webhook, moved)]);
        let hints = ground.while_waiting(
            other,
            |other| changing.finish(ground, other),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(hints.elsewhere, [(process, webhook.id)]);
        assert_is_due(ground, &lane(one, webhook.id).unwrap());
    });
}

/// The failure is recorded while the change is written and cannot be seen yet.
#[test]
fn a_failure_in_the_middle_of_a_change_of_the_target_does_not_hold_the_new_one_up() {
    race(|ground, one, other| {
        let (webhook, process, turn) = with_a_failure_under_way(ground, one);
        one.begin().unwrap();
        let changing = ground.write(one, &[ground.setting(&webhook, moved)]);
        other.begin().unwrap();
        assert_eq!(ground.record(other, process, &turn), []);
        other.commit().unwrap();
        let held_up = lane(other, webhook.id).unwrap();
        assert!(
            held_up.ready_at > Some(ground.now()),
            "it has failed for all that can be seen"
        );
        changing.finish(ground, one);
        one.commit().unwrap();
        assert_is_due(ground, &lane(one, webhook.id).unwrap());
    });
}

fn with_a_failure_under_way(ground: &Ground, connection: &mut AnyConnection) -> (Webhook, ProcessId, Turn) {
    let webhook = ground.webhook(connection);
    let process = ground.owner(connection, &[webhook.id]);
    ground.published(connection);
    let turn = ground.turn(connection, &webhook, failed());
    (webhook, process, turn)
}

fn moved(settings: &mut Settings) {
    settings.url = Some(TargetUrl::restore("https://example.com/two".to_owned()));
}

fn assert_is_due(ground: &Ground, lane: &LaneState) {
    let now = ground.now();
    assert!(lane.ready_at.is_some_and(|ready_at| ready_at <= now), "{lane:?}");
    let is_held_up = lane.penalty_box.retry_at().is_some_and(|retry_at| retry_at > now);
    assert!(!is_held_up, "{lane:?}");
}
