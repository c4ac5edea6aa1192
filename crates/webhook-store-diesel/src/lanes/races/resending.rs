//! A delivery that is put into its lane again while its event is forgotten.

use std::time::Duration;

use webhook_domain::Refusal;
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::id::DeliveryId;
use webhook_domain::ports::Resend;
use webhook_domain::webhook::Webhook;

use super::steps::deliveries_to;
use super::{Ground, execute, race};
use crate::database::connection::AnyConnection;
use crate::events::pending::Pending;
use crate::events::port::put_at_the_end;
use crate::events::retain::forget;

#[test]
fn what_is_sent_again_just_before_it_is_forgotten_is_kept() {
    race(|ground, one, other| {
        let (webhook, resend) = with_something_delivered(ground, one);
        one.begin().unwrap();
        let (resent, _) = put_at_the_end(one, None, &resend, &mut Pending::default()).unwrap();
        assert_eq!(resent.unwrap().delivery.status, DeliveryStatus::Pending);
        other.begin().unwrap();
        // The event was chosen as it was before, and its delivery is waited for.
        let forgotten =
            ground.while_waiting(other, |other| forgotten(ground, other), || one.commit().unwrap());
        other.commit().unwrap();
        assert_eq!(forgotten, 0);
        assert_waits(one, &webhook);
    });
}

/// What is forgotten has been chosen, and not a row of it was touched yet.
#[test]
fn what_is_sent_again_between_two_statements_that_forget_is_kept() {
    race(|ground, one, other| {
        let (webhook, resend) = with_something_delivered(ground, one);
        one.begin().unwrap();
        // Lets others read, but neither change nor delete.
        execute(one, "LOCK TABLE deliveries IN SHARE ROW EXCLUSIVE MODE");
        other.begin().unwrap();
        let forgotten = ground.while_waiting(
            other,
            |other| forgotten(ground, other),
            || {
                let (resent, _) = put_at_the_end(one, None, &resend, &mut Pending::default()).unwrap();
                assert!(resent.is_ok());
                one.commit().unwrap();
            },
        );
        other.commit().unwrap();
        assert_eq!(forgotten, 0);
        assert_waits(one, &webhook);
    });
}

#[test]
fn what_is_forgotten_before_it_is_sent_again_is_not_accepted() {
    race(|ground, one, other| {
        let (webhook, resend) = with_something_delivered(ground, one);
        one.begin().unwrap();
        assert_eq!(forgotten(ground, one), 1);
        other.begin().unwrap();
        let (resent, hints) = ground.while_waiting(
            other,
            |other| put_at_the_end(other, None, &resend, &mut Pending::default()).unwrap(),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(resent, Err(Refusal::NO_SUCH_DELIVERY));
        assert!(hints.here.is_empty() && hints.elsewhere.is_empty());
        assert_eq!(deliveries_to(one, webhook.id), []);
    });
}

/// A resend has the lane before it asks for the webhook's fate, and a deletion takes the lane last.
#[test]
fn what_is_sent_again_to_a_webhook_that_was_deleted_meanwhile_is_not_accepted() {
    race(|ground, one, other| {
        let (webhook, resend) = with_something_delivered(ground, one);
        one.begin().unwrap();
        ground
            .write(one, &[ground.deletion(&webhook)])
            .finish(ground, one);
        other.begin().unwrap();
        let (resent, _) = ground.while_waiting(
            other,
            |other| put_at_the_end(other, None, &resend, &mut Pending::default()).unwrap(),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(resent, Err(Refusal::NO_SUCH_DELIVERY));
    });
}

/// Two clients ask for the same at the same moment: it is queued once.
#[test]
fn what_is_being_sent_again_is_refused_to_the_next() {
    race(|ground, one, other| {
        let (webhook, resend) = with_something_delivered(ground, one);
        one.begin().unwrap();
        assert!(
            put_at_the_end(one, None, &resend, &mut Pending::default())
                .unwrap()
                .0
                .is_ok()
        );
        other.begin().unwrap();
        let (resent, _) = ground.while_waiting(
            other,
            |other| put_at_the_end(other, None, &resend, &mut Pending::default()).unwrap(),
            || one.commit().unwrap(),
        );
        other.commit().unwrap();
        assert_eq!(resent, Err(Refusal::StillPending));
        assert_waits(one, &webhook);
    });
}

fn with_something_delivered(ground: &Ground, connection: &mut AnyConnection) -> (Webhook, Resend) {
    let webhook = ground.webhook(connection);
    let process = ground.owner(connection, &[webhook.id]);
    let event = ground.published(connection);
    ground.delivered(connection, process, &webhook);
    let resend = Resend {
        platform: ground.platform.clone(),
        delivery: DeliveryId::of(event.id, webhook.id),
        at: ground.now(),
        quota: None,
        idempotency: None,
    };
    (webhook, resend)
}

fn forgotten(ground: &Ground, connection: &mut AnyConnection) -> u32 {
    forget(connection, ground.now().plus(Duration::from_secs(1)), 10).unwrap()
}

fn assert_waits(connection: &mut AnyConnection, webhook: &Webhook) {
    let left = deliveries_to(connection, webhook.id);
    let statuses: Vec<&str> = left.iter().map(|(_, _, status, _)| status.as_str()).collect();
    assert_eq!(statuses, ["PENDING"]);
}
