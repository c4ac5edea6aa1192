//! Is this delivery genuine, and is it of now?
//!
//! Everything that a delivery brings is taken for forged until a signature says otherwise: headers are read within
//! bounds, nothing panics, and signatures are compared in constant time, so that the time a refusal takes does not
//! tell how much of a guess was right.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use subtle::{Choice, ConstantTimeEq as _};

use crate::ed25519::{self, Signature};
use crate::received;
use crate::secret::{self, Mac};
use crate::timestamp::Timestamp;
use crate::{
    Key, KeyError, MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP,
    VerificationError,
};

/// How far the timestamp of a delivery may be from the receiver's clock, in either direction: 5 minutes.
pub const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);

/// A delivery that one of the keys has signed, and not too long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified<'h> {
    /// The event's id, by which a receiver knows what it has seen. Only `webhook-signature` signs it: this is `None` where
    /// the delivery has `X-PAYLOAD-SIGNATURE` alone, since anybody could have changed its `webhook-id`.
    pub id: Option<&'h str>,
    /// When it was signed.
    pub signed_at: SystemTime,
    /// Which key signed it, counted from 0 in the order in which the verifier got them. Where several match, the first.
    pub key: usize,
}

/// Verifies deliveries with the keys of one webhook. Make it once and keep it.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: Vec<Key>,
    tolerance: Duration,
}

