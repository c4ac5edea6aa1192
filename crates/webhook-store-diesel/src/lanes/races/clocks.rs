//! Processes whose clocks are wrong: when a lane has something to do is a matter of the database's clock alone.

use std::time::Duration;

use webhook_domain::delivery::attempt::AttemptOutcome;
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::id::ProcessId;
use webhook_domain::ports::Turn;
use webhook_domain::webhook::{TargetUrl, Webhook};

use super::steps::{failed, lane, succeeded};
use super::{Ground, race};
use crate::database::connection::AnyConnection;
use crate::engine::failure::transact;
use crate::lanes::own::{find_ready, leave};

const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);

#[test]
fn what_a_process_with_a_fast_clock_has_recorded_leaves_its_lane_ready_now() {
    race(|ground, one, _| {
        let webhook = ground.webhook(one);
        let process = ground.owner(one, &[webhook.id]);
        ground.published(one);
        ground.published(one);
        let mut turn = ground.turn(one, &webhook, succeeded());
        turn.attempt.at = turn.attempt.at.plus(TWO_HOURS);
        record(ground, one, process, &turn);
        // The race's end asks for the rest.
        assert!(lane(one, webhook.id).unwrap().ready_at <= Some(ground.now()));
    });
}

/// A look begins where the one before has found something.
#[test]
fn what_a_process_with_a_slow_clock_has_recorded_is_found_by_who_has_looked_before() {
    race(|ground, one, other| {
        let (webhook, first, since, looking) = with_a_look(ground, one, other, succeeded());
        let mut turn = ground.turn(one, &webhook, succeeded());
        turn.attempt.at = turn.attempt.at.minus(TWO_HOURS);
        record(ground, one, first, &turn);
        leave(one, &first.to_string()).unwrap();
        let found = find_ready(other, &looking.to_string(), 0, since).unwrap();
        assert!(
            found.free.contains(&webhook.id),
            "it would be found at the next repair"
        );
    });
}

#[test]
fn what_a_process_with_a_slow_clock_has_tried_in_vain_is_found_by_who_has_looked_before() {
    race(|ground, one, other| {
        let (webhook, first, since, looking) = with_a_look(ground, one, other, succeeded());
        let mut turn = ground.turn(one, &webhook, failed());
        let PenaltyBox::Retrying { retry_at, .. } = &mut turn.penalty_box else {
            unreachable!("it is sent again")
        };
        *retry_at = retry_at.minus(TWO_HOURS);
        record(ground, one, first, &turn);
        leave(one, &first.to_string()).unwrap();
        let found = find_ready(other, &looking.to_string(), 0, since).unwrap();
        assert!(
            found.free.contains(&webhook.id),
            "it would be found at the next repair"
        );
    });
}

#[test]
fn what_a_process_with_a_slow_clock_has_changed_is_found_by_who_has_looked_before() {
    race(|ground, one, other| {
        let (webhook, first, since, looking) = with_a_look(ground, one, other, failed());
        let slow = ground.now().minus(TWO_HOURS);
        let moved = ground.setting_at(&webhook, slow, |settings| {
            settings.url = Some(TargetUrl::restore("https://example.com/two".to_owned()));
        });
        ground.changed(one, &[moved]);
        leave(one, &first.to_string()).unwrap();
        let found = find_ready(other, &looking.to_string(), 0, since).unwrap();
        assert!(
            found.free.contains(&webhook.id),
            "it would be found at the next repair"
        );
    });
}

/// A lane with two deliveries, of which one was tried, with its owner, and from when on another process looks for lanes.
fn with_a_look(
    ground: &Ground,
    one: &mut AnyConnection,
    other: &mut AnyConnection,
    outcome: AttemptOutcome,
) -> (Webhook, ProcessId, i64, ProcessId) {
    let (webhook, neighbour) = (ground.webhook(one), ground.webhook(one));
    let first = ground.owner(one, &[webhook.id, neighbour.id]);
    ground.published(one);
    ground.published(one);
    let turn = ground.turn(one, &webhook, outcome);
    record(ground, one, first, &turn);
    let looking = ground.process(other);
    let since = find_ready(other, &looking.to_string(), 0, 0).unwrap().since;
    (webhook, first, since, looking)
}

fn record(ground: &Ground, connection: &mut AnyConnection, process: ProcessId, turn: &Turn) {
    let lost = transact(connection, |connection| {
        Ok(ground.record(connection, process, turn))
    });
    assert_eq!(lost.unwrap(), []);
}
