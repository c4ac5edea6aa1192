//! Requests that are running in this process, by a key of the front's choice, so that a second one with the same key waits for
//! the first. The API's key is what `Idempotency-Key` names.
//!
//! This keeps nothing from being done twice: that is up to the store, across processes and crashes. It spares a
//! client that is too quick a refusal, and the store a second request that would wait there.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::time::timeout;

type Running<K> = HashMap<K, Arc<Turn<()>>>;

/// The keys under which a request is running or waiting.
pub struct InFlight<K: Eq + Hash> {
    running: Arc<Mutex<Running<K>>>,
    /// The most keys at a time.
    limit: usize,
}

/// Why a request did not get its turn.
#[derive(Debug, PartialEq, Eq)]
pub enum NotHeld {
    /// Another request with the same key is running, and did not end in time.
    StillRunning,
    /// As many keys are in use as may be.
    Full,
}

/// A request's turn, until this is dropped: also when the request's future is dropped because its client hung up.
#[derive(Debug)]
pub struct Held<K: Eq + Hash> {
    // In this order: the turn is given up before the place is left, which whoever is next has one of.
    _turn: OwnedMutexGuard<()>,
    _place: Place<K>,
}

/// A place in the line of a key, whether or not its turn has come.
#[derive(Debug)]
struct Place<K: Eq + Hash> {
    running: Arc<Mutex<Running<K>>>,
    key: K,
    turn: Option<Arc<Turn<()>>>,
}

impl<K: Eq + Hash + Clone> InFlight<K> {
    /// None running, and never more than `limit`.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            running: Arc::default(),
            limit,
        }
    }

    /// Waits until no other request with this key is running, for `wait` at most.
    ///
    /// # Errors
    /// When the turn does not come in time, or there are too many keys already.
    pub async fn hold(&self, key: K, wait: Duration) -> Result<Held<K>, NotHeld> {
        let place = self.line_up(key).ok_or(NotHeld::Full)?;
        let turn = place.turn.clone().ok_or(NotHeld::Full)?;
        match timeout(wait, turn.lock_owned()).await {
            Ok(turn) => Ok(Held {
                _turn: turn,
                _place: place,
            }),
            Err(_) => Err(NotHeld::StillRunning),
        }
    }

    fn line_up(&self, key: K) -> Option<Place<K>> {
        let mut running = lock(&self.running);
        if running.len() >= self.limit && !running.contains_key(&key) {
            return None;
        }
        let turn = Arc::clone(running.entry(key.clone()).or_default());
        Some(Place {
            running: Arc::clone(&self.running),
            key,
            turn: Some(turn),
        })
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        self.turn = None;
        let mut running = lock(&self.running);
        // The map's own is the last one: nobody runs or waits here any more.
        if running
            .get(&self.key)
            .is_some_and(|turn| Arc::strong_count(turn) == 1)
        {
            running.remove(&self.key);
        }
    }
}

/// Nothing panics while holding the lock, and a map is whole between two of its operations.
fn lock<K>(running: &Mutex<Running<K>>) -> MutexGuard<'_, Running<K>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_millis(20);

    #[actix_web::test]
    async fn a_key_has_one_request_at_a_time_and_is_forgotten_after_the_last() {
        let in_flight = InFlight::new(10);
        let first = in_flight.hold("a", WAIT).await.unwrap();
        assert_eq!(
            in_flight.hold("a", WAIT).await.unwrap_err(),
            NotHeld::StillRunning
        );
        let other = in_flight.hold("b", WAIT).await.unwrap();
        assert_eq!(lock(&in_flight.running).len(), 2);
        drop((first, other));
        assert_eq!(lock(&in_flight.running).len(), 0);
        in_flight.hold("a", WAIT).await.unwrap();
    }

    #[actix_web::test]
    async fn waiters_have_their_turns_one_after_the_other() {
        let in_flight = InFlight::new(10);
        let turn = async || {
            let _held = in_flight.hold("a", Duration::from_secs(5)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        tokio::join!(turn(), turn(), turn());
        assert_eq!(lock(&in_flight.running).len(), 0);
    }

    #[actix_web::test]
    async fn there_are_no_more_keys_than_the_limit() {
        let in_flight = InFlight::new(1);
        let _held = in_flight.hold("a", WAIT).await.unwrap();
        assert_eq!(in_flight.hold("b", WAIT).await.unwrap_err(), NotHeld::Full);
        assert_eq!(
            in_flight.hold("a", WAIT).await.unwrap_err(),
            NotHeld::StillRunning
        );
    }
}