impl Verifier {
    /// A verifier with one key and a tolerance of [`DEFAULT_TOLERANCE`].
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self {
            keys: vec![key],
            tolerance: DEFAULT_TOLERANCE,
        }
    }

    /// A verifier with the keys that have these texts, `whsec_…` or `whpk_…`. Give the current key first and then those that were
    /// rolled, in any number and of either kind.
    ///
    /// # Errors
    /// When one of them is not a key, or there is none.
    pub fn from_keys<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, KeyError> {
        let keys: Result<Vec<_>, _> = texts.into_iter().map(|text| Key::parse(text.as_ref())).collect();
        let keys = keys?;
        if keys.is_empty() {
            return Err(KeyError::NoKey);
        }
        Ok(Self {
            keys,
            tolerance: DEFAULT_TOLERANCE,
        })
    }

    /// Takes `key` too: during a roll, the old one and the new one.
    #[must_use]
    pub fn with_key(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }

    /// Lets timestamps be that far from the receiver's clock, in either direction. A delivery that was recorded can be sent
    /// again for as long. To verify what has waited in a queue, pass the time at which it came in as `now` instead.
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Verifies a delivery: `header` gives the value of a header by its name, which it is asked for in lower case, `body` is as
    /// it came in, byte for byte, and `now` is the receiver's time.
    ///
    /// It goes by `webhook-signature` where the delivery has one, as it signs the id too, and otherwise by
    /// `X-PAYLOAD-SIGNATURE`.
    ///
    /// # Errors
    /// Why the delivery is not to be trusted.
    pub fn verify<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h [u8]>,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Verified<'h>, VerificationError> {
        let is_there = |name| find(&header, name).is_some();
        if !is_there(MESSAGE_SIGNATURE) && is_there(PAYLOAD_SIGNATURE) {
            self.verify_payload(header, body, now)
        } else {
            self.verify_message(header, body, now)
        }
    }

    /// Verifies a delivery by its `X-PAYLOAD-SIGNATURE`, which only secrets sign.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_payload<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h [u8]>,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Verified<'h>, VerificationError> {
        let signatures = needed(&header, PAYLOAD_SIGNATURE)?;
        let timestamp = Timestamp::iso_8601(needed(&header, PAYLOAD_TIMESTAMP)?)
            .ok_or(VerificationError::MalformedHeader(PAYLOAD_TIMESTAMP))?;
        self.check_age(&timestamp, now)?;
        let macs = received::PAYLOAD.read(secret::TAG, signatures)?;
        let has_a_secret = self.keys.iter().any(|key| matches!(key, Key::Hmac(_)));
        if macs.is_empty() || !has_a_secret {
            return Err(received::PAYLOAD.none_usable());
        }
        let signed = |key: &Key| match key {
            Key::Hmac(secret) => is_among(&macs, &secret.mac_of_payload(timestamp.written, body)),
            Key::Ed25519(_) => false,
        };
        Ok(Verified {
            id: None,
            signed_at: timestamp.at,
            key: self.first(signed)?,
        })
    }

    /// Verifies a delivery by its `webhook-signature`, as Standard Webhooks has it.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_message<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h [u8]>,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Verified<'h>, VerificationError> {
        let signatures = needed(&header, MESSAGE_SIGNATURE)?;
        let id = received::id(needed(&header, MESSAGE_ID)?)?;
        let timestamp = Timestamp::unix(needed(&header, MESSAGE_TIMESTAMP)?)
            .ok_or(VerificationError::MalformedHeader(MESSAGE_TIMESTAMP))?;
        self.check_age(&timestamp, now)?;
        let of_keys = SignaturesByKind {
            macs: received::MESSAGE.read(secret::TAG, signatures)?,
            ed25519: received::MESSAGE.read(ed25519::TAG, signatures)?,
        };
        if !self.keys.iter().any(|key| of_keys.has_one_for(key)) {
            return Err(received::MESSAGE.none_usable());
        }
        let signed = |key: &Key| match key {
            Key::Hmac(secret) => {
                let own = secret.mac_of_message(id.as_bytes(), timestamp.written, body);
                is_among(&of_keys.macs, &own)
            }
            Key::Ed25519(key) => {
                let message = ed25519::message(id.as_bytes(), timestamp.written, body);
                key.signed_one_of(&of_keys.ed25519, &message)
            }
        };
        Ok(Verified {
            id: Some(id),
            signed_at: timestamp.at,
            key: self.first(signed)?,
        })
    }

    /// The value of [`RECEIPT`](crate::RECEIPT) for the response to a delivery that this verifier has verified, made with the secret that
    /// verified it. Send it with a 2xx: it shows the service which secret is in use here.
    ///
    /// There is none after an Ed25519 key, which makes no HMAC, and none where [`Verified::id`] is `None`: nobody vouches for what would be
    /// signed.
    #[must_use]
    pub fn receipt(&self, verified: &Verified<'_>) -> Option<String> {
        let seconds = verified.signed_at.duration_since(UNIX_EPOCH).ok()?.as_secs();
        match self.keys.get(verified.key)? {
            Key::Hmac(secret) => Some(secret.sign_receipt(verified.id?, &seconds.to_string())),
            Key::Ed25519(_) => None,
        }
    }

    fn check_age(&self, timestamp: &Timestamp<'_>, now: SystemTime) -> Result<(), VerificationError> {
        match now.duration_since(timestamp.at) {
            Ok(age) if age > self.tolerance => Err(VerificationError::TooOld),
            Err(ahead) if ahead.duration() > self.tolerance => Err(VerificationError::TooNew),
            _ => Ok(()),
        }
    }

    /// The first key that has `signed` the delivery.
    fn first(&self, signed: impl FnMut(&Key) -> bool) -> Result<usize, VerificationError> {
        let place = self.keys.iter().position(signed);
        place.ok_or(VerificationError::NoMatch)
    }
}

/// The signatures of a delivery, by what makes such signatures. The key decides with which of them it is compared.
struct SignaturesByKind {
    macs: Vec<Mac>,
    ed25519: Vec<Signature>,
}

impl SignaturesByKind {
    fn has_one_for(&self, key: &Key) -> bool {
        match key {
            Key::Hmac(_) => !self.macs.is_empty(),
            Key::Ed25519(_) => !self.ed25519.is_empty(),
        }
    }
}

/// Whether `own` is one of `macs`. All of them are compared, whichever matches.
fn is_among(macs: &[Mac], own: &Mac) -> bool {
    let any = |any: Choice, mac: &Mac| any | mac.ct_eq(own);
    bool::from(macs.iter().fold(Choice::from(0), any))
}

/// The value of a header. Names are asked for in lower case, as HTTP/2 and most frameworks write them.
fn find<'h>(header: &impl Fn(&str) -> Option<&'h [u8]>, name: &str) -> Option<&'h [u8]> {
    header(&name.to_ascii_lowercase())
}

/// The value of a header of the family that was chosen.
fn needed<'h>(
    header: &impl Fn(&str) -> Option<&'h [u8]>,
    name: &'static str,
) -> Result<&'h [u8], VerificationError> {
    find(header, name).ok_or(VerificationError::MissingHeader(name))
}
