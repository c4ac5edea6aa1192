//! What a demo saw, written down as it happens by publisher and receiver alike, and counted at the end.
//!
//! An event counts as sent once its publication was answered 202, as lost if it was then never verified. What is verified
//! a second time is a duplicate: at least once is the promise.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::time::{Clock as _, Instant};

use crate::clock::SystemClock;

/// Which key the receiver held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Key {
    /// The one the webhook was created with.
    Old,
    /// The one the roll gave.
    New,
}

/// Something that happened once.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Milestone {
    /// When, in milliseconds since the stream began.
    pub(super) at_ms: u64,
    /// What, in one word for programs.
    pub(super) name: &'static str,
    /// What, for people.
    pub(super) what: String,
}

/// What was verified within one second.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Second {
    /// With the old key.
    pub(super) old: u64,
    /// With the new key.
    pub(super) new: u64,
}

/// The fingerprints of the two keys.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Fingerprints {
    pub(super) old: Fingerprint,
    pub(super) new: Fingerprint,
}

/// The outcome of a demo.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) verified: u64,
    pub(super) rejected: u64,
    pub(super) lost: u64,
    pub(super) duplicates: u64,
    /// Publications that had to be asked again while no server answered.
    pub(super) publish_retries: u64,
    /// What the old key verified of that which both keys signed: without an overlap, all of it would be rejected.
    pub(super) verified_by_old_key_after_roll: u64,
    pub(super) fingerprints: Fingerprints,
    pub(super) milestones: Vec<Milestone>,
    /// One entry for each second since the stream began.
    pub(super) timeline: Vec<Second>,
}

impl Tally {
    /// Whether nothing was lost and nothing genuine rejected, of at least one event.
    pub(super) fn is_good(&self) -> bool {
        self.sent > 0 && self.lost == 0 && self.rejected == 0
    }
}

/// Where it is written down.
pub(super) struct Book(Mutex<Pages>);

struct Pages {
    began: Instant,
    accepted: HashSet<String>,
    verified: HashSet<String>,
    rejected: u64,
    duplicates: u64,
    publish_retries: u64,
    old_beside_new: u64,
    most_signatures: usize,
    milestones: Vec<Milestone>,
    timeline: Vec<Second>,
}

/// How far it has come.
pub(super) struct SoFar {
    pub(super) elapsed: Duration,
    pub(super) sent: usize,
    pub(super) verified: usize,
    pub(super) rejected: u64,
    pub(super) old: u64,
    pub(super) new: u64,
}

impl Book {
    /// An empty book; the time runs from now.
    pub(super) fn open() -> Self {
        Self(Mutex::new(Pages {
            began: SystemClock.now(),
            accepted: HashSet::new(),
            verified: HashSet::new(),
            rejected: 0,
            duplicates: 0,
            publish_retries: 0,
            old_beside_new: 0,
            most_signatures: 0,
            milestones: Vec::new(),
            timeline: Vec::new(),
        }))
    }

    /// The stream begins now.
    pub(super) fn begin(&self) {
        self.pages().began = SystemClock.now();
    }

    /// How long ago the stream began.
    pub(super) fn elapsed(&self) -> Duration {
        self.pages().elapsed()
    }

    /// The publication of `event` was answered.
    pub(super) fn accepted(&self, event: String) {
        self.pages().accepted.insert(event);
    }

    /// So many questions were asked again in all.
    pub(super) fn retried(&self, retries: u64) {
        self.pages().publish_retries = retries;
    }

    /// `event` was verified with `key`, on a delivery with so many signatures.
    pub(super) fn verified(&self, event: &str, key: Key, signatures: usize) {
        let mut pages = self.pages();
        if !pages.verified.insert(event.to_owned()) {
            pages.duplicates += 1;
        }
        pages.most_signatures = pages.most_signatures.max(signatures);
        if key == Key::Old && signatures > 1 {
            pages.old_beside_new += 1;
        }
        let second = usize::try_from(pages.elapsed().as_secs()).unwrap_or(usize::MAX);
        if pages.timeline.len() <= second {
            pages.timeline.resize(second.saturating_add(1), Second::default());
        }
        match (pages.timeline.get_mut(second), key) {
            (Some(second), Key::Old) => second.old += 1,
            (Some(second), Key::New) => second.new += 1,
            (None, _) => {}
        }
    }

    /// A delivery was not verified.
    pub(super) fn rejected(&self) {
        self.pages().rejected += 1;
    }

    /// Writes a milestone down, and gives it.
    pub(super) fn milestone(&self, name: &'static str, what: String) -> Milestone {
        let mut pages = self.pages();
        let at_ms = u64::try_from(pages.elapsed().as_millis()).unwrap_or(u64::MAX);
        let milestone = Milestone { at_ms, name, what };
        pages.milestones.push(milestone.clone());
        milestone
    }

    /// Whether a delivery has come that two keys had signed.
    pub(super) fn saw_both_keys_sign(&self) -> bool {
        self.pages().most_signatures > 1
    }

    /// Whether all that was accepted was verified.
    pub(super) fn is_complete(&self) -> bool {
        let pages = self.pages();
        pages.accepted.is_subset(&pages.verified)
    }

    /// How far it has come.
    pub(super) fn so_far(&self) -> SoFar {
        let pages = self.pages();
        SoFar {
            elapsed: pages.elapsed(),
            sent: pages.accepted.len(),
            verified: pages.verified.len(),
            rejected: pages.rejected,
            old: pages.timeline.iter().map(|second| second.old).sum(),
            new: pages.timeline.iter().map(|second| second.new).sum(),
        }
    }

    /// Counts.
    pub(super) fn tally(&self, fingerprints: Fingerprints) -> Tally {
        let pages = self.pages();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Tally {
            sent: count(pages.accepted.len()),
            verified: count(pages.accepted.intersection(&pages.verified).count()),
            rejected: pages.rejected,
            lost: count(pages.accepted.difference(&pages.verified).count()),
            duplicates: pages.duplicates,
            publish_retries: pages.publish_retries,
            verified_by_old_key_after_roll: pages.old_beside_new,
            fingerprints,
            milestones: pages.milestones.clone(),
            timeline: pages.timeline.clone(),
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn elapsed(&self) -> Duration {
        SystemClock.now().since(self.began)
    }
}
