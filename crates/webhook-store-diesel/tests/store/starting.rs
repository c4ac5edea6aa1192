//! Several processes that start at the same time on a database nobody has used yet.

use std::sync::Barrier;

use webhook_store_diesel::OpenError;

use crate::place::{Place, master_key, on_each_database};

const STARTS: usize = 6;

on_each_database! {
    first_starts_at_once_all_succeed
    of_first_starts_at_once_with_two_keys_one_key_wins
}

async fn first_starts_at_once_all_succeed(place: Place) {
    for started in start(&place, |_| 7) {
        assert!(started.is_ok(), "{started:?}");
    }
}

async fn of_first_starts_at_once_with_two_keys_one_key_wins(place: Place) {
    let started = start(&place, |number| u8::try_from(number % 2).unwrap());
    let of_key = |key| started.iter().skip(key).step_by(2);
    let won = |key| of_key(key).all(Result::is_ok);
    let refused = |key| of_key(key).all(|started| matches!(started, Err(OpenError::WrongMasterKey)));
    assert!(
        won(0) && refused(1) || won(1) && refused(0),
        "the same for all: {started:?}"
    );
}

/// Opens the database in as many threads at once, and says what came of each.
fn start(place: &Place, key: impl Fn(usize) -> u8 + Sync) -> Vec<Result<(), OpenError>> {
    let barrier = Barrier::new(STARTS);
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..STARTS)
            .map(|number| {
                let (barrier, key) = (&barrier, &key);
                scope.spawn(move || {
                    let key = master_key(key(number));
                    barrier.wait();
                    place.open_with(&key).map(|store| store.close())
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    })
}
