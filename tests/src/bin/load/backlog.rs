//! What deliveries that wait cost others: the rate and the latency of webhooks whose receivers are well, before a backlog is
//! there and beside it.
//!
//! What else the machine does changes from minute to minute, by more than a backlog may cost. So each round measures a second
//! service too, the twin, which never has a backlog; and there are two ratios: to the same service before, and to the twin in
//! the same round. The second takes out what the machine did meanwhile, and with it what the backlog costs whoever shares
//! the machine; that is in the first.

use std::time::Duration;

use serde_json::Value;
use webhook_tests::{Client, Deployment, Service};

use crate::{
    deliveries::{
        FANNED_OUT, PATIENCE, PUBLISHERS, STEADY, fan_out_rate, latencies, publish_and, service, subscribe,
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

/// What is measured: how it is called, where it stands, and whether more of it is worse.
const MEASURED: [(&str, usize, bool); 3] = [
    ("deliveries/s to 100 webhooks", 0, false),
    ("p50 at 200 events/s, ms", 1, true),
    ("p99 at 200 events/s, ms", 2, true),
];

/// What one round of one service came to, in the order of [`MEASURED`].
type Figures = [f64; 3];

struct Scene {
    service: Service,
    client: Client,
    receiver: Receiver,
}

/// Measures without and with `size` deliveries waiting, in so many rounds each.
pub(crate) fn measure(deploy: &dyn Fn() -> Deployment, size: usize, rounds: usize, seconds: Duration) {
    let refusing = Receiver::refusing();
    let (burdened, twin) = (Scene::set(deploy(), &refusing), Scene::set(deploy(), &refusing));
    println!("| round | | deliveries/s | p50 ms | p99 ms |\n|---|---|---|---|---|");
    alternate("warm-up", &burdened, &twin, 1, seconds);
    let before = alternate("before", &burdened, &twin, rounds, seconds);
    let took = burdened.queue_up(size);
    let beside = alternate("beside", &burdened, &twin, rounds, seconds);
    let tries = refusing.count();
    println!(
        "\n{size} deliveries were queued in {:.1} s, {tries} of them were tried, all in vain",
        took.as_secs_f64()
    );
    assert!(
        tries >= FANNED_OUT,
        "each of the {FANNED_OUT} lanes has been tried"
    );
    println!(
        "\n| medians | before | beside {size} that wait | ratio | twin meanwhile | ratio to the twin | the same before |\n|---|---|---|---|---|---|---|"
    );
    for (name, place, more_is_worse) in MEASURED {
        let of = |pairs: &[(Figures, Figures)], value: &dyn Fn(f64, f64) -> f64| {
            median(
                pairs
                    .iter()
                    .map(|(own, twin)| value(own[place], twin[place]))
                    .collect(),
            )
        };
        let worse = |with: f64, without: f64| match more_is_worse {
            true => with / without,
            false => without / with,
        };
        let (without, with) = (of(&before, &|own, _| own), of(&beside, &|own, _| own));
        println!(
            "| {name} | {without:.2} | {with:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
            worse(with, without),
            of(&beside, &|_, twin| twin),
            of(&beside, &worse),
            of(&before, &worse),
        );
    }
    for (name, scene) in [("the server", &burdened), ("the twin", &twin)] {
        println!(
            "memory of {name}: {:.1} MiB",
            resident_mib(scene.service.server().pid())
        );
    }
}

/// Measures both in turn, each first in every other round.
fn alternate(
    name: &str,
    burdened: &Scene,
    twin: &Scene,
    rounds: usize,
    seconds: Duration,
) -> Vec<(Figures, Figures)> {
    let round = |number: usize| {
        let (own, of_twin);
        if number.is_multiple_of(2) {
            own = burdened.figures(seconds);
            of_twin = twin.figures(seconds);
        } else {
            of_twin = twin.figures(seconds);
            own = burdened.figures(seconds);
        }
        for (whose, [rate, p50, p99]) in [("", own), ("twin", of_twin)] {
            println!(
                "| {name} {} | {whose} | {rate:.0} | {p50:.2} | {p99:.2} |",
                number + 1
            );
        }
        (own, of_twin)
    };
    (0..rounds).map(round).collect()
}

impl Scene {
    fn set(deployment: Deployment, refusing: &Receiver) -> Self {
        let service = service(deployment);
        let client = service.client();
        let receiver = Receiver::start();
        subscribe(&client, &receiver, FANNED, FANNED_OUT);
        subscribe(&client, &receiver, STEADILY, 1);
        subscribe(&client, refusing, WAITING, FANNED_OUT);
        Self {
            service,
            client,
            receiver,
        }
    }

    /// Has `size` deliveries queued that nobody takes; the time it took.
    fn queue_up(&self, size: usize) -> Duration {
        let mut queued = 0;
        let took = publish_and(&self.client, WAITING, PUBLISHERS, size / FANNED_OUT, |body| {
            let answer: Value = serde_json::from_slice(body).expect("an answer is JSON");
            queued += answer["webhook_events"]
                .as_u64()
                .expect("it says to how many webhooks it goes");
        });
        assert_eq!(queued, size as u64, "a backlog is a multiple of {FANNED_OUT}");
        took
    }

    fn figures(&self, seconds: Duration) -> Figures {
        let rate = fan_out_rate(&self.client, &self.receiver, FANNED, EVENTS);
        let (p50, p99) = latencies(&self.client, &self.receiver, STEADILY, STEADY, 1, seconds);
        assert_eq!(self.receiver.take(0, PATIENCE).len(), 0, "each came once");
        [rate, p50, p99]
    }
}
