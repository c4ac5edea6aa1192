//! Webhooks that come and change while something is published to those that want it.
//!
//! A webhook whose creation was answered before a publication began gets the event. What was looked up of who wants what is kept
//! from one publication to the next, as the writer of a process keeps it.

use super::race;
use super::steps::deliveries_to;
use crate::events::audience::Audiences;

#[test]
fn a_webhook_that_was_answered_gets_what_is_published_after_it_by_who_has_published_before() {
    race(|ground, one, other| {
        let first = ground.webhook(one);
        let mut audiences = Audiences::default();
        for published in 1..=2 {
            other.begin().unwrap();
            let spread = ground.address(other, &mut audiences, ground.event());
            ground.put(other, spread);
            other.commit().unwrap();
            assert_eq!(deliveries_to(one, first.id).len(), published);
        }
        let second = ground.webhook(one);
        other.begin().unwrap();
        let spread = ground.address(other, &mut audiences, ground.event());
        ground.put(other, spread);
        other.commit().unwrap();
        assert_eq!(deliveries_to(one, second.id).len(), 1);
    });
}

#[test]
fn a_publication_does_not_wait_for_a_webhook_that_is_being_created() {
    race(|ground, one, other| {
        let first = ground.webhook(one);
        let mut audiences = Audiences::default();
        let (second, creation) = ground.creation();
        one.begin().unwrap();
        let changing = ground.write(one, &[creation]);
        other.begin().unwrap();
        let spread = ground.address(other, &mut audiences, ground.event());
        ground.put(other, spread);
        other.commit().unwrap();
        changing.finish(ground, one);
        one.commit().unwrap();
        assert_eq!(deliveries_to(one, first.id).len(), 1);
        assert_eq!(
            deliveries_to(one, second.id),
            [],
            "nobody had been told that it is there"
        );

        other.begin().unwrap();
        let spread = ground.address(other, &mut audiences, ground.event());
        ground.put(other, spread);
        other.commit().unwrap();
        assert_eq!(deliveries_to(one, first.id).len(), 2);
        assert_eq!(deliveries_to(one, second.id).len(), 1);
    });
}

/// A publication reads how often subscriptions have changed, and then who wants the event. A change comes in between.
#[test]
fn what_is_looked_up_beside_a_change_is_not_taken_for_what_was_before_or_is_after() {
    race(|ground, one, other| {
        let first = ground.webhook(one);
        let mut audiences = Audiences::default();
        other.begin().unwrap();
        let mut routing = ground.routing(other, &mut audiences);
        let second = ground.webhook(one);
        assert_eq!(routing.of(other, &ground.event()).unwrap().len(), 2);
        other.commit().unwrap();

        // What was kept says the truth of a later number alone by accident. It must not outlive the next change either.
        let deactivation = ground.setting(&first, |settings| settings.active = false);
        ground.changed(one, &[deactivation]);
        other.begin().unwrap();
        let spread = ground.address(other, &mut audiences, ground.event());
        assert_eq!(spread.webhooks().collect::<Vec<_>>(), [second.id]);
        other.rollback().unwrap();
    });
}

/// What a transaction sees of its own changes is nobody else's before it commits, and never if it does not.
#[test]
fn what_was_looked_up_in_a_change_that_came_to_nothing_is_not_kept() {
    race(|ground, one, _| {
        let first = ground.webhook(one);
        let mut audiences = Audiences::default();
        let (_, creation) = ground.creation();
        one.begin().unwrap();
        let mut routing = ground.routing(one, &mut audiences);
        drop(ground.write_as(one, &[creation], &mut routing));
        assert_eq!(routing.of(one, &ground.event()).unwrap().len(), 2);
        one.rollback().unwrap();
        one.begin().unwrap();
        let spread = ground.address(one, &mut audiences, ground.event());
        assert_eq!(spread.webhooks().collect::<Vec<_>>(), [first.id]);
        one.rollback().unwrap();
    });
}

/// Both lock the head of the chain, the platform's row and their own lanes, in this order.
#[test]
fn changes_of_a_platform_by_two_processes_count_one_after_the_other() {
    race(|ground, one, other| {
        let routing = || ground.number("SELECT routing AS number FROM platforms");
        ground.webhook(one);
        let before = routing();
        let (first, second) = (ground.creation().1, ground.creation().1);
        one.begin().unwrap();
        let changing = ground.write(one, &[first]);
        other.begin().unwrap();
        ground
            .while_waiting(
                other,
                |other| ground.write(other, &[second]),
                || {
                    changing.finish(ground, one);
                    one.commit().unwrap();
                },
            )
            .finish(ground, other);
        other.commit().unwrap();
        assert_eq!(routing(), before + 2);
    });
}
