//! Which probes a check sends, and in which order.

use super::{Answered, CheckedKey, KeyCheck, KeyRole};
use crate::entropy::{Entropy, EntropyError};
use crate::id::EventId;
use crate::signing::key_ring::{KeyRing, NewKey, SigningKey};
use crate::signing::signature::{self, Signed};
use crate::time::Instant;

/// What a probe is to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// What the receiver says to a key that is nobody's.
    Control,
    /// What it says to a key of the webhook's.
    Key(KeyRole),
}

/// One probe.
#[derive(Debug, Clone)]
pub struct PlannedProbe {
    /// What it is to find out.
    pub subject: Subject,
    /// The id that the receiver sees.
    pub id: EventId,
    key: SigningKey,
}

impl PlannedProbe {
    /// Whether it may be sent while the webhook's keys are these: a key that signs no more signs no probe either.
    #[must_use]
    pub fn is_in_force(&self, ring: &KeyRing, now: Instant) -> bool {
        match self.subject {
            Subject::Control => true,
            Subject::Key(_) => ring.valid_at(now).any(|key| key.id == self.key.id),
        }
    }

    /// Signs `body` for this probe, with its key alone.
    #[must_use]
    pub fn sign(&self, body: &[u8], at: Instant) -> Signed {
        signature::sign(&KeyRing::new(self.key.clone()), self.id, body, at)
    }
}

/// The probes of one check. All of its randomness is drawn with it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// When the check begins. All probes are signed for this instant, so that they do not differ in it.
    pub at: Instant,
    controls: [PlannedProbe; 2],
    current: PlannedProbe,
    previous: Option<PlannedProbe>,
    previous_is_first: bool,
}

impl Plan {
    /// The probes for a webhook with these keys; none without a current one.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn draw(ring: &KeyRing, now: Instant, entropy: &dyn Entropy) -> Result<Option<Self>, EntropyError> {
        let Some(current) = ring.current() else {
            return Ok(None);
        };
        let probe = |subject, key| {
            let id = EventId::generate(now, entropy)?;
            Ok(PlannedProbe { subject, id, key })
        };
        let of_key = |role, key: &SigningKey| probe(Subject::Key(role), key.clone());
        let control = || {
            let key = NewKey::generate(now, entropy)?.under(current.protocol());
            probe(Subject::Control, key)
        };
        let previous = ring.previous(now).map(|previous| &previous.key);
        let mut coin = [0_u8];
        entropy.fill(&mut coin)?;
        Ok(Some(Self {
            at: now,
            controls: [control()?, control()?],
            current: of_key(KeyRole::Current, current)?,
            previous: previous.map(|key| of_key(KeyRole::Previous, key)).transpose()?,
            previous_is_first: coin[0] % 2 == 1,
        }))
    }

    /// The probes, in the order in which they are sent.
    #[must_use]
    pub fn probes(&self) -> Vec<&PlannedProbe> {
        let [first, last] = &self.controls;
        let keys = [Some(&self.current), self.previous.as_ref()];
        let keys = match self.previous_is_first {
            true => [keys[1], keys[0]],
            false => keys,
        };
        let keys = keys.into_iter().flatten();
        [first].into_iter().chain(keys).chain([last]).collect()
    }

    /// The current key.
    #[must_use]
    pub const fn current(&self) -> &SigningKey {
        &self.current.key
    }

    /// The check, once these are the answers to the probes, in their order. A probe without one was not sent.
    #[must_use]
    pub fn judge(&self, answers: &[Answered]) -> KeyCheck {
        let probes = self.probes();
        let answered = |probe: &PlannedProbe| {
            let place = probes.iter().position(|sent| sent.id == probe.id);
            let answered = place.and_then(|place| answers.get(place));
            answered.copied().unwrap_or(Answered::NotSent)
        };
        let key = |role, probe: &PlannedProbe| CheckedKey {
            fingerprint: probe.key.fingerprint(),
            role,
            answered: answered(probe),
        };
        let [first, last] = &self.controls;
        KeyCheck::new(
            self.at,
            [answered(first), answered(last)],
            key(KeyRole::Current, &self.current),
            self.previous
                .as_ref()
                .map(|previous| key(KeyRole::Previous, previous)),
        )
    }
}
