//! A webhook that is deleted while something is recorded of it, published to it, or put right in its lane.

use super::race;
use super::steps::{deliveries_to, failed, lane, succeeded};
use crate::events::audience::Audiences;
use crate::lanes::settle::settle;

#[test]
fn a_turn_at_a_webhook_that_was_deleted_meanwhile_is_lost() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        let process = ground.owner(one, &[webhook.id]);
        ground.published(one);
        let turn = ground.turn(one, &webhook, succeeded());
        one.begin().unwrap();
        ground
            .write(one, &[ground.deletion(&webhook)])
            .finish(ground, one);
        other.begin().unwrap();
        let lost = ground.while_waiting(
            other,
            |other| ground.record(other, process, &turn),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(lost, [webhook.id]);
        assert_eq!(lane(one, webhook.id), None);
        let left = deliveries_to(one, webhook.id).remove(0);
        assert_eq!((left.2.as_str(), left.3), ("PENDING", 0), "nothing is recorded");
    });
}

#[test]
fn a_webhook_is_deleted_after_the_turn_that_is_being_recorded() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        let process = ground.owner(one, &[webhook.id]);
        ground.published(one);
        let turn = ground.turn(one, &webhook, failed());
        other.begin().unwrap();
        let changing = ground.write(other, &[ground.deletion(&webhook)]);
        // It asks for the version of the webhook that is about to go, and must not wait for it.
        one.begin().unwrap();
        assert_eq!(ground.record(one, process, &turn), []);
        ground.while_waiting(
            other,
            |other| drop(changing.finish(ground, other)),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(lane(one, webhook.id), None);
        let left = deliveries_to(one, webhook.id).remove(0);
        assert_eq!(
            (left.2.as_str(), left.3),
            ("PENDING", 1),
            "the attempt is recorded"
        );
    });
}

#[test]
fn nothing_is_queued_for_a_webhook_that_was_deleted_before_its_lane_was_locked() {
    race(|ground, one, other| {
        let (gone, stays) = (ground.webhook(one), ground.webhook(one));
        other.begin().unwrap();
        let spread = ground.address(other, &mut Audiences::default(), ground.event());
        assert_eq!(spread.webhooks().count(), 2);
        one.begin().unwrap();
        ground.write(one, &[ground.deletion(&gone)]).finish(ground, one);
        let hints = ground.while_waiting(other, |other| ground.put(other, spread), || one.commit().unwrap());
        other.commit().unwrap();
        assert!(hints.elsewhere.is_empty());
        assert_eq!(deliveries_to(one, gone.id), []);
        assert_eq!(deliveries_to(one, stays.id).len(), 1);
    });
}

/// The deletion has its webhook and the head of the chain, the publication its lanes: of the two one waits for the other, and not
/// the other for it.
#[test]
fn a_webhook_is_deleted_after_what_is_being_published_to_it() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        one.begin().unwrap();
        let spread = ground.address(one, &mut Audiences::default(), ground.event());
        other.begin().unwrap();
        let changing = ground.write(other, &[ground.deletion(&webhook)]);
        let lanes = ground.lock(one, spread.webhooks());
        ground.while_waiting(
            other,
            |other| drop(changing.finish(ground, other)),
            || {
                ground.put_into(one, spread, lanes);
                one.commit().unwrap();
            },
        );
        other.commit().unwrap();
        assert_eq!(lane(one, webhook.id), None);
    });
}

#[test]
fn the_lane_of_a_webhook_that_was_deleted_meanwhile_is_not_put_right() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        ground.published(one);
        one.begin().unwrap();
        ground
            .write(one, &[ground.deletion(&webhook)])
            .finish(ground, one);
        other.begin().unwrap();
        let due = ground.while_waiting(
            other,
            |other| settle(other, &[webhook.id], ground.now()).unwrap(),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!((due, lane(one, webhook.id)), (Vec::new(), None));
    });
}
