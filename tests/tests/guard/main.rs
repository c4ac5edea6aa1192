//! Deliveries go to public addresses, whatever a URL or a name server says, and to no others.
//!
//! Three proofs. [`refusals`]: each of several hundred spellings of forbidden addresses, sent to each endpoint that takes a URL.
//! [`stored`]: the same spellings, stored when the deployment allowed them, delivered to when it no longer does.
//! [`names`]: name servers that lie. The last two run in a [`network`] of their own, in which every address is a [`trap`],
//! so that "no connection was made" is seen and not inferred. Each first shows that what it proves could fail: the trap is
//! connected to at every address, and the spellings lead there while everything is allowed.

mod name_server;
mod names;
mod network;
mod refusals;
mod silent;
mod stored;
mod trap;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use webhook_tests::{Backend, Client, Deployment, on_each_database, postgres::Cluster};

use crate::{
    names::no_answer_of_a_name_server_leads_to_a_forbidden_address,
    refusals::no_endpoint_takes_a_spelling_of_a_forbidden_address,
    silent::names_that_do_not_answer_hold_up_nobody_else,
    stored::no_spelling_that_is_stored_leads_to_a_forbidden_address,
};

on_each_database!(
    no_endpoint_takes_a_spelling_of_a_forbidden_address,
    no_spelling_that_is_stored_leads_to_a_forbidden_address,
    no_answer_of_a_name_server_leads_to_a_forbidden_address,
    names_that_do_not_answer_hold_up_nobody_else
);

/// For what takes a while on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// The name of a test made by `on_each_database!`.
fn test_on(backend: Backend, name: &str) -> String {
    let module = match backend {
        Backend::Sqlite => "on_sqlite",
        Backend::Postgres => "on_postgresql",
    };
    format!("{module}::{name}")
}

/// A deployment that delivers over plain HTTP; on SQLite without a cluster.
fn deployment(backend: Backend, cluster: Option<&Cluster>) -> Deployment {
    let deployment = match cluster {
        Some(cluster) => Deployment::on_cluster(cluster),
        None => Deployment::new(backend),
    };
    deployment
        .with("WEBHOOK_ALLOW_HTTP", "true")
        // Two minutes become a fifth of a second.
        .with("WEBHOOK_RETRY_SPEED", "600")
}

#[track_caller]
fn publish(client: &Client) -> String {
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    let published = client.post("/v1/events").json(&event).send().expect_status(202);
    published.json()["id"].as_str().expect("an id").to_owned()
}

/// The deliveries of `event` by webhook, once `is_enough` of each.
#[track_caller]
fn deliveries(
    client: &Client,
    event: &str,
    is_enough: impl Fn(&str, &Value) -> bool,
) -> HashMap<String, Value> {
    let began = Instant::now();
    loop {
        let found = deliveries_now(client, event);
        let missing = found
            .iter()
            .find(|(webhook, delivery)| !is_enough(webhook, delivery));
        let Some((_, missing)) = missing else {
            return found;
        };
        assert!(
            began.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain: {missing}"
        );
        // A long list takes the server a while to write.
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn deliveries_now(client: &Client, event: &str) -> HashMap<String, Value> {
    let mut found = HashMap::new();
    let mut next = Some(format!("/v1/webhook-events?event_id={event}&limit=100"));
    while let Some(path) = next {
        let answer = client.get(&path).send().expect_status(200).json();
        for delivery in answer["data"].as_array().expect("a list") {
            let webhook = delivery["webhook_id"].as_str().expect("an id");
            found.insert(webhook.to_owned(), delivery.clone());
        }
        next = answer["links"]["next"].as_str().map(str::to_owned);
    }
    found
}

/// The causes of a delivery's attempts so far, `null` of one that succeeded.
fn causes(delivery: &Value) -> Vec<&str> {
    let attempts = delivery["attempts"].as_array().expect("a list");
    attempts
        .iter()
        .map(|attempt| attempt["cause"].as_str().unwrap_or("none"))
        .collect()
}
