//! What a store tells of its work to whoever counts it.
//!
//! The store knows no metrics. It calls the observer, if there is one, after a commit, on the thread that writes; and it gives
//! [`StoreReadings`] to whoever asks, from memory alone.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use webhook_domain::access::audit::{AuditAction, AuditRecord};

/// Is told what was committed. It is called on the thread that writes, so it must not wait for anything.
pub trait StoreObserver: Send + Sync {
    /// A group of so many changes, publications and batches of turns was committed. Loading, deciding, writing and
    /// committing took so long together.
    fn committed(&self, members: usize, took: Duration);

    /// A change with an audit record was committed.
    fn audited(&self, change: Audited);
}

/// What an observer is told of an audit record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audited {
    /// What was done.
    pub action: AuditAction,
    /// Whether a key that signed before the change does not sign any more.
    pub ended_keys: bool,
}

impl Audited {
    pub(crate) fn of(record: &AuditRecord) -> Self {
        Self {
            action: record.action,
            ended_keys: !record.details.ended_keys.is_empty(),
        }
    }
}

/// How busy the store is at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreReadings {
    /// Changes that wait for the thread that writes.
    pub queued: usize,
    /// Reads under way, each on a connection of the pool.
    pub readers_in_use: usize,
    /// How many reads may be under way at a time.
    pub readers: usize,
}

/// The observer of a store, once there is one. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Observed(Arc<OnceLock<Arc<dyn StoreObserver>>>);

impl Observed {
    /// Sets the observer. The first one stays.
    pub(crate) fn set(&self, observer: Arc<dyn StoreObserver>) {
        // One that comes later is told nothing.
        let _ = self.0.set(observer);
    }

    /// Tells of a group that was committed.
    pub(crate) fn committed(&self, members: usize, took: Duration, audited: &[Audited]) {
        if let Some(observer) = self.0.get() {
            observer.committed(members, took);
            for change in audited {
                observer.audited(*change);
            }
        }
    }
}
