//! Events published and delivered: beside what the receiver takes from a client that does nothing else, and what the
//! database commits.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use webhook_tests::{Client, Deployment, Service, fixtures::create_with, postgres::Cluster};

use crate::{footprint::resident_mib, generator::drive, limits, receiver::Receiver, report::at_share};

/// Webhooks that every event goes to where deliveries are counted.
pub(crate) const FANNED_OUT: usize = 100;
/// Events published for them.
const FANNED_EVENTS: usize = 1_000;
/// Connections that publish.
pub(crate) const PUBLISHERS: usize = 32;
/// Events per second where their latency is measured.
pub(crate) const STEADY: f64 = 200.0;
/// How long deliveries may take to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
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

/// A service that may deliver to this machine.
pub(crate) fn service(deployment: Deployment) -> Service {
    let deployment = deployment
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    Service::start_on(deployment)
}

/// What happens, where nobody cares what.
pub(crate) const ANY: &str = "INVOICE.CREATED";

/// Webhooks to `receiver`, which want what happens like this.
pub(crate) fn subscribe(client: &Client, receiver: &Receiver, action: &str, count: usize) {
    for number in 0..count {
        let url = format!("http://{}/{number}", receiver.address());
        create_with(client, json!({"url": url, "included_actions": [action]}));
    }
}

fn event(client: &Client, action: &str, number: usize) -> Vec<u8> {
    let event = json!({"type": action, "data": {"n": number, "total": "12.50", "currency": "EUR"}});
    client.post("/v1/events").json(&event).wire()
}

/// Publishes `count` events over `connections` connections; the time it took.
pub(crate) fn publish(client: &Client, action: &str, connections: usize, count: usize) -> Duration {
    publish_and(client, action, connections, count, |_| {})
}

/// The same, showing the body of each answer to `answered`.
pub(crate) fn publish_and(
    client: &Client,
    action: &str,
    connections: usize,
    count: usize,
    mut answered: impl FnMut(&[u8]),
) -> Duration {
    let mut numbers = 0..count;
    let began = Instant::now();
    let next = |buffer: &mut Vec<u8>| {
        if let Some(number) = numbers.next() {
            buffer.extend_from_slice(&event(client, action, number));
        }
    };
    drive(client.address(), connections, next, |body, _| answered(body));
    began.elapsed()
}

/// Requests per second that a client gets answered by the receiver who does nothing but that.
fn straight(receiver: &Receiver, connections: usize, duration: Duration) -> f64 {
    straight_after(receiver, connections, duration, || {})
}

