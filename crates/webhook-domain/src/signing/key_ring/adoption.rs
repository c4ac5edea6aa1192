//! What was shown of the current key: that whoever answers at the webhook's URL verifies with it.
//!
//! It is evidence of possession, not of every machine behind a URL. So nothing that was promised ends by it.

use super::{Kept, KeyRing, RetiredKey};
use crate::error::InvalidValue;
use crate::id::SigningKeyId;
use crate::time::Instant;

/// How it was shown that a receiver verifies with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// An answer to a delivery had a receipt that was made with the key.
    Receipt,
    /// The receiver took what was signed with this key alone, and refused what was signed with nobody's.
    Check,
}

impl Evidence {
    /// Every kind there is.
    pub const ALL: [Self; 2] = [Self::Receipt, Self::Check];

    /// The name clients see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receipt => "RECEIPT",
            Self::Check => "CHECK",
        }
    }
}

impl std::str::FromStr for Evidence {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let named = Self::ALL.into_iter().find(|evidence| evidence.name() == text);
        named.ok_or(InvalidValue::new("must be RECEIPT or CHECK"))
    }
}

/// That a receiver verifies with the current key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adoption {
    /// How it was shown.
    pub evidence: Evidence,
    /// When it was shown first.
    pub adopted_at: Instant,
}

impl KeyRing {
    /// What was shown of the current key, if anything was.
    #[must_use]
    pub const fn adoption(&self) -> Option<Adoption> {
        self.adoption
    }

    /// The ring after `evidence` has shown at `now` that the receiver verifies with `key`. Of the current key that is its adoption,
    /// the first time. A receipt of a retired key that still signs withdraws it: somebody there verifies with an older one. Otherwise
    /// nothing changes.
    #[must_use]
    pub fn proved(mut self, key: SigningKeyId, evidence: Evidence, now: Instant) -> Self {
        if self.needs_no_check(key, evidence, now) {
            return self.put_off_check(now);
        }
        if self.is_news(key, evidence, now) {
            // What is merely kept ends with an adoption, and what has ended while there was one does not come back.
            self.let_go(now);
            self.adoption = match self.adoption {
                Some(_) => None,
                None => Some(Adoption {
                    evidence,
                    adopted_at: now,
                }),
            };
        }
        self
    }

    /// Whether such evidence changes anything. It is asked at every receipt, and hardly any says anything new.
    #[must_use]
    pub fn is_news(&self, key: SigningKeyId, evidence: Evidence, now: Instant) -> bool {
        match self.adoption {
            None => {
                self.current.as_ref().is_some_and(|current| current.id == key)
                    || self.needs_no_check(key, evidence, now)
            }
            Some(_) => {
                evidence == Evidence::Receipt && self.retired_at(now).any(|retired| retired.key.id == key)
            }
        }
    }

    /// Whether a receipt of a key that is kept shows that the receiver tells by itself what it verifies with, while a check is to come.
    fn needs_no_check(&self, key: SigningKeyId, evidence: Evidence, now: Instant) -> bool {
        let is_kept = |retired: &RetiredKey| retired.key.id == key && retired.kept.is_some();
        self.adoption.is_none()
            && evidence == Evidence::Receipt
            && self.retired_at(now).any(is_kept)
            && self.has_check_soon(now)
    }

    /// Lets go of the keys that no longer sign while the current one is adopted. Of the others none is beyond what it was promised.
    fn let_go(&mut self, now: Instant) {
        self.retired.retain(|key| now < key.ends_at(true));
        for retired in &mut self.retired {
            retired.kept = retired.kept.map(|kept| Kept {
                held_to: retired.expires_at,
                ..kept
            });
        }
        let kept = |id: &SigningKeyId| self.retired.iter().any(|retired| retired.key.id == *id);
        self.undoable = self.undoable.filter(kept);
    }
}
