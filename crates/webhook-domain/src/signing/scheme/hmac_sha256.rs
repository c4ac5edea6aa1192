//! `HmacSHA256`: HMAC with SHA-256 (RFC 2104), under a secret that sender and receiver share.
//!
//! A secret is 32 random bytes, written `whsec_` and their standard base64; one that a client brought from elsewhere may have 24 to 64.
//! It is kept as that text.

use std::sync::Arc;

use webhook_verify::{Key, Receipt, Secret};

use super::{FIRST_FORM, FORM_OF_OTHER_KEYS, Message, Scheme, SchemeKey, Seed};
use crate::error::InvalidValue;
use crate::signing::secret::{Fingerprint, SecretText};
use crate::signing::signing_protocol::SigningProtocol;
use crate::signing::verification_key::VerificationKey;

pub(in crate::signing) static SCHEME: Scheme = Scheme {
    make: |seed| Arc::new(HmacKey(Secret::from_seed(&seed.0))),
    restore: |text| {
        let secret = Secret::parse(text.expose());
        let key = secret.map(|secret| Arc::new(HmacKey(secret)) as Arc<dyn SchemeKey>);
        key.map_err(|problem| InvalidValue(problem.to_string().into()))
    },
};

pub(in crate::signing) struct HmacKey(pub(in crate::signing) Secret);

impl SchemeKey for HmacKey {
    fn protocol(&self) -> SigningProtocol {
        SigningProtocol::HmacSha256
    }

    fn sign_message(&self, message: &Message<'_>) -> String {
        self.0.sign_message(message.id, message.seconds, message.body)
    }

    fn sign_payload(&self, message: &Message<'_>) -> Option<String> {
        Some(self.0.sign_payload(message.written, message.body))
    }

    fn has_made(&self, receipt: &Receipt, id: &str, seconds: &str) -> bool {
        receipt.is_signed_with(&self.0, id, seconds)
    }

    fn receivers_key(&self) -> Key {
        Key::Hmac(self.0.clone())
    }

    fn expose_shared(&self) -> Option<&str> {
        Some(self.0.expose())
    }

    fn verification_key(&self) -> Option<&VerificationKey> {
        None
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.0.expose())
    }

    fn kept(&self) -> SecretText {
        SecretText::new(self.0.expose().to_owned())
    }

    /// Releases before form 2 know secrets of 32 bytes alone.
    fn kept_since(&self) -> u32 {
        match self.0.expose_bytes().len() {
            Seed::LENGTH => FIRST_FORM,
            _ => FORM_OF_OTHER_KEYS,
        }
    }
}
