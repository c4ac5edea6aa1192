//! The roll of everything at once, as a rotation does it: beside rolls over HTTP, and what it costs whoever wants something else meanwhile.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use webhook_tests::{
    Client, Deployment, Server,
    fixtures::{new_webhook, update, with},
};

use crate::{
    deliveries::{ANY, FANNED_OUT, PUBLISHERS, fan_out_rate, publish, service, subscribe},
    footprint::resident_mib,
    receiver::Receiver,
    report::{at_share, median},
    stock::{Rolls, Stock},
};

/// Connections that roll over HTTP.
const CONNECTIONS: usize = 64;
/// How often somebody else asks for something.
const ASKED_EVERY: Duration = Duration::from_millis(5);
/// How often the rotation is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a rotation may take.
const LONGEST: Duration = Duration::from_secs(600);
/// Events that go to all of [`FANNED_OUT`] webhooks where deliveries are counted.
const EVENTS: usize = 300;

/// Measures rotations of `count` webhooks by `processes`, in `rounds`.
pub(crate) fn measure(
    deploy: &dyn Fn() -> Deployment,
    processes: usize,
    count: usize,
    rounds: usize,
    seconds: Duration,
) {
    let service = service(deploy());
    let others: Vec<Server> = (1..processes).map(|_| service.deployment().serve()).collect();
    let (client, receiver) = (service.client(), Receiver::start());
    let of_another = with(new_webhook(), json!({"included_actions": ["INVOICE.PAID"]}));
    let stock = Stock::fill_with(&service, count, &of_another);
    // As the rotation, over all of them: rows that were rolled a moment ago are cheaper.
    let rolls = stock.rolls(count);
    subscribe(&client, &receiver, ANY, FANNED_OUT);
    publish(&client, ANY, PUBLISHERS, 20);
    receiver.take(20 * FANNED_OUT, LONGEST);
    let resident = || {
        let of_all = std::iter::once(service.server()).chain(&others);
        of_all
            .map(|server| resident_mib(server.pid()))
            .fold(0.0, f64::max)
    };
    println!(
        "| round | rolls/s over HTTP | rotation, rolls/s | ratio | beside requests, rolls/s | p99 of reads, ms: alone | beside | p99 of changes, ms: alone | beside | deliveries/s: alone | beside | MiB before | after |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    let mut ratios: [Vec<f64>; 4] = Default::default();
    for round in 1..=rounds {
        let before = resident();
        let over_http = rolls.run(client.address(), CONNECTIONS, seconds).per_second();
        let rate = |took: Duration| (count + FANNED_OUT) as f64 / took.as_secs_f64();
        let by_rotation = rate(rotate(&client));
        let alone = asked(&client, &rolls, || thread::sleep(seconds));
        let mut took = Duration::MAX;
        let beside = asked(&client, &rolls, || took = rotate(&client));
        let delivered = fan_out_rate(&client, &receiver, ANY, EVENTS);
        let is_over = AtomicBool::new(false);
        let delivered_beside = thread::scope(|scope| {
            let (is_over, own) = (&is_over, client.clone());
            let rotating = scope.spawn(move || {
                rotate(&own);
                is_over.store(true, Ordering::Release);
            });
            let rate = fan_out_rate(&client, &receiver, ANY, EVENTS);
            assert!(
                !is_over.load(Ordering::Acquire),
                "the rotation must outlast the deliveries: take more webhooks"
            );
            rotating.join().expect("the rotation ends");
            rate
        });
        println!(
            "| {round} | {over_http:.0} | {by_rotation:.0} | {:.2} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} | {delivered:.0} | {delivered_beside:.0} | {before:.1} | {:.1} |",
            by_rotation / over_http,
            rate(took),
            alone[0],
            beside[0],
            alone[1],
            beside[1],
            resident(),
        );
        let of_round = [
            by_rotation / over_http,
            beside[0] / alone[0],
            beside[1] / alone[1],
            delivered_beside / delivered,
        ];
        ratios
            .iter_mut()
            .zip(of_round)
            .for_each(|(all, ratio)| all.push(ratio));
    }
    let [rate, reads, changes, deliveries] = ratios.map(median);
    println!(
        "\nmedians of ratios: rotation to rolls over HTTP {rate:.2}; beside it, p99 of reads {reads:.2}, of changes {changes:.2}, deliveries {deliveries:.2}"
    );
}

/// Has all webhooks rolled by a rotation; how long it took from the request to the last roll.
fn rotate(client: &Client) -> Duration {
    let began = Instant::now();
    // No overlap, so that rings do not fill up; and no more are rolled than are counted now.
    let total = post(client, "/v1/rotations", &order(json!({"dry_run": true})), 200)["total"].clone();
    let rotation = post(
        client,
        "/v1/rotations",
        &order(json!({"confirm_total": total})),
        202,
    );
    let path = format!("/v1/rotations/{}", rotation["id"].as_str().expect("it has an id"));
    loop {
        let now = client.get(&path).send().expect_status(200).json();
        if now["status"] == "DONE" {
            assert_eq!(now["rolled"], now["total"], "{now}");
            return began.elapsed();
        }
        assert!(began.elapsed() < LONGEST, "it does not end: {now}");
        thread::sleep(LOOK_EVERY);
    }
}

fn order(more: Value) -> Value {
    let mut order = json!({"filter": {"all": true}, "spread_seconds": 0, "previous_secret_expires_in": 0});
    if let (Some(order), Value::Object(more)) = (order.as_object_mut(), more) {
        order.extend(more);
    }
    order
}

fn post(client: &Client, path: &str, body: &Value, status: u16) -> Value {
    client.post(path).json(body).send().expect_status(status).json()
}

/// The 99th percentiles, in milliseconds, of reads and of changes that somebody asks for while `something` is done.
fn asked(client: &Client, rolls: &Rolls, something: impl FnOnce()) -> [f64; 2] {
    let is_over = AtomicBool::new(false);
    let first = &rolls.requests()[0];
    let path = String::from_utf8_lossy(first);
    let path = path.split_whitespace().nth(1).expect("a request has a path");
    let path = path.trim_end_matches("/secret-key").to_owned();
    let (mut reads, mut changes) = (Vec::new(), Vec::new());
    thread::scope(|scope| {
        let (is_over, reads, changes) = (&is_over, &mut reads, &mut changes);
        let (client, path) = (client.clone(), &path);
        let asking = scope.spawn(move || {
            let mut number = 0_usize;
            while !is_over.load(Ordering::Acquire) {
                let began = Instant::now();
                number += 1;
                let (request, times) = match number % 2 {
                    0 => (client.get(path), &mut *reads),
                    _ => {
                        let settings = with(update(), json!({"name": format!("number {number}")}));
                        (client.patch(path).json(&settings), &mut *changes)
                    }
                };
                request.send().expect_status(200);
                times.push(began.elapsed().as_secs_f64() * 1e3);
                thread::sleep(ASKED_EVERY.saturating_sub(began.elapsed()));
            }
        });
        something();
        is_over.store(true, Ordering::Release);
        asking.join().expect("every answer is a 200");
    });
    [reads, changes].map(|mut times| {
        times.sort_by(f64::total_cmp);
        at_share(&times, 0.99)
    })
}
