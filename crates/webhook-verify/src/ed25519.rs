//! Ed25519 (RFC 8032): the public key that a receiver has, and the key pair that signs.
//!
//! Only `webhook-signature` has such signatures, with the tag `v1a`. What is signed is what an HMAC signs there:
//! `{id}.{timestamp}.{body}` (Standard Webhooks, "Asymmetric signatures").

use std::fmt;

use data_encoding::BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::KeyError;
use crate::secret::fingerprint_of;

/// Bytes of a signature.
pub(crate) const SIGNATURE_LENGTH: usize = 64;

/// An Ed25519 signature.
pub(crate) type Signature = [u8; SIGNATURE_LENGTH];

/// Stands before a signature that is one of Ed25519.
pub(crate) const TAG: &str = "v1a";

/// Bytes of a public key, and of the seed of a private one.
const KEY_LENGTH: usize = 32;

/// The points of small order, without the bit of their sign, in every encoding that they have (RFC 8032 §5.1.3, and the two that a
/// careless decoder takes besides). A signature under such a key says nothing: anybody can make one that holds for many messages.
const SMALL_ORDER: [[u8; KEY_LENGTH]; 7] = [
    [0; KEY_LENGTH],
    with_first(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    with_first(0xec, 0xff, 0x7f),
    with_first(0xed, 0xff, 0x7f),
    with_first(0xee, 0xff, 0x7f),
];

/// The bytes `first`, then `between` as often as there is room, then `last`.
const fn with_first(first: u8, between: u8, last: u8) -> [u8; KEY_LENGTH] {
    let mut bytes = [between; KEY_LENGTH];
    bytes[0] = first;
    bytes[KEY_LENGTH - 1] = last;
    bytes
}

/// The public half of an Ed25519 key: `whpk_` and the standard base64 of 32 bytes. It verifies and cannot sign, so it is no secret;
/// for the same reason it must never be the key of an HMAC.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    text: String,
    bytes: [u8; KEY_LENGTH],
}

impl PublicKey {
    /// What every public key begins with.
    pub const PREFIX: &'static str = "whpk_";

    /// Reads a public key. White space around it does not count.
    ///
    /// # Errors
    /// When it is not `whpk_` and the base64 of 32 bytes, or one of the few keys for which anybody can sign.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let encoded = text.trim_ascii().strip_prefix(Self::PREFIX);
        let encoded = encoded.ok_or(KeyError::UnknownPrefix)?;
        let bytes = BASE64
            .decode(encoded.as_bytes())
            .map_err(|_| KeyError::NotBase64)?;
        Self::from_bytes(&bytes)
    }

    /// The public key of these bytes.
    ///
    /// # Errors
    /// When they are not 32, or one of the few keys for which anybody can sign.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; KEY_LENGTH] = bytes.try_into().map_err(|_| KeyError::NotAPublicKey)?;
        let mut unsigned = bytes;
        unsigned[KEY_LENGTH - 1] &= 0x7f;
        match SMALL_ORDER.contains(&unsigned) {
            true => Err(KeyError::NotAPublicKey),
            false => Ok(Self::made_of(bytes)),
        }
    }

    fn made_of(bytes: [u8; KEY_LENGTH]) -> Self {
        let mut text = String::with_capacity(Self::PREFIX.len() + BASE64.encode_len(KEY_LENGTH));
        text.push_str(Self::PREFIX);
        BASE64.encode_append(&bytes, &mut text);
        Self { text, bytes }
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The bytes that the text stands for: the encoded point (RFC 8032 §5.1.2).
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_LENGTH] {
        &self.bytes
    }

    /// What tells this key from others, in the form that it has for secrets: `sha256:` and the first 64 bits, in hex, of the SHA-256
    /// of its text.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint_of(&self.text)
    }

    /// Whether one of `signatures` is that of this key over `message`.
    pub(crate) fn signed_one_of(&self, signatures: &[Signature], message: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.bytes);
        signatures
            .iter()
            .any(|signature| key.verify(message, signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.text)
    }
}

/// An Ed25519 key pair, for those who make keys, as the service does, and those who sign in the tests of a receiver.
pub struct KeyPair {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl KeyPair {
    /// Bytes of a seed.
    pub const SEED_LENGTH: usize = KEY_LENGTH;

    /// The key pair that this seed stands for: the private key of RFC 8032 §5.1.5. Every 32 bytes are one. It is a multiplication on the
    /// curve, as much work as a signature.
    #[must_use]
    pub fn from_seed(seed: &[u8; Self::SEED_LENGTH]) -> Self {
        let Ok(pair) = Ed25519KeyPair::from_seed_unchecked(seed) else {
            unreachable!("only a seed of another length is refused")
        };
        let mut bytes = [0; KEY_LENGTH];
        bytes.copy_from_slice(pair.public_key().as_ref());
        Self {
            pair,
            public: PublicKey::made_of(bytes),
        }
    }

    /// The half that receivers have.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// A signature of `webhook-signature`, such as `v1a,hnO3…`; `id` and `timestamp` as they stand in their headers.
    #[must_use]
    pub fn sign_message(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let message = message(id.as_bytes(), timestamp.as_bytes(), body);
        let signature = self.pair.sign(&message);
        format!("{TAG},{}", BASE64.encode(signature.as_ref()))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.public.text)
    }
}

/// What is signed, in one piece: Ed25519 reads it twice.
pub(crate) fn message(id: &[u8], timestamp: &[u8], body: &[u8]) -> Vec<u8> {
    [id, b".", timestamp, b".", body].concat()
}

#[cfg(test)]
mod tests;
