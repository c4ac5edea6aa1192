//! Identifiers: parsed once, typed ever after.
//!
//! Every id the service makes is a prefix that names its kind and a ULID in lower case, so that ids sort by
//! the time they were made and one kind is never taken for another. Ids are not secrets.

use std::fmt;
use std::str::FromStr;

use ring::digest::{Context, SHA256};
use ulid::Ulid;

use crate::entropy::{Entropy, EntropyError};
use crate::error::InvalidValue;
use crate::time::Instant;

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Ulid);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// Makes the id of something that comes into being at `now`.
            ///
            /// # Errors
            /// When there is no randomness to be had.
            pub fn generate(now: Instant, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
                new_ulid(now, entropy).map(Self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                text.strip_prefix(Self::PREFIX).and_then(parse_ulid).map(Self).ok_or(InvalidValue::new(concat!(
                    "must be `", $prefix, "` followed by a ULID in lower case, 26 characters"
                )))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Self::PREFIX)?;
                write_ulid(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

typed_id!(
    /// Names a webhook: `whk_` and a ULID.
    WebhookId,
    "whk_"
);
typed_id!(
    /// Names one signing key of a webhook, current or retired: `sgk_` and a ULID. Never shown to clients;
    /// it is what ties a sealed key to its place in the store.
    SigningKeyId,
    "sgk_"
);
typed_id!(
    /// Names an API key: `key_` and a ULID. Public, unlike the key's text.
    ApiKeyId,
    "key_"
);
typed_id!(
    /// Names an audit record: `aud_` and a ULID.
    AuditRecordId,
    "aud_"
);

typed_id!(
    /// Names an event, in deliveries as `webhook-id`: `evt_` and a ULID.
    EventId,
    "evt_"
);
typed_id!(
    /// Names one event on its way to one webhook: `whe_` and a ULID.
    DeliveryId,
    "whe_"
);

impl EventId {
    /// The id behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(Ulid(self.0.0.wrapping_add(1)))
    }
}

impl AuditRecordId {
    /// This id for the record that is written behind the one with the id `newest`, or the next id behind that one: a clock that is set
    /// back, or another process's, must not put a record in front of older ones.
    #[must_use]
    pub fn behind(self, newest: Option<Self>) -> Self {
        match newest {
            Some(newest) if self <= newest => Self(Ulid(newest.0.0.saturating_add(1))),
            _ => self,
        }
    }
}

impl SigningKeyId {
    /// When the key was made, by the clock of whoever made it.
    #[must_use]
    pub fn made_at(self) -> Instant {
        Instant::from_milliseconds(i64::try_from(self.0.timestamp_ms()).unwrap_or(i64::MAX))
    }
}

impl ApiKeyId {
    /// The least id of a key made at `at` or later.
    #[must_use]
    pub const fn first_at(at: Instant) -> Self {
        Self(Ulid::from_parts(at.as_milliseconds().unsigned_abs(), 0))
    }
}

impl DeliveryId {
    /// The id of `event` on its way to `webhook`. It follows from the two, so that an event which is handed to a
    /// webhook twice is handed to it once: the time of the event's id, and 80 bits of the SHA-256 of both ids.
    #[must_use]
    pub fn of(event: EventId, webhook: WebhookId) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&event.0.to_bytes());
        context.update(&webhook.0.to_bytes());
        let mut random = [0_u8; 16];
        random[6..].copy_from_slice(&context.finish().as_ref()[..10]);
        Self(Ulid::from_parts(
            event.0.timestamp_ms(),
            u128::from_be_bytes(random),
        ))
    }
}

typed_id!(
    /// Names one run of a server process: `prc_` and a ULID. It is what tells which of them works at a lane.
    ProcessId,
    "prc_"
);
typed_id!(
    /// Names a rotation, which rolls the secrets of many webhooks: `rot_` and a ULID.
    RotationId,
    "rot_"
);
typed_id!(
    /// Names one check of a webhook's keys: `chk_` and a ULID. Never shown to clients.
    KeyCheckId,
    "chk_"
);

fn new_ulid(now: Instant, entropy: &dyn Entropy) -> Result<Ulid, EntropyError> {
    let mut random = [0_u8; 16];
    entropy.fill(&mut random[6..])?;
    Ok(Ulid::from_parts(
        now.as_milliseconds().unsigned_abs(),
        u128::from_be_bytes(random),
    ))
}

