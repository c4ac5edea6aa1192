//! The command line changes webhooks and delivers nothing itself. The running server tells of each of these changes, also
//! after a long silence.

use std::{thread::sleep, time::Duration};

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Service,
    fixtures::{Webhook, create, create_with, roll},
    on_each_database,
    receiver::Receiver,
};

use crate::ground::{arrive, service};

on_each_database!(
    each_roll_on_the_command_line_is_told_within_three_seconds,
    a_roll_on_the_command_line_is_told_after_a_long_silence
);

const WITHIN: Duration = Duration::from_secs(3);
/// Longer than a process takes to see that a lane has nothing to do.
const SILENCE: Duration = Duration::from_secs(12);

/// A webhook that wants to hear of updates, and one that is updated.
fn hearer(service: &Service, receiver: &Receiver) -> Webhook {
    let client = service.client();
    let hears = json!({"url": receiver.url(), "included_actions": ["WEBHOOK.UPDATED"]});
    create_with(&client, hears);
    create(&client)
}

#[track_caller]
fn roll_outside(service: &Service, webhook: &Webhook) {
    service
        .deployment()
        .run(&["webhook", "roll", webhook.id()])
        .expect_success();
}

fn each_roll_on_the_command_line_is_told_within_three_seconds(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let told = hearer(&service, &receiver);
    for count in 1..=3 {
        roll_outside(&service, &told);
        let got = arrive(&receiver, count, WITHIN);
        let payload: Value = serde_json::from_slice(&got[count - 1].body).expect("a payload is JSON");
        assert_eq!(payload["type"], "WEBHOOK.UPDATED");
        assert_eq!(payload["data"]["id"], told.id());
    }
}

fn a_roll_on_the_command_line_is_told_after_a_long_silence(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let told = hearer(&service, &receiver);
    // The lane belongs to the process that serves.
    roll(&service.client(), &told);
    arrive(&receiver, 1, WITHIN);
    sleep(SILENCE);
    roll_outside(&service, &told);
    arrive(&receiver, 2, WITHIN);
}
