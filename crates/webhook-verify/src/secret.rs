//! The secret of an HMAC key, and what it signs: the one place that signing and verifying have in common.
//!
//! | header | signed | keyed with |
//! |---|---|---|
//! | `X-PAYLOAD-SIGNATURE` | `{timestamp}.{body}` | the text of the secret, `whsec_` included |
//! | `webhook-signature` | `{id}.{timestamp}.{body}` | the bytes that the text stands for |
//!
//! Both are HMAC with SHA-256 (RFC 2104). The timestamp is what stands in the header, letter for letter, and the
//! body is what is sent, byte for byte: nothing is parsed and written anew before it is signed.

use std::fmt;

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use ring::digest::{SHA256, digest};
use ring::hmac::{Context, HMAC_SHA256, Key};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::KeyError;

/// Bytes of an HMAC with SHA-256.
pub(crate) const MAC_LENGTH: usize = 32;

/// An HMAC with SHA-256.
pub(crate) type Mac = [u8; MAC_LENGTH];

/// Stands before a signature that is an HMAC with SHA-256, in both families of headers.
pub(crate) const TAG: &str = "v1";

/// A secret that sender and receiver share: `whsec_` and the standard base64 of 24 to 64 bytes. It has both the text and
/// the bytes, because one signs `X-PAYLOAD-SIGNATURE` and the other `webhook-signature`. It is wiped when dropped and has no
/// `Debug` text.
#[derive(Clone)]
pub struct Secret {
    text: Zeroizing<String>,
    bytes: Zeroizing<Vec<u8>>,
}

impl Secret {
    /// What every secret begins with.
    pub const PREFIX: &'static str = "whsec_";

    /// Reads a secret. White space around it does not count.
    ///
    /// # Errors
    /// When it is not `whsec_` and the base64 of 24 to 64 bytes. The error does not repeat it.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim_ascii();
        let encoded = text.strip_prefix(Self::PREFIX).ok_or(KeyError::UnknownPrefix)?;
        let bytes = BASE64
            .decode(encoded.as_bytes())
            .map_err(|_| KeyError::NotBase64)?;
        let bytes = Zeroizing::new(bytes);
        if !(24..=64).contains(&bytes.len()) {
            return Err(KeyError::WrongLength);
        }
        let text = Zeroizing::new(text.to_owned());
        Ok(Self { text, bytes })
    }

    /// The secret of these bytes.
    ///
    /// # Errors
    /// When they are fewer than 24 or more than 64.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        match (24..=64).contains(&bytes.len()) {
            true => Ok(Self::made_of(bytes)),
            false => Err(KeyError::WrongLength),
        }
    }

    /// The secret of 32 bytes, which is the usual length.
    #[must_use]
    pub fn from_seed(bytes: &[u8; 32]) -> Self {
        Self::made_of(bytes)
    }

    fn made_of(bytes: &[u8]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(
            Self::PREFIX.len() + BASE64.encode_len(bytes.len()),
        ));
        text.push_str(Self::PREFIX);
        BASE64.encode_append(bytes, &mut text);
        let bytes = Zeroizing::new(bytes.to_vec());
        Self { text, bytes }
    }

    /// The text itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The bytes that the text stands for. Whoever calls this answers for where they go.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What tells this secret from others without revealing it: `sha256:` and the first 64 bits, in hex, of the
    /// SHA-256 of its text.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint_of(&self.text)
    }

    /// A signature of `X-PAYLOAD-SIGNATURE`, such as `v1=9D8F…`; `timestamp` as it stands in its header.
    #[must_use]
    pub fn sign_payload(&self, timestamp: &str, body: &[u8]) -> String {
        let mac = self.mac_of_payload(timestamp.as_bytes(), body);
        format!("{TAG}={}", HEXUPPER.encode(&mac))
    }

    /// A signature of `webhook-signature`, such as `v1,K5oZ…`; `id` and `timestamp` as they stand in their headers.
    #[must_use]
    pub fn sign_message(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mac = self.mac_of_message(id.as_bytes(), timestamp.as_bytes(), body);
        format!("{TAG},{}", BASE64.encode(&mac))
    }

    pub(crate) fn mac_of_payload(&self, timestamp: &[u8], body: &[u8]) -> Mac {
        hmac_sha256(self.text.as_bytes(), &[timestamp, b".", body])
    }

    /// Standard Webhooks, "Signature scheme".
    pub(crate) fn mac_of_message(&self, id: &[u8], timestamp: &[u8], body: &[u8]) -> Mac {
        hmac_sha256(&self.bytes, &[id, b".", timestamp, b".", body])
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.bytes.ct_eq(&other.bytes).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What tells a key from others: `sha256:` and the first 64 bits, in hex, of the SHA-256 of its text.
pub(crate) fn fingerprint_of(key: &str) -> String {
    let digest = digest(&SHA256, key.as_bytes());
    let mut text = String::with_capacity(23);
    text.push_str("sha256:");
    HEXLOWER.encode_append(&digest.as_ref()[..8], &mut text);
    text
}

/// The HMAC of `parts` one after the other; a body is not copied to be signed.
fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Mac {
    let mut context = Context::with_key(&Key::new(HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    let mut mac = [0; MAC_LENGTH];
    mac.copy_from_slice(context.sign().as_ref());
    mac
}

#[cfg(test)]
mod tests;
