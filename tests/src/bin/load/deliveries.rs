//! Events published and delivered: beside what the receiver takes from a client that does nothing else, and what the
//! database commits.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use webhook_tests::{Client, Deployment, Service, fixtures::create_with, postgres::Cluster};

use crate::{footprint::resident_mib, generator::drive, limits, receiver::Receiver};

/// Webhooks that every event goes to where deliveries are counted.
const FANNED_OUT: usize = 100;
/// Events published for them.
const FANNED_EVENTS: usize = 1_000;
/// Connections that publish.
const PUBLISHERS: usize = 32;
/// Events per second where their latency is measured.
const STEADY: f64 = 200.0;
/// How long deliveries may take to come.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a client that goes straight to the receiver sends.
const OWN_BODY: &str = "{\"created_at\":\"2024-04-12T15:22:37Z\",\"type\":\"INVOICE.CREATED\",\"environment\":\"TEST\",\"data\":{\"total\":1}}";

/// Measures on a deployment for each part, made by `deploy`.
pub(crate) fn measure(deploy: &dyn Fn() -> Deployment, cluster: Option<&Cluster>, seconds: Duration) {
    let commits = match cluster {
        None => limits::sqlite_commits_per_second(seconds),
        Some(cluster) => limits::pgbench_updates_per_second(cluster, seconds),
    };
    println!("\n| what | measured | limit | ratio |\n|---|---|---|---|");
    fan_out(deploy, seconds);
    publishing(deploy, commits, seconds);
    one_lane(deploy, seconds);
    latency(deploy, seconds);
}

fn service(deploy: &dyn Fn() -> Deployment) -> Service {
    let deployment = deploy()
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    Service::start_on(deployment)
}

/// Webhooks to `receiver`, which want every event.
fn subscribe(client: &Client, receiver: &Receiver, count: usize) {
    for number in 0..count {
        let url = format!("http://{}/{number}", receiver.address());
        create_with(client, json!({"url": url}));
    }
}

fn event(client: &Client, number: usize) -> Vec<u8> {
    let event =
        json!({"type": "INVOICE.CREATED", "data": {"n": number, "total": "12.50", "currency": "EUR"}});
    client.post("/v1/events").json(&event).wire()
}

/// Publishes `count` events over `connections` connections; the time it took.
fn publish(client: &Client, connections: usize, count: usize) -> Duration {
    let mut numbers = 0..count;
    let began = Instant::now();
    let next = |buffer: &mut Vec<u8>| {
        if let Some(number) = numbers.next() {
            buffer.extend_from_slice(&event(client, number));
        }
    };
    drive(client.address(), connections, next, |_, _| {});
    began.elapsed()
}

/// Requests per second that a client gets answered by the receiver who does nothing but that.
fn straight(receiver: &Receiver, connections: usize, duration: Duration) -> f64 {
    let request = own_request(receiver.address());
    let (ends, mut answers) = (Instant::now() + duration, 0_usize);
    let next = |buffer: &mut Vec<u8>| {
        if Instant::now() < ends {
            buffer.extend_from_slice(&request);
        }
    };
    drive(receiver.address(), connections, next, |_, _| answers += 1);
    receiver.take(answers, PATIENCE);
    answers as f64 / duration.as_secs_f64()
}

fn own_request(address: SocketAddr) -> Vec<u8> {
    format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{OWN_BODY}",
        OWN_BODY.len()
    )
    .into_bytes()
}

