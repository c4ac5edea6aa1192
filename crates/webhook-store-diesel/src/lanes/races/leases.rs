//! Leases that are renewed while somebody judges that they have ended.

use std::sync::Barrier;
use std::time::Duration;

use webhook_domain::id::{ProcessId, WebhookId};

use super::steps::{LONG_LEASE, lane, take};
use super::{Ground, race};
use crate::database::connection::AnyConnection;
use crate::database::dialect::lanes::POSTGRES_NOW;
use crate::engine::failure::transact;
use crate::lanes::own::renew;

/// Soon, in milliseconds: long enough for a step or two.
const SOON: i64 = 1_000;

#[test]
fn a_lease_that_was_renewed_just_in_time_keeps_its_lanes() {
    race(|ground, one, other| {
        let (webhook, first, second) = with_a_lease(ground, one, SOON);
        one.begin().unwrap();
        assert!(renew(one, &first.to_string(), LONG_LEASE).unwrap());
        ground.wait_until(ground.now().plus(Duration::from_millis(1_100)));
        // For all that can be seen it has ended by now.
        other.begin().unwrap();
        let taken = ground.while_waiting(
            other,
            |other| take(other, second, &[webhook]),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(taken, []);
        assert_eq!(lane(one, webhook).unwrap().owner, Some(first));
        assert!(renew(one, &first.to_string(), LONG_LEASE).unwrap());
    });
}

#[test]
fn a_lease_whose_renewal_came_to_nothing_has_ended() {
    race(|ground, one, other| {
        let (webhook, first, second) = with_a_lease(ground, one, SOON);
        one.begin().unwrap();
        assert!(renew(one, &first.to_string(), LONG_LEASE).unwrap());
        ground.wait_until(ground.now().plus(Duration::from_millis(1_100)));
        other.begin().unwrap();
        let taken = ground.while_waiting(
            other,
            |other| take(other, second, &[webhook]),
            || one.rollback().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(taken, [webhook]);
        assert!(!renew(one, &first.to_string(), LONG_LEASE).unwrap());
    });
}

#[test]
fn a_lease_that_has_ended_is_not_renewed_whether_its_lanes_are_taken_yet_or_not() {
    race(|ground, one, other| {
        let (webhook, first, second) = with_a_lease(ground, one, 0);
        ground.wait_until(ground.now());
        assert!(!renew(one, &first.to_string(), LONG_LEASE).unwrap());
        other.begin().unwrap();
        assert_eq!(take(other, second, &[webhook]), [webhook]);
        assert!(!renew(one, &first.to_string(), LONG_LEASE).unwrap());
        other.commit().unwrap();
        assert!(!renew(one, &first.to_string(), LONG_LEASE).unwrap());
        assert_eq!(lane(one, webhook).unwrap().owner, Some(second));
    });
}

/// Given by a clock that was two hours ahead, and put right since.
#[test]
fn a_lease_that_ends_later_than_any_can_is_void() {
    race(|ground, one, other| {
        let (webhook, first, second) = with_a_lease(ground, one, 2 * 60 * 60 * 1000);
        one.begin().unwrap();
        assert_eq!(take(one, second, &[webhook]), [webhook]);
        // It has not ended for all that can be seen.
        other.begin().unwrap();
        let renewed = ground.while_waiting(
            other,
            |other| renew(other, &first.to_string(), LONG_LEASE).unwrap(),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert!(!renewed);
        assert_eq!(lane(one, webhook).unwrap().owner, Some(second));
    });
}

#[test]
fn a_lease_that_ends_later_than_any_can_is_put_right_by_renewing_it_first() {
    race(|ground, one, other| {
        let (webhook, first, second) = with_a_lease(ground, one, 2 * 60 * 60 * 1000);
        one.begin().unwrap();
        assert!(renew(one, &first.to_string(), LONG_LEASE).unwrap());
        other.begin().unwrap();
        let taken = ground.while_waiting(
            other,
            |other| take(other, second, &[webhook]),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(taken, []);
        assert_eq!(lane(one, webhook).unwrap().owner, Some(first));
    });
}

#[test]
fn of_renewing_and_taking_at_the_end_of_a_lease_one_is_done() {
    race(|ground, one, other| {
        let mut renewals = 0;
        for round in 0..30 {
            let (webhook, first, second) = with_a_lease(ground, one, 30);
            let ends = ground.now().plus(Duration::from_millis(20));
            let start = Barrier::new(2);
            let (renewed, taken) = std::thread::scope(|scope| {
                let taking = scope.spawn(|| {
                    start.wait();
                    // Now one is the earlier, and now the other.
                    ground.wait_until(ends.plus(Duration::from_millis(round % 10)));
                    transact(other, |other| Ok(take(other, second, &[webhook]))).unwrap()
                });
                start.wait();
                ground.wait_until(ends.plus(Duration::from_millis(10 - round % 10)));
                let renewed = transact(one, |one| renew(one, &first.to_string(), LONG_LEASE)).unwrap();
                (renewed, taking.join().unwrap())
            });
            renewals += u32::from(renewed);
            assert!(!renewed || taken.is_empty(), "both");
            let owner = match renewed || taken.is_empty() {
                true => first,
                false => second,
            };
            assert_eq!(lane(one, webhook).unwrap().owner, Some(owner));
            if !renewed && taken.is_empty() {
                ground.wait_until(ends.plus(Duration::from_millis(30)));
                let taken = transact(other, |other| Ok(take(other, second, &[webhook])));
                assert_eq!(taken.unwrap(), [webhook], "it is over");
            }
        }
        println!("{renewals} of 30 leases were renewed");
    });
}

/// A lane, its owner, whose lease ends so many milliseconds from now, and another process.
fn with_a_lease(
    ground: &Ground,
    connection: &mut AnyConnection,
    ends_in: i64,
) -> (WebhookId, ProcessId, ProcessId) {
    let webhook = ground.webhook(connection).id;
    let first = ground.owner(connection, &[webhook]);
    let second = ground.process(connection);
    ground.execute(&format!(
        "UPDATE processes SET lease_ends_at = {POSTGRES_NOW} + {ends_in} WHERE id = '{first}'"
    ));
    (webhook, first, second)
}
