//! A bounded queue between many async callers and one thread that takes all there is at once.
//!
//! What arrives while the thread is at work becomes its next batch, so batches grow with the load and a lone
//! caller waits for nobody. What somebody has a great deal of, and nobody waits for, is taken a little at a time.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest wait for a batch to fill up.
const LONGEST_WAIT: Duration = Duration::from_millis(2);
/// A shorter wait than this costs more in waking up than it gains.
const SHORTEST_WAIT: Duration = Duration::from_micros(100);

/// The queue. A full one refuses; a closed one hands out what it still has, then nothing.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    capacity: usize,
    bulk: Bulk,
}

struct State<T> {
    items: VecDeque<T>,
    /// Those of which a batch has a few.
    in_bulk: VecDeque<T>,
    closed: bool,
}

/// How long the thread waits for a batch to fill up: until it has `worth` items, but at most `at_most`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Patience {
    pub(crate) worth: usize,
    pub(crate) at_most: Duration,
}

impl Patience {
    /// What is worth waiting for after a batch of `size` that took so long: as many again, for a tenth of that time.
    pub(crate) fn after(size: usize, took: Duration) -> Self {
        let at_most = (took / 10).min(LONGEST_WAIT);
        if at_most < SHORTEST_WAIT {
            Self::default()
        } else {
            Self { worth: size, at_most }
        }
    }
}

/// How many items of which there are many, and which nobody waits for, a batch has at the most.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bulk {
    /// Where there are no others.
    pub(crate) alone: usize,
    /// Where there are: those have somebody who waits for the whole batch.
    pub(crate) beside_others: usize,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self::with_bulk(capacity, Bulk::default())
    }

    /// A queue that takes items in bulk.
    pub(crate) fn with_bulk(capacity: usize, bulk: Bulk) -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                in_bulk: VecDeque::new(),
                closed: false,
            }),
            arrived: Condvar::new(),
            capacity,
            bulk,
        }
    }

    /// Appends `item`, or gives it back when the queue is full or closed.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed || state.items.len() >= self.capacity {
            return Err(item);
        }
        state.items.push_back(item);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Puts `item` before all others, also when the queue is full, or gives it back when it is closed. For what is bounded by whoever
    /// sends it, and must not be kept out by others.
    pub(crate) fn push_first(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed {
            return Err(item);
        }
        state.items.push_front(item);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// As [`push`](Self::push), for an item in [bulk](Bulk). They come behind all others.
    pub(crate) fn push_in_bulk(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed || state.in_bulk.len() >= self.capacity {
            return Err(item);
        }
        state.in_bulk.push_back(item);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for an item, then takes up to `limit`, and some of those in bulk; none once the queue is closed and empty.
    pub(crate) fn take(&self, limit: usize, patience: Patience) -> Option<Vec<T>> {
        let mut state = self.lock();
        while state.items.is_empty() && state.in_bulk.is_empty() {
            if state.closed {
                return None;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state = self.wait_for_more(state, patience);
        let count = state.items.len().min(limit);
        let mut taken: Vec<T> = state.items.drain(..count).collect();
        let most = match taken.is_empty() {
            true => self.bulk.alone,
            false => self.bulk.beside_others,
        };
        let count = state.in_bulk.len().min(most);
        taken.extend(state.in_bulk.drain(..count));
        Some(taken)
    }

    fn wait_for_more<'a>(
        &self,
        mut state: MutexGuard<'a, State<T>>,
        patience: Patience,
    ) -> MutexGuard<'a, State<T>> {
        let deadline = Instant::now() + patience.at_most;
        while state.items.len() + state.in_bulk.len().min(self.bulk.alone) < patience.worth && !state.closed {
            let Some(left) = deadline
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())
            else {
                break;
            };
            let (next, _) = self
                .arrived
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
            state = next;
        }
        state
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        let state = self.lock();
        state.items.len() + state.in_bulk.len()
    }

    /// Refuses items from now on; what is queued is still handed out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // A panic of another holder leaves the queue whole: no method stops half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_has_queued_up_is_taken_at_once_in_order() {
        let queue = Queue::new(10);
        for item in 0..5 {
            queue.push(item).unwrap();
        }
        assert_eq!(queue.take(3, Patience::default()), Some(vec![0, 1, 2]));
        assert_eq!(queue.take(3, Patience::default()), Some(vec![3, 4]));
    }

    #[test]
    fn a_full_queue_refuses_and_a_closed_one_is_emptied_first() {
        let queue = Queue::new(1);
        queue.push(1).unwrap();
        assert_eq!(queue.push(2), Err(2));
        queue.close();
        assert_eq!(queue.take(9, Patience::default()), Some(vec![1]));
        assert_eq!(queue.push(3), Err(3));
        assert_eq!(queue.take(9, Patience::default()), None);
    }

    #[test]
    fn what_comes_first_is_taken_in_by_a_full_queue_but_not_by_a_closed_one() {
        let queue = Queue::new(1);
        queue.push(1).unwrap();
        queue.push_first(0).unwrap();
        assert_eq!(queue.take(1, Patience::default()), Some(vec![0]));
        queue.close();
        assert_eq!(queue.push_first(2), Err(2));
        assert_eq!(queue.take(9, Patience::default()), Some(vec![1]));
    }

    #[test]
    fn of_what_comes_in_bulk_a_batch_has_a_few_behind_all_others() {
        let queue = Queue::with_bulk(
            4,
            Bulk {
                alone: 2,
                beside_others: 1,
            },
        );
        for item in 10..14 {
            queue.push_in_bulk(item).unwrap();
        }
        assert_eq!(queue.push_in_bulk(14), Err(14), "it is bounded");
        assert_eq!(queue.take(9, Patience::default()), Some(vec![10, 11]));
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        assert_eq!(queue.len(), 4);
        assert_eq!(queue.take(9, Patience::default()), Some(vec![1, 2, 12]));
        queue.close();
        assert_eq!(queue.push_in_bulk(15), Err(15));
        assert_eq!(queue.take(9, Patience::default()), Some(vec![13]));
        assert_eq!(queue.take(9, Patience::default()), None);
    }

    #[test]
    fn patience_waits_for_a_batch_that_is_worth_it() {
        let queue = Arc::new(Queue::new(10));
        queue.push(1).unwrap();
        let late = Arc::clone(&queue);
        let other = std::thread::spawn(move || late.push(2));
        let patience = Patience {
            worth: 2,
            at_most: Duration::from_secs(60),
        };
        assert_eq!(queue.take(9, patience), Some(vec![1, 2]));
        other.join().unwrap().unwrap();
    }
}