fn fan_out(deploy: &dyn Fn() -> Deployment, seconds: Duration) {
    let (service, receiver) = (service(deploy), Receiver::start());
    let client = service.client();
    let limit = straight(&receiver, FANNED_OUT, seconds);
    subscribe(&client, &receiver, FANNED_OUT);
    publish(&client, 1, 20);
    receiver.take(20 * FANNED_OUT, PATIENCE);
    publish(&client, PUBLISHERS, FANNED_EVENTS);
    let arrivals = receiver.take(FANNED_EVENTS * FANNED_OUT, PATIENCE);
    let rate = rate_of(arrivals.iter().map(|arrival| arrival.at));
    row(
        &format!("deliveries/s to {FANNED_OUT} webhooks"),
        rate,
        &format!("{limit:.0} requests/s"),
        rate / limit,
    );
    println!(
        "| memory after them, MiB | {:.1} | | |",
        resident_mib(service.server().pid())
    );
}

fn rate_of(arrivals: impl Iterator<Item = Instant> + Clone) -> f64 {
    let (first, last) = (arrivals.clone().min(), arrivals.clone().max());
    let took = last.zip(first).map(|(last, first)| last - first);
    arrivals.count() as f64 / took.expect("something came").as_secs_f64()
}

fn publishing(deploy: &dyn Fn() -> Deployment, commits: f64, seconds: Duration) {
    let (service, receiver) = (service(deploy), Receiver::start());
    let client = service.client();
    subscribe(&client, &receiver, 1);
    publish(&client, PUBLISHERS, 500);
    let count = (4_000.0 * seconds.as_secs_f64()) as usize;
    let took = publish(&client, PUBLISHERS, count);
    let rate = count as f64 / took.as_secs_f64();
    row(
        &format!("events/s published over {PUBLISHERS} connections"),
        rate,
        &format!("{commits:.0} commits/s"),
        rate / commits,
    );
    receiver.take(500 + count, PATIENCE);
}

fn one_lane(deploy: &dyn Fn() -> Deployment, seconds: Duration) {
    let (service, receiver) = (service(deploy), Receiver::start());
    let client = service.client();
    let limit = straight(&receiver, 1, seconds);
    subscribe(&client, &receiver, 1);
    let count = (4_000.0 * seconds.as_secs_f64()) as usize;
    publish(&client, PUBLISHERS, count);
    let ends = Instant::now();
    let arrivals = receiver.take(count, PATIENCE);
    // Those that came while others were published had the cores for themselves in part.
    let after: Vec<Instant> = arrivals
        .iter()
        .map(|arrival| arrival.at)
        .filter(|at| *at > ends)
        .collect();
    let rate = match after.len() {
        // It kept up with the publishers.
        0..1000 => rate_of(arrivals.iter().map(|arrival| arrival.at)),
        _ => rate_of(after.into_iter()),
    };
    row(
        "deliveries/s to one webhook, in order",
        rate,
        &format!("{limit:.0} of a sequential client"),
        rate / limit,
    );
}

fn latency(deploy: &dyn Fn() -> Deployment, seconds: Duration) {
    let (service, receiver) = (service(deploy), Receiver::start());
    let client = service.client();
    subscribe(&client, &receiver, 1);
    publish(&client, 1, 200);
    receiver.take(200, PATIENCE);
    let count = (STEADY * seconds.as_secs_f64()) as usize;
    let (mut sent, mut numbers) = (Vec::with_capacity(count), 0..count);
    let began = Instant::now();
    let next = |buffer: &mut Vec<u8>| {
        let Some(number) = numbers.next() else { return };
        buffer.extend_from_slice(&event(&client, number));
        let due = began + Duration::from_secs_f64(number as f64 / STEADY);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        sent.push(Instant::now());
    };
    drive(client.address(), 1, next, |_, _| {});
    let mut took: Vec<Duration> = receiver
        .take(count, PATIENCE)
        .iter()
        .filter_map(|arrival| Some(arrival.at - sent[arrival.number?]))
        .collect();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    println!(
        "| ms from publishing to the receiver at {STEADY} events/s | p50 {:.2}, p99 {:.2} | | |",
        at(0.5),
        at(0.99)
    );
}

fn row(what: &str, measured: f64, limit: &str, ratio: f64) {
    println!("| {what} | {measured:.0} | {limit} | {ratio:.2} |");
}
