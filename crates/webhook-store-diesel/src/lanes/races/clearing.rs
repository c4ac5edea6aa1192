//! Publishing into a lane while another transaction finds it empty, and into a lane that another publication is for.

use webhook_domain::delivery::lane::{LaneState, Position};

use super::race;
use super::steps::{deliveries_to, lane};
use crate::events::audience::Audiences;
use crate::lanes::settle::settle;

#[test]
fn what_is_published_while_a_lane_is_cleared_does_not_sleep() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        let process = ground.owner(one, &[webhook.id]);
        ground.published(one);
        ground.delivered(one, process, &webhook);
        assert!(
            lane(one, webhook.id).unwrap().ready_at.is_some(),
            "there is something to clear"
        );

        one.begin().unwrap();
        assert_eq!(settle(one, &[webhook.id], ground.now()).unwrap(), []);
        other.begin().unwrap();
        let hints = ground.while_waiting(
            other,
            |other| {
                let spread = ground.address(other, &mut Audiences::default(), ground.event());
                ground.put(other, spread)
            },
            || one.commit().unwrap(),
        );
        assert_eq!(lane(one, webhook.id).unwrap().ready_at, None, "it was cleared");
        other.commit().unwrap();
        assert_eq!(hints.elsewhere, [(process, webhook.id)]);
        assert!(lane(one, webhook.id).unwrap().ready_at.is_some());
    });
}

#[test]
fn a_lane_into_which_something_is_being_published_is_not_cleared() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        one.begin().unwrap();
        ground.publish(one);
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

#[test]
fn a_lane_is_cleared_again_if_the_publication_into_it_comes_to_nothing() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        one.begin().unwrap();
        ground.publish(one);
        other.begin().unwrap();
        let due = ground.while_waiting(
            other,
            |other| settle(other, &[webhook.id], ground.now()).unwrap(),
            || one.rollback().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(due, []);
        assert_eq!(lane(one, webhook.id), Some(LaneState::new(None)));
    });
}

#[test]
fn what_is_published_into_a_lane_stands_in_the_order_in_which_it_can_be_seen() {
    race(|ground, one, other| {
        let webhook = ground.webhook(one);
        let (first, mut audiences) = (ground.event(), Audiences::default());
        one.begin().unwrap();
        let spread = ground.address(one, &mut audiences, first.clone());
        let lanes = ground.lock(one, spread.webhooks());
        other.begin().unwrap();
        let second = ground.while_waiting(
            other,
            |other| ground.publish(other),
            || {
                // It draws its position now, and it is the smaller one.
                ground.put_into(one, spread, lanes);
                // Whoever looks here must not see what comes later.
                assert_eq!(deliveries_to(&mut ground.connect(), webhook.id), []);
                one.commit().unwrap();
            },
        );
        other.commit().unwrap();
        let stand: Vec<String> = deliveries_to(one, webhook.id)
            .into_iter()
            .map(|(_, event, ..)| event)
            .collect();
        assert_eq!(stand, [first.id.to_string(), second.id.to_string()]);
        assert_eq!(lane(one, webhook.id).unwrap().done, Position(0));
    });
}

/// Each has one lane to itself and both have two in common, which they lock in the order of ids.
#[test]
fn publications_into_the_same_lanes_wait_for_each_other_and_never_in_a_circle() {
    race(|ground, one, other| {
        let webhooks: Vec<_> = (0..3).map(|_| ground.webhook(one).id).collect();
        one.begin().unwrap();
        drop(ground.lock(one, [webhooks[1]].into_iter()));
        other.begin().unwrap();
        ground.while_waiting(
            other,
            |other| drop(ground.publish(other)),
            || {
                // It waits with nothing but lanes of smaller ids, so the last is free.
                drop(ground.lock(one, [webhooks[2]].into_iter()));
                one.commit().unwrap();
            },
        );
        other.commit().unwrap();
    });
}
