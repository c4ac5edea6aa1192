//! What a receiver that hangs costs the others: how long deliveries to 99 webhooks take beside one that works, and beside one
//! whose receiver takes requests and never answers.

use std::time::Duration;

use webhook_tests::{Client, Deployment};

use crate::{
    deliveries::{ANY, FANNED_OUT, latencies, service, subscribe},
    receiver::Receiver,
    report::median,
};

/// Events per second, each of them to all webhooks.
const RATE: f64 = 20.0;
/// Webhooks whose deliveries are measured.
const OTHERS: usize = FANNED_OUT - 1;

/// Measures both in turn, each first in every other of `rounds`, on services of their own.
pub(crate) fn measure(deployment: impl Fn() -> Deployment, rounds: usize, seconds: Duration) {
    let well = Receiver::start();
    let hanging = Receiver::hanging();
    println!("| round | | p50 ms | p99 ms |\n|---|---|---|---|");
    let round = |number: usize| {
        let (working, beside);
        if number.is_multiple_of(2) {
            working = beside_one_to(&well, deployment(), seconds);
            beside = beside_one_to(&hanging, deployment(), seconds);
        } else {
            beside = beside_one_to(&hanging, deployment(), seconds);
            working = beside_one_to(&well, deployment(), seconds);
        }
        for (which, (p50, p99)) in [("all work", working), ("one hangs", beside)] {
            println!("| {} | {which} | {p50:.2} | {p99:.2} |", number + 1);
        }
        (working, beside)
    };
    let pairs: Vec<_> = (0..rounds).map(round).collect();
    assert!(hanging.count() > 0, "the receiver that hangs was asked");
    println!(
        "\n| ms from publishing to 99 receivers, medians | all work | one hangs | ratio of a round |\n|---|---|---|---|"
    );
    for (name, of) in [
        ("p50", (|figures: (f64, f64)| figures.0) as fn((f64, f64)) -> f64),
        ("p99", |figures| figures.1),
    ] {
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} |",
            median(pairs.iter().map(|(working, _)| of(*working)).collect()),
            median(pairs.iter().map(|(_, beside)| of(*beside)).collect()),
            // The median of the ratios, each within its own round, and not the ratio of the medians.
            median(
                pairs
                    .iter()
                    .map(|(working, beside)| of(*beside) / of(*working))
                    .collect()
            ),
        );
    }
}

fn beside_one_to(one: &Receiver, deployment: Deployment, seconds: Duration) -> (f64, f64) {
    // What timed out is tried again at once: the receiver hangs all the time.
    let service = service(deployment.with("WEBHOOK_RETRY_SPEED", "10000"));
    let client: Client = service.client();
    let others = Receiver::start();
    subscribe(&client, &others, ANY, OTHERS);
    subscribe(&client, one, ANY, 1);
    latencies(&client, &others, ANY, RATE, OTHERS, Duration::from_secs(1));
    latencies(&client, &others, ANY, RATE, OTHERS, seconds)
}
