//! What a receiver verifies with. The prefix of a key's text says which algorithm it is for, so that nobody who sends a
//! delivery can choose one.

use crate::{KeyError, Secret};

/// One key of a webhook.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Key {
    /// `whsec_…`: HMAC with SHA-256.
    Hmac(Secret),
}

impl Key {
    /// Reads a key as the service answered it. White space around it, such as the line feed at the end of a file, does
    /// not count.
    ///
    /// # Errors
    /// When the text is not a key. The error does not repeat it.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Secret::parse(text).map(Self::Hmac)
    }

    /// What tells this key from others without revealing it: the same text that the service shows of it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        match self {
            Self::Hmac(secret) => secret.fingerprint(),
        }
    }
}
