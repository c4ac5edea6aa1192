//! Secrets, held so that they are hard to leak.
//!
//! A [`SecretText`] or [`SecretBytes`] has no `Debug` text, no `Display`, no `Serialize`; it is wiped when
//! dropped, compared in constant time, and read through one method, [`expose`](SecretText::expose), which
//! is thereby easy to search for.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

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

/// Tells one signing key from another in audit records and logs: `sha256:` and the first 64 bits, in hex, of the SHA-256 of the text
/// that a receiver verifies with. A secret has at least 192 random bits, so nothing can be guessed from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of the key with this text.
    pub(super) fn of(key: &str) -> Self {
        let digest = digest(&SHA256, key.as_bytes());
        let mut text = String::with_capacity(23);
        text.push_str("sha256:");
        HEXLOWER.encode_append(&digest.as_ref()[..8], &mut text);
        Self(text)
    }

    /// The fingerprint as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
        assert_eq!(
            format!("{:?}", SecretText::new("hunter2".into())),
            "SecretText(…)"
        );
        assert_eq!(format!("{:?}", SecretBytes::new(vec![1])), "SecretBytes(…)");
    }

    #[test]
    fn a_fingerprint_is_the_start_of_the_digest_of_the_text() {
        // printf 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' | sha256sum
        let text = format!("whsec_{}=", "A".repeat(43));
        assert_eq!(Fingerprint::of(&text).as_str(), FINGERPRINT_OF_ZEROS);
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
