//! The ledger: many events, many webhooks, receivers that misbehave, rolls, and servers killed every few seconds. In the
//! end what was published is held against what arrived: all of it, nothing else, in order, as it was published, signed with
//! the keys that were valid.
//!
//! `WEBHOOK_TEST_LEDGER_EVENTS`, `…_WEBHOOKS` and `…_KILLS` say how much (1,000, 10 and 5 unless told otherwise),
//! `…_SEED` which plan.

mod fleet;
mod inboxes;
mod judge;
mod people;
mod plan;
mod tampering;

use std::{
    sync::atomic::AtomicUsize,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use webhook_tests::{
    Backend,
    clock::wait_for,
    fixtures::{Webhook, create_with},
    knob, on_each_database,
};

use crate::{
    fleet::Fleet,
    inboxes::Inboxes,
    judge::{Book, Ledger},
    people::{list, publish, roll},
    plan::{PUBLISHERS, Plan},
};

on_each_database!(what_was_accepted_arrives_in_order_through_kills);

/// How long nothing may arrive while something is still expected. Longer than a lease, a hang and a start.
const SILENCE: Duration = Duration::from_secs(60);

fn what_was_accepted_arrives_in_order_through_kills(backend: Backend) {
    let plan = Plan {
        seed: knob("WEBHOOK_TEST_LEDGER_SEED", 20_240_412) as u64,
        events: knob("WEBHOOK_TEST_LEDGER_EVENTS", 1_000),
        webhooks: knob("WEBHOOK_TEST_LEDGER_WEBHOOKS", 10),
        kills: knob("WEBHOOK_TEST_LEDGER_KILLS", 5),
    };
    println!("{plan:?}");
    let processes = match backend {
        Backend::Sqlite => 1,
        Backend::Postgres => 3,
    };
    let began = Instant::now();
    let (fleet, inboxes) = (Fleet::start(backend, processes), Inboxes::start(plan));
    let webhooks = make_webhooks(&fleet, &inboxes, plan);
    let (published, retries, keys) = run(&fleet, plan, &webhooks);
    let expected = published
        .iter()
        .flatten()
        .map(|accepted| accepted.webhook_events as usize)
        .sum();
    drain(&fleet, &inboxes, expected);
    let client = fleet.client(0);
    let books = webhooks
        .iter()
        .zip(keys)
        .enumerate()
        .map(|(number, (webhook, keys))| Book {
            keys,
            listed: list(&client, webhook),
            arrived: inboxes.take(number),
        });
    let ledger = Ledger {
        plan,
        published,
        books: books.collect(),
    };
    let sums = ledger
        .judge()
        .unwrap_or_else(|problem| panic!("{plan:?}: {problem}"));
    assert_eq!(sums.events, plan.events);
    println!(
        "{backend:?}: {} kills, {retries} publications sent again, {sums:?}, {:?}",
        plan.kills,
        began.elapsed()
    );
}

fn make_webhooks(fleet: &Fleet, inboxes: &Inboxes, plan: Plan) -> Vec<Webhook> {
    let client = fleet.client(0);
    let make = |number| {
        let (included, excluded) = plan.route(number);
        create_with(
            &client,
            json!({"url": inboxes.url(number), "included_actions": included, "excluded_actions": excluded,
                "include_previous_data": plan.includes_previous(number)}),
        )
    };
    (0..plan.webhooks).map(make).collect()
}

type Run = (Vec<Vec<judge::Accepted>>, usize, Vec<Vec<judge::Key>>);

/// Publishes, rolls and kills, all at once.
fn run(fleet: &Fleet, plan: Plan, webhooks: &[Webhook]) -> Run {
    let published = AtomicUsize::new(0);
    thread::scope(|scope| {
        let published = &published;
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| scope.spawn(move || publish(fleet, plan, publisher, published)))
            .collect();
        let rolling = scope.spawn(move || roll(fleet, plan, webhooks, published));
        for kill in 0..plan.kills {
            thread::sleep(plan.pause_before_kill(kill));
            fleet.kill(plan.draw(&[5, kill]) % fleet.size());
        }
        let done: Vec<_> = publishers
            .into_iter()
            .map(|publisher| publisher.join().expect("a publisher ends well"))
            .collect();
        let retries = done.iter().map(|(_, retries)| retries).sum();
        let accepted = done.into_iter().map(|(accepted, _)| accepted).collect();
        (accepted, retries, rolling.join().expect("the rolls end well"))
    })
}

/// Waits until everything has arrived and is known to have.
fn drain(fleet: &Fleet, inboxes: &Inboxes, expected: usize) {
    let (mut before, mut since) = (inboxes.count(), Instant::now());
    while before.0 < expected {
        thread::sleep(Duration::from_millis(100));
        let count = inboxes.count();
        if count.0 > before.0 {
            (before, since) = (count, Instant::now());
        }
        assert!(
            since.elapsed() < SILENCE,
            "{} of {expected} have arrived, and nothing more comes",
            before.0
        );
    }
    let client = fleet.client(0);
    wait_for("no delivery is pending", SILENCE, || {
        let path = "/v1/webhook-events?status=PENDING&limit=1";
        let json = client.get(path).send().expect_status(200).json();
        json["data"].as_array().is_some_and(Vec::is_empty).then_some(())
    });
}
