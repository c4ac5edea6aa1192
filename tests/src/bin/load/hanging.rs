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

/// Measures both in turn, in each of `rounds` on services of their own.
pub(crate) fn measure(deployment: impl Fn() -> Deployment, rounds: usize, seconds: Duration) {
    let (mut working, mut beside) = (Vec::new(), Vec::new());
    let well = Receiver::start();
    let hanging = Receiver::hanging();
    for _ in 0..rounds {
        working.push(beside_one_to(&well, deployment(), seconds));
        beside.push(beside_one_to(&hanging, deployment(), seconds));
    }
    println!("\n| ms from publishing to 99 receivers | all work | one hangs | ratio |\n|---|---|---|---|");
    for (name, of) in [
        ("p50", (|pair: &(f64, f64)| pair.0) as fn(&(f64, f64)) -> f64),
        ("p99", |pair| pair.1),
    ] {
        let (working, beside) = (
            median(working.iter().map(of).collect()),
            median(beside.iter().map(of).collect()),
        );
        println!(
            "| {name} | {working:.2} | {beside:.2} | {:.2} |",
            beside / working
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
