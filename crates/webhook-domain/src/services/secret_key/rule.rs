//! The rule of a roll: the same for one that is asked for by itself and for those of a rotation.

use super::rekeyed;
use crate::access::audit::{AuditAction, AuditStamp};
use crate::error::{InvalidValue, Refusal};
use crate::ports::Change;
use crate::signing::key_ring::{NewKey, Overlap, WantedOverlap};
use crate::time::Instant;
use crate::webhook::{SettingsUpdate, Webhook};

/// A roll, with what it takes from outside drawn.
pub(in crate::services) struct RollRule {
    /// The update that goes with it, if any.
    pub(in crate::services) update: Option<SettingsUpdate>,
    /// The new key.
    pub(in crate::services) key: NewKey,
    /// How long the key before goes on signing.
    pub(in crate::services) overlap: WantedOverlap,
    /// Whether it goes on beyond that until the new one is adopted.
    pub(in crate::services) keeps_previous_until_adopted: bool,
    /// When it is done.
    pub(in crate::services) at: Instant,
}

impl RollRule {
    /// The webhook, rolled.
    pub(in crate::services) fn rolled(&self, stored: &Webhook) -> Result<Webhook, Refusal> {
        let rolled = stored
            .clone()
            .roll(self.update.as_ref(), self.key.clone(), self.overlap, self.at)?;
        match self.keeps_previous_until_adopted {
            true => self.kept(stored, rolled),
            false => Ok(rolled),
        }
    }

    /// The change that it is, audited and told.
    pub(in crate::services) fn change(
        &self,
        stored: &Webhook,
        stamp: &AuditStamp,
    ) -> Result<Change, Refusal> {
        let rolled = self.rolled(stored)?;
        Ok(rekeyed(stored, rolled, stamp, AuditAction::SecretRolled, self.at))
    }

    /// `rolled`, with the key that `stored` had before kept until the new one is adopted. Without an overlap there is none to keep.
    fn kept(&self, stored: &Webhook, rolled: Webhook) -> Result<Webhook, Refusal> {
        let is_at_once = self.overlap == WantedOverlap::Asked(Overlap::NONE);
        if is_at_once || stored.key_ring.current().is_some() && rolled.key_ring.previous(self.at).is_none() {
            return Err(Self::nothing_to_keep());
        }
        Ok(rolled.keeping_previous(self.at))
    }

    /// What is said to whoever would keep a key that does not go on signing.
    pub(in crate::services) fn nothing_to_keep() -> Refusal {
        Refusal::invalid(KEEP, InvalidValue::new(NOTHING_TO_KEEP))
    }
}

/// What a client calls it.
const KEEP: &str = "keep_previous_until_adopted";
const NOTHING_TO_KEEP: &str =
    "must be false when previous_secret_expires_in is 0: then no older key goes on signing";