/// The canonical spelling alone: 26 characters of Crockford's alphabet in lower case, within 128 bits.
fn parse_ulid(text: &str) -> Option<Ulid> {
    let canonical = text.len() == 26
        && matches!(text.as_bytes()[0], b'0'..=b'7')
        && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    canonical.then(|| Ulid::from_string(text).ok()).flatten()
}

fn write_ulid(ulid: Ulid, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut buffer = [0_u8; ulid::ULID_LEN];
    ulid.array_to_str(&mut buffer);
    buffer.make_ascii_lowercase();
    f.write_str(std::str::from_utf8(&buffer).map_err(|_| fmt::Error)?)
}

/// Names a platform, the tenant everything belongs to: 1–64 of `[a-zA-Z0-9_-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlatformId(std::sync::Arc<str>);

impl PlatformId {
    /// The platform a credential for all platforms acts on when none is named.
    #[must_use]
    pub fn default_platform() -> Self {
        Self("default".into())
    }

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub fn restore(text: &str) -> Self {
        Self(text.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PlatformId {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidValue::new(
                "must be 1 to 64 characters of a–z, A–Z, 0–9, `_` and `-`",
            ))
        }
    }
}

impl fmt::Display for PlatformId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one request, in answers, logs and audit records: 1–128 of `[A-Za-z0-9_.-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(std::sync::Arc<str>);

impl RequestId {
    /// Makes an id of our own: `reqr_` and 20 letters or digits (100 random bits).
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut random = [0_u8; 13];
        entropy.fill(&mut random)?;
        let mut text = data_encoding::BASE32_DNSCURVE.encode(&random);
        text.truncate(20);
        Ok(Self(format!("reqr_{text}").into()))
    }

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub fn restore(text: &str) -> Self {
        Self(text.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RequestId {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidValue::new(
                "must be 1 to 128 characters of A–Z, a–z, 0–9, `_`, `.` and `-`",
            ))
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let text = "whk_01hv9k2m4rt6w8y0abcdefghjk";
        assert_eq!(text.parse::<WebhookId>().unwrap().to_string(), text);
    }

    #[test]
    fn only_the_canonical_spelling_is_an_id() {
        for wrong in [
            "",
            "whk_",
            "01hv9k2m4rt6w8y0abcdefghjk",
            "sgk_01hv9k2m4rt6w8y0abcdefghjk",
            "WHK_01hv9k2m4rt6w8y0abcdefghjk",
            "whk_01HV9K2M4RT6W8Y0ABCDEFGHJK",
            "whk_81hv9k2m4rt6w8y0abcdefghjk",
            "whk_01hv9k2m4rt6w8y0abcdefghj",
            "whk_01hv9k2m4rt6w8y0abcdefghjkk",
            "whk_01hv9k2m4rt6w8y0abcdefghju",
            "whk_01hv9k2m4rt6w8y0abcdefghi1",
            "whk_01hv9k2m4rt6w8y0abcdefghé",
        ] {
            assert!(wrong.parse::<WebhookId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_deliverys_id_follows_from_its_event_and_its_webhook_and_has_the_events_time() {
        let event = |text: &str| text.parse::<EventId>().unwrap();
        let webhook = |text: &str| text.parse::<WebhookId>().unwrap();
        let of = |e: &str, w: &str| {
            DeliveryId::of(event(&format!("evt_{e}")), webhook(&format!("whk_{w}"))).to_string()
        };
        let (this, other) = ("01hv9k2m4rt6w8y0abcdefghjk", "01hv9k2m4rt6w8y0abcdefghjm");
        let (old, older) = ("01hv0000000000000000000000", "01hv0000000000000000000001");
        let ids = [of(this, old), of(this, older), of(other, old), of(other, older)];
        assert_eq!(ids[0], of(this, old));
        for (place, id) in ids.iter().enumerate() {
            assert_eq!(&id[..14], "whe_01hv9k2m4r");
            assert!(!ids[..place].contains(id), "{id} twice");
            assert_eq!(&id.parse::<DeliveryId>().unwrap().to_string(), id);
        }
    }

    #[test]
    fn a_platform_id_has_1_to_64_plain_characters() {
        assert!("a".parse::<PlatformId>().is_ok());
        assert!("Acme_EU-1".parse::<PlatformId>().is_ok());
        assert!("a".repeat(64).parse::<PlatformId>().is_ok());
        for wrong in ["", "*", "a b", "a.b", "ä", &"a".repeat(65)] {
            assert!(wrong.parse::<PlatformId>().is_err(), "{wrong}");
        }
    }
}
