//! Webhooks are deleted while events are published to them and deliveries to them are recorded, in two processes of one
//! PostgreSQL. Everybody locks in one order, so nobody waits for PostgreSQL to find a deadlock.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use webhook_tests::{
    Answer, Backend, Client,
    fixtures::{create_with, new_webhook, with},
    receiver::Receiver,
};

use crate::{
    ground::{second_process, service, try_publish},
    sql,
};

const LASTS: Duration = Duration::from_secs(6);
/// More than this would be a wait for PostgreSQL to look for a deadlock, which it does after a second.
const ANSWERED_WITHIN: Duration = Duration::from_millis(1500);
/// At the first process, which has the lanes.
const PUBLISHERS: usize = 6;
/// At the other.
const DELETERS: usize = 8;
/// How many webhooks a deleter has at a time.
const HERD: usize = 4;
const DEADLOCKS: &str = "SELECT deadlocks AS value FROM pg_stat_database WHERE datname = current_database()";

#[test]
fn deleting_beside_publishing_and_recording_meets_no_deadlock() {
    let mut service = service(Backend::Postgres);
    let (other, second) = second_process(&service);
    let receiver = Receiver::start();
    // Deletions are announced, too.
    let hears = json!({"url": receiver.url(), "included_actions": ["WEBHOOK.CREATED", "WEBHOOK.DELETED"]});
    create_with(&second, hears);
    let mut database = sql::postgres(service.deployment());
    let before = sql::number(&mut database, DEADLOCKS);
    let answers = at_both(&service.client(), &second, &receiver);
    // A backend that ends has told its statistics.
    service.take_server().stop();
    other.stop();
    let deadlocks = sql::number(&mut database, DEADLOCKS) - before;
    let failed = answers.iter().filter(|(_, answer)| answer.status >= 500).count();
    let longest = answers.iter().map(|(took, _)| *took).max().unwrap_or_default();
    let all = answers.len();
    assert_eq!(
        (deadlocks, failed, longest > ANSWERED_WITHIN),
        (0, 0, false),
        "deadlocks, 5xx and slow ones among {all} answers; the longest took {longest:?}"
    );
}

/// Publishes at one process and deletes at the other for as long as it lasts; gives every answer, and how long it took.
fn at_both(publishing: &Client, deleting: &Client, receiver: &Receiver) -> Vec<(Duration, Answer)> {
    let began = Instant::now();
    let repeat = |act: &dyn Fn() -> Vec<(Duration, Answer)>| {
        let mut answers = Vec::new();
        while began.elapsed() < LASTS {
            answers.extend(act());
        }
        answers
    };
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for _ in 0..PUBLISHERS {
            let client = publishing.clone();
            threads.push(scope.spawn(move || repeat(&|| vec![timed(|| try_publish(&client, 0))])));
        }
        for _ in 0..DELETERS {
            let client = deleting.clone();
            threads.push(scope.spawn(move || repeat(&|| make_and_delete(&client, receiver))));
        }
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("it counts");
        threads.into_iter().flat_map(join).collect()
    })
}

/// Creates a few webhooks that want every event, and deletes them.
fn make_and_delete(client: &Client, receiver: &Receiver) -> Vec<(Duration, Answer)> {
    let object = with(new_webhook(), json!({"url": receiver.url()}));
    let create = || client.post("/v1/webhooks").json(&object).unchecked().send();
    let mut answers: Vec<_> = (0..HERD).map(|_| timed(create)).collect();
    let made: Vec<_> = answers
        .iter()
        .filter(|(_, answer)| answer.status == 201)
        .map(|(_, answer)| answer.json()["id"].as_str().expect("an id").to_owned())
        .collect();
    for id in made {
        let path = format!("/v1/webhooks/{id}");
        answers.push(timed(|| client.delete(&path).unchecked().send()));
    }
    answers
}

fn timed(ask: impl FnOnce() -> Answer) -> (Duration, Answer) {
    let began = Instant::now();
    let answer = ask();
    (began.elapsed(), answer)
}
