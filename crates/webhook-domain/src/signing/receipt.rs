//! Which key a receiver verifies with: a receipt in its response says so, and nobody without the key can make one.
//!
//! A receipt is the header `webhook-receipt: v1,<base64>` of a 2xx response to a delivery, an HMAC with SHA-256 over
//! `receipt.{webhook-id}.{webhook-timestamp}` under the bytes of the secret that verified the delivery. It is tried against the keys that
//! signed that very attempt ([`ReceiptOutcome::of`]): so one of another delivery, of an earlier attempt, of another webhook, or of a key that no longer signs
//! is none. An Ed25519 key makes no receipts: its id is in the delivery.
//!
//! Whatever stands in the header, the delivery has succeeded: a receipt that is no good is [ignored](ReceiptOutcome::Ignored).
//!
//! How a receipt is written and made is in [`webhook_verify`], as with signatures: there is one implementation of both sides.

pub use webhook_verify::{RECEIPT, Receipt};

use crate::id::{EventId, SigningKeyId};
use crate::signing::key_ring::KeyRing;
use crate::time::Instant;

/// What stood in the first `webhook-receipt` of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptHeader {
    /// A receipt. Who made it, and for what, is to be found out.
    Legible(Receipt),
    /// Anything else, a version that is not known among it.
    Illegible,
}

impl ReceiptHeader {
    /// Reads the value of the header, whatever its bytes.
    #[must_use]
    pub fn read(value: &[u8]) -> Self {
        Receipt::parse(value).map_or(Self::Illegible, Self::Legible)
    }
}

/// What a receipt is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptOutcome {
    /// The key made it that was current when the attempt began.
    Current(SigningKeyId),
    /// A key made it that was retired by then and still signed.
    Retired(SigningKeyId),
    /// None of the keys that signed the attempt did.
    Ignored,
}

impl ReceiptOutcome {
    /// What the receipt in the answer to an attempt at `event` is good for, which began at `now` and was signed with `ring` as of then.
    #[must_use]
    pub fn of(header: &ReceiptHeader, ring: &KeyRing, event: EventId, now: Instant) -> Self {
        let ReceiptHeader::Legible(receipt) = header else {
            return Self::Ignored;
        };
        let (id, seconds) = (event.to_string(), now.as_seconds().to_string());
        // The newest comes first: it is the one that nearly every receiver has, so that there is one HMAC in most cases.
        let maker = ring
            .valid_at(now)
            .find(|key| key.has_made(receipt, &id, &seconds));
        match (maker, ring.current()) {
            (None, _) => Self::Ignored,
            (Some(maker), Some(current)) if maker.id == current.id => Self::Current(maker.id),
            (Some(maker), _) => Self::Retired(maker.id),
        }
    }

    /// The key that the receiver has shown to have.
    #[must_use]
    pub const fn proved(self) -> Option<SigningKeyId> {
        match self {
            Self::Current(key) | Self::Retired(key) => Some(key),
            Self::Ignored => None,
        }
    }
}
