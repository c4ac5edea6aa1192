//! What is done to one key of a ring by name: until when a retired key signs is set anew, and the last roll is undone.

use std::time::Duration;

use super::{KeyAge, KeyRing, Overlap, RetiredKey, put_right};
use crate::error::{InvalidValue, Refusal};
use crate::signing::secret::Fingerprint;
use crate::time::Instant;

/// For how long from now on a retired key signs: 0 to 2,592,000 seconds (30 days).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiresIn(u32);

impl ExpiresIn {
    /// The most seconds: as long as a retired key can sign at all.
    pub const MAX_SECONDS: u32 = 2_592_000;
    /// None at all: the key signs no more.
    pub const AT_ONCE: Self = Self(0);

    /// That many seconds.
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
        InvalidValue::new("must be a whole number of seconds from 0 to 2592000")
    }

    /// Until when a key signs at the latest that was retired at this instant: 30 days.
    #[must_use]
    pub fn latest_of(retired_at: Instant) -> Instant {
        retired_at.plus(Duration::from_secs(Self::MAX_SECONDS.into()))
    }

    fn from(self, now: Instant) -> Instant {
        now.plus(Duration::from_secs(self.0.into()))
    }
}

impl KeyRing {
    /// Has the retired key with this fingerprint sign for so long from `now` on, longer or shorter than it was promised; the others
    /// sign as they would have. Of several with one fingerprint, it is the one that was retired last.
    ///
    /// # Errors
    /// [`Refusal::NO_SUCH_RETIRED_KEY`] when no such key signs, [`Refusal::InvalidField`] when it would sign later than 30 days after
    /// it was retired.
    pub fn set_expiry(
        self,
        fingerprint: &Fingerprint,
        expires_in: ExpiresIn,
        now: Instant,
    ) -> Result<Self, Refusal> {
        let is_adopted = self.adoption.is_some();
        let signs = |retired: &RetiredKey| {
            now < retired.ends_at(is_adopted) && retired.key.fingerprint() == *fingerprint
        };
        let place = self.retired.iter().position(signs);
        let place = place.ok_or(Refusal::NO_SUCH_RETIRED_KEY)?;
        let now = now.whole_seconds();
        let expires_at = expires_in.from(now);
        if expires_in == ExpiresIn::AT_ONCE {
            let mut ring = self;
            ring.retired.remove(place);
            ring.undoable = None;
            return Ok(ring);
        }
        // A clock that was ahead has promised nothing beyond what a right one can.
        let latest = ExpiresIn::latest_of(self.retired[place].retired_at.min(now));
        if expires_at > latest {
            return Err(Refusal::invalid(
                "expires_in",
                InvalidValue(
                    format!(
                        "must be at most {}: a retired key signs until 30 days after it was retired at the latest, this one until \
                         {latest}",
                        latest.since(now).as_secs()
                    )
                    .into(),
                ),
            ));
        }
        if self.retired[place].expires_at == expires_at && self.retired[place].kept.is_none() {
            return Ok(self);
        }
        let mut ring = self;
        // From here on an instant beyond the longest overlap is right, if the one of the retirement has come.
        for retired in &mut ring.retired {
            *retired = retired.clone().put_right(now);
            retired.retired_at = retired.retired_at.min(now);
        }
        ring.retired[place] = RetiredKey {
            expires_at,
            kept: None,
            told_of: None,
            ..ring.retired[place].clone()
        };
        ring.undoable = None;
        Ok(ring)
    }

    /// Makes the key that the last roll retired the current one again. The key that the roll made goes on signing for `overlap`, where
    /// none at all ends this key alone; the others sign as they would have.
    ///
    /// # Errors
    /// [`Refusal::NothingToRestore`] when that key signs no more, or anything else was done to the ring since.
    pub fn undo_roll(self, overlap: Overlap, now: Instant) -> Result<Self, Refusal> {
        let at = now;
        let now = now.whole_seconds();
        let rolled_at = self.rolled_by(now);
        let is_adopted = self.adoption.is_some();
        let brought_back = |retired: &RetiredKey| Some(retired.key.id) == self.undoable;
        let place = self
            .retired
            .iter()
            .position(|retired| brought_back(retired) && at < retired.ends_at(is_adopted));
        let (Some(place), Some(undone)) = (place, self.current) else {
            return Err(Refusal::NothingToRestore);
        };
        let mut retired = self.retired;
        let current = retired.remove(place).key;
        let mut retired = put_right(retired, is_adopted, now);
        if overlap != Overlap::NONE {
            retired.insert(0, RetiredKey::new(undone, rolled_at, overlap.after(now)));
        }
        Ok(Self {
            current: Some(current),
            retired,
            rolled_at: Some(rolled_at),
            undoable: None,
            adoption: None,
            age: KeyAge::new(now, rolled_at),
        })
    }
}
