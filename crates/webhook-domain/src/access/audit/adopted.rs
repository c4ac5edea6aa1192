//! What was shown of a key that a change replaces, as the audit record of the change keeps it.

use serde::{Deserialize, Serialize};

use crate::signing::key_ring::{Adoption, KeyRing};
use crate::time::Instant;

/// That a receiver was shown to verify with a key, as an audit record tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditedAdoption {
    /// Which key.
    pub fingerprint: String,
    /// How it was shown, by name.
    pub evidence: String,
    /// When it was shown first, in milliseconds since the Unix epoch.
    pub adopted_at: i64,
}

impl AuditedAdoption {
    /// What was shown of the current key of `before`, if the one of `after` is another.
    pub(super) fn of_replaced(before: &KeyRing, after: &KeyRing) -> Option<Self> {
        let (key, adoption) = (before.current()?, before.adoption()?);
        let stays = after.current().is_some_and(|current| current.id == key.id);
        (!stays).then(|| Self {
            fingerprint: key.fingerprint().as_str().to_owned(),
            evidence: adoption.evidence.name().to_owned(),
            adopted_at: adoption.adopted_at.as_milliseconds(),
        })
    }

    /// The same, as a ring has it; none if the evidence is of a kind that is not known.
    #[must_use]
    pub fn read(&self) -> Option<Adoption> {
        Some(Adoption {
            evidence: self.evidence.parse().ok()?,
            adopted_at: Instant::from_milliseconds(self.adopted_at),
        })
    }
}
