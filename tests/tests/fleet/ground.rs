//! What the stories stand on: services whose receivers are on loopback, a second process on the same database, events
//! with numbers in them, and what has arrived of them.

use std::time::Duration;

use serde_json::{Value, json};
use webhook_tests::{
    Answer, Backend, Client, Deployment, Server, Service,
    clock::wait_for,
    fixtures::{Webhook, create_with},
    receiver::{Delivered, Receiver},
};

/// A deployment that may deliver to loopback. What fails is sent again after minutes, as in production.
pub(crate) fn deployment(backend: Backend) -> Deployment {
    Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
}

/// A service on [`deployment`].
pub(crate) fn service(backend: Backend) -> Service {
    Service::start_on(deployment(backend))
}

/// One more process on the database of `service`, and a client of it.
#[track_caller]
pub(crate) fn second_process(service: &Service) -> (Server, Client) {
    let server = service.deployment().serve();
    let client = Client::with_key(server.address(), service.key());
    (server, client)
}

/// A webhook that takes everything, at `receiver`.
#[track_caller]
pub(crate) fn webhook_to(client: &Client, receiver: &Receiver) -> Webhook {
    create_with(client, json!({"url": receiver.url()}))
}

/// Publishes the event with number `n`, and takes whatever the answer is.
#[track_caller]
pub(crate) fn try_publish(client: &Client, n: usize) -> Answer {
    let event = json!({"type": "INVOICE.CREATED", "data": {"n": n}});
    client.post("/v1/events").json(&event).unchecked().send()
}

/// Publishes the event with number `n`, which must be accepted.
#[track_caller]
pub(crate) fn publish(client: &Client, n: usize) -> Value {
    try_publish(client, n).expect_status(202).json()
}

/// The numbers of the events in `got`, in the order in which they arrived, repetitions included.
pub(crate) fn arrivals(got: &[Delivered]) -> Vec<usize> {
    let number = |delivered: &Delivered| {
        let json: Value = serde_json::from_slice(&delivered.body).expect("a payload is JSON");
        let number = json["data"]["n"].as_u64().expect("the stories publish numbers");
        usize::try_from(number).expect("a small number")
    };
    got.iter().map(number).collect()
}

/// The same, each number the first time it arrived.
pub(crate) fn first_arrivals(got: &[Delivered]) -> Vec<usize> {
    let mut seen = std::collections::HashSet::new();
    let mut numbers = arrivals(got);
    numbers.retain(|number| seen.insert(*number));
    numbers
}

/// Waits until `count` different events have arrived at `receiver`.
#[track_caller]
pub(crate) fn all_arrive(receiver: &Receiver, count: usize, within: Duration) {
    wait_for(&format!("{count} events arrive"), within, || {
        (first_arrivals(&receiver.got()).len() >= count).then_some(())
    });
}

/// Waits until `count` deliveries have arrived at `receiver`, whatever they are.
#[track_caller]
pub(crate) fn arrive(receiver: &Receiver, count: usize, within: Duration) -> Vec<Delivered> {
    wait_for(&format!("{count} deliveries arrive"), within, || {
        Some(receiver.got()).filter(|got| got.len() >= count)
    })
}
