//! The receiver's side: is this delivery genuine, and is it of now?
//!
//! Everything a delivery brings is taken for forged until a signature says otherwise: headers are read within
//! bounds, nothing panics, and signatures are compared in constant time, so that how long a refusal takes does not
//! tell how much of a guess was right.

use std::time::Duration;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::mac::{self, Mac};
use super::received::{self, Timestamp};
use super::{
    MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP, VerificationError,
};
use crate::error::InvalidValue;
use crate::signing::secret::{self, Fingerprint, SecretText};
use crate::time::Instant;

/// How far the timestamp of a delivery may be from the receiver's clock, in either direction: 5 minutes.
pub const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);

/// The most signatures of one family that a delivery may have. A sender has at most six keys that sign at a time.
pub const MAX_SIGNATURES: usize = 16;

/// A secret as the receiver was given it.
#[derive(Clone)]
pub struct ReceiverSecret {
    text: SecretText,
    bytes: Zeroizing<Vec<u8>>,
}

impl ReceiverSecret {
    /// Reads a secret: `whsec_` and the standard base64 of 24 to 64 bytes. This service's own have 32; those of
    /// other senders that follow Standard Webhooks may have any of these lengths.
    ///
    /// # Errors
    /// When it is not that. The refusal does not repeat it.
    pub fn parse(text: SecretText) -> Result<Self, InvalidValue> {
        match secret::decode(&text) {
            Some(bytes) if (24..=64).contains(&bytes.len()) => Ok(Self { text, bytes }),
            _ => Err(InvalidValue::new(
                "must be `whsec_` followed by 24 to 64 bytes in standard base64",
            )),
        }
    }

    /// What tells this secret from others without revealing it: the same as the sender shows of it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.text.expose())
    }
}

impl std::fmt::Debug for ReceiverSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiverSecret(…)")
    }
}

/// A delivery that one of the secrets has signed, and not too long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Genuine<'h> {
    /// The event's id, by which a receiver knows what it has seen. Only Standard Webhooks signs it: none where
    /// the delivery has `X-PAYLOAD-SIGNATURE` alone, since anybody could have changed its `webhook-id`.
    pub id: Option<&'h str>,
    /// When it was signed.
    pub signed_at: Instant,
    /// Which secret it was signed with, counted from 0 in the order they were given to the verifier. A receiver
    /// that still sees the old one verify alone has not been rolled yet.
    pub secret: usize,
}

/// Verifies deliveries with the secrets of one webhook.
#[derive(Debug, Clone)]
pub struct Verifier {
    secrets: Vec<ReceiverSecret>,
    tolerance: Duration,
}

impl Verifier {
    /// A verifier with one secret and a tolerance of [`DEFAULT_TOLERANCE`].
    #[must_use]
    pub fn new(secret: ReceiverSecret) -> Self {
        Self {
            secrets: vec![secret],
            tolerance: DEFAULT_TOLERANCE,
        }
    }

    /// Takes `secret` too: while a key is rolled, the old one and the new one.
    #[must_use]
    pub fn or(mut self, secret: ReceiverSecret) -> Self {
        self.secrets.push(secret);
        self
    }

    /// Lets timestamps be that far from the receiver's clock, in either direction.
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Verifies a delivery: `header` gives the value of a header by its name, which may be looked up in any case
    /// of letters, `body` is as it came in, byte for byte, and `now` is the receiver's time.
    ///
    /// By Standard Webhooks where the delivery has a `webhook-signature`, as it signs the id too; or else by
    /// `X-PAYLOAD-SIGNATURE`.
    ///
    /// # Errors
    /// Why the delivery is not to be trusted.
    pub fn verify<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h [u8]>,
        body: &[u8],
        now: Instant,
    ) -> Result<Genuine<'h>, VerificationError> {
        if header(MESSAGE_SIGNATURE).is_none() && header(PAYLOAD_SIGNATURE).is_some() {
            self.verify_payload(header, body, now)
        } else {
            self.verify_message(header, body, now)
        }
    }

    /// Verifies a delivery by its `X-PAYLOAD-SIGNATURE`.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_payload<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h [u8]>,
        body: &[u8],
        now: Instant,
    ) -> Result<Genuine<'h>, VerificationError> {
        let signatures = received::needed(&header, PAYLOAD_SIGNATURE)?;
        let timestamp = received::iso_8601(received::needed(&header, PAYLOAD_TIMESTAMP)?)?;
        self.check_age(&timestamp, now)?;
        let signatures = received::PAYLOAD.read(signatures)?;
        let mac = |secret: &ReceiverSecret| mac::over_payload(secret.text.expose(), timestamp.written, body);
        Ok(Genuine {
            id: None,
            signed_at: timestamp.at,
            secret: self.signer(&signatures, mac)?,
        })
    }

    /// Verifies a delivery as Standard Webhooks has it.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_message<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h [u8]>,
        body: &[u8],
        now: Instant,
    ) -> Result<Genuine<'h>, VerificationError> {
        let signatures = received::needed(&header, MESSAGE_SIGNATURE)?;
        let id = received::id(received::needed(&header, MESSAGE_ID)?)?;
        let timestamp = received::unix_seconds(received::needed(&header, MESSAGE_TIMESTAMP)?)?;
        self.check_age(&timestamp, now)?;
        let signatures = received::MESSAGE.read(signatures)?;
        let mac = |secret: &ReceiverSecret| {
            mac::over_message(&secret.bytes, id.as_bytes(), timestamp.written, body)
        };
        Ok(Genuine {
            id: Some(id),
            signed_at: timestamp.at,
            secret: self.signer(&signatures, mac)?,
        })
    }

    fn check_age(&self, timestamp: &Timestamp<'_>, now: Instant) -> Result<(), VerificationError> {
        if timestamp.at < now.minus(self.tolerance) {
            Err(VerificationError::TooOld)
        } else if timestamp.at > now.plus(self.tolerance) {
            Err(VerificationError::TooNew)
        } else {
            Ok(())
        }
    }

    /// Which secret made one of `signatures`. Of a secret, all of them are compared, whichever matches.
    fn signer(
        &self,
        signatures: &[Mac],
        mac: impl Fn(&ReceiverSecret) -> Mac,
    ) -> Result<usize, VerificationError> {
        let signed = |secret: &ReceiverSecret| {
            let own = mac(secret);
            let any = |any: Choice, signature: &Mac| any | signature.ct_eq(&own);
            bool::from(signatures.iter().fold(Choice::from(0), any))
        };
        self.secrets
            .iter()
            .position(signed)
            .ok_or(VerificationError::NoMatch)
    }
}
