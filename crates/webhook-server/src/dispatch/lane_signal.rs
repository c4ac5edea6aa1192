//! What a lane's task is told by others.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many turns of a lane may be not recorded yet, as when somebody keeps it locked: then it waits until they are.
const MOST_UNRECORDED: usize = 1024;

/// What others tell a lane's task.
#[derive(Default)]
pub(super) struct LaneSignal {
    pub(super) told: Notify,
    /// Whether something has arrived.
    pub(super) arrived: AtomicBool,
    /// Whether a turn could not be recorded because the lane is somebody else's.
    pub(super) lost: AtomicBool,
    /// How many of its turns are not recorded yet: until they are, only the task itself knows how far its lane is done.
    pub(super) unrecorded: AtomicUsize,
}

impl LaneSignal {
    /// Says that a turn is recorded, or that the lane was lost before it could be.
    pub(super) fn recorded(&self, lost: bool) {
        if lost {
            self.lost.store(true, Ordering::Release);
        }
        // The last of a lane's: its task may be waiting for this to end.
        if self.unrecorded.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.told.notify_one();
        }
    }

    /// Whether so many of its turns are not recorded that it makes no more.
    pub(super) fn is_far_behind(&self) -> bool {
        self.unrecorded.load(Ordering::Acquire) >= MOST_UNRECORDED
    }

    /// Whether all of its turns are.
    pub(super) fn is_recorded(&self) -> bool {
        self.unrecorded.load(Ordering::Acquire) == 0
    }
}