/// As [`straight`], with `before` done before each request.
fn straight_after(
    receiver: &Receiver,
    connections: usize,
    duration: Duration,
    mut before: impl FnMut(),
) -> f64 {
    let request = own_request(receiver.address());
    let (ends, mut answers) = (Instant::now() + duration, 0_usize);
    let next = |buffer: &mut Vec<u8>| {
        if Instant::now() < ends {
            before();
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
    let (service, receiver) = (service(deploy()), Receiver::start());
    let limit = straight(&receiver, FANNED_OUT, seconds);
    let rate = fanned_out(&service.client(), &receiver);
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

/// Deliveries per second of events to [`FANNED_OUT`] webhooks of a service that has none yet.
pub(crate) fn fanned_out(client: &Client, receiver: &Receiver) -> f64 {
    subscribe(client, receiver, ANY, FANNED_OUT);
    publish(client, ANY, 1, 20);
    receiver.take(20 * FANNED_OUT, PATIENCE);
    fan_out_rate(client, receiver, ANY, FANNED_EVENTS)
}

/// Deliveries per second of `events` that each go to all of [`FANNED_OUT`] webhooks.
pub(crate) fn fan_out_rate(client: &Client, receiver: &Receiver, action: &str, events: usize) -> f64 {
    publish(client, action, PUBLISHERS, events);
    let arrivals = receiver.take(events * FANNED_OUT, PATIENCE);
    rate_of(arrivals.iter().map(|arrival| arrival.at))
}

fn rate_of(arrivals: impl Iterator<Item = Instant> + Clone) -> f64 {
    let (first, last) = (arrivals.clone().min(), arrivals.clone().max());
    let took = last.zip(first).map(|(last, first)| last - first);
    arrivals.count() as f64 / took.expect("something came").as_secs_f64()
}

fn publishing(deploy: &dyn Fn() -> Deployment, commits: f64, seconds: Duration) {
    let (service, receiver) = (service(deploy()), Receiver::start());
    let rate = published(&service.client(), &receiver, seconds);
    row(
        &format!("events/s published over {PUBLISHERS} connections"),
        rate,
        &format!("{commits:.0} commits/s"),
        rate / commits,
    );
}

/// Events per second that a service accepts which has no webhook yet, for one webhook.
pub(crate) fn published(client: &Client, receiver: &Receiver, seconds: Duration) -> f64 {
    subscribe(client, receiver, ANY, 1);
    publish(client, ANY, PUBLISHERS, 500);
    let count = (4_000.0 * seconds.as_secs_f64()) as usize;
    let took = publish(client, ANY, PUBLISHERS, count);
    receiver.take(500 + count, PATIENCE);
    count as f64 / took.as_secs_f64()
}

fn one_lane(deploy: &dyn Fn() -> Deployment, seconds: Duration) {
    let (service, receiver) = (service(deploy()), Receiver::start());
    let limit = straight(&receiver, 1, seconds);
    let rate = drained(&service.client(), &receiver, seconds);
    row(
        "deliveries/s to one webhook, in order",
        rate,
        &format!("{limit:.0} of a sequential client"),
        rate / limit,
    );
    let Some(database) = service.deployment().database() else {
        return;
    };
    let look = limits::look_at_the_webhook(database);
    let limit = straight_after(&receiver, 1, seconds, look);
    row(
        "the same",
        rate,
        &format!("{limit:.0} of a sequential client that asks PostgreSQL for the webhook before each"),
        rate / limit,
    );
}

/// Deliveries per second out of the queue of one webhook, of a service that has none yet.
pub(crate) fn drained(client: &Client, receiver: &Receiver, seconds: Duration) -> f64 {
    subscribe(client, receiver, ANY, 1);
    let count = (4_000.0 * seconds.as_secs_f64()) as usize;
    publish(client, ANY, PUBLISHERS, count);
    let ends = Instant::now();
    let arrivals = receiver.take(count, PATIENCE);
    // Those that came while others were published had the cores for themselves in part.
    let after: Vec<Instant> = arrivals
        .iter()
        .map(|arrival| arrival.at)
        .filter(|at| *at > ends)
        .collect();
    match after.len() {
        // It kept up with the publishers.
        0..1000 => rate_of(arrivals.iter().map(|arrival| arrival.at)),
        _ => rate_of(after.into_iter()),
    }
}

fn latency(deploy: &dyn Fn() -> Deployment, seconds: Duration) {
    let (service, receiver) = (service(deploy()), Receiver::start());
    let (p50, p99) = steady(&service.client(), &receiver, seconds);
    println!("| ms from publishing to the receiver at {STEADY} events/s | p50 {p50:.2}, p99 {p99:.2} | | |");
}

/// The [`latencies`] of a service that has no webhook yet, at [`STEADY`] events per second.
pub(crate) fn steady(client: &Client, receiver: &Receiver, seconds: Duration) -> (f64, f64) {
    subscribe(client, receiver, ANY, 1);
    publish(client, ANY, 1, 200);
    receiver.take(200, PATIENCE);
    latencies(client, receiver, ANY, STEADY, 1, seconds)
}

/// Half of the deliveries, and 99 of 100, came in so many milliseconds from when their event was due to be published, at `rate`
/// events per second of which `each` came to the receiver so often. An event whose turn came late, because the answer to the one
/// before did, has waited too.
pub(crate) fn latencies(
    client: &Client,
    receiver: &Receiver,
    action: &str,
    rate: f64,
    each: usize,
    seconds: Duration,
) -> (f64, f64) {
    let delays = delays(client, receiver, action, rate, each, seconds);
    (at_share(&delays, 0.5), at_share(&delays, 0.99))
}

/// The milliseconds that [`latencies`] are taken from, the shortest first.
pub(crate) fn delays(
    client: &Client,
    receiver: &Receiver,
    action: &str,
    rate: f64,
    each: usize,
    seconds: Duration,
) -> Vec<f64> {
    let count = (rate * seconds.as_secs_f64()) as usize;
    let mut numbers = 0..count;
    let began = Instant::now();
    let due = |number: usize| began + Duration::from_secs_f64(number as f64 / rate);
    let next = |buffer: &mut Vec<u8>| {
        let Some(number) = numbers.next() else { return };
        buffer.extend_from_slice(&event(client, action, number));
        thread::sleep(due(number).saturating_duration_since(Instant::now()));
    };
    drive(client.address(), 1, next, |_, _| {});
    let mut took: Vec<Duration> = receiver
        .take(count * each, PATIENCE)
        .iter()
        .filter_map(|arrival| Some(arrival.at - due(arrival.number?)))
        .collect();
    took.sort_unstable();
    took.iter().map(|took| took.as_secs_f64() * 1_000.0).collect()
}

fn row(what: &str, measured: f64, limit: &str, ratio: f64) {
    println!("| {what} | {measured:.0} | {limit} | {ratio:.2} |");
}
