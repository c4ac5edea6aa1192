//! A signing key, and the randomness that one is made of.

use std::fmt;
use std::sync::Arc;

use webhook_verify::{Key, Receipt};

use crate::entropy::{Entropy, EntropyError};
use crate::error::InvalidValue;
use crate::id::SigningKeyId;
use crate::signing::imported::ImportedSecret;
use crate::signing::scheme::hmac_sha256::{self, HmacKey};
use crate::signing::scheme::{FIRST_FORM, FORM_OF_OTHER_KEYS, Message, Scheme, SchemeKey, Seed, ed25519};
use crate::signing::secret::{Fingerprint, SecretText};
use crate::signing::signing_protocol::SigningProtocol;
use crate::signing::verification_key::VerificationKey;
use crate::time::Instant;

/// A key that deliveries are signed with. Cheap to clone.
#[derive(Clone)]
pub struct SigningKey {
    /// Which key it is, for the store.
    pub id: SigningKeyId,
    /// What signs.
    key: Arc<dyn SchemeKey>,
}

/// How keys of that protocol come about.
fn scheme_of(protocol: SigningProtocol) -> &'static Scheme {
    match protocol {
        SigningProtocol::HmacSha256 => &hmac_sha256::SCHEME,
        SigningProtocol::Ed25519 => &ed25519::SCHEME,
    }
}

impl SigningKey {
    /// The form of a stored ring that every release knows.
    pub(crate) const FIRST_FORM: u32 = FIRST_FORM;
    /// The newest one that this release knows.
    pub(crate) const NEWEST_FORM: u32 = FORM_OF_OTHER_KEYS;

    /// The key as a store kept it.
    ///
    /// # Errors
    /// When the text is no key of that protocol. The error does not repeat it.
    pub fn restore(
        id: SigningKeyId,
        protocol: SigningProtocol,
        kept: SecretText,
    ) -> Result<Self, InvalidValue> {
        let key = (scheme_of(protocol).restore)(kept)?;
        Ok(Self { id, key })
    }

    /// The key of a secret from elsewhere.
    #[must_use]
    pub fn imported(id: SigningKeyId, secret: &ImportedSecret) -> Self {
        Self {
            id,
            key: Arc::new(HmacKey(secret.0.clone())),
        }
    }

    /// The key as text, for a store to seal; [`restore`](Self::restore) reads it.
    #[must_use]
    pub fn kept(&self) -> SecretText {
        self.key.kept()
    }

    /// The form of a stored ring from which on there are such keys in it.
    pub(crate) fn kept_since(&self) -> u32 {
        self.key.kept_since()
    }

    /// How it signs.
    #[must_use]
    pub fn protocol(&self) -> SigningProtocol {
        self.key.protocol()
    }

    /// The text of the secret that sender and receiver share; none for a key with a public half. Whoever calls this answers for where
    /// it goes.
    #[must_use]
    pub fn expose_shared(&self) -> Option<&str> {
        self.key.expose_shared()
    }

    /// The public half of the key, if it has one.
    #[must_use]
    pub fn verification_key(&self) -> Option<&VerificationKey> {
        self.key.verification_key()
    }

    /// What a receiver verifies with.
    #[must_use]
    pub fn receivers_key(&self) -> Key {
        self.key.receivers_key()
    }

    /// What tells this key from others without revealing it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.key.fingerprint()
    }

    /// Whether the two are one in memory.
    #[cfg(test)]
    pub(super) fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.key, &other.key)
    }

    pub(super) fn sign_message(&self, message: &Message<'_>) -> String {
        self.key.sign_message(message)
    }

    pub(super) fn sign_payload(&self, message: &Message<'_>) -> Option<String> {
        self.key.sign_payload(message)
    }

    pub(super) fn has_made(&self, receipt: &Receipt, id: &str, seconds: &str) -> bool {
        self.key.has_made(receipt, id, seconds)
    }
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.protocol() == other.protocol() && self.kept() == other.kept()
    }
}

impl Eq for SigningKey {}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .field("fingerprint", &self.fingerprint().as_str())
            .finish_non_exhaustive()
    }
}

/// The randomness of a new key, drawn before the transaction that may come to use it, and before anybody knows under which protocol.
#[derive(Clone)]
pub struct NewKey {
    id: SigningKeyId,
    seed: Seed,
}

impl NewKey {
    /// Draws a key's id and seed.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn generate(now: Instant, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        Ok(Self {
            id: SigningKeyId::generate(now, entropy)?,
            seed: Seed::generate(entropy)?,
        })
    }

    /// The key, for use under `protocol`. From one seed comes always the same key.
    #[must_use]
    pub fn under(self, protocol: SigningProtocol) -> SigningKey {
        SigningKey {
            id: self.id,
            key: (scheme_of(protocol).make)(&self.seed),
        }
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
