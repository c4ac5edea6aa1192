//! A retired key that goes on signing beyond its overlap, until somebody has shown that the receiver verifies with the current key.
//!
//! That it signs follows from the ring and the instant alone, so that it does not stop because nobody has come by to prolong it. What is
//! shown of it goes forward a day at a time.

use std::time::Duration;

use super::{ExpiresIn, KeyRing, RetiredKey};
use crate::time::Instant;

const DAY: Duration = Duration::from_secs(86_400);
/// How long before a key stops it is told.
pub const NOTICE: Duration = Duration::from_secs(3_600);
/// A check that is nearer than this is put off by a receipt: so receipts write something twice a day, not each time.
const PUT_OFF_WITHIN: Duration = Duration::from_secs(43_200);
/// After how long a check that was due and was not begun, because deliveries are paused, is left to the next day.
const MISSED_AFTER: Duration = Duration::from_secs(3_600);

/// For how long a key may be kept beyond its overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The first instant at which it does not sign in any case: 30 days after it was retired.
    pub until: Instant,
    /// Until when it is said to sign: its promised instant, and then always a day more.
    pub held_to: Instant,
    /// When the service checks by itself whether the receiver verifies with the current key: in the last tenth of the overlap, and then
    /// daily; not while receipts come. Never, if none.
    pub check_at: Option<Instant>,
}

impl Kept {
    /// Until when it is said to sign at `now`.
    fn held_to_at(self, now: Instant) -> Instant {
        if now < self.held_to {
            return self.held_to;
        }
        let days = now.since(self.held_to).as_secs() / DAY.as_secs() + 1;
        let held_to = self
            .held_to
            .plus(Duration::from_secs(days.saturating_mul(DAY.as_secs())));
        held_to.min(self.until)
    }
}

impl RetiredKey {
    /// The first instant at which it no longer signs, in a ring whose current key is adopted or not.
    pub(super) fn ends_at(&self, is_adopted: bool) -> Instant {
        match self.kept.filter(|_| !is_adopted) {
            Some(kept) => kept.until,
            None => self.expires_at,
        }
    }

    /// Whether one that signs at `now` does so beyond what it was promised.
    #[must_use]
    pub fn is_held(&self, now: Instant) -> bool {
        self.expires_at <= now
    }
}

impl KeyRing {
    /// The ring in which the key that was retired last goes on signing until the receiver was shown to verify with the current key, at
    /// most until 30 days after `now`, at which it was retired.
    #[must_use]
    pub fn keeping_previous(mut self, now: Instant) -> Self {
        let now = now.whole_seconds();
        let is_adopted = self.adoption.is_some();
        if let Some(newest) = self
            .retired
            .first_mut()
            .filter(|key| now < key.ends_at(is_adopted))
        {
            let tenth = newest.expires_at.since(now) / 10;
            newest.kept = Some(Kept {
                until: ExpiresIn::latest_of(now),
                held_to: newest.expires_at,
                check_at: Some(newest.expires_at.minus(tenth)),
            });
        }
        self
    }

    /// Until when `retired`, which is one of this ring's, is said at `now` to sign: as promised, or a day at a time beyond that.
    #[must_use]
    pub fn expiry_of(&self, retired: &RetiredKey, now: Instant) -> Instant {
        match retired.kept.filter(|_| self.adoption.is_none()) {
            Some(kept) => kept.held_to_at(now),
            None => retired.expires_at,
        }
    }

    /// The ring once it is told at `now` that a key of it stops within the hour, if there is that to tell.
    #[must_use]
    pub fn told_of_expiry(&self, now: Instant) -> Option<Self> {
        let told: Vec<_> = self
            .retired_at(now)
            .map(|key| self.notice_of(key, now).filter(|at| *at <= now))
            .collect();
        if told.iter().all(Option::is_none) {
            return None;
        }
        let mut ring = self.clone().without_expired(now);
        for (retired, _) in ring
            .retired
            .iter_mut()
            .zip(told)
            .filter(|(_, told)| told.is_some())
        {
            retired.told_of = Some(retired.kept.map_or(retired.expires_at, |kept| kept.held_to));
        }
        Some(ring)
    }

    /// When it is to be told next that a key of it stops, as far as that is known at `now`; an instant that has come, if it was not told.
    #[must_use]
    pub fn next_notice(&self, now: Instant) -> Option<Instant> {
        self.retired_at(now)
            .filter_map(|retired| self.notice_of(retired, now))
            .min()
    }

    /// When it is to be told that `retired`, which signs at `now`, stops: not while the current key is adopted, not twice, and not of a
    /// key that was retired for no longer than that.
    fn notice_of(&self, retired: &RetiredKey, now: Instant) -> Option<Instant> {
        let ends_at = self.expiry_of(retired, now);
        let told_at = ends_at.minus(NOTICE);
        let is_told =
            self.adoption.is_none() && told_at > retired.retired_at && retired.told_of != Some(ends_at);
        is_told.then_some(told_at)
    }

    /// The ring once the check that is due at `now` is begun: the next one is a day later. None if none is due.
    #[must_use]
    pub fn being_checked(&self, now: Instant) -> Option<Self> {
        let is_due = |retired: &RetiredKey| {
            let check_at = retired.kept.and_then(|kept| kept.check_at);
            now < retired.ends_at(false) && check_at.is_some_and(|check_at| check_at <= now)
        };
        if self.adoption.is_some() || self.current.is_none() || !self.retired.iter().any(is_due) {
            return None;
        }
        Some(self.clone().checked_next_at(Some(now.plus(DAY))))
    }

    /// Whether the service would check by itself within [`PUT_OFF_WITHIN`] of `now`.
    pub(super) fn has_check_soon(&self, now: Instant) -> bool {
        let mut kept = self.retired.iter().filter_map(|retired| retired.kept);
        kept.any(|kept| {
            kept.check_at
                .is_some_and(|check_at| check_at < now.plus(PUT_OFF_WITHIN))
        })
    }

    /// The ring whose next check is a day after `now`.
    pub(super) fn put_off_check(self, now: Instant) -> Self {
        self.checked_next_at(Some(now.plus(DAY)))
    }

    /// The ring that the service checks next at `next`, or not any more, if it still does.
    #[must_use]
    pub fn checked_next_at(mut self, next: Option<Instant>) -> Self {
        for kept in self
            .retired
            .iter_mut()
            .filter_map(|retired| retired.kept.as_mut())
        {
            kept.check_at = kept.check_at.and(next);
        }
        self
    }

    /// Moves forward until when kept keys are said to sign, and checks that nobody has made for an hour.
    pub(super) fn hold_on(&mut self, now: Instant) {
        for kept in self
            .retired
            .iter_mut()
            .filter_map(|retired| retired.kept.as_mut())
        {
            kept.held_to = kept.held_to_at(now);
            let next = |check_at: Instant| match check_at.plus(MISSED_AFTER) <= now {
                true => now.plus(DAY),
                false => check_at,
            };
            kept.check_at = kept.check_at.map(next);
        }
    }

    /// When somebody has to look after the retired keys next: one expires, has expired without having been erased, is kept another day, or
    /// waits for a check.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        let is_adopted = self.adoption.is_some();
        let expiry = |retired: &RetiredKey| match retired.kept.filter(|_| !is_adopted) {
            Some(kept) => kept
                .check_at
                .map_or(kept.held_to, |check_at| check_at.min(kept.held_to)),
            None => retired.expires_at,
        };
        self.retired.iter().map(expiry).min()
    }
}
