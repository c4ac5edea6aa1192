//! Secrets, held so that they are hard to leak.
//!
//! A [`SecretText`] or [`SecretBytes`] has no `Debug` text, no `Display`, no `Serialize`; it is wiped when
//! dropped, compared in constant time, and read through one method, [`expose`](SecretText::expose), which
//! is thereby easy to search for.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::entropy::{Entropy, EntropyError};
use crate::error::InvalidValue;

/// Text that must not be seen.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes `text` into custody.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Bytes that must not be seen.
#[derive(Clone)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes `bytes` into custody.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Whoever calls this answers for where they go.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

macro_rules! opaque {
    ($name:ident, $bytes:expr) => {
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                let bytes: fn(&Self) -> &[u8] = $bytes;
                bytes(self).ct_eq(bytes(other)).into()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

opaque!(SecretText, |secret| secret.0.as_bytes());
opaque!(SecretBytes, |secret| &secret.0);
opaque!(SigningSecret, |secret| secret.text.0.as_bytes());

/// The secret of a signing key: 32 random bytes, written `whsec_` and their standard base64. One key signs
/// with the text (`X-PAYLOAD-SIGNATURE`) and with the bytes (Standard Webhooks), so it has both.
#[derive(Clone)]
pub struct SigningSecret {
    text: SecretText,
    bytes: Zeroizing<[u8; Self::LENGTH]>,
}

impl SigningSecret {
    /// What every signing secret begins with.
    pub const PREFIX: &'static str = "whsec_";
    /// Bytes of randomness in a secret.
    pub const LENGTH: usize = 32;

    /// Makes a new secret.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = Zeroizing::new([0_u8; Self::LENGTH]);
        entropy.fill(bytes.as_mut_slice())?;
        let mut text = String::with_capacity(Self::PREFIX.len() + BASE64.encode_len(Self::LENGTH));
        text.push_str(Self::PREFIX);
        BASE64.encode_append(bytes.as_slice(), &mut text);
        let text = SecretText::new(text);
        Ok(Self { text, bytes })
    }

    /// Reads a secret as it was answered.
    ///
    /// # Errors
    /// When it is not `whsec_` and the base64 of 32 bytes.
    pub fn parse(text: SecretText) -> Result<Self, InvalidValue> {
        let wrong = InvalidValue::new("must be `whsec_` followed by 32 bytes in standard base64");
        let decoded = decode(&text).ok_or(wrong.clone())?;
        let bytes = <[u8; Self::LENGTH]>::try_from(decoded.as_slice()).map_err(|_| wrong)?;
        let bytes = Zeroizing::new(bytes);
        Ok(Self { text, bytes })
    }

    /// The text that `X-PAYLOAD-SIGNATURE` is keyed with, prefix included.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// The bytes that `webhook-signature` is keyed with.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.bytes
    }

    /// What tells this secret from others without revealing it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.expose())
    }
}

/// The bytes that a secret's text stands for, of whatever length: what follows `whsec_`, in standard base64.
pub(crate) fn decode(text: &SecretText) -> Option<Zeroizing<Vec<u8>>> {
    let encoded = text.expose().strip_prefix(SigningSecret::PREFIX)?;
    BASE64.decode(encoded.as_bytes()).ok().map(Zeroizing::new)
}

/// Tells one signing secret from another in audit records and logs: `sha256:` and the first 64 bits, in hex,
/// of the SHA-256 of the secret's text. A secret has 256 random bits, so nothing can be guessed from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of the secret with this text.
    pub(crate) fn of(secret: &str) -> Self {
        let digest = digest(&SHA256, secret.as_bytes());
        let mut text = String::with_capacity(23);
        text.push_str("sha256:");
        data_encoding::HEXLOWER.encode_append(&digest.as_ref()[..8], &mut text);
        Self(text)
    }

    /// The fingerprint as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match text.strip_prefix("sha256:") {
            Some(hex) if hex.len() == 16 && hex.bytes().all(digit) => Ok(Self(text.into())),
            _ => Err(InvalidValue::new("must be `sha256:` and 16 hexadecimal digits")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_no_debug_text() {
        let secret =
            SigningSecret::parse(SecretText::new(format!("whsec_{}", BASE64.encode(&[7; 32])))).unwrap();
        assert_eq!(format!("{secret:?}"), "SigningSecret(…)");
        assert_eq!(
            format!("{:?}", SecretText::new("hunter2".into())),
            "SecretText(…)"
        );
        assert_eq!(format!("{:?}", SecretBytes::new(vec![1])), "SecretBytes(…)");
    }

    #[test]
    fn a_signing_secret_is_32_bytes_in_base64() {
        for wrong in [
            String::new(),
            "whsec_".into(),
            format!("whsec_{}", BASE64.encode(&[7; 31])),
            "x".into(),
        ] {
            assert!(SigningSecret::parse(SecretText::new(wrong)).is_err());
        }
    }

    #[test]
    fn a_fingerprint_is_the_start_of_the_digest_of_the_text() {
        // printf 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' | sha256sum
        let secret =
            SigningSecret::parse(SecretText::new(format!("whsec_{}", BASE64.encode(&[0; 32])))).unwrap();
        assert_eq!(secret.fingerprint().as_str(), FINGERPRINT_OF_ZEROS);
    }

    #[test]
    fn a_fingerprint_reads_back_as_it_was_written() {
        let read: Fingerprint = FINGERPRINT_OF_ZEROS.parse().unwrap();
        assert_eq!(read.as_str(), FINGERPRINT_OF_ZEROS);
        let digits = &FINGERPRINT_OF_ZEROS[7..];
        for wrong in [
            digits,
            "sha256:",
            &format!("sha256:{digits}0"),
            &FINGERPRINT_OF_ZEROS[..22],
            "sha256:B4ea245fbd5d21ac",
        ] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }

    const FINGERPRINT_OF_ZEROS: &str = "sha256:b4ea245fbd5d21ac";
}
