//! The ledger: many events, many webhooks, receivers that misbehave, rolls, and servers killed every few seconds. Meanwhile
//! their wall clocks are set wrong and right again; on PostgreSQL one process is stopped for longer than its lease, and the sessions
//! that hear what arrives are ended. In the end what was published is held against what arrived: all of it, nothing else, in order,
//! as it was published, signed with the keys that were valid. What receivers have shown of their keys is known, and nothing else is.
//!
//! `WEBHOOK_TEST_LEDGER_EVENTS`, `…_WEBHOOKS` and `…_KILLS` say how much (1,000, 10 and 5 unless told otherwise),
//! `…_SEED` which plan. The other faults go on for as long as processes are killed; without kills there are none.

mod clocks;
mod faults;
mod fleet;
mod inboxes;
mod judge;
mod people;
mod plan;
mod receipts;
mod tampering;

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread::{self, ScopedJoinHandle},
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
    clocks::Clocks,
    faults::{set_clock, silence, stop},
    fleet::Fleet,
    inboxes::Inboxes,
    judge::{Accepted, Book, Key, Ledger, PutOff},
    people::{list, publish, roll, watch},
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
    let Run {
        published,
        retries,
        keys,
        clocks,
        put_off,
        silenced,
        silence,
    } = run(&fleet, &inboxes, plan, &webhooks);
    let client = fleet.client(0);
    let adopted = webhooks
        .iter()
        .zip(&keys)
        .enumerate()
        .filter(|(number, (webhook, keys))| inboxes.knowledge(*number).judge(&client, webhook, keys));
    let adopted = adopted.count();
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
        clocks,
        put_off,
    };
    let sums = ledger
        .judge()
        .unwrap_or_else(|problem| panic!("{plan:?}: {problem}"));
    assert_eq!(sums.events, plan.events);
    let stops = ledger.clocks.stopped.len();
    let steps: usize = ledger.clocks.shown.iter().map(|shown| shown.len() - 1).sum();
    println!(
        "{backend:?}: {} kills, {stops} stops, {steps} steps of clocks, {silenced} sessions ended that listened, {} deliveries put \
         off by a clock, {retries} publications sent again, {sums:?}, {adopted} keys adopted, {silence:?} of silence in the end, {:?}",
        plan.kills,
        ledger.put_off.len(),
        began.elapsed()
    );
    // What is not done proves nothing.
    assert!(adopted > 0, "no receipt was recorded");
    if plan.kills > 0 {
        assert!(sums.by_wrong_clocks > 0, "no attempt was made by a wrong clock");
        assert!(backend == Backend::Sqlite || (stops > 0 && silenced > 0));
    }
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
    let webhooks: Vec<_> = (0..plan.webhooks).map(make).collect();
    for (number, webhook) in webhooks.iter().enumerate() {
        inboxes.learn(number, webhook.secret());
    }
    webhooks
}

/// What was done, for the judge.
struct Run {
    published: Vec<Vec<Accepted>>,
    /// How many publications were sent again for want of an answer.
    retries: usize,
    keys: Vec<Vec<Key>>,
    clocks: Clocks,
    put_off: Vec<PutOff>,
    /// How many sessions that listened were ended.
    silenced: i64,
    /// For how long nothing arrived at the most, when nothing was published any more.
    silence: Duration,
}

/// Tells whoever goes on until the end that it has come, also when something panics.
struct SaysDone<'run>(&'run AtomicBool);

impl Drop for SaysDone<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Publishes and rolls while everything goes wrong, and waits until all has arrived.
fn run(fleet: &Fleet, inboxes: &Inboxes, plan: Plan, webhooks: &[Webhook]) -> Run {
    let (published, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let (published, done) = (&published, &done);
        let says_done = SaysDone(done);
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| scope.spawn(move || publish(fleet, plan, publisher, published)))
            .collect();
        let rolling = scope.spawn(move || roll(fleet, plan, webhooks, published, inboxes));
        let stopping = scope.spawn(move || stop(fleet, plan));
        let setting: Vec<_> = (0..fleet.size())
            .map(|place| scope.spawn(move || set_clock(fleet, plan, place)))
            .collect();
        let silencing = scope.spawn(move || silence(fleet, plan, done));
        let watching = scope.spawn(move || watch(fleet, webhooks, done));
        for kill in 0..plan.kills {
            thread::sleep(plan.pause_before_kill(kill));
            fleet.kill(plan.draw(&[5, kill]) % fleet.size());
        }
        let clocks = Clocks {
            shown: setting.into_iter().map(ends_well).collect(),
            stopped: ends_well(stopping),
        };
        let (accepted, retries): (Vec<_>, Vec<_>) = publishers.into_iter().map(ends_well).unzip();
        let keys = ends_well(rolling);
        let silence = drain(fleet, inboxes, accepted.iter().flatten());
        drop(says_done);
        Run {
            published: accepted,
            retries: retries.iter().sum(),
            keys,
            clocks,
            put_off: ends_well(watching),
            silenced: ends_well(silencing),
            silence,
        }
    })
}

fn ends_well<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().expect("a thread of the run ends well")
}

/// Waits until everything has arrived and is known to have. Gives for how long nothing did at the most.
fn drain<'run>(fleet: &Fleet, inboxes: &Inboxes, accepted: impl Iterator<Item = &'run Accepted>) -> Duration {
    let expected = accepted.map(|accepted| accepted.webhook_events as usize).sum();
    let (mut before, mut since, mut longest) = (inboxes.count(), Instant::now(), Duration::ZERO);
    while before.0 < expected {
        thread::sleep(Duration::from_millis(100));
        let count = inboxes.count();
        if count.0 > before.0 {
            (before, since) = (count, Instant::now());
        }
        longest = longest.max(since.elapsed());
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
    longest
}
