//! The key ring of a webhook: the heart of the service. Read this first.
//!
//! A ring has at most one **current** key, which signs until it is rolled or removed, and up to
//! [`MAX_RETIRED_KEYS`] **retired** keys, which go on signing until an instant of their own. Rolling puts a
//! new key in and retires the one before for an [`Overlap`]; it never touches the instant of a key that was
//! retired earlier, so a receiver that was promised an overlap has all of it, however often others roll.
//! The one exception is asked for by name: an overlap of zero retires every older key at once, for a leak. Besides, somebody
//! may [set until when one retired key signs](KeyRing::set_expiry), and [undo the last roll](KeyRing::undo_roll).
//!
//! Invariants, kept by every transition and tested against a model in `tests/key_ring_model/`:
//!
//! 1. A retired key is valid before its `expires_at` and at no instant from there on.
//! 2. Nothing takes a valid key away before its instant but an overlap of zero, and setting another instant for this very key, unless
//!    no right clock can have promised its instant: that was stored by a clock that was ahead. The next roll or removal puts it right.
//! 3. At most `1 + MAX_RETIRED_KEYS` keys are valid at any instant.
//! 4. Keys are listed newest first, and no key is in a ring twice.
//!
//! Everything here is a pure function of the ring and an instant; `self` is consumed, a new ring comes back.

mod adoption;
mod age;
mod ends;
mod keeping;
mod one_key;
mod overlap;

pub use self::adoption::{Adoption, Evidence};
pub use self::age::KeyAge;
pub use self::ends::EndedKey;
pub use self::keeping::{Kept, NOTICE};
pub use self::one_key::ExpiresIn;
pub use self::overlap::{Overlap, WantedOverlap};
pub use crate::signing::signing_key::{NewKey, SigningKey};

use crate::error::Refusal;
use crate::id::SigningKeyId;
use crate::signing::imported::{ImportedSecret, ImportedSecrets};
use crate::signing::secret::Fingerprint;
use crate::time::Instant;

/// How many retired keys of one webhook may sign at a time.
pub const MAX_RETIRED_KEYS: usize = 5;

/// A key that a roll or a removal took out of use, signing until an instant of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetiredKey {
    /// The key.
    pub key: SigningKey,
    /// When it was retired.
    pub retired_at: Instant,
    /// The first instant at which it no longer signs, unless it is kept beyond that. In whole seconds.
    pub expires_at: Instant,
    /// How long it is kept beyond that while nobody has shown that the receiver verifies with the current key, if it is.
    pub kept: Option<Kept>,
    /// Of which end it was told that it comes.
    pub told_of: Option<Instant>,
}

impl RetiredKey {
    fn new(key: SigningKey, retired_at: Instant, expires_at: Instant) -> Self {
        Self {
            key,
            retired_at,
            expires_at,
            kept: None,
            told_of: None,
        }
    }

    /// The key, signing from `now` on for as long as it was promised, if its instant is one that no clock can have promised
    /// that goes right: then it was retired by one that was ahead.
    fn put_right(mut self, now: Instant) -> Self {
        let longest = Overlap::LONGEST.after(now);
        let promised = self.expires_at.since(self.retired_at);
        let is_set_by_name = longest < now.plus(promised);
        let (latest, longest) = match self.retired_at > now {
            true if is_set_by_name => (ExpiresIn::latest_of(now), ExpiresIn::latest_of(now)),
            true => (longest, longest),
            // One that is set by name to sign longer than any overlap has an instant of retirement that had come.
            false => (ExpiresIn::latest_of(self.retired_at), longest),
        };
        if self.expires_at > latest {
            // An instant that is not after the retirement was stored by a second clock, which was less far ahead.
            self.expires_at = match promised.is_zero() {
                true => longest,
                false => now.plus(promised).min(longest),
            };
            self.kept = self.kept.map(|kept| Kept {
                held_to: self.expires_at,
                ..kept
            });
        }
        let latest = ExpiresIn::latest_of(now);
        self.kept = self.kept.map(|kept| Kept {
            until: kept.until.min(latest),
            ..kept
        });
        self
    }
}

