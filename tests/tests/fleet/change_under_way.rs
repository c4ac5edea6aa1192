//! A webhook is corrected while an attempt is under way. That attempt fails, because it was made for the webhook as it
//! was before; it must not hold up the webhook as it is now for the minutes of a first retry.

use std::time::Duration;

use serde_json::json;
use webhook_tests::{
    Backend, Client, Service,
    fixtures::{Webhook, create_with, update, with},
    on_each_database,
    receiver::{Conduct, Receiver},
};

use crate::ground::{arrivals, arrive, publish, service, webhook_to};

on_each_database!(
    a_new_url_is_tried_as_soon_as_the_attempt_under_way_has_failed,
    a_webhook_switched_off_and_on_is_tried_as_soon_as_the_attempt_under_way_has_failed,
    new_credentials_are_tried_as_soon_as_the_attempt_under_way_has_failed
);

/// How long the failing receiver keeps an attempt under way.
const HELD: Duration = Duration::from_millis(1500);
/// How long after the request came in the next attempt must have been made: 4 seconds after the failed answer.
const WITHIN: Duration = Duration::from_millis(1500 + 4000);

/// A receiver that fails its first delivery, late.
fn failing_late() -> Receiver {
    Receiver::start().conducting([Conduct::AnswerAfter(HELD, 503)])
}

/// Publishes an event, of which an attempt is then under way at `failing`.
#[track_caller]
fn begin_attempt(service: &Service, failing: &Receiver) -> Client {
    let client = service.client();
    publish(&client, 0);
    failing.wait_for(1);
    client
}

#[track_caller]
fn change(client: &Client, webhook: &Webhook, changes: serde_json::Value) {
    client
        .patch(&webhook.path())
        .json(&with(update(), changes))
        .send()
        .expect_status(200);
}

fn a_new_url_is_tried_as_soon_as_the_attempt_under_way_has_failed(backend: Backend) {
    let service = service(backend);
    let (failing, good) = (failing_late(), Receiver::start());
    let webhook = webhook_to(&service.client(), &failing);
    let client = begin_attempt(&service, &failing);
    change(&client, &webhook, json!({"url": good.url()}));
    arrive(&good, 1, WITHIN);
    publish(&client, 1);
    assert_eq!(arrivals(&arrive(&good, 2, WITHIN)), [0, 1]);
    assert_eq!(failing.got().len(), 1, "nothing more goes to the old url");
}

fn a_webhook_switched_off_and_on_is_tried_as_soon_as_the_attempt_under_way_has_failed(backend: Backend) {
    let (service, receiver) = (service(backend), failing_late());
    let webhook = webhook_to(&service.client(), &receiver);
    let client = begin_attempt(&service, &receiver);
    change(&client, &webhook, json!({"active": false}));
    change(&client, &webhook, json!({"active": true}));
    assert_eq!(arrivals(&arrive(&receiver, 2, WITHIN)), [0, 0]);
}

fn new_credentials_are_tried_as_soon_as_the_attempt_under_way_has_failed(backend: Backend) {
    let (service, receiver) = (service(backend), failing_late());
    let credentials =
        |password: &str| json!({"authentication_type": "PASSWORD", "username": "user", "password": password});
    let webhook = create_with(
        &service.client(),
        with(credentials("old"), json!({"url": receiver.url()})),
    );
    let client = begin_attempt(&service, &receiver);
    change(&client, &webhook, credentials("new"));
    let got = arrive(&receiver, 2, WITHIN);
    assert_eq!(got[0].header("authorization"), "Basic dXNlcjpvbGQ=");
    assert_eq!(got[1].header("authorization"), "Basic dXNlcjpuZXc=");
}
