//! A bounded queue between many async callers and one thread that takes all there is at once.
//!
//! What arrives while the thread is at work becomes its next batch, so batches grow with the load and a lone
//! caller waits for nobody. What somebody has a great deal of, and nobody waits for, is held back where others come: see [`Bulk`].

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::bulk::{Bulk, Restraint};

/// The longest wait for a batch to fill up.
const LONGEST_WAIT: Duration = Duration::from_millis(2);
/// A shorter wait than this costs more in waking up than it gains.
const SHORTEST_WAIT: Duration = Duration::from_micros(100);

/// The queue. A full one refuses; a closed one hands out what it still has, then nothing.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    capacity: usize,
}

struct State<T> {
    items: VecDeque<T>,
    in_bulk: VecDeque<T>,
    restraint: Restraint,
    closed: bool,
    /// What the thread sleeps for, while it does.
    awaited: Option<Awaited>,
}

/// What the thread wants to be woken for.
#[derive(Debug, Clone, Copy)]
enum Awaited {
    Anything,
    /// Items that are not in bulk.
    Others,
    /// So many items.
    AtLeast(usize),
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

impl<T> State<T> {
    /// How many a batch has at the most.
    fn ready(&self) -> usize {
        self.items.len() + self.in_bulk.len().min(self.restraint.most_alone())
    }

    /// Whether the thread has to be woken now. Once is enough: to wake somebody is a system call, even where nobody sleeps.
    fn wakes(&mut self) -> bool {
        let has_come = match self.awaited {
            None => false,
            Some(Awaited::Anything) => true,
            Some(Awaited::Others) => !self.items.is_empty(),
            Some(Awaited::AtLeast(least)) => self.ready() >= least,
        };
        if has_come {
            self.awaited = None;
        }
        has_come
    }
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
                restraint: Restraint::new(bulk),
                closed: false,
                awaited: None,
            }),
            arrived: Condvar::new(),
            capacity,
        }
    }

    /// Appends `item`, or gives it back when the queue is full or closed.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        self.append(item, true)
    }

    /// As [`push`](Self::push), for what is no reason to hold back what comes in [bulk](Bulk).
    pub(crate) fn push_unnoticed(&self, item: T) -> Result<(), T> {
        self.append(item, false)
    }

    /// Others have come who are served by another process, and wait for what this one has locked.
    pub(crate) fn others_came(&self) {
        self.lock().restraint.others_came(Instant::now());
    }

    fn append(&self, item: T, is_others: bool) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed || state.items.len() >= self.capacity {
            return Err(item);
        }
        state.items.push_back(item);
        if is_others {
            state.restraint.others_came(Instant::now());
        }
        self.wake(state);
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
        state.restraint.others_came(Instant::now());
        self.wake(state);
        Ok(())
    }

    /// As [`push`](Self::push), for an item in [bulk](Bulk). They come behind all others.
    pub(crate) fn push_in_bulk(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed || state.in_bulk.len() >= self.capacity {
            return Err(item);
        }
        state.in_bulk.push_back(item);
        self.wake(state);
        Ok(())
    }

    /// Waits for an item, then takes up to `limit`, and some of those in bulk; none once the queue is closed and empty. One thread
    /// takes, and no other: only one can be asleep.
    pub(crate) fn take(&self, limit: usize, patience: Patience) -> Option<Vec<T>> {
        let mut state = self.lock();
        state.restraint.worked_off(Instant::now());
        while state.items.is_empty() {
            let rest = state.restraint.rest(Instant::now());
            state = match (state.in_bulk.is_empty(), rest) {
                (true, _) if state.closed => return None,
                (true, _) => self.sleep(state, Awaited::Anything, None),
                (false, Some(rest)) if !state.closed => self.sleep(state, Awaited::Others, Some(rest)),
                (false, _) => break,
            };
        }
        state = self.wait_for_more(state, patience);
        let count = state.items.len().min(limit);
        let mut taken: Vec<T> = state.items.drain(..count).collect();
        let now = Instant::now();
        let most = match state.closed {
            // Whoever closed it waits for all that there is.
            true => state.restraint.most_alone(),
            false => state.restraint.most(count > 0, now),
        };
        let count = state.in_bulk.len().min(most);
        taken.extend(state.in_bulk.drain(..count));
        state.restraint.taken(count, now);
        Some(taken)
    }

    fn wait_for_more<'a>(
        &self,
        mut state: MutexGuard<'a, State<T>>,
        patience: Patience,
    ) -> MutexGuard<'a, State<T>> {
        let deadline = Instant::now() + patience.at_most;
        while state.ready() < patience.worth && !state.closed {
            let Some(left) = deadline
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())
            else {
                break;
            };
            state = self.sleep(state, Awaited::AtLeast(patience.worth), Some(left));
        }
        state
    }

    /// Waits until what is awaited has come or the queue is closed, at most for so long. It may wake up earlier.
    fn sleep<'a>(
        &self,
        mut state: MutexGuard<'a, State<T>>,
        awaited: Awaited,
        at_most: Option<Duration>,
    ) -> MutexGuard<'a, State<T>> {
        state.awaited = Some(awaited);
        let woken = match at_most {
            None => self.arrived.wait(state),
            Some(limit) => self
                .arrived
                .wait_timeout(state, limit)
                .map(|(state, _)| state)
                .map_err(|error| PoisonError::new(error.into_inner().0)),
        };
        let mut state = woken.unwrap_or_else(PoisonError::into_inner);
        state.awaited = None;
        state
    }

    /// Wakes the thread if it waits for what was just put in.
    fn wake(&self, mut state: MutexGuard<'_, State<T>>) {
        if state.wakes() {
            drop(state);
            self.arrived.notify_one();
        }
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
mod tests;
