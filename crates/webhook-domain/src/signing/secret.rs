//! Secrets, held so that they are hard to leak.
//!
//! A [`SecretText`] or [`SecretBytes`] has no `Debug` text, no `Display`, no `Serialize`; it is wiped when
//! dropped, compared in constant time, and read through one method, [`expose`](SecretText::expose), which
//! is thereby easy to search for.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use webhook_verify::Secret;
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
opaque!(SigningSecret, |secret| secret.0.expose_bytes());

/// The secret of a signing key: 32 random bytes, written `whsec_` and their standard base64. What it signs, and how a
/// receiver verifies it, is in [`webhook_verify`].
#[derive(Clone)]
pub struct SigningSecret(Secret);

impl SigningSecret {
    /// What every signing secret begins with.
    pub const PREFIX: &'static str = Secret::PREFIX;
    /// Bytes of randomness in a secret.
    pub const LENGTH: usize = 32;

    /// Makes a new secret.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = Zeroizing::new([0_u8; Self::LENGTH]);
        entropy.fill(bytes.as_mut_slice())?;
        // 32 bytes are never too few or too many.
        Secret::from_bytes(bytes.as_slice())
            .map(Self)
            .map_err(|_| EntropyError)
    }

    /// Reads a secret as it was answered.
    ///
    /// # Errors
    /// When it is not `whsec_` and the base64 of 32 bytes.
    pub fn parse(text: SecretText) -> Result<Self, InvalidValue> {
        match Secret::parse(text.expose()) {
            Ok(secret) if secret.expose_bytes().len() == Self::LENGTH => Ok(Self(secret)),
            _ => Err(InvalidValue::new(
                "must be `whsec_` followed by 32 bytes in standard base64",
            )),
        }
    }

    /// The text that `X-PAYLOAD-SIGNATURE` is keyed with, prefix included.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What signs with it.
    pub(crate) fn signer(&self) -> &Secret {
        &self.0
    }

    /// What tells this secret from others without revealing it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.0.fingerprint())
    }
}

/// Tells one signing secret from another in audit records and logs: `sha256:` and the first 64 bits, in hex,
/// of the SHA-256 of the secret's text. A secret has 256 random bits, so nothing can be guessed from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Fingerprint(String);

impl Fingerprint {
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
    use data_encoding::BASE64;

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
