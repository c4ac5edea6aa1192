//! What a receiver may answer a delivery with, to show which secret it verifies with.
//!
//! A **receipt** is the header `webhook-receipt: v1,<base64>` of a 2xx response: HMAC with SHA-256 over
//! `receipt.{webhook-id}.{webhook-timestamp}`, keyed with the bytes of the secret that verified the delivery.
//!
//! A receipt is never a signature of a delivery, although the key is the same. What is signed begins with `receipt.`, so it could only
//! pass for a delivery with the id `receipt`. The service sends none, [`Verifier`](crate::Verifier) refuses it, and its
//! timestamp would be an id, which is no number. That holds as long as nobody else chooses the id and the timestamp: a receipt is made
//! for what `webhook-signature` has signed, and never for a delivery of which only `X-PAYLOAD-SIGNATURE` was verified. Its `webhook-id` may be anybody's.

use std::fmt;

use data_encoding::BASE64;
use ring::hmac::{self, HMAC_SHA256};
use subtle::ConstantTimeEq as _;

use crate::Secret;
use crate::secret::{MAC_LENGTH, Mac, TAG};

/// No event has this id.
pub(crate) const RESERVED_ID: &[u8] = b"receipt";

/// The longest value of `webhook-receipt` that is read.
pub const MAX_RECEIPT_LENGTH: usize = 128;

/// A receipt as a response has it. Whether somebody with the secret made it, and for which delivery,
/// [`is_signed_with`](Self::is_signed_with) says.
#[derive(Clone, Copy)]
pub struct Receipt(Mac);

impl Receipt {
    /// Reads the value of `webhook-receipt`: `v1,` and the standard base64 of 32 bytes, and nothing else. None for anything else, a version
    /// that is not known among it.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        if value.len() > MAX_RECEIPT_LENGTH {
            return None;
        }
        let encoded = value.strip_prefix(TAG.as_bytes())?.strip_prefix(b",")?;
        if encoded.len() != BASE64.encode_len(MAC_LENGTH) {
            return None;
        }
        BASE64.decode(encoded).ok()?.try_into().ok().map(Self)
    }

    /// Whether it was made with `secret` for the delivery with this id and timestamp, both as they stand in its headers. The comparison
    /// takes constant time.
    #[must_use]
    pub fn is_signed_with(&self, secret: &Secret, id: &str, timestamp: &str) -> bool {
        let key = hmac::Key::new(HMAC_SHA256, secret.expose_bytes());
        hmac::verify(&key, text(id, timestamp).as_bytes(), &self.0).is_ok()
    }
}

impl PartialEq for Receipt {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Receipt {}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt(…)")
    }
}

impl Secret {
    /// The value of `webhook-receipt` for the delivery with this id and timestamp, both as they stand in its headers. Call it only after
    /// this secret has verified `webhook-signature`; [`Verifier::receipt`](crate::Verifier::receipt) sees to that.
    #[must_use]
    pub fn sign_receipt(&self, id: &str, timestamp: &str) -> String {
        let key = hmac::Key::new(HMAC_SHA256, self.expose_bytes());
        let mac = hmac::sign(&key, text(id, timestamp).as_bytes());
        format!("{TAG},{}", BASE64.encode(mac.as_ref()))
    }
}

/// What a receipt signs.
fn text(id: &str, timestamp: &str) -> String {
    format!("receipt.{id}.{timestamp}")
}
