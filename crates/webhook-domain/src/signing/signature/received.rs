//! Reading the headers of a delivery that nobody vouches for yet.
//!
//! Nothing here allocates by what the sender wrote, or goes on for longer than [`MAX_SIGNATURES`] allow.

use data_encoding::{BASE64, Encoding, HEXUPPER_PERMISSIVE};

use super::mac::{MAC_LENGTH, Mac};
use super::verifier::MAX_SIGNATURES;
use super::{
    MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP, VERSION,
    VerificationError,
};
use crate::time::Instant;

/// The longest id that is taken; an event's own has 30 characters.
const MAX_ID_LENGTH: usize = 256;
/// Digits of a Unix timestamp up to the year 9999.
const MAX_SECONDS_LENGTH: usize = 12;

/// A timestamp as written, which is what was signed, and what it means.
pub(super) struct Timestamp<'h> {
    pub(super) written: &'h [u8],
    pub(super) at: Instant,
}

/// A header of the family that was chosen.
pub(super) fn needed<'h>(
    header: &impl Fn(&str) -> Option<&'h [u8]>,
    name: &'static str,
) -> Result<&'h [u8], VerificationError> {
    header(name).ok_or(VerificationError::MissingHeader(name))
}

/// The value of `webhook-id`: printable ASCII without a full stop. With one, what is signed could be divided in
/// two ways, and a part of the id pass for the timestamp (Standard Webhooks, "Signature scheme").
pub(super) fn id(value: &[u8]) -> Result<&str, VerificationError> {
    let admitted = (1..=MAX_ID_LENGTH).contains(&value.len())
        && value.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'.');
    std::str::from_utf8(value)
        .ok()
        .filter(|_| admitted)
        .ok_or(VerificationError::MalformedHeader(MESSAGE_ID))
}

/// The value of `webhook-timestamp`.
pub(super) fn unix_seconds(written: &[u8]) -> Result<Timestamp<'_>, VerificationError> {
    let digits = (1..=MAX_SECONDS_LENGTH).contains(&written.len()) && written.iter().all(u8::is_ascii_digit);
    let seconds = digits.then(|| {
        let digit = |byte: &u8| i64::from(byte - b'0');
        written.iter().fold(0, |seconds, byte| seconds * 10 + digit(byte))
    });
    seconds
        .map(|seconds| Timestamp {
            written,
            at: Instant::from_milliseconds(seconds * 1000),
        })
        .ok_or(VerificationError::MalformedHeader(MESSAGE_TIMESTAMP))
}

/// The value of `X-PAYLOAD-SIGNATURE-TIMESTAMP`.
pub(super) fn iso_8601(written: &[u8]) -> Result<Timestamp<'_>, VerificationError> {
    let instant = std::str::from_utf8(written)
        .ok()
        .and_then(|text| text.parse().ok());
    instant
        .map(|at| Timestamp { written, at })
        .ok_or(VerificationError::MalformedHeader(PAYLOAD_TIMESTAMP))
}

/// How the signatures of a family are written.
pub(super) struct Notation {
    header: &'static str,
    /// Between two signatures.
    between: u8,
    /// Between the version of a signature and its text.
    after_version: u8,
    encoding: Encoding,
}

/// `v1=<HEX>,v1=<HEX>`. Small letters are taken too: they say the same.
pub(super) static PAYLOAD: Notation = Notation {
    header: PAYLOAD_SIGNATURE,
    between: b',',
    after_version: b'=',
    encoding: HEXUPPER_PERMISSIVE,
};

/// `v1,<base64> v1,<base64>`.
pub(super) static MESSAGE: Notation = Notation {
    header: MESSAGE_SIGNATURE,
    between: b' ',
    after_version: b',',
    encoding: BASE64,
};

impl Notation {
    /// The signatures in `value` that can be compared with ours. Those of other versions are passed over: a sender
    /// that learns another protocol goes on sending this one beside it (Standard Webhooks, "Webhook headers").
    ///
    /// # Errors
    /// When there are more than [`MAX_SIGNATURES`], or none at all of this version.
    pub(super) fn read(&self, value: &[u8]) -> Result<Vec<Mac>, VerificationError> {
        let mut macs = Vec::new();
        for (count, one) in value.split(|byte| *byte == self.between).enumerate() {
            if count == MAX_SIGNATURES {
                return Err(VerificationError::TooManySignatures);
            }
            macs.extend(self.read_one(one.trim_ascii()));
        }
        if macs.is_empty() {
            return Err(VerificationError::MalformedHeader(self.header));
        }
        Ok(macs)
    }

    fn read_one(&self, one: &[u8]) -> Option<Mac> {
        let text = one.strip_prefix(VERSION.as_bytes())?;
        let text = text.strip_prefix(&[self.after_version])?;
        if text.len() != self.encoding.encode_len(MAC_LENGTH) {
            return None;
        }
        self.encoding.decode(text).ok()?.try_into().ok()
    }
}
