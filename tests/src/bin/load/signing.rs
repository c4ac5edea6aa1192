//! What a protocol of signing costs deliveries: those signed by Ed25519 beside those signed by HMAC, of the same binary.

use std::time::Duration;

use serde_json::json;
use webhook_tests::{Client, Deployment, fixtures::create_with, postgres::Cluster};

use crate::{
    cpu,
    deliveries::{ANY, FANNED_OUT, PATIENCE, PUBLISHERS, fan_out_rate, publish, service},
    receiver::Receiver,
    report::median,
};

const PROTOCOLS: [&str; 2] = ["HmacSHA256", "Ed25519"];
/// Events that each go to all webhooks.
const EVENTS: usize = 500;
/// Events to one webhook.
const IN_ORDER: usize = 8_000;

const NUMBERS: [&str; 4] = [
    "ms of a delivery to 100 webhooks",
    "µs of processor time a delivery to 100 webhooks",
    "ms of a delivery to one webhook, in order",
    "µs of processor time a delivery to one webhook",
];

/// Measures both in turn, each first in every other of `rounds`, on services of their own.
pub(crate) fn measure(deploy: &dyn Fn() -> Deployment, cluster: Option<&Cluster>, rounds: usize) {
    let mut pairs = Vec::new();
    for round in 0..rounds {
        let mut both = [0, 1];
        both.rotate_left(round % 2);
        let mut measured = both.map(|which| (which, take(deploy(), cluster, PROTOCOLS[which])));
        measured.sort_by_key(|(which, _)| *which);
        let pair = measured.map(|(_, numbers)| numbers);
        println!("round {}: {:.4?} and {:.4?}", round + 1, pair[0], pair[1]);
        pairs.push(pair);
    }
    println!(
        "\n| medians | {} | {} | ratio of a round |\n|---|---|---|---|",
        PROTOCOLS[0], PROTOCOLS[1]
    );
    for (place, name) in NUMBERS.into_iter().enumerate() {
        let of = |which: usize| median(pairs.iter().map(|pair| pair[which][place]).collect());
        let ratio = median(pairs.iter().map(|pair| pair[1][place] / pair[0][place]).collect());
        println!("| {name} | {:.3} | {:.3} | {ratio:.2} |", of(0), of(1));
    }
}

fn take(deployment: Deployment, cluster: Option<&Cluster>, protocol: &str) -> [f64; 4] {
    let service = service(deployment);
    let (client, pid) = (service.client(), service.server().pid());
    let receiver = Receiver::start();
    subscribe(&client, &receiver, "INVOICE.PAID", 1, protocol);
    subscribe(&client, &receiver, ANY, FANNED_OUT, protocol);
    publish(&client, ANY, 1, 20);
    receiver.take(20 * FANNED_OUT, PATIENCE);
    let begun = cpu::used(pid, cluster);
    let rate = fan_out_rate(&client, &receiver, ANY, EVENTS);
    let fanned_out = cpu::used(pid, cluster);
    let began = std::time::Instant::now();
    publish(&client, "INVOICE.PAID", PUBLISHERS, IN_ORDER);
    receiver.take(IN_ORDER, PATIENCE);
    let took = began.elapsed();
    let each = |used: Duration, count: usize| used.as_secs_f64() * 1e6 / count as f64;
    [
        1_000.0 / rate,
        each(fanned_out - begun, EVENTS * FANNED_OUT),
        took.as_secs_f64() * 1_000.0 / IN_ORDER as f64,
        each(cpu::used(pid, cluster) - fanned_out, IN_ORDER),
    ]
}

fn subscribe(client: &Client, receiver: &Receiver, action: &str, count: usize, protocol: &str) {
    for number in 0..count {
        let url = format!("http://{}/{number}", receiver.address());
        let webhook = json!({"url": url, "included_actions": [action], "signing_protocol": protocol});
        create_with(client, webhook);
    }
}
