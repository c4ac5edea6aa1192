//! How far a process is with a rotation.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::id::WebhookId;
use crate::ports::ClaimedRotation;
use crate::rotation::{KeyBefore, Rotation};
use crate::time::Instant;

/// How many webhooks are rolled at the same time.
const AT_ONCE: usize = 16;

/// A rotation that a process works at, and how far it is with that.
pub struct RotationRun {
    pub(super) rotation: Arc<Rotation>,
    pub(super) epoch: u64,
    /// From when on its turns are counted.
    pub(super) counted_from: Option<Instant>,
    /// How many have failed.
    pub(super) failed: u64,
    /// From which number on webhooks were not read yet; none once all were.
    pub(super) unread_from: Option<u64>,
    /// Those that were read and have no outcome.
    pub(super) waiting: VecDeque<Waiting>,
    /// What was found out during the last steps, if those come next that were due with them.
    pub(super) leave: Option<Leave>,
}

/// Whether a rotation may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    Given,
    /// Not as long as deliveries are paused.
    NotNow,
    CredentialRevoked,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) number: u64,
    pub(super) webhook: WebhookId,
    pub(super) key_before: KeyBefore,
    /// How often the store has refused it.
    pub(super) refused: u32,
}

impl RotationRun {
    /// A run from the first webhook on that has no outcome.
    #[must_use]
    pub fn new(claimed: ClaimedRotation) -> Self {
        Self {
            failed: claimed.rotation.totals.failed,
            rotation: Arc::new(claimed.rotation),
            epoch: claimed.epoch,
            counted_from: None,
            unread_from: Some(0),
            waiting: VecDeque::new(),
            leave: None,
        }
    }

    /// From when on its turns are counted at `now`.
    pub(super) fn counts_from(&mut self, now: Instant) -> Instant {
        let from = self.rotation.counts_from(self.counted_from, now);
        *self.counted_from.insert(from)
    }

    /// The webhooks whose turn it is, as many as are rolled at the same time.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Waiting> {
        let from = self.counts_from(now);
        let mut due = Vec::new();
        while due.len() < AT_ONCE
            && let Some(next) = self.waiting.front()
            && self.rotation.is_due(next.number, from, now)
        {
            due.extend(self.waiting.pop_front());
        }
        due
    }
}
