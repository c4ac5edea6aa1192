//! What checks of keys cost deliveries: how long deliveries to 100 webhooks take and how many there are a second, alone and beside as
//! many checks as may run, whose receivers take each probe and never answer.

use std::{net::Ipv4Addr, thread, time::Duration};

use serde_json::json;
use webhook_tests::{
    Client, Deployment,
    clock::wait_for,
    fixtures::{create_with, roll},
};

use crate::{
    deliveries::{ANY, FANNED_OUT, PATIENCE, fan_out_rate, latencies, service, subscribe},
    receiver::Receiver,
    report::median,
};

/// Checks that are asked for: more than may run at once.
const ASKED_FOR: u8 = 100;
/// Events per second, each of them to all webhooks, where their latency is measured.
const RATE: f64 = 20.0;
/// Events that each go to all webhooks, where their rate is.
const EVENTS: usize = 300;
/// Checks that run at least.
const RUNNING: usize = 20;

const NUMBERS: [&str; 3] = ["p50 ms", "p99 ms", "deliveries/s"];

/// Measures both in turn, each first in every other of `rounds`, on services of their own.
pub(crate) fn measure(deploy: &dyn Fn() -> Deployment, rounds: usize, seconds: Duration) {
    println!(
        "| round | | {} | checks |\n|---|---|---|---|---|---|",
        NUMBERS.join(" | ")
    );
    let mut pairs = Vec::new();
    for round in 0..rounds {
        let mut both = [false, true];
        both.rotate_left(round % 2);
        let mut measured = both.map(|checks| (checks, take(deploy(), checks, seconds)));
        measured.sort_by_key(|(checks, _)| *checks);
        for (checks, (numbers, running)) in &measured {
            let [p50, p99, rate] = numbers;
            let which = if *checks { "beside checks" } else { "alone" };
            println!(
                "| {} | {which} | {p50:.2} | {p99:.2} | {rate:.0} | {running} |",
                round + 1
            );
        }
        pairs.push(measured.map(|(_, (numbers, _))| numbers));
    }
    println!(
        "\n| deliveries to {FANNED_OUT} webhooks, medians | alone | beside checks | ratio of a round |\n|---|---|---|---|"
    );
    for (place, name) in NUMBERS.into_iter().enumerate() {
        let of = |which: usize| median(pairs.iter().map(|pair| pair[which][place]).collect());
        let ratio = median(pairs.iter().map(|pair| pair[1][place] / pair[0][place]).collect());
        println!("| {name} | {:.2} | {:.2} | {ratio:.2} |", of(0), of(1));
    }
}

/// The numbers, and how many checks ran meanwhile.
fn take(deployment: Deployment, checks: bool, seconds: Duration) -> ([f64; 3], usize) {
    let service = service(deployment);
    let client = service.client();
    let receiver = Receiver::start();
    subscribe(&client, &receiver, ANY, FANNED_OUT);
    latencies(&client, &receiver, ANY, RATE, FANNED_OUT, Duration::from_secs(1));
    let hanging: Vec<Receiver> = match checks {
        true => (1..=ASKED_FOR).map(|last| check(&client, last)).collect(),
        false => Vec::new(),
    };
    let running = || hanging.iter().filter(|receiver| receiver.count() > 0).count();
    if checks {
        wait_for("as many checks run as may", PATIENCE, || {
            (running() >= RUNNING).then_some(())
        });
    }
    let (p50, p99) = latencies(&client, &receiver, ANY, RATE, FANNED_OUT, seconds);
    let rate = fan_out_rate(&client, &receiver, ANY, EVENTS);
    ([p50, p99, rate], running())
}

/// Asks for a check of a webhook of two keys whose receiver, at an address of its own, never answers.
fn check(client: &Client, last: u8) -> Receiver {
    let receiver = Receiver::hanging_at(Ipv4Addr::new(127, 0, 1, last));
    let url = format!("http://{}/", receiver.address());
    let webhook = create_with(client, json!({"url": url, "included_actions": ["INVOICE.PAID"]}));
    roll(client, &webhook);
    let (client, path) = (client.clone(), format!("{}/check", webhook.secret_path()));
    // It is answered long after the measurement, or refused because too many run.
    thread::spawn(move || drop(client.post(&path).send()));
    receiver
}
