//! How long a key that a roll or a removal retires goes on signing.

use std::time::Duration;

use crate::error::{InvalidValue, Refusal};
use crate::signing::signing_key::SigningKey;
use crate::time::Instant;

/// How long a retired key goes on signing: 0 to 604,800 seconds (7 days).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overlap(u32);

impl Overlap {
    /// The longest overlap, in seconds.
    pub const MAX_SECONDS: u32 = 604_800;
    /// The longest overlap.
    pub(super) const LONGEST: Self = Self(Self::MAX_SECONDS);
    /// The shortest overlap, but for none at all, of keys that receivers look up.
    const SHORTEST_LOOKED_UP: Self = Self(600);
    /// The overlap of a deployment that sets no other: a day.
    pub const DAY: Self = Self(86_400);
    /// None at all: every older key is retired at once.
    pub const NONE: Self = Self(0);

    /// An overlap of that many seconds.
    ///
    /// # Errors
    /// When there are more than [`MAX_SECONDS`](Self::MAX_SECONDS).
    pub fn from_seconds(seconds: u64) -> Result<Self, InvalidValue> {
        match u32::try_from(seconds) {
            Ok(seconds) if seconds <= Self::MAX_SECONDS => Ok(Self(seconds)),
            _ => Err(Self::invalid()),
        }
    }

    /// What would be right, for a value that is no such number.
    #[must_use]
    pub const fn invalid() -> InvalidValue {
        InvalidValue::new("must be a whole number of seconds from 0 to 604800")
    }

    /// The overlap in seconds.
    #[must_use]
    pub const fn as_seconds(self) -> u32 {
        self.0
    }

    /// The instant at which an overlap ends that begins `now`.
    pub(crate) fn after(self, now: Instant) -> Instant {
        now.plus(Duration::from_secs(self.0.into()))
    }
}

/// The name of the field and of the parameter that ask for an overlap.
const FIELD: &str = "previous_secret_expires_in";

/// How long the key before is to go on signing: as somebody asks, or, if nobody does, as the deployment has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedOverlap {
    /// Somebody asks for it.
    Asked(Overlap),
    /// The deployment's.
    Default(Overlap),
}

impl WantedOverlap {
    /// What somebody `asked` for, or else the deployment's `default`.
    #[must_use]
    pub fn new(asked: Option<Overlap>, default: Overlap) -> Self {
        asked.map_or(Self::Default(default), Self::Asked)
    }

    /// How long it is, but that receivers may look a key up.
    #[must_use]
    pub const fn wanted(self) -> Overlap {
        match self {
            Self::Asked(overlap) | Self::Default(overlap) => overlap,
        }
    }

    /// Whether somebody may ask for it where a key that receivers look up retires or begins to sign.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`] when it is too short.
    pub fn of_looked_up(self) -> Result<(), Refusal> {
        match self {
            Self::Asked(overlap) if overlap != Overlap::NONE && overlap < Overlap::SHORTEST_LOOKED_UP => {
                Err(Refusal::invalid(FIELD, InvalidValue::new(TOO_SHORT)))
            }
            Self::Asked(_) | Self::Default(_) => Ok(()),
        }
    }

    /// The overlap of a change in which these keys retire or begin to sign. Receivers of a public key look it up in a set that
    /// they keep for a while, so a short overlap would end before they have seen the new key: a deployment's is made longer.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`] when somebody asked for a short one.
    pub fn between<'k>(self, keys: impl IntoIterator<Item = &'k SigningKey>) -> Result<Overlap, Refusal> {
        let is_looked_up = keys.into_iter().any(|key| key.verification_key().is_some());
        match self {
            Self::Asked(Overlap::NONE) => Ok(Overlap::NONE),
            Self::Asked(overlap) if is_looked_up => self.of_looked_up().map(|()| overlap),
            Self::Default(overlap) if is_looked_up => Ok(overlap.max(Overlap::SHORTEST_LOOKED_UP)),
            Self::Asked(overlap) | Self::Default(overlap) => Ok(overlap),
        }
    }
}

const TOO_SHORT: &str = "must be 0, or 600 to 604800, in a change from or to an Ed25519 key: receivers look such a key up, and may keep what \
                         they found for some minutes";

impl From<Overlap> for WantedOverlap {
    fn from(overlap: Overlap) -> Self {
        Self::Asked(overlap)
    }
}
