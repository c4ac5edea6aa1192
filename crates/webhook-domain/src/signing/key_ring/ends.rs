//! When keys of a ring stop signing, for whoever asks when they are in it no more.

use super::{Adoption, KeyRing, RetiredKey};
use crate::signing::secret::Fingerprint;
use crate::signing::signing_protocol::SigningProtocol;
use crate::time::Instant;

/// A key that went out of a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedKey {
    /// Which key.
    pub fingerprint: Fingerprint,
    /// How it signed.
    pub protocol: SigningProtocol,
    /// The first instant at which it did not sign.
    pub ended_at: Instant,
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

    /// The kept keys of `before` that `after` has not, if there is one after it. Of all others the audit records say the end when it is promised
    /// or when it comes; a kept key may end with the adoption of the next, of which there is no record. `at` is when somebody asked for
    /// the change: what nobody asked for takes out keys that have ended by themselves.
    #[must_use]
    pub fn untold_ends(before: &Self, after: Option<&Self>, at: Option<Instant>) -> Vec<EndedKey> {
        let kept = before.retired.iter().filter(|retired| retired.kept.is_some());
        let gone = kept.filter(|retired| !after.is_some_and(|after| after.has(retired)));
        // An adoption that takes the key out, or one that was before.
        let adoption = before.adoption.or(after.and_then(|after| after.adoption));
        gone.map(|retired| EndedKey {
            fingerprint: retired.key.fingerprint(),
            protocol: retired.key.protocol(),
            ended_at: at.into_iter().fold(retired.end(adoption), |end, at| end.min(at)),
        })
        .collect()
    }

    fn has(&self, retired: &RetiredKey) -> bool {
        let current = self.current.iter();
        let mut keys = current.chain(self.retired.iter().map(|retired| &retired.key));
        keys.any(|key| key.id == retired.key.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::key_ring::{Evidence, Overlap, SigningKey};
    use crate::testing::{ManualClock, SeededEntropy, fixtures};
    use crate::webhook::Webhook;
    use std::time::Duration;

    fn later(seconds: u64) -> Instant {
        ManualClock::START
            .whole_seconds()
            .plus(Duration::from_secs(seconds))
    }

    fn key(entropy: &SeededEntropy) -> SigningKey {
        fixtures::new_key(later(0), entropy).under(SigningProtocol::HmacSha256)
    }

    fn ended(key: &SigningKey, seconds: u64) -> EndedKey {
        EndedKey {
            fingerprint: key.fingerprint(),
            protocol: SigningProtocol::HmacSha256,
            ended_at: later(seconds),
        }
    }

    /// A webhook that was rolled at the start, its previous key kept for as long as can be; and both keys.
    fn kept() -> (Webhook, SigningKey, SigningKey) {
        let entropy = SeededEntropy::default();
        let (first, second) = (key(&entropy), key(&entropy));
        let webhook = fixtures::webhook(&fixtures::acme(), fixtures::full_settings(), later(0), &entropy);
        let ring = KeyRing::new(first.clone());
        let key_ring = ring.roll(second.clone(), Overlap::DAY, later(0)).unwrap();
        let webhook = Webhook { key_ring, ..webhook };
        (webhook.keeping_previous(later(0)), first, second)
    }

    #[test]
    fn a_kept_key_ends_with_the_adoption_of_the_next() {
        let (kept, first, second) = kept();
        for (adopted, end) in [(10, 86_400), (200_000, 200_000)] {
            let adopted_at = later(adopted);
            let proved = kept.clone().proved(second.id, Evidence::Check, adopted_at);
            let adopted = proved.key_ring;
            let swept = adopted.clone().without_expired(later(300_000));
            let mut ends = KeyRing::untold_ends(&kept.key_ring, Some(&adopted), None);
            ends.extend(KeyRing::untold_ends(&adopted, Some(&swept), None));
            assert_eq!(ends, [ended(&first, end)]);
        }
    }

    #[test]
    fn a_kept_key_that_is_taken_away_ends_then_and_of_others_the_records_tell() {
        let (kept, first, _) = kept();
        let ring = kept.key_ring;
        let entropy = SeededEntropy::new(7);
        let after = ring.clone().roll(key(&entropy), Overlap::NONE, later(9)).unwrap();
        for after in [Some(&after), None] {
            assert_eq!(
                KeyRing::untold_ends(&ring, after, Some(later(9))),
                [ended(&first, 9)]
            );
        }
        let after = ring.clone().roll(key(&entropy), Overlap::DAY, later(9)).unwrap();
        assert_eq!(KeyRing::untold_ends(&ring, Some(&after), Some(later(9))), []);
        // Nothing of this ring is kept.
        let plain = KeyRing::new(key(&entropy))
            .roll(key(&entropy), Overlap::DAY, later(0))
            .unwrap();
        assert_eq!(KeyRing::untold_ends(&plain, None, Some(later(9))), []);
    }
}
