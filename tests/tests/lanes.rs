//! Lanes among the processes of one PostgreSQL: those of a process that died go to the others, and whoever has a lane hears
//! at once what others publish to it.

use std::time::{Duration, Instant};

use serde_json::json;
use webhook_tests::{
    Backend, Client, Deployment, Service,
    clock::wait_for,
    fixtures::create_with,
    receiver::{Conduct, Receiver},
};

/// How long others may take to notice that a process is dead, and to deliver what it left.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(10);
/// How long an event may take from its answer to its receiver, whichever process has the lane.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

fn service() -> Service {
    let deployment = Deployment::new(Backend::Postgres)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
        // Two minutes become two seconds: time to kill a process before it tries again.
        .with("WEBHOOK_RETRY_SPEED", "60");
    Service::start_on(deployment)
}

#[track_caller]
fn publish(client: &Client) {
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    client.post("/v1/events").json(&event).send().expect_status(202);
}

#[track_caller]
fn arrives(receiver: &Receiver, count: usize, within: Duration) {
    wait_for(&format!("{count} have arrived"), within, || {
        (receiver.got().len() >= count).then_some(())
    });
}

#[test]
fn the_lanes_of_a_killed_process_are_taken_over_within_ten_seconds() {
    let mut service = service();
    let failing_once = || Receiver::start().conducting([Conduct::Answer(204), Conduct::Answer(503)]);
    let receivers: Vec<_> = (0..5).map(|_| failing_once()).collect();
    let client = service.client();
    for receiver in &receivers {
        create_with(&client, json!({"url": receiver.url()}));
    }
    // The process is alone, so the lanes are its own.
    publish(&client);
    receivers.iter().for_each(|receiver| drop(receiver.wait_for(1)));
    let other = service.deployment().serve();
    (0..3).for_each(|_| publish(&client));
    receivers.iter().for_each(|receiver| drop(receiver.wait_for(2)));
    service.kill();
    let killed = Instant::now();
    let left: Vec<_> = receivers.iter().map(|receiver| receiver.got().len()).collect();
    assert_eq!(left, [2; 5], "what is left is the other's to deliver");
    for receiver in &receivers {
        arrives(receiver, 5, TAKEN_OVER_WITHIN.saturating_sub(killed.elapsed()));
    }
    drop(other);
}

#[test]
fn what_one_process_publishes_to_the_lane_of_another_is_sent_within_a_second() {
    let mut service = service();
    let receiver = Receiver::start();
    let first = service.client();
    create_with(&first, json!({"url": receiver.url()}));
    publish(&first);
    receiver.wait_for(1);
    let other = service.deployment().serve();
    let second = Client::with_key(other.address(), service.key());
    let mut sent = 1;
    for _ in 0..10 {
        publish(&second);
        sent += 1;
        arrives(&receiver, sent, HEARD_WITHIN);
    }
    // Who has the lane shows when the other is killed: nothing is taken over so soon.
    other.kill();
    publish(&first);
    arrives(&receiver, sent + 1, HEARD_WITHIN);
    assert_eq!(receiver.got().len(), sent + 1, "each came once");
    service.kill();
}
