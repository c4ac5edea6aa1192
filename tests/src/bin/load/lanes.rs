//! Very many lanes: what they cost while nothing is to be done in them, and while all of them are held up by receivers that
//! refuse everything.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::json;
use webhook_tests::{Client, Deployment, fixtures::new_webhook, postgres::Cluster};

use crate::{
    cpu,
    deliveries::{ANY, STEADY, delays, publish, service, subscribe},
    footprint::resident_mib,
    receiver::Receiver,
    report::at_share,
    stock,
};

/// What the many webhooks want.
const MANY: &str = "INVOICE.PAID";
/// How long all lanes may take to be tried once.
const PATIENCE: Duration = Duration::from_secs(600);

/// Measures with `count` lanes. With a cluster, deliveries are measured while a transaction is held open there.
pub(crate) fn measure(
    deploy: &dyn Fn() -> Deployment,
    cluster: Option<&Cluster>,
    count: usize,
    seconds: Duration,
) {
    let service = service(deploy());
    let (client, pid) = (service.client(), service.server().pid());
    let share = |what: &str| {
        let (before, began) = (cpu::used(pid, cluster), Instant::now());
        sleep(seconds);
        let used = cpu::used(pid, cluster) - before;
        println!(
            "| {what} | {:.1} % of a core | {:.1} MiB |",
            100.0 * used.as_secs_f64() / began.elapsed().as_secs_f64(),
            resident_mib(pid)
        );
    };
    println!(
        "\n| {count} lanes | service and database, nobody calling | memory of the service |\n|---|---|---|"
    );
    let refusing = Receiver::refusing();
    sleep(Duration::from_secs(2));
    share("none of them yet");
    fill(&client, &refusing, count);
    // What is put right of a lane after it was made has been.
    sleep(Duration::from_secs(15));
    share("idle");
    let steady = Receiver::start();
    subscribe(&client, &steady, ANY, 1);
    let held = service
        .deployment()
        .database()
        .map(|database| database.hold_open());
    let delays = delays(&client, &steady, ANY, STEADY, 1, seconds);
    drop(held);
    println!(
        "\nat {STEADY} events/s beside the idle ones, ms: p50 {:.2}, p99 {:.2}, longest {:.2}\n",
        at_share(&delays, 0.5),
        at_share(&delays, 0.99),
        at_share(&delays, 1.0),
    );
    let began = Instant::now();
    publish(&client, MANY, 1, 1);
    refusing.take(count, PATIENCE);
    println!("all were tried once in {:.1} s\n", began.elapsed().as_secs_f64());
    println!(
        "| {count} lanes | service and database, nobody calling | memory of the service |\n|---|---|---|"
    );
    // Their first retries come two minutes after, and so must not be among this.
    sleep(Duration::from_secs(10));
    share("held up");
}

fn fill(client: &Client, receiver: &Receiver, count: usize) {
    let mut webhook = new_webhook();
    webhook["url"] = json!(format!("http://{}/", receiver.address()));
    webhook["included_actions"] = json!([MANY]);
    stock::create(client, &webhook, count);
}
