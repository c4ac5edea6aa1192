//! Requests with an idempotency key that are running in this process, so that a second one with the same key waits
//! for the first and then finds its answer in the store.
//!
//! What keeps a request from being done twice is the store, across processes and crashes; this merely spares a
//! client that is too quick a refusal, and the store a second request that would wait there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::time::timeout;
use webhook_domain::idempotency::IdempotencySlot;

type Running = HashMap<IdempotencySlot, Arc<Turn<()>>>;

/// The slots in which a request is running or waiting.
pub(crate) struct InFlight {
    running: Arc<Mutex<Running>>,
    /// The most slots at a time.
    limit: usize,
}

/// Why a slot was not had.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotHad {
    /// Another request has it, and did not leave it in time.
    StillRunning,
    /// There are as many as there may be.
    Full,
}

/// A slot, held until this is dropped: also when the request's future is dropped because its client hung up.
#[derive(Debug)]
pub(crate) struct Held {
    // In this order: the turn is given up before the place is left, which whoever is next has one of.
    _turn: OwnedMutexGuard<()>,
    _place: Place,
}

/// A place in a slot's line, whether or not its turn has come.
#[derive(Debug)]
struct Place {
    running: Arc<Mutex<Running>>,
    slot: IdempotencySlot,
    turn: Option<Arc<Turn<()>>>,
}

impl InFlight {
    /// None running, and never more than `limit`.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            running: Arc::default(),
            limit,
        }
    }

    /// Waits until no other request is running in `slot`, for `wait` at most.
    pub(crate) async fn hold(&self, slot: IdempotencySlot, wait: Duration) -> Result<Held, NotHad> {
        let place = self.line_up(slot).ok_or(NotHad::Full)?;
        let turn = place.turn.clone().ok_or(NotHad::Full)?;
        match timeout(wait, turn.lock_owned()).await {
            Ok(turn) => Ok(Held {
                _turn: turn,
                _place: place,
            }),
            Err(_) => Err(NotHad::StillRunning),
        }
    }

    fn line_up(&self, slot: IdempotencySlot) -> Option<Place> {
        let mut running = lock(&self.running);
        if running.len() >= self.limit && !running.contains_key(&slot) {
            return None;
        }
        let turn = Arc::clone(running.entry(slot.clone()).or_default());
        Some(Place {
            running: Arc::clone(&self.running),
            slot,
            turn: Some(turn),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.turn = None;
        let mut running = lock(&self.running);
        // The map's own is the last one: nobody runs or waits here any more.
        if running
            .get(&self.slot)
            .is_some_and(|turn| Arc::strong_count(turn) == 1)
        {
            running.remove(&self.slot);
        }
    }
}

/// Nothing panics while holding the lock, and a map is whole between two of its operations.
fn lock(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use webhook_domain::testing::fixtures;

    use super::*;

    fn slot(key: &str) -> IdempotencySlot {
        fixtures::request(key, "")
            .by(
                &fixtures::acting(&fixtures::acme()),
                webhook_domain::testing::ManualClock::START,
            )
            .slot
    }

    const WAIT: Duration = Duration::from_millis(20);

    #[actix_web::test]
    async fn a_slot_is_had_by_one_at_a_time_and_forgotten_after_the_last() {
        let in_flight = InFlight::new(10);
        let first = in_flight.hold(slot("a"), WAIT).await.unwrap();
        assert_eq!(
            in_flight.hold(slot("a"), WAIT).await.unwrap_err(),
            NotHad::StillRunning
        );
        let other = in_flight.hold(slot("b"), WAIT).await.unwrap();
        assert_eq!(lock(&in_flight.running).len(), 2);
        drop((first, other));
        assert_eq!(lock(&in_flight.running).len(), 0);
        in_flight.hold(slot("a"), WAIT).await.unwrap();
    }

    #[actix_web::test]
    async fn waiters_have_their_turns_one_after_the_other() {
        let in_flight = InFlight::new(10);
        let turn = async || {
            let _held = in_flight.hold(slot("a"), Duration::from_secs(5)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        tokio::join!(turn(), turn(), turn());
        assert_eq!(lock(&in_flight.running).len(), 0);
    }

    #[actix_web::test]
    async fn there_are_no_more_slots_than_the_limit() {
        let in_flight = InFlight::new(1);
        let _held = in_flight.hold(slot("a"), WAIT).await.unwrap();
        assert_eq!(in_flight.hold(slot("b"), WAIT).await.unwrap_err(), NotHad::Full);
        assert_eq!(
            in_flight.hold(slot("a"), WAIT).await.unwrap_err(),
            NotHad::StillRunning
        );
    }
}
