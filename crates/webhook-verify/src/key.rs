//! What a receiver verifies with. The prefix of a key's text says which algorithm it is for, so that nobody who sends a
//! delivery can choose one.

use crate::{KeyError, PublicKey, Secret};

/// One key of a webhook.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Key {
    /// `whsec_…`: HMAC with SHA-256.
    Hmac(Secret),
    /// `whpk_…`: Ed25519.
    Ed25519(PublicKey),
}

/// What a private key begins with, in the notation of Standard Webhooks. A receiver has no use for one.
const PRIVATE_PREFIX: &str = "whsk_";

impl Key {
    /// Reads a key as the service answered it. White space around it, such as the line feed at the end of a file, does
    /// not count.
    ///
    /// # Errors
    /// When the text is not a key. The error does not repeat it.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let is = |prefix| text.trim_ascii().starts_with(prefix);
        match () {
            () if is(PublicKey::PREFIX) => PublicKey::parse(text).map(Self::Ed25519),
            () if is(PRIVATE_PREFIX) => Err(KeyError::PrivateKey),
            () => Secret::parse(text).map(Self::Hmac),
        }
    }

    /// What tells this key from others without revealing it: the same text that the service shows of it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        match self {
            Self::Hmac(secret) => secret.fingerprint(),
            Self::Ed25519(key) => key.fingerprint(),
        }
    }
}
