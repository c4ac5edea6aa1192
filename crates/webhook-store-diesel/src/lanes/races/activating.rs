//! A webhook that is activated while its lane is put right.

use webhook_domain::webhook::Webhook;

use super::steps::lane;
use super::{Ground, race};
use crate::database::connection::AnyConnection;
use crate::lanes::settle::settle;

#[test]
fn a_webhook_that_is_about_to_be_active_when_its_lane_is_cleared_does_not_sleep() {
    race(|ground, one, other| {
        let webhook = with_something_queued_while_inactive(ground, one);
        let activation = ground.setting(&webhook, |settings| settings.active = true);
        one.begin().unwrap();
        let changing = ground.write(one, &[activation]);
        // Nothing of it can be seen yet, and the lane is not locked.
        other.begin().unwrap();
        assert_eq!(settle(other, &[webhook.id], ground.now()).unwrap(), []);
        let hints = ground.while_waiting(
            one,
            |one| changing.finish(ground, one),
            || other.commit().unwrap(),
        );
        one.commit().unwrap();
        assert_eq!(
            (hints.here, hints.elsewhere),
            (Vec::new(), Vec::new()),
            "it is nobody's"
        );
        assert!(lane(one, webhook.id).unwrap().ready_at.is_some());
    });
}

#[test]
fn a_lane_whose_webhook_was_just_activated_is_not_cleared() {
    race(|ground, one, other| {
        let webhook = with_something_queued_while_inactive(ground, one);
        let activation = ground.setting(&webhook, |settings| settings.active = true);
        one.begin().unwrap();
        ground.write(one, &[activation]).finish(ground, one);
        other.begin().unwrap();
        let due = ground.while_waiting(
            other,
            |other| settle(other, &[webhook.id], ground.now()).unwrap(),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(due, [webhook.id]);
    });
}

fn with_something_queued_while_inactive(ground: &Ground, connection: &mut AnyConnection) -> Webhook {
    let webhook = ground.webhook(connection);
    ground.published(connection);
    let deactivation = ground.setting(&webhook, |settings| settings.active = false);
    ground.changed(connection, &[deactivation]);
    let due = settle(connection, &[webhook.id], ground.now()).unwrap();
    assert_eq!(due, [], "nothing may be sent");
    webhook
}
