//! Signing a delivery.
//!
//! A delivery is signed at each attempt with every key of the webhook's ring that is valid then, the newest
//! first, each under its own protocol ([`sign`]). So a receiver that holds any one of them can verify, before, while
//! and after a key is rolled. Two families of headers say the same in two ways:
//!
//! | header | value |
//! |---|---|
//! | `X-PAYLOAD-SIGNATURE-TIMESTAMP` | the instant of the attempt, `2024-04-12T15:22:37Z` |
//! | `X-PAYLOAD-SIGNATURE` | `v1=<HEX>,v1=<HEX>`, over `{timestamp}.{body}`, keyed with the secret's text |
//! | `webhook-id` | the event's id; a retry has the same, so a receiver knows what it has seen |
//! | `webhook-timestamp` | the instant of the attempt, in Unix seconds |
//! | `webhook-signature` | `v1,<base64> v1a,<base64>`, over `{id}.{timestamp}.{body}`, keyed with the secret's bytes, or by Ed25519 |
//! | `webhook-key-id` | the key ids of the `v1a` signatures, in their order, between spaces: a hint for receivers that look keys up |
//!
//! `webhook-id`, `webhook-timestamp` and `webhook-signature` are those of [Standard Webhooks](https://www.standardwebhooks.com), for
//! receivers off the shelf. In `webhook-signature` all `v1` stand before all `v1a`, because some receivers read only the first; nothing is
//! ever added inside a signature, because libraries split it in two.
//! Only HMAC keys sign `X-PAYLOAD-SIGNATURE`; without one, neither it nor its timestamp is sent. HMAC keys are never named in a
//! delivery: whoever repeated such a name would seem to have the key.
//! A ring without a valid key signs nothing: of these headers only `webhook-id` is sent, because what is delivered
//! at least once needs a name also where nobody signs it.
//!
//! A receiver verifies with the crate [`webhook_verify`], which this one signs with under HMAC: there is one implementation of both. With
//! Ed25519 this crate signs by itself, because it has the public half at hand; what it signs is verified by that crate in tests.

pub use webhook_verify::{
    MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP,
};

use crate::id::EventId;
use crate::signing::key_ring::KeyRing;
use crate::signing::scheme::Message;
use crate::signing::secret::Fingerprint;
use crate::signing::signing_key::SigningKey;
use crate::signing::signing_protocol::SigningProtocol;
use crate::signing::verification_key::VerificationKey;
use crate::time::Instant;

/// The key ids of the keys with a public half that signed.
pub const MESSAGE_KEY_ID: &str = "webhook-key-id";

/// What one attempt carries to be verified by, and which keys signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The headers, by name and value, each name once. No value is a secret.
    pub headers: Vec<(&'static str, String)>,
    /// The keys that signed, newest first; none when the delivery is unsigned.
    pub key_fingerprints: Vec<Fingerprint>,
}

impl Signed {
    /// The values of the headers that have signatures.
    #[must_use]
    pub fn signatures(&self) -> Vec<String> {
        let is_signature = |name: &str| [PAYLOAD_SIGNATURE, MESSAGE_SIGNATURE].contains(&name);
        let signatures = self.headers.iter().filter(|(name, _)| is_signature(name));
        signatures.map(|(_, value)| value.clone()).collect()
    }
}

/// Signs `body`, the payload of `event` as it will be sent, byte for byte, with the keys of `ring` that are
/// valid at `now`.
#[must_use]
pub fn sign(ring: &KeyRing, event: EventId, body: &[u8], now: Instant) -> Signed {
    let (id, seconds, written) = (event.to_string(), now.as_seconds().to_string(), now.to_string());
    let message = Message {
        id: &id,
        seconds: &seconds,
        written: &written,
        body,
    };
    let keys: Vec<&SigningKey> = ring.valid_at(now).collect();
    let by_protocol = |protocol| keys.iter().filter(move |key| key.protocol() == protocol);
    let ordered: Vec<_> = SigningProtocol::ALL.into_iter().flat_map(by_protocol).collect();
    let mut headers = Vec::with_capacity(6);
    let payload: Vec<_> = ordered
        .iter()
        .filter_map(|key| key.sign_payload(&message))
        .collect();
    if !payload.is_empty() {
        headers.push((PAYLOAD_SIGNATURE, payload.join(",")));
        headers.push((PAYLOAD_TIMESTAMP, written.clone()));
    }
    if !ordered.is_empty() {
        let signatures: Vec<_> = ordered.iter().map(|key| key.sign_message(&message)).collect();
        headers.push((MESSAGE_SIGNATURE, signatures.join(" ")));
        headers.push((MESSAGE_TIMESTAMP, seconds.clone()));
    }
    let looked_up = ordered.iter().filter_map(|key| key.verification_key());
    let key_ids: Vec<_> = looked_up.map(VerificationKey::key_id).collect();
    if !key_ids.is_empty() {
        headers.push((MESSAGE_KEY_ID, key_ids.join(" ")));
    }
    headers.push((MESSAGE_ID, id));
    Signed {
        headers,
        key_fingerprints: keys.iter().map(|key| key.fingerprint()).collect(),
    }
}
