//! What an audit record says of the lives of keys: which it saw made, and until when those sign that it names.
//!
//! Every change of a key ring that somebody asks for has a record in the same transaction. So a store needs nothing else to find a key by its
//! fingerprint, but for [the end of a key that was kept](crate::signing::key_ring::KeyRing::untold_ends).

use crate::access::audit::{AuditAction, AuditRecord};
use crate::signing::signing_protocol::SigningProtocol;
use crate::time::Instant;

/// A key, as a record names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedKey<'a> {
    /// Which key.
    pub fingerprint: &'a str,
    /// How it signs, if the record is that of its making.
    pub protocol: Option<SigningProtocol>,
    /// When it was made or imported, if the record is that of its making.
    pub made_at: Option<Instant>,
    /// Until when it signs.
    pub end: KeyEnd,
}

/// Until when a key signs, as far as a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEnd {
    /// Until somebody ends it: it is the current key.
    Open,
    /// Until this instant, if nobody sets another.
    Promised(Instant),
    /// It signs no more from this instant on, and is in no ring any more.
    Past(Instant),
}

impl KeyEnd {
    /// The first instant at which it does not sign, if there is one.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        match self {
            Self::Open => None,
            Self::Promised(end) | Self::Past(end) => Some(end),
        }
    }
}

impl AuditRecord {
    /// The keys of a webhook that the record says something of: first the current one, then those retired, then those ended.
    pub fn named_keys(&self) -> impl Iterator<Item = NamedKey<'_>> {
        let details = Some(&self.details).filter(|_| changes_keys(self.action));
        let makes_all = self.action == AuditAction::WebhookCreated;
        let makes_current = makes_all || self.action == AuditAction::SecretRolled;
        let named = move |fingerprint, protocol, is_made: bool, end| NamedKey {
            fingerprint,
            protocol: is_made.then_some(protocol),
            made_at: is_made.then_some(self.at),
            end,
        };
        let hmac = SigningProtocol::HmacSha256;
        let current = details.into_iter().filter_map(move |details| {
            let protocol = details.protocol.as_ref().and_then(|name| name.parse().ok());
            let fingerprint = details.current_key.as_deref()?;
            Some(named(
                fingerprint,
                protocol.unwrap_or(hmac),
                makes_current,
                KeyEnd::Open,
            ))
        });
        let retired = details.into_iter().flat_map(|details| &details.retired_keys);
        let retired = retired.map(move |key| {
            let end =
                Instant::from_milliseconds(key.kept_until.unwrap_or(key.expires_at).saturating_mul(1000));
            named(&key.fingerprint, hmac, makes_all, KeyEnd::Promised(end))
        });
        let ended = details.into_iter().flat_map(|details| &details.ended_keys);
        let ended = ended.map(move |key| named(key, hmac, false, KeyEnd::Past(self.at)));
        current.chain(retired).chain(ended)
    }
}

/// Whether what was done may make or end keys. Other records name keys as well, but a check those that were asked about, and an answer that
/// was given again those that it had, whatever has become of them meanwhile.
const fn changes_keys(action: AuditAction) -> bool {
    matches!(
        action,
        AuditAction::WebhookCreated
            | AuditAction::WebhookDeleted
            | AuditAction::SecretRolled
            | AuditAction::SecretRemoved
            | AuditAction::SecretRestored
            | AuditAction::RetiredSecretChanged
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::audit::{AuditDetails, AuditStamp, AuditedRetiredKey};
    use crate::signing::key_ring::{KeyRing, Overlap};
    use crate::testing::{ManualClock, SeededEntropy, fixtures};

    const NOW: Instant = ManualClock::START;

    fn record(action: AuditAction, details: AuditDetails) -> AuditRecord {
        let acting = fixtures::acting(&fixtures::acme());
        let stamp = AuditStamp::new(&acting, NOW, &SeededEntropy::default()).unwrap();
        stamp.record(action, "whk_1".into(), details)
    }

    #[test]
    fn a_record_says_which_key_it_saw_made_and_until_when_all_it_names_sign() {
        let details = AuditDetails {
            current_key: Some("c".into()),
            retired_keys: vec![AuditedRetiredKey {
                fingerprint: "r".into(),
                expires_at: 7,
                kept_until: None,
            }],
            ended_keys: vec!["e".into()],
            ..AuditDetails::default()
        };
        let retired = KeyEnd::Promised(Instant::from_milliseconds(7_000));
        let mut kept = details.clone();
        kept.retired_keys[0].kept_until = Some(9);
        let kept = record(AuditAction::SecretRolled, kept);
        let end = KeyEnd::Promised(Instant::from_milliseconds(9_000));
        assert_eq!(kept.named_keys().nth(1).unwrap().end, end);
        for (action, made) in [
            (AuditAction::WebhookCreated, &["c", "r"][..]),
            (AuditAction::SecretRolled, &["c"]),
            (AuditAction::SecretRestored, &[]),
            (AuditAction::SecretRemoved, &[]),
            (AuditAction::RetiredSecretChanged, &[]),
        ] {
            let record = record(action, details.clone());
            let named: Vec<_> = record.named_keys().collect();
            let ends: Vec<_> = named.iter().map(|key| (key.fingerprint, key.end)).collect();
            let expected = [("c", KeyEnd::Open), ("r", retired), ("e", KeyEnd::Past(NOW))];
            assert_eq!(ends, expected, "{action:?}");
            for key in named {
                let is_made = made.contains(&key.fingerprint);
                assert_eq!(key.made_at, is_made.then_some(NOW), "{action:?} {key:?}");
                let protocol = is_made.then_some(SigningProtocol::HmacSha256);
                assert_eq!(key.protocol, protocol, "{action:?} {key:?}");
            }
        }
        for action in [AuditAction::KeysChecked, AuditAction::SecretRevealed] {
            assert_eq!(
                record(action, details.clone()).named_keys().count(),
                0,
                "{action:?}"
            );
        }
    }

    #[test]
    fn a_record_says_how_a_key_signs_that_has_a_public_half() {
        let entropy = SeededEntropy::default();
        let key = |protocol| fixtures::new_key(NOW, &entropy).under(protocol);
        let first = KeyRing::new(key(SigningProtocol::HmacSha256));
        let second = first
            .clone()
            .roll(key(SigningProtocol::Ed25519), Overlap::DAY, NOW)
            .unwrap();
        for (before, after, protocol) in [
            (None, &first, SigningProtocol::HmacSha256),
            (Some(&first), &second, SigningProtocol::Ed25519),
        ] {
            let details = AuditDetails::of_keys(before, after, NOW);
            let stored = serde_json::from_str(&serde_json::to_string(&details).unwrap()).unwrap();
            let record = record(AuditAction::SecretRolled, stored);
            assert_eq!(record.named_keys().next().unwrap().protocol, Some(protocol));
        }
    }
}
