//! What a store tells of its work to whoever counts it.
//!
//! The store knows no metrics. It calls the observer, if there is one, after a commit, on the thread that writes; and it gives
//! [`StoreReadings`] to whoever asks, from memory alone.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use webhook_domain::access::audit::{AuditAction, AuditRecord};
use webhook_domain::delivery::key_check::Verdict;
use webhook_domain::delivery::notice::Notice;

/// Is told what was committed, as far as it wants to know. It is mostly called on the thread that writes, so it must not wait for anything.
pub trait StoreObserver: Send + Sync {
    /// A group of so many changes, publications and batches of turns was committed. Loading, deciding, writing and
    /// committing took so long together.
    fn committed(&self, _members: usize, _took: Duration) {}

    /// A change with an audit record was committed.
    fn audited(&self, _change: Audited) {}

    /// Something happened to the queue of a webhook, and is committed.
    fn noticed(&self, _notice: &Notice) {}
}

/// What an observer is told of an audit record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audited {
    /// What was done.
    pub action: AuditAction,
    /// Whether a key that signed before the change does not sign any more.
    pub ended_keys: bool,
    /// What a check of keys has found out.
    pub verdict: Option<Verdict>,
}

impl Audited {
    pub(crate) fn of(record: &AuditRecord) -> Self {
        Self {
            action: record.action,
            ended_keys: !record.details.ended_keys.is_empty(),
            verdict: record.details.verdict.as_ref().and_then(|name| name.parse().ok()),
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

/// The observers of a store, once there are some. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Observed(Arc<OnceLock<Vec<Arc<dyn StoreObserver>>>>);

impl Observed {
    /// Sets the observers. The first ones stay.
    pub(crate) fn set(&self, observers: Vec<Arc<dyn StoreObserver>>) {
        // Those that come later are told nothing.
        let _ = self.0.set(observers);
    }

    /// Tells of a group that was committed.
    pub(crate) fn committed(&self, members: usize, took: Duration, audited: &[Audited], notices: &[Notice]) {
        for observer in self.0.get().into_iter().flatten() {
            observer.committed(members, took);
            audited.iter().for_each(|change| observer.audited(*change));
            notices.iter().for_each(|notice| observer.noticed(notice));
        }
    }

    /// Tells of what was committed without a group.
    pub(crate) fn noticed(&self, notice: &Notice) {
        for observer in self.0.get().into_iter().flatten() {
            observer.noticed(notice);
        }
    }
}
