//! Two binaries, measured in alternation: the one under test and another, each on a fresh database, the second of a pair
//! first in every other pair. What changes on the machine in the course of minutes hits both alike, so the ratio of a pair
//! says more than either number, and the median of the ratios more than each.

use std::{path::Path, time::Duration};

use webhook_tests::{Deployment, Service, postgres::Cluster};

use crate::{
    cpu,
    deliveries::{self, FANNED_OUT, PUBLISHERS, STEADY},
    receiver::Receiver,
    report::median,
    stock::{Stock, WARM_UP},
};

/// Connections that roll.
const ROLLERS: usize = 64;
/// Webhooks stored, all of which are rolled.
const STORED: usize = 1_000;

/// What is measured of a service with nothing in it.
struct Measurement {
    /// What each of its numbers is.
    numbers: fn() -> Vec<String>,
    take: fn(&Service, Option<&Cluster>, Duration) -> Vec<f64>,
}

const MEASUREMENTS: [Measurement; 5] = [
    Measurement {
        numbers: || {
            vec![
                format!("rolls/s over {ROLLERS} connections"),
                "µs of processor time a roll, database included; below 1 is cheaper".to_owned(),
            ]
        },
        take: |service, cluster, seconds| {
            let rolls = Stock::fill(service, STORED).rolls(STORED);
            let pid = service.server().pid();
            let before = cpu::used(pid, cluster);
            let run = rolls.run(service.server().address(), ROLLERS, seconds);
            let (used, rate) = (cpu::used(pid, cluster) - before, run.per_second());
            // What is rolled to warm up is in both, and so are its costs.
            let rolled = rate * (seconds + WARM_UP).as_secs_f64();
            vec![rate, used.as_secs_f64() * 1e6 / rolled]
        },
    },
    Measurement {
        numbers: || vec![format!("events/s published over {PUBLISHERS} connections")],
        take: |service, _, seconds| {
            vec![deliveries::published(
                &service.client(),
                &Receiver::start(),
                seconds,
            )]
        },
    },
    Measurement {
        numbers: || vec![format!("deliveries/s to {FANNED_OUT} webhooks")],
        take: |service, _, _| vec![deliveries::fanned_out(&service.client(), &Receiver::start())],
    },
    Measurement {
        numbers: || vec!["deliveries/s to one webhook, in order".to_owned()],
        take: |service, _, seconds| {
            vec![deliveries::drained(
                &service.client(),
                &Receiver::start(),
                seconds,
            )]
        },
    },
    Measurement {
        numbers: || {
            let number = |which| format!("{which} ms at {STEADY} events/s; below 1 is faster");
            ["p50", "p99"].map(number).into()
        },
        take: |service, _, seconds| {
            let (p50, p99) = deliveries::steady(&service.client(), &Receiver::start(), seconds);
            vec![p50, p99]
        },
    },
];

/// Measures `pairs` pairs, and prints the ratios of the binary under test to `other`, and their medians.
pub(crate) fn measure(
    deploy: &dyn Fn() -> Deployment,
    cluster: Option<&Cluster>,
    other: &Path,
    pairs: usize,
    seconds: Duration,
) {
    let mut ratios: Vec<Vec<Vec<f64>>> = MEASUREMENTS.iter().map(|_| Vec::new()).collect();
    for pair in 0..pairs {
        for (measurement, ratios) in MEASUREMENTS.iter().zip(&mut ratios) {
            let take = |binary: Option<&Path>| {
                let deployment = match binary {
                    None => deploy(),
                    Some(binary) => deploy().with_binary(binary),
                };
                (measurement.take)(&deliveries::service(deployment), cluster, seconds)
            };
            let (own, others) = if pair % 2 == 0 {
                let own = take(None);
                (own, take(Some(other)))
            } else {
                let others = take(Some(other));
                (take(None), others)
            };
            println!("pair {}: {own:.2?} to {others:.2?}", pair + 1);
            ratios.push(own.iter().zip(&others).map(|(own, other)| own / other).collect());
        }
    }
    print(&ratios);
}

/// Prints a row for each number: its ratios in the order of the pairs, and their median.
fn print(ratios: &[Vec<Vec<f64>>]) {
    println!("\n| this binary to the other | ratios | median |\n|---|---|---|");
    for (measurement, pairs) in MEASUREMENTS.iter().zip(ratios) {
        for (place, what) in (measurement.numbers)().into_iter().enumerate() {
            let of_pairs: Vec<f64> = pairs.iter().map(|numbers| numbers[place]).collect();
            let each: Vec<_> = of_pairs.iter().map(|ratio| format!("{ratio:.2}")).collect();
            println!("| {what} | {} | {:.2} |", each.join(" "), median(of_pairs));
        }
    }
}