/// The signing keys of one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRing {
    current: Option<SigningKey>,
    /// Newest first. May hold keys that have expired and were not erased yet.
    retired: Vec<RetiredKey>,
    rolled_at: Option<Instant>,
    /// The key that the last roll retired, if nothing else was done to the ring since.
    undoable: Option<SigningKeyId>,
    /// What was shown of the current key.
    adoption: Option<Adoption>,
    /// What is known of its age.
    age: KeyAge,
}

impl KeyRing {
    /// The ring of a new webhook.
    #[must_use]
    pub fn new(first: SigningKey) -> Self {
        Self {
            current: Some(first),
            retired: Vec::new(),
            rolled_at: None,
            undoable: None,
            adoption: None,
            age: KeyAge::default(),
        }
    }

    /// The ring of a new webhook whose receiver has these secrets already. A previous one retires for `overlap`, as in a roll.
    ///
    /// # Errors
    /// As [`roll`](Self::roll); a ring of two keys is never full.
    pub fn imported(
        secrets: &ImportedSecrets,
        (current, previous): (SigningKeyId, SigningKeyId),
        overlap: Overlap,
        now: Instant,
    ) -> Result<Self, Refusal> {
        let mut imported = secrets.iter();
        let key = |id, secret: &ImportedSecret| SigningKey::imported(id, secret);
        let current = key(current, secrets.current());
        match imported.nth(1) {
            Some(secret) => {
                let ring = Self::new(key(previous, secret)).roll(current, overlap, now)?;
                // It was no roll that somebody could want undone.
                Ok(Self {
                    undoable: None,
                    ..ring
                })
            }
            None => Ok(Self::new(current)),
        }
    }

    /// The ring as a store kept it; `retired` newest first, `undoable` the key that [`undo_roll`](Self::undo_roll) would bring back,
    /// `adoption` what was shown of the current key, `age` what is known of how old it is.
    #[must_use]
    pub fn restore(
        current: Option<SigningKey>,
        retired: Vec<RetiredKey>,
        rolled_at: Option<Instant>,
        undoable: Option<SigningKeyId>,
        adoption: Option<Adoption>,
        age: KeyAge,
    ) -> Self {
        let adoption = adoption.filter(|_| current.is_some());
        let age = current.as_ref().map(|_| age).unwrap_or_default();
        Self {
            current,
            retired,
            rolled_at,
            undoable,
            adoption,
            age,
        }
    }

    /// The same ring, in which keys that are also among `signed` are those: what such a key has derived to sign is not derived again. No
    /// key comes into the ring by this, and none goes.
    #[must_use]
    pub fn sharing(mut self, signed: &[SigningKey]) -> Self {
        let keys = self.retired.iter_mut().map(|retired| &mut retired.key);
        for key in keys.chain(&mut self.current) {
            if let Some(same) = signed.iter().find(|signed| *signed == key) {
                *key = same.clone();
            }
        }
        self
    }

    /// Puts `new` in as the current key and retires the one before for `overlap`.
    ///
    /// # Errors
    /// [`Refusal::TooManyRetiredKeys`] when [`MAX_RETIRED_KEYS`] are still signing and one more would come
    /// to it.
    pub fn roll(self, new: SigningKey, overlap: Overlap, now: Instant) -> Result<Self, Refusal> {
        let before = self.current.as_ref().map(|key| key.id);
        let mut ring = self.retire_current(overlap, now)?;
        let now = now.whole_seconds();
        ring.current = Some(new);
        ring.age = KeyAge::new(now, ring.rolled_by(now));
        ring.undoable = before.filter(|_| overlap != Overlap::NONE);
        Ok(ring)
    }

    /// Leaves the ring without a current key, and retires the one before for `overlap`.
    ///
    /// # Errors
    /// As [`roll`](Self::roll).
    pub fn remove(self, overlap: Overlap, now: Instant) -> Result<Self, Refusal> {
        // What is kept is kept all the same. There is no key for a check to ask about.
        Ok(self.retire_current(overlap, now)?.checked_next_at(None))
    }

