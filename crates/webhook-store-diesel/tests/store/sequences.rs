//! Sequences of operations that follow from seeds: both databases must answer them as the store in memory does.
//!
//! `WEBHOOK_TEST_SEQUENCES` says how many seeds (60 unless told otherwise); `WEBHOOK_TEST_SEQUENCE` names one alone.

use std::sync::Arc;

use webhook_domain::testing::MemoryStore;
use webhook_domain::testing::conformance::Ports;
use webhook_domain::testing::sequences::{Sharing, Stores, run};
use webhook_domain::time::Instant;
use webhook_tests::{clock, knob};

use crate::place::{Place, block_on, ports};

#[test]
fn sqlite_answers_as_memory_does() {
    block_on(compare(Place::sqlite(), Sharing::OneAtATime));
}

#[test]
fn postgresql_answers_as_memory_does() {
    block_on(compare(Place::postgres(), Sharing::OneAtATime));
}

#[test]
fn postgresql_answers_several_processes_as_memory_does() {
    block_on(compare(Place::postgres(), Sharing::Leases));
}

async fn compare(place: Place, sharing: Sharing) {
    let opened = || ports(&place.open());
    let database = Stores {
        clients: opened(),
        processes: std::array::from_fn(|_| opened()),
    };
    let one = std::env::var("WEBHOOK_TEST_SEQUENCE").map(|seed| seed.parse().unwrap());
    let seeds = match one {
        Ok(seed) => seed..seed + 1,
        Err(_) => 0..knob("WEBHOOK_TEST_SEQUENCES", 60) as u64,
    };
    for seed in seeds {
        let now = Instant::from_milliseconds(clock::now() * 1000);
        let expected = run(&in_memory(), sharing, seed, now).await;
        let answers = run(&database, sharing, seed, now).await;
        for (place, (expected, answer)) in expected.iter().zip(&answers).enumerate() {
            assert_eq!(
                answer,
                expected,
                "operation {place} of WEBHOOK_TEST_SEQUENCE={seed}, after\n{}",
                answers[..place].join("\n")
            );
        }
    }
}

fn in_memory() -> Stores {
    let store = Arc::new(MemoryStore::new());
    let ports = || Ports::new(Arc::clone(&store));
    Stores {
        clients: ports(),
        processes: std::array::from_fn(|_| ports()),
    }
}

#[test]
fn a_store_that_answers_otherwise_is_found() {
    block_on(async {
        let now = Instant::from_milliseconds(clock::now() * 1000);
        let (one, other) = (in_memory(), in_memory());
        let apart = Stores {
            clients: one.clients.clone(),
            processes: other.processes,
        };
        let expected = run(&one, Sharing::Leases, 0, now).await;
        assert_ne!(run(&apart, Sharing::Leases, 0, now).await, expected);
        assert_eq!(
            run(&in_memory(), Sharing::Leases, 0, now).await,
            expected,
            "nothing else differs"
        );
    });
}
