//! Rolls at once are one after the other: their answers form one chain, and no roll is lost.
//!
//! `WEBHOOK_TEST_ROLLS` says how many rolls each proof makes per database (2,000 unless told otherwise).

use std::{collections::HashMap, sync::Barrier, thread};

use serde_json::json;
use webhook_tests::{
    Backend, Client, Service,
    fixtures::{Webhook, create, get, roll, roll_with},
    knob, on_each_database,
};

on_each_database!(
    rolls_at_once_with_an_overlap_form_one_chain,
    rolls_at_once_without_an_overlap_follow_each_other,
    rolls_and_removals_at_once_form_one_chain,
);

/// How many keys may overlap, so how many rolls can race before the ring is full.
const OVERLAPPING: usize = 5;

fn rolls() -> usize {
    knob("WEBHOOK_TEST_ROLLS", 2_000)
}

/// Runs `act` in `count` threads that begin together, each with a client of its own.
fn at_once<T: Send>(client: &Client, count: usize, act: impl Fn(&Client) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|_| {
                let (client, barrier, act) = (client.clone(), &barrier, &act);
                scope.spawn(move || {
                    barrier.wait();
                    act(&client)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no roll fails"))
            .collect()
    })
}

/// Several webhooks are rolled at the same time, so that groups hold changes of one webhook and of many.
fn in_lanes(client: &Client, rounds: usize, round: impl Fn(&Client, &Webhook) + Sync) {
    const LANES: usize = 8;
    thread::scope(|scope| {
        for _ in 0..LANES {
            let (client, round) = (client.clone(), &round);
            scope.spawn(move || {
                let webhook = create(&client);
                (0..rounds.div_ceil(LANES)).for_each(|_| round(&client, &webhook));
            });
        }
    });
}

fn rolls_at_once_with_an_overlap_form_one_chain(backend: Backend) {
    let service = Service::start(backend);
    in_lanes(
        &service.client(),
        rolls() / (OVERLAPPING + 1),
        |client, webhook| {
            let before = get(client, webhook);
            let rolled = at_once(client, OVERLAPPING, |client| roll(client, webhook));
            let last = expect_chain(&before, &rolled);
            assert_eq!(
                get(client, webhook),
                last,
                "the last of the chain is what is stored"
            );
            // Empties the ring for the next round.
            let emptied = roll_with(client, webhook, json!({"previous_secret_expires_in": 0}));
            assert_eq!(emptied.version(), last.version() + 1);
        },
    );
}

/// Follows the chain from `before` through `answers`, which it must use up, and gives its end.
#[track_caller]
fn expect_chain(before: &Webhook, answers: &[Webhook]) -> Webhook {
    let by_previous: HashMap<_, _> = answers
        .iter()
        .map(|webhook| (webhook.previous_secret(), webhook))
        .collect();
    assert_eq!(
        by_previous.len(),
        answers.len(),
        "two rolls replaced the same key: one of them is lost"
    );
    let mut last = before;
    for step in 0..answers.len() {
        let next = by_previous.get(&Some(last.secret()));
        last = next.unwrap_or_else(|| panic!("the chain breaks after {step} of {} rolls", answers.len()));
        assert_eq!(
            last.version(),
            before.version() + step as u64 + 1,
            "versions count along the chain"
        );
    }
    last.clone()
}

fn rolls_at_once_without_an_overlap_follow_each_other(backend: Backend) {
    const AT_ONCE: usize = 32;
    let service = Service::start(backend);
    let client = service.client();
    let webhooks = [create(&client), create(&client)];
    for webhook in &webhooks {
        let each = rolls() / AT_ONCE / webhooks.len();
        let answers: Vec<Webhook> = at_once(&client, AT_ONCE, |client| {
            let roll = || roll_with(client, webhook, json!({"previous_secret_expires_in": 0}));
            (0..each).map(|_| roll()).collect::<Vec<_>>()
        })
        .into_iter()
        .flatten()
        .collect();
        expect_sequence(webhook, &answers);
        let newest = answers
            .iter()
            .max_by_key(|answer| answer.version())
            .expect("an answer");
        assert_eq!(
            &get(&client, webhook),
            newest,
            "the newest answer is what is stored"
        );
    }
}

/// Each answer is a version of its own and a key of its own, and no version between the first and the last is missing.
#[track_caller]
fn expect_sequence(before: &Webhook, answers: &[Webhook]) {
    let mut versions: Vec<u64> = answers.iter().map(Webhook::version).collect();
    versions.sort_unstable();
    let first = before.version() + 1;
    assert_eq!(
        versions,
        (first..first + answers.len() as u64).collect::<Vec<_>>()
    );
    let mut secrets: Vec<String> = answers.iter().map(Webhook::secret).collect();
    secrets.sort_unstable();
    secrets.dedup();
    assert_eq!(secrets.len(), answers.len(), "two rolls gave the same key");
    assert!(
        answers.iter().all(|answer| answer.previous_secret().is_none()),
        "nothing overlaps"
    );
}

fn rolls_and_removals_at_once_form_one_chain(backend: Backend) {
    let service = Service::start(backend);
    in_lanes(
        &service.client(),
        rolls() / (OVERLAPPING + 1),
        |client, webhook| {
            let before = get(client, webhook);
            let mut answers = at_once(client, 2, |client| {
                let rolled = roll(client, webhook);
                let removed = client.delete(&webhook.secret_path()).send();
                // The other thread may have removed the key already; whether that is an error is not the point here.
                let removed = (removed.status == 200).then(|| Webhook::of(&removed));
                std::iter::once(rolled).chain(removed).collect::<Vec<_>>()
            })
            .concat();
            answers.sort_by_key(Webhook::version);
            let mut current = Some(before.secret());
            for answer in answers {
                // What an answer shows as previous is the key that was current before it, or the one before a removal.
                let previous = answer.previous_secret();
                assert!(
                    current.is_none() || previous == current,
                    "a key was lost: {}",
                    answer.json
                );
                current = answer.json["secret_key"].as_str().map(str::to_owned);
            }
            roll_with(client, webhook, json!({"previous_secret_expires_in": 0}));
        },
    );
}
