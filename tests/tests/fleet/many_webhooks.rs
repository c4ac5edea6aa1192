//! An event that more webhooks want than are dealt with at a time: it is accepted once, reaches each of them once, and has
//! its place among the events before and after it.

use std::{collections::BTreeMap, thread, time::Duration};

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client,
    clock::wait_for,
    fixtures::create_with,
    on_each_database,
    receiver::{Delivered, Receiver},
};

use crate::ground::{arrivals, publish, service};

on_each_database!(an_event_reaches_each_of_many_webhooks_once_and_in_its_place);

const WEBHOOKS: usize = 600;
const CREATORS: usize = 8;
const EVENTS: usize = 3;

fn an_event_reaches_each_of_many_webhooks_once_and_in_its_place(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let client = service.client();
    create_many(&client, &receiver);
    let published: Vec<Value> = (0..EVENTS).map(|n| publish(&client, n)).collect();
    for event in &published {
        assert_eq!(event["webhook_events"], WEBHOOKS);
    }
    let got = wait_for("everything arrives", Duration::from_secs(20), || {
        Some(receiver.got()).filter(|got| got.len() >= WEBHOOKS * EVENTS)
    });
    assert_eq!(got.len(), WEBHOOKS * EVENTS, "nothing arrives twice");
    let by_path = by_path(got);
    assert_eq!(by_path.len(), WEBHOOKS);
    for (path, got) in by_path {
        assert_eq!(arrivals(&got), (0..EVENTS).collect::<Vec<_>>(), "at {path}");
    }
    let listed = format!(
        "/v1/webhook-events?event_id={}&limit=100",
        published[1]["id"].as_str().expect("an event has an id")
    );
    assert_eq!(count_listed(&client, listed), WEBHOOKS);
}

/// Creates the webhooks, each with a path of its own at `receiver`.
fn create_many(client: &Client, receiver: &Receiver) {
    thread::scope(|scope| {
        for creator in 0..CREATORS {
            let client = client.clone();
            scope.spawn(move || {
                for number in (creator..WEBHOOKS).step_by(CREATORS) {
                    create_with(&client, json!({"url": format!("{}/{number}", receiver.url())}));
                }
            });
        }
    });
}

fn by_path(got: Vec<Delivered>) -> BTreeMap<String, Vec<Delivered>> {
    let mut by_path = BTreeMap::<_, Vec<_>>::new();
    for delivered in got {
        by_path
            .entry(delivered.target.clone())
            .or_default()
            .push(delivered);
    }
    by_path
}

/// How many deliveries there are on the page at `path` and those after it.
fn count_listed(client: &Client, path: String) -> usize {
    let mut next = Some(path);
    let mut count = 0;
    while let Some(path) = next {
        let page = client.get(&path).send().expect_status(200).json();
        count += page["data"].as_array().expect("a list").len();
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    count
}
