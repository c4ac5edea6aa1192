//! What the slow receivers of one tenant, and the hanging ones of several, cost another: how long its deliveries take beside
//! them, and on a service that has none of them.

use std::{net::Ipv4Addr, thread::sleep, time::Duration};

use webhook_tests::{Client, Deployment, Service, fixtures::create_with, service::ALL_PERMISSIONS};

use crate::{
    deliveries::{ANY, STEADY, delays, publish, service, subscribe},
    receiver::Receiver,
    report::{at_share, median},
};

/// Receivers of the slow tenant, and how long each takes to answer.
const SLOW: usize = 700;
const SLOWNESS: Duration = Duration::from_secs(4);
/// Tenants whose receivers, all on one host, hang, and how many each has.
const HANGING: u8 = 4;
const HANGING_EACH: usize = 300;

/// Makes tenants on a service, and has their receivers asked for so long.
type Neighbours = fn(&Service, Duration) -> Vec<Receiver>;

/// Measures in `rounds`, each case first in every other one.
pub(crate) fn measure(deploy: &dyn Fn() -> Deployment, rounds: usize, seconds: Duration) {
    println!("| case | round | | p50 ms | p99 ms | longest ms |\n|---|---|---|---|---|---|");
    let cases: [(&str, Neighbours); 2] = [
        ("700 slow receivers of a tenant", slow),
        ("four tenants with a host each that hangs", hanging),
    ];
    for (case, neighbours) in cases {
        let pairs: Vec<(f64, f64)> = (0..rounds)
            .map(|round| {
                let take = |beside: bool| {
                    let service = service(deploy());
                    let neighbours = match beside {
                        true => neighbours(&service, seconds),
                        false => Vec::new(),
                    };
                    let delays = of_another(&service, seconds);
                    assert!(
                        neighbours.iter().all(|receiver| receiver.count() > 0),
                        "the neighbours' receivers were asked"
                    );
                    let [p50, p99, longest] = [0.5, 0.99, 1.0].map(|share| at_share(&delays, share));
                    let which = if beside { "beside them" } else { "twin" };
                    println!(
                        "| {case} | {} | {which} | {p50:.2} | {p99:.2} | {longest:.2} |",
                        round + 1
                    );
                    (p50, longest)
                };
                let (with, without) = if round % 2 == 0 {
                    let with = take(true);
                    (with, take(false))
                } else {
                    let without = take(false);
                    (take(true), without)
                };
                (with.0 / without.0, with.1)
            })
            .collect();
        let ratio = median(pairs.iter().map(|(ratio, _)| *ratio).collect());
        let longest = pairs.iter().map(|(_, longest)| *longest).fold(0.0, f64::max);
        println!("\n{case}: p50 to the twin's {ratio:.2} (median), longest {longest:.1} ms\n");
    }
}

/// How long the deliveries of a tenant take that has one good receiver.
fn of_another(service: &Service, seconds: Duration) -> Vec<f64> {
    let (client, receiver) = (service.client(), Receiver::start());
    subscribe(&client, &receiver, ANY, 1);
    publish(&client, ANY, 1, 200);
    receiver.take(200, Duration::from_secs(30));
    delays(&client, &receiver, ANY, STEADY, 1, seconds)
}

fn tenant(service: &Service, name: &str) -> Client {
    service.client_of(name, &ALL_PERMISSIONS)
}

fn slow(service: &Service, seconds: Duration) -> Vec<Receiver> {
    let client = tenant(service, "slow");
    let receiver = Receiver::slow(SLOWNESS);
    subscribe(&client, &receiver, ANY, SLOW);
    // Enough for each lane to be at work until the end.
    let each = seconds.as_secs_f64() / SLOWNESS.as_secs_f64();
    publish(&client, ANY, 1, each as usize + 3);
    sleep(SLOWNESS + Duration::from_secs(1));
    vec![receiver]
}

fn hanging(service: &Service, _: Duration) -> Vec<Receiver> {
    let hanging = |number: u8| {
        let client = tenant(service, &format!("hanging-{number}"));
        let receiver = Receiver::hanging_at(Ipv4Addr::new(127, 0, 0, 10 + number));
        for place in 0..HANGING_EACH {
            let url = format!("http://{}/{place}", receiver.address());
            create_with(
                &client,
                serde_json::json!({"url": url, "included_actions": [ANY]}),
            );
        }
        publish(&client, ANY, 1, 3);
        receiver
    };
    let receivers = (0..HANGING).map(hanging).collect();
    sleep(Duration::from_secs(2));
    receivers
}
