//! A resend that was answered 202 is sent. A resend to a deleted webhook is refused. A delivery that another process
//! forgets at the same moment is either forgotten, and the resend refused, or sent.

use std::{thread, time::Duration};

use diesel::{Connection as _, RunQueryDsl as _, sql_query};
use webhook_tests::{Backend, Client, Service, clock::wait_for, on_each_database, receiver::Receiver};

use crate::{
    ground::{arrivals, publish, service, webhook_to},
    sql,
};

on_each_database!(what_was_for_a_deleted_webhook_is_not_sent_again);

/// Publishes the event with number `n` and gives the id of its delivery once it has been recorded.
#[track_caller]
fn delivered(client: &Client, n: usize) -> String {
    let event = publish(client, n);
    let id = event["id"].as_str().expect("an event has an id");
    let path = format!("/v1/webhook-events?event_id={id}");
    let found = wait_for("the delivery is recorded", Duration::from_secs(10), || {
        let list = client.get(&path).send().expect_status(200).json();
        Some(list["data"][0].clone()).filter(|found| found["status"] == "SUCCEEDED")
    });
    found["id"].as_str().expect("a delivery has an id").to_owned()
}

fn resend_path(delivery: &str) -> String {
    format!("/v1/webhook-events/{delivery}/resend")
}

fn what_was_for_a_deleted_webhook_is_not_sent_again(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let client = service.client();
    let webhook = webhook_to(&client, &receiver);
    let delivery = delivered(&client, 0);
    client.delete(&webhook.path()).send().expect_status(200);
    let refused = client.post(&resend_path(&delivery)).send();
    refused.expect_refusal(404, "RESOURCE_NOT_FOUND");
}

#[test]
fn what_is_accepted_while_old_events_are_forgotten_is_sent() {
    const EVENTS: usize = 3;
    let (service, receiver) = (service(Backend::Postgres), Receiver::start());
    let client = service.client();
    webhook_to(&client, &receiver);
    let deliveries: Vec<_> = (0..EVENTS).map(|n| delivered(&client, n)).collect();
    service.deployment().execute("UPDATE events SET created_at = 0");
    let accepted = resent_while_forgotten(&service, &client, &deliveries);
    for n in accepted {
        wait_for(
            &format!("event {n}, accepted to be sent again, is"),
            Duration::from_secs(10),
            || {
                let got = arrivals(&receiver.got());
                (got.iter().filter(|number| **number == n).count() > 1).then_some(())
            },
        );
    }
}

/// Resends all of `deliveries` while another process forgets them. A lock on one of them keeps that process in the middle of
/// it. Gives which resends were accepted.
fn resent_while_forgotten(service: &Service, client: &Client, deliveries: &[String]) -> Vec<usize> {
    let mut holding = sql::postgres(service.deployment());
    let mut watching = sql::postgres(service.deployment());
    let waiting = "SELECT count(*) AS value FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    // Nobody has to wait for the lock: a process may as well pass over what is locked.
    let mut give_time_to_wait = |count| {
        for _ in 0..150 {
            if sql::number(&mut watching, waiting) >= count {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    };
    thread::scope(|scope| {
        let mut asked = Vec::new();
        let mut forgetting = None;
        let held = holding.transaction(|connection| {
            let middle = format!(
                "SELECT id FROM deliveries WHERE id = '{}' FOR UPDATE",
                deliveries[1]
            );
            sql_query(middle).execute(connection)?;
            // A process forgets what is old as soon as it has started.
            forgetting = Some(scope.spawn(|| service.deployment().serve()));
            give_time_to_wait(1);
            for delivery in deliveries {
                let client = client.clone();
                let path = resend_path(delivery);
                asked.push(scope.spawn(move || client.post(&path).unchecked().send()));
            }
            give_time_to_wait(2);
            diesel::QueryResult::Ok(())
        });
        held.expect("a lock can be held");
        let answers = asked.into_iter().map(|asked| asked.join().expect("an answer"));
        let accepted = answers.enumerate().filter(|(_, answer)| answer.status == 202);
        let accepted = accepted.map(|(n, _)| n).collect();
        drop(forgetting.map(|started| started.join().expect("a process starts")));
        accepted
    })
}
