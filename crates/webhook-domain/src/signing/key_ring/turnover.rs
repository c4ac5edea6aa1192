//! Which keys a change brings into a ring, and which it takes out: so that a key can be told by its fingerprint when it is in no ring any
//! more.

use super::{Adoption, KeyRing, RetiredKey, SigningKey};
use crate::signing::secret::Fingerprint;
use crate::signing::signing_protocol::SigningProtocol;
use crate::time::Instant;

/// A key that came into a ring or went out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTurnover {
    /// Which key.
    pub fingerprint: Fingerprint,
    /// How it signs.
    pub protocol: SigningProtocol,
    /// When it came, if it did.
    pub made_at: Option<Instant>,
    /// The first instant at which it did not sign, if it went.
    pub ended_at: Option<Instant>,
}

impl KeyTurnover {
    fn of_key(key: &SigningKey) -> Self {
        Self {
            fingerprint: key.fingerprint(),
            protocol: key.protocol(),
            made_at: None,
            ended_at: None,
        }
    }

    /// The keys that `after` has and `before` has not, and the other way round; no ring is one without keys. `at` is when somebody asked
    /// for the change: what nobody asked for takes out keys that have ended by themselves.
    #[must_use]
    pub fn between(before: Option<&KeyRing>, after: Option<&KeyRing>, at: Option<Instant>) -> Vec<Self> {
        // Of a key that was kept, an adoption is the end: one that takes it out, or one that was before.
        let adoptions = [before, after].map(|ring| ring.and_then(KeyRing::adoption));
        let adoption = adoptions[0].or(adoptions[1]);
        let made = keys_of(after).filter(|key| !has(before, key)).map(|key| Self {
            made_at: at,
            ..Self::of_key(key)
        });
        let gone = keys_of(before).filter(|key| !has(after, key));
        let ended = gone.map(|key| {
            let retired =
                before.and_then(|ring| ring.retired.iter().find(|retired| retired.key.id == key.id));
            let end = retired.map(|retired| retired.end(adoption));
            Self {
                ended_at: end.into_iter().chain(at).min(),
                ..Self::of_key(key)
            }
        });
        made.chain(ended).collect()
    }
}

fn keys_of(ring: Option<&KeyRing>) -> impl Iterator<Item = &SigningKey> {
    let retired = ring.into_iter().flat_map(|ring| &ring.retired);
    let current = ring.and_then(|ring| ring.current.as_ref());
    current.into_iter().chain(retired.map(|retired| &retired.key))
}

fn has(ring: Option<&KeyRing>, key: &SigningKey) -> bool {
    keys_of(ring).any(|other| other.id == key.id)
}

impl RetiredKey {
    /// The first instant at which it does not sign, in a ring with such an adoption of its current key.
    fn end(&self, adoption: Option<Adoption>) -> Instant {
        match (self.kept, adoption) {
            (Some(kept), Some(adoption)) => adoption.adopted_at.min(kept.until).max(self.expires_at),
            (Some(kept), None) => kept.until,
            (None, _) => self.expires_at,
        }
    }
}

impl KeyRing {
    /// The first instant at which a retired key of this ring does not sign, as far as that can be told now.
    #[must_use]
    pub fn end_of(&self, retired: &RetiredKey) -> Instant {
        retired.end(self.adoption)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::key_ring::{Evidence, Overlap};
    use crate::testing::{ManualClock, SeededEntropy, fixtures};
    use std::time::Duration;

    fn later(seconds: u64) -> Instant {
        ManualClock::START
            .whole_seconds()
            .plus(Duration::from_secs(seconds))
    }

    fn key(entropy: &SeededEntropy) -> SigningKey {
        fixtures::new_key(later(0), entropy).under(SigningProtocol::HmacSha256)
    }

    /// What turned over, in short: which of `keys`, and made or ended when.
    fn told(
        keys: &[&SigningKey],
        turnover: &[KeyTurnover],
    ) -> Vec<(usize, Option<Instant>, Option<Instant>)> {
        let place = |turned: &KeyTurnover| {
            keys.iter()
                .position(|key| key.fingerprint() == turned.fingerprint)
        };
        turnover
            .iter()
            .map(|turned| (place(turned).unwrap(), turned.made_at, turned.ended_at))
            .collect()
    }

    #[test]
    fn a_key_is_made_once_and_ends_when_it_stops_signing() {
        let entropy = SeededEntropy::default();
        let (first, second, third) = (key(&entropy), key(&entropy), key(&entropy));
        let keys = [&first, &second, &third];
        let ring = KeyRing::new(first.clone());
        let between = |before: Option<&KeyRing>, after: Option<&KeyRing>, at| {
            told(&keys, &KeyTurnover::between(before, after, at))
        };

        assert_eq!(
            between(None, Some(&ring), Some(later(0))),
            [(0, Some(later(0)), None)]
        );
        let rolled = ring.clone().roll(second.clone(), Overlap::DAY, later(0)).unwrap();
        assert_eq!(
            between(Some(&ring), Some(&rolled), Some(later(0))),
            [(1, Some(later(0)), None)]
        );
        // Nobody asks for what is swept, whenever that is done.
        let swept = rolled.clone().without_expired(later(100_000));
        assert_eq!(
            between(Some(&rolled), Some(&swept), None),
            [(0, None, Some(later(86_400)))]
        );
        // An overlap of zero ends keys before their time, and the current one too.
        let at_once = rolled
            .clone()
            .roll(third.clone(), Overlap::NONE, later(5))
            .unwrap();
        let all = [
            (2, Some(later(5)), None),
            (1, None, Some(later(5))),
            (0, None, Some(later(5))),
        ];
        assert_eq!(between(Some(&rolled), Some(&at_once), Some(later(5))), all);
        // What has expired and was not swept yet has not ended with the webhook.
        let ends = [(1, None, Some(later(90_000))), (0, None, Some(later(86_400)))];
        assert_eq!(between(Some(&rolled), None, Some(later(90_000))), ends);
        // Undoing a roll makes no key.
        let undone = rolled.clone().undo_roll(Overlap::DAY, later(9)).unwrap();
        assert_eq!(between(Some(&rolled), Some(&undone), Some(later(9))), []);
    }

    #[test]
    fn a_key_that_was_kept_ends_with_the_adoption_of_the_next() {
        let entropy = SeededEntropy::default();
        let (first, second) = (key(&entropy), key(&entropy));
        let webhook = fixtures::webhook(&fixtures::acme(), fixtures::full_settings(), later(0), &entropy);
        let ring = KeyRing::new(first.clone())
            .roll(second.clone(), Overlap::DAY, later(0))
            .unwrap();
        let kept = crate::webhook::Webhook {
            key_ring: ring,
            ..webhook
        }
        .keeping_previous(later(0));
        for (adopted, end) in [(10, 86_400), (200_000, 200_000)] {
            let adopted_at = later(adopted);
            let adopted = kept
                .clone()
                .proved(second.id, Evidence::Check, adopted_at)
                .key_ring;
            let swept = adopted.clone().without_expired(later(300_000));
            let mut ended = KeyTurnover::between(Some(&kept.key_ring), Some(&adopted), None);
            ended.extend(KeyTurnover::between(Some(&adopted), Some(&swept), None));
            assert_eq!(told(&[&first, &second], &ended), [(0, None, Some(later(end)))]);
        }
    }
}
