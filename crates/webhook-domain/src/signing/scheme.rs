//! A protocol as one thing: how its keys are made and kept, what they sign, and what a receiver verifies with.
//!
//! Each protocol is a file here: a [`Scheme`], which makes keys, and a type of keys, which is a [`SchemeKey`]. Nothing outside knows
//! how a protocol signs; to add one, write its file, name it in
//! [`SigningProtocol`](crate::signing::signing_protocol::SigningProtocol), and say in `signing_key` which file is its own.

pub(super) mod ed25519;
pub(super) mod hmac_sha256;

use std::sync::Arc;

use webhook_verify::{Key, Receipt};
use zeroize::Zeroizing;

use crate::entropy::{Entropy, EntropyError};
use crate::error::InvalidValue;
use crate::signing::secret::{Fingerprint, SecretText};
use crate::signing::signing_protocol::SigningProtocol;
use crate::signing::verification_key::VerificationKey;

/// The randomness that a key is made of, whatever its protocol comes to be.
#[derive(Clone)]
pub(super) struct Seed(pub(super) Zeroizing<[u8; Seed::LENGTH]>);

impl Seed {
    /// Bytes of randomness in a key.
    pub(super) const LENGTH: usize = 32;

    /// Draws one.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub(super) fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = Zeroizing::new([0_u8; Self::LENGTH]);
        entropy.fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }
}

/// The form of a ring in which every key is one that the first release knew: an HMAC key of 32 bytes.
pub(super) const FIRST_FORM: u32 = 1;
/// The form in which a key may be one of Ed25519, or an HMAC key of 24 to 64 bytes.
pub(super) const FORM_OF_OTHER_KEYS: u32 = 2;

/// How keys of one protocol come about.
pub(super) struct Scheme {
    /// Makes a key of a seed.
    pub(super) make: fn(&Seed) -> Arc<dyn SchemeKey>,
    /// Reads a key as [`SchemeKey::kept`] wrote it.
    pub(super) restore: fn(SecretText) -> Result<Arc<dyn SchemeKey>, InvalidValue>,
}

/// What is signed, with the timestamp in both notations.
pub(super) struct Message<'a> {
    /// The event's id.
    pub(super) id: &'a str,
    /// The instant of the attempt, in Unix seconds.
    pub(super) seconds: &'a str,
    /// The same, in ISO 8601.
    pub(super) written: &'a str,
    /// What is sent, byte for byte.
    pub(super) body: &'a [u8],
}

/// A key of one protocol.
pub(super) trait SchemeKey: Send + Sync {
    /// The protocol.
    fn protocol(&self) -> SigningProtocol;

    /// A signature of `webhook-signature`, with the tag of the protocol.
    fn sign_message(&self, message: &Message<'_>) -> String;

    /// A signature of `X-PAYLOAD-SIGNATURE`, if the protocol has any there.
    fn sign_payload(&self, message: &Message<'_>) -> Option<String>;

    /// Whether a receiver that has this key's secret made the receipt for the delivery with this id and timestamp. A key without a secret
    /// makes none.
    fn has_made(&self, receipt: &Receipt, id: &str, seconds: &str) -> bool;

    /// What a receiver verifies with.
    fn receivers_key(&self) -> Key;

    /// The text that sender and receiver share, if they do. Whoever calls this answers for where it goes.
    fn expose_shared(&self) -> Option<&str>;

    /// The public half of the key, if it has one: everybody may know it, and nobody can sign with it.
    fn verification_key(&self) -> Option<&VerificationKey>;

    /// What tells this key from others: the [`Fingerprint`] of the text that a receiver has.
    fn fingerprint(&self) -> Fingerprint;

    /// The key as text, for the store to seal.
    fn kept(&self) -> SecretText;

    /// The form of a stored ring from which on there are such keys in it.
    fn kept_since(&self) -> u32;
}
