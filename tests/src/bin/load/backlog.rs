//! What deliveries that wait cost others: the rate and the latency of webhooks whose receivers are well, before a backlog is
//! there and beside it.

use std::time::{Duration, Instant};

use webhook_tests::{Client, Deployment, Service};

use crate::{
    deliveries::{
        FANNED_OUT, PATIENCE, PUBLISHERS, STEADY, fan_out_rate, latencies, publish, service, subscribe,
    },
    footprint::resident_mib,
    receiver::Receiver,
    report::median,
};

/// What happens to the webhooks whose receiver refuses everything.
const WAITING: &str = "INVOICE.PAID";
/// What happens to those whose rate is measured, and to the one whose latency is.
const FANNED: &str = "INVOICE.CREATED";
const STEADILY: &str = "INVOICE.UPDATED";
/// Events in a measurement of the rate.
const EVENTS: usize = 500;

struct Scene {
    service: Service,
    client: Client,
    receiver: Receiver,
}

/// What was measured in some rounds: medians.
struct Measured {
    rate: f64,
    p50: f64,
    p99: f64,
}

/// Measures without and with `size` deliveries waiting.
pub(crate) fn measure(deployment: Deployment, size: usize, rounds: usize, seconds: Duration) {
    let service = service(deployment);
    let scene = Scene {
        client: service.client(),
        service,
        receiver: Receiver::start(),
    };
    let refusing = Receiver::refusing();
    subscribe(&scene.client, &scene.receiver, FANNED, FANNED_OUT);
    subscribe(&scene.client, &scene.receiver, STEADILY, 1);
    subscribe(&scene.client, &refusing, WAITING, FANNED_OUT);
    scene.rounds(1, seconds);
    let before = scene.rounds(rounds, seconds);
    let began = Instant::now();
    publish(&scene.client, WAITING, PUBLISHERS, size / FANNED_OUT);
    println!(
        "{size} deliveries were queued in {:.0} s",
        began.elapsed().as_secs_f64()
    );
    let beside = scene.rounds(rounds, seconds);
    println!("\n| what | without | beside {size} that wait | ratio |\n|---|---|---|---|");
    let row = |what: &str, before: f64, beside: f64, ratio: f64| {
        println!("| {what} | {before:.2} | {beside:.2} | {ratio:.2} |");
    };
    row(
        "deliveries/s to 100 webhooks",
        before.rate,
        beside.rate,
        before.rate / beside.rate,
    );
    row("p50, ms", before.p50, beside.p50, beside.p50 / before.p50);
    row("p99, ms", before.p99, beside.p99, beside.p99 / before.p99);
    println!(
        "| memory, MiB | | {:.1} | |",
        resident_mib(scene.service.server().pid())
    );
}

impl Scene {
    fn rounds(&self, rounds: usize, seconds: Duration) -> Measured {
        let (mut rates, mut p50s, mut p99s) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            rates.push(fan_out_rate(&self.client, &self.receiver, FANNED, EVENTS));
            let (p50, p99) = latencies(&self.client, &self.receiver, STEADILY, STEADY, 1, seconds);
            p50s.push(p50);
            p99s.push(p99);
        }
        assert_eq!(self.receiver.take(0, PATIENCE).len(), 0, "each came once");
        Measured {
            rate: median(rates),
            p50: median(p50s),
            p99: median(p99s),
        }
    }
}
