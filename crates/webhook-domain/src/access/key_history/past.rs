//! Keys of one webhook that sign no more, and what became of them while they did.

use super::{KeyTrail, Showing};
use crate::signing::key_ring::Adoption;
use crate::signing::secret::Fingerprint;
use crate::signing::signing_protocol::SigningProtocol;
use crate::time::Instant;

/// A key of a webhook that has ended, as a store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastKey {
    /// Which key.
    pub fingerprint: Fingerprint,
    /// How it signed, if that was noted.
    pub protocol: Option<SigningProtocol>,
    /// When it was made or imported, if that was noted.
    pub made_at: Option<Instant>,
    /// The first instant at which it did not sign.
    pub ended_at: Instant,
}

/// The same, with what the audit records of the webhook say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastKeyHistory {
    /// The key.
    pub key: PastKey,
    /// When and to whom it was shown, the latest first, [`MOST_SHOWN`](super::MOST_SHOWN) at the most.
    pub shown: Vec<Showing>,
    /// How often it was shown, by the records that were read.
    pub times_shown: u64,
    /// What was shown of it first: that the receiver verified with it. Not known of keys that were replaced before this was recorded.
    pub adopted: Option<Adoption>,
}

impl PastKeyHistory {
    /// What `trail` says of `key`.
    #[must_use]
    pub fn new(mut key: PastKey, trail: KeyTrail) -> Self {
        key.made_at = key.made_at.or(trail.made_at);
        let adopted = trail.adopted;
        let (shown, times_shown) = trail.showings(key.protocol);
        Self {
            key,
            shown,
            times_shown,
            adopted,
        }
    }
}

/// The keys of a webhook that ended last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastKeys {
    /// Those that ended last first.
    pub keys: Vec<PastKeyHistory>,
    /// Whether there are others that ended in the time that was asked for.
    pub has_more: bool,
    /// Whether all audit records that can be of these keys were read.
    pub is_trail_whole: bool,
}
