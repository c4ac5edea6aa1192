//! What becomes of one webhook of a rotation.

use crate::error::{InvalidValue, Refusal};
use crate::id::{RotationId, SigningKeyId, WebhookId};
use crate::time::Instant;

/// The turn of one webhook of a rotation, as a process has it that works there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationStep {
    /// The rotation.
    pub rotation: RotationId,
    /// Which of its webhooks, counted from 0.
    pub number: u64,
    /// The epoch of the [claim](super::RotationClaim) that it is made under.
    pub epoch: u64,
    /// When.
    pub at: Instant,
}

/// What became of a webhook of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It has this key now.
    Rolled(SigningKeyId),
    /// It was left as it is.
    Skipped(SkipReason),
    /// It could not be rolled.
    Failed(FailReason),
}

/// The names of what may become of a webhook.
pub const NAMES_OF_OUTCOMES: [&str; 3] = ["ROLLED", "SKIPPED", "FAILED"];

/// The names of the reasons for that, those of skipping before those of failing.
pub const NAMES_OF_REASONS: [&str; 6] = [
    SkipReason::Deleted.name(),
    SkipReason::NoLongerMatches.name(),
    SkipReason::RingFull.name(),
    SkipReason::RolledSince.name(),
    FailReason::Store.name(),
    FailReason::Refused.name(),
];

/// Why a webhook was left as it is when it was its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SkipReason {
    /// It is no more.
    Deleted,
    /// It does not meet the rotation's conditions any more.
    NoLongerMatches,
    /// As many retired keys of it sign as may.
    RingFull,
    /// Its secret was rolled or removed since the rotation began.
    RolledSince,
}

impl SkipReason {
    /// Every one there is.
    pub const ALL: [Self; 4] = [
        Self::Deleted,
        Self::NoLongerMatches,
        Self::RingFull,
        Self::RolledSince,
    ];

    /// The name clients see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deleted => "DELETED",
            Self::NoLongerMatches => "NO_LONGER_MATCHES",
            Self::RingFull => "RING_FULL",
            Self::RolledSince => "ROLLED_SINCE",
        }
    }
}

/// Why a webhook could not be rolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailReason {
    /// The store refused it three times.
    Store,
    /// A rule refuses the roll of this webhook.
    Refused,
}

impl FailReason {
    /// Every one there is.
    pub const ALL: [Self; 2] = [Self::Store, Self::Refused];

    /// The name clients see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "STORE_FAILED",
            Self::Refused => "REFUSED",
        }
    }
}

impl Settled {
    /// What becomes of a webhook whose roll is refused so.
    #[must_use]
    pub const fn of_refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::NotFound { .. } => Self::Skipped(SkipReason::Deleted),
            Refusal::TooManyRetiredKeys { .. } => Self::Skipped(SkipReason::RingFull),
            _ => Self::Failed(FailReason::Refused),
        }
    }

    /// The name clients see.
    #[must_use]
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Rolled(_) => NAMES_OF_OUTCOMES[0],
            Self::Skipped(_) => NAMES_OF_OUTCOMES[1],
            Self::Failed(_) => NAMES_OF_OUTCOMES[2],
        }
    }

    /// The name of its reason, unless it was rolled.
    #[must_use]
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Rolled(_) => None,
            Self::Skipped(reason) => Some(reason.name()),
            Self::Failed(reason) => Some(reason.name()),
        }
    }

    /// The key that the webhook has now, if it was rolled.
    #[must_use]
    pub const fn key(self) -> Option<SigningKeyId> {
        match self {
            Self::Rolled(key) => Some(key),
            Self::Skipped(_) | Self::Failed(_) => None,
        }
    }

    /// What a store kept by these names.
    ///
    /// # Errors
    /// When they are not those of one.
    pub fn restore(
        outcome: &str,
        reason: Option<&str>,
        key: Option<SigningKeyId>,
    ) -> Result<Self, InvalidValue> {
        let reason = reason.unwrap_or_default();
        let skipped = SkipReason::ALL.into_iter().find(|known| known.name() == reason);
        let failed = FailReason::ALL.into_iter().find(|known| known.name() == reason);
        match (outcome, key, skipped, failed) {
            ("ROLLED", Some(key), None, None) => Ok(Self::Rolled(key)),
            ("SKIPPED", None, Some(reason), None) => Ok(Self::Skipped(reason)),
            ("FAILED", None, None, Some(reason)) => Ok(Self::Failed(reason)),
            _ => Err(InvalidValue::new(
                "must be ROLLED with a key, or SKIPPED or FAILED with a reason",
            )),
        }
    }
}

/// Which key a webhook had when its rotation began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyBefore {
    /// The release that began the rotation has not noted it.
    NotNoted,
    /// It had no current key.
    None,
    /// This one was the current key.
    Key(SigningKeyId),
}

impl KeyBefore {
    /// That of a webhook with such a current key, or with none.
    #[must_use]
    pub fn of(current: Option<SigningKeyId>) -> Self {
        current.map_or(Self::None, Self::Key)
    }
}

/// One webhook of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationWebhook {
    /// Which of the rotation's, counted from 0.
    pub number: u64,
    /// The webhook. It may have been deleted since.
    pub webhook: WebhookId,
    /// Which key it had when the rotation began.
    pub key_before: KeyBefore,
    /// What became of it, and when, if it has had its turn.
    pub settled: Option<(Settled, Instant)>,
    /// Whether its receiver was shown to verify with the key of the rotation.
    pub is_adopted: bool,
}