    fn retire_current(self, overlap: Overlap, now: Instant) -> Result<Self, Refusal> {
        let now = now.whole_seconds();
        let rolled_at = self.rolled_by(now);
        let is_adopted = self.adoption.is_some();
        let mut retired = match overlap {
            Overlap::NONE => Vec::new(),
            _ => self.retired,
        };
        retired = put_right(retired, is_adopted, now);
        if let Some(key) = self.current.filter(|_| overlap != Overlap::NONE) {
            if retired.len() >= MAX_RETIRED_KEYS {
                let next_free_at = retired
                    .iter()
                    .map(|key| key.ends_at(is_adopted))
                    .min()
                    .unwrap_or(now);
                return Err(Refusal::TooManyRetiredKeys {
                    limit: MAX_RETIRED_KEYS,
                    next_free_at,
                });
            }
            retired.insert(0, RetiredKey::new(key, rolled_at, overlap.after(now)));
        }
        Ok(Self {
            current: None,
            retired,
            rolled_at: Some(rolled_at),
            undoable: None,
            adoption: None,
            age: KeyAge::default(),
        })
    }

    /// When a roll at `now` took place: a clock that stepped back must not make a later roll the earlier one. What an overlap
    /// promises begins now all the same.
    fn rolled_by(&self, now: Instant) -> Instant {
        self.rolled_at.map_or(now, |rolled_at| now.max(rolled_at))
    }

    /// The ring without the keys that have expired by `now`, with those that are kept said to sign beyond it.
    #[must_use]
    pub fn without_expired(mut self, now: Instant) -> Self {
        let is_adopted = self.adoption.is_some();
        self.retired.retain(|key| now < key.ends_at(is_adopted));
        self.hold_on(now);
        self.undoable = self
            .undoable
            .filter(|id| self.retired.iter().any(|retired| retired.key.id == *id));
        self
    }

    /// Whether a key of `before` is not in this ring any more: then it is to be gone from wherever it was stored.
    #[must_use]
    pub fn has_let_go_of_a_key_of(&self, before: &Self) -> bool {
        let keys = |ring: &Self| -> Vec<SigningKeyId> {
            let retired = ring.retired.iter().map(|retired| retired.key.id);
            ring.current.iter().map(|key| key.id).chain(retired).collect()
        };
        let kept = keys(self);
        keys(before).iter().any(|key| !kept.contains(key))
    }

    /// The keys that a delivery at `now` is signed with, newest first.
    pub fn valid_at(&self, now: Instant) -> impl Iterator<Item = &SigningKey> {
        self.current
            .iter()
            .chain(self.retired_at(now).map(|retired| &retired.key))
    }

    /// The retired keys that still sign at `now`, newest first.
    pub fn retired_at(&self, now: Instant) -> impl Iterator<Item = &RetiredKey> {
        let is_adopted = self.adoption.is_some();
        self.retired
            .iter()
            .filter(move |retired| now < retired.ends_at(is_adopted))
    }

    /// The current key; none after a removal.
    #[must_use]
    pub fn current(&self) -> Option<&SigningKey> {
        self.current.as_ref()
    }

    /// The key retired last, if it still signs at `now`; or else the one before that still does.
    #[must_use]
    pub fn previous(&self, now: Instant) -> Option<&RetiredKey> {
        self.retired_at(now).next()
    }

    /// All keys the store must keep, expired ones included until they are erased.
    #[must_use]
    pub fn retired(&self) -> &[RetiredKey] {
        &self.retired
    }

    /// When the current key was last rolled or removed.
    #[must_use]
    pub fn rolled_at(&self) -> Option<Instant> {
        self.rolled_at
    }

    /// The key that the last roll retired, if nothing else was done to the ring since.
    #[must_use]
    pub fn undoable(&self) -> Option<SigningKeyId> {
        self.undoable
    }

    /// The fingerprints of the keys valid at `now`, newest first.
    #[must_use]
    pub fn fingerprints(&self, now: Instant) -> Vec<Fingerprint> {
        self.valid_at(now).map(SigningKey::fingerprint).collect()
    }
}

/// Those of `retired` that still sign at `now`, with the instants that a right clock can have promised, in a ring whose current key was
/// adopted or not.
fn put_right(retired: Vec<RetiredKey>, is_adopted: bool, now: Instant) -> Vec<RetiredKey> {
    let retired = retired.into_iter().map(|key| key.put_right(now));
    retired.filter(|key| now < key.ends_at(is_adopted)).collect()
}

#[cfg(test)]
mod tests;
