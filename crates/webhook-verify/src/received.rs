//! Reading the headers of a delivery that nobody vouches for yet.
//!
//! Nothing here allocates by what the sender wrote, or goes on for longer than [`MAX_SIGNATURES`] allow.

use data_encoding::{BASE64, Encoding, HEXUPPER_PERMISSIVE};

use crate::receipt::RESERVED_ID;
use crate::{MAX_SIGNATURES, MESSAGE_ID, MESSAGE_SIGNATURE, PAYLOAD_SIGNATURE, VerificationError};

/// The longest id that is taken; an event's own has 30 characters.
const MAX_ID_LENGTH: usize = 256;

/// The value of `webhook-id`: printable ASCII without a full stop. With one, what is signed could be divided in
/// two ways, and a part of the id pass for the timestamp (Standard Webhooks, "Signature scheme"). `receipt` is no id: a receipt would
/// be read as a signature.
pub(crate) fn id(value: &[u8]) -> Result<&str, VerificationError> {
    let admitted = (1..=MAX_ID_LENGTH).contains(&value.len())
        && value.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'.')
        && value != RESERVED_ID;
    std::str::from_utf8(value)
        .ok()
        .filter(|_| admitted)
        .ok_or(VerificationError::MalformedHeader(MESSAGE_ID))
}

/// How the signatures of a family are written.
pub(crate) struct Notation {
    header: &'static str,
    /// Between two signatures.
    between: u8,
    /// Between the tag of a signature and its text.
    after_tag: u8,
    encoding: Encoding,
}

/// `v1=<HEX>,v1=<HEX>`. Small letters are taken too: they say the same.
pub(crate) static PAYLOAD: Notation = Notation {
    header: PAYLOAD_SIGNATURE,
    between: b',',
    after_tag: b'=',
    encoding: HEXUPPER_PERMISSIVE,
};

/// `v1,<base64> v1,<base64>`.
pub(crate) static MESSAGE: Notation = Notation {
    header: MESSAGE_SIGNATURE,
    between: b' ',
    after_tag: b',',
    encoding: BASE64,
};

impl Notation {
    /// The signatures in `value` with this tag that have `N` bytes. Those with other tags are passed over: a sender that learns another
    /// protocol goes on sending this one beside it (Standard Webhooks, "Webhook headers").
    ///
    /// # Errors
    /// When there are more than [`MAX_SIGNATURES`], whatever their tags.
    pub(crate) fn read<const N: usize>(
        &self,
        tag: &str,
        value: &[u8],
    ) -> Result<Vec<[u8; N]>, VerificationError> {
        let mut signatures = Vec::new();
        for (count, one) in value.split(|byte| *byte == self.between).enumerate() {
            if count == MAX_SIGNATURES {
                return Err(VerificationError::TooManySignatures);
            }
            signatures.extend(self.read_one(tag, one.trim_ascii()));
        }
        Ok(signatures)
    }

    /// What is said of a value in which no signature is of a kind that the receiver's keys make.
    pub(crate) const fn none_usable(&self) -> VerificationError {
        VerificationError::NoUsableSignature(self.header)
    }

    fn read_one<const N: usize>(&self, tag: &str, one: &[u8]) -> Option<[u8; N]> {
        let text = one.strip_prefix(tag.as_bytes())?;
        let text = text.strip_prefix(&[self.after_tag])?;
        if text.len() != self.encoding.encode_len(N) {
            return None;
        }
        self.encoding.decode(text).ok()?.try_into().ok()
    }
}
