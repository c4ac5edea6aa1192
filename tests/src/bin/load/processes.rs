//! Several processes on one PostgreSQL, beside one alone: what they publish and roll together.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use webhook_tests::{Deployment, Server, Service, fixtures::new_webhook, service::ALL_PERMISSIONS};

use crate::{deliveries::ANY, generator::drive, report::median, stock::Stock};

/// Platforms that publish, in turn.
const PLATFORMS: usize = 64;
/// Connections to each process.
const CONNECTIONS: usize = 64;
/// Webhooks that are rolled.
const ROLLED: usize = 1_000;

/// Measures `count` processes beside one, in `rounds`.
pub(crate) fn measure(deploy: &dyn Fn() -> Deployment, count: usize, rounds: usize, seconds: Duration) {
    let service = Service::start_on(deploy());
    let others: Vec<Server> = (1..count).map(|_| service.deployment().serve()).collect();
    let keys: Vec<String> = (0..PLATFORMS)
        .map(|number| {
            service
                .deployment()
                .create_key(&format!("tenant-{number}"), &ALL_PERMISSIONS, &[])
        })
        .collect();
    let mut webhook = new_webhook();
    // What is published waits: how fast it is delivered is measured elsewhere.
    webhook["url"] = json!(null);
    for key in &keys {
        let client = service.client_with(key);
        client
            .post("/v1/webhooks")
            .json(&webhook)
            .send()
            .expect_status(201);
    }
    let publications: Vec<Vec<u8>> = keys
        .iter()
        .map(|key| {
            let client = service.client_with(key);
            let event = json!({"type": ANY, "data": {"total": "12.50", "currency": "EUR"}});
            client.post("/v1/events").json(&event).wire()
        })
        .collect();
    let rolls = Stock::fill(&service, ROLLED).rolls(ROLLED);
    let addresses: Vec<SocketAddr> = std::iter::once(service.server())
        .chain(&others)
        .map(Server::address)
        .collect();
    println!("\n| | one process, /s | {count} processes, /s | ratio |\n|---|---|---|---|");
    for (what, requests) in [("publications", &publications), ("rolls", rolls.requests())] {
        let pairs: Vec<(f64, f64)> = (0..rounds)
            .map(|_| {
                let alone = rate(&addresses[..1], requests, seconds);
                (alone, rate(&addresses, requests, seconds))
            })
            .collect();
        println!(
            "| {what} | {:.0} | {:.0} | {:.2} |",
            median(pairs.iter().map(|(alone, _)| *alone).collect()),
            median(pairs.iter().map(|(_, together)| *together).collect()),
            median(pairs.iter().map(|(alone, together)| together / alone).collect()),
        );
    }
}

/// Answers per second of all these processes, to requests sent one after the other over [`CONNECTIONS`] to each.
fn rate(addresses: &[SocketAddr], requests: &[Vec<u8>], seconds: Duration) -> f64 {
    let ends = Instant::now() + seconds;
    let answers: usize = thread::scope(|scope| {
        let driving: Vec<_> = addresses
            .iter()
            .enumerate()
            .map(|(number, address)| {
                scope.spawn(move || {
                    // Each begins elsewhere.
                    let mut turns = requests
                        .iter()
                        .cycle()
                        .skip(number * requests.len() / addresses.len());
                    let next = |buffer: &mut Vec<u8>| {
                        if Instant::now() < ends {
                            buffer.extend_from_slice(turns.next().expect("there is a request"));
                        }
                    };
                    let mut answers = 0;
                    drive(*address, CONNECTIONS, next, |_, _| answers += 1);
                    answers
                })
            })
            .collect();
        driving
            .into_iter()
            .map(|one| one.join().expect("every answer is a 2xx"))
            .sum()
    });
    answers as f64 / seconds.as_secs_f64()
}
