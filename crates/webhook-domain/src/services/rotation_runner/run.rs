//! How far a process is with a rotation.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::id::WebhookId;
use crate::ports::ClaimedRotation;
use crate::rotation::{KeyBefore, Rotation};
use crate::time::Instant;

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
        }
    }

    /// From when on its turns are counted at `now`.
    pub(super) fn counts_from(&mut self, now: Instant) -> Instant {
        let from = self.rotation.counts_from(self.counted_from, now);
        *self.counted_from.insert(from)
    }
}
