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
//! | `webhook-signature` | `v1,<base64> v1,<base64>`, over `{id}.{timestamp}.{body}`, keyed with the secret's bytes |
//!
//! The last three are those of [Standard Webhooks](https://www.standardwebhooks.com), for receivers off the shelf.
//! A ring without a valid key signs nothing: of these headers only `webhook-id` is sent, because what is delivered
//! at least once needs a name also where nobody signs it.
//!
//! A receiver verifies with the crate [`webhook_verify`], which this one signs with: there is one implementation of both.

pub use webhook_verify::{
    MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP,
};

use crate::id::EventId;
use crate::signing::key_ring::{KeyRing, SigningKey};
use crate::signing::secret::Fingerprint;
use crate::signing::signing_protocol::SigningProtocol;
use crate::time::Instant;

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
    let message = Message {
        id: event.to_string(),
        seconds: now.as_seconds().to_string(),
        written: now.to_string(),
        body,
    };
    let keys: Vec<_> = ring.valid_at(now).collect();
    let mut headers = Vec::with_capacity(5);
    if !keys.is_empty() {
        let payload: Vec<_> = keys.iter().map(|key| message.sign_payload(key)).collect();
        let standard: Vec<_> = keys.iter().map(|key| message.sign_message(key)).collect();
        headers.push((PAYLOAD_SIGNATURE, payload.join(",")));
        headers.push((MESSAGE_SIGNATURE, standard.join(" ")));
        headers.push((PAYLOAD_TIMESTAMP, message.written));
        headers.push((MESSAGE_TIMESTAMP, message.seconds));
    }
    headers.push((MESSAGE_ID, message.id));
    Signed {
        headers,
        key_fingerprints: keys.iter().map(|key| key.secret.fingerprint()).collect(),
    }
}

/// What is signed, with the timestamp in both notations.
struct Message<'a> {
    id: String,
    seconds: String,
    written: String,
    body: &'a [u8],
}

impl Message<'_> {
    fn sign_payload(&self, key: &SigningKey) -> String {
        match key.protocol {
            SigningProtocol::HmacSha256 => key.secret.signer().sign_payload(&self.written, self.body),
        }
    }

    fn sign_message(&self, key: &SigningKey) -> String {
        match key.protocol {
            SigningProtocol::HmacSha256 => {
                let signer = key.secret.signer();
                signer.sign_message(&self.id, &self.seconds, self.body)
            }
        }
    }
}
