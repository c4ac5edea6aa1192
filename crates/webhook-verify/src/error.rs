//! Why a delivery is not believed, and why a text is no key. No message repeats what was received, or a key.

use std::error::Error;
use std::fmt;

/// A delivery could not be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerificationError {
    /// A header is not there. If the delivery has no signature at all, this names `webhook-signature`.
    MissingHeader(&'static str),
    /// A header's value is not what such a header holds.
    MalformedHeader(&'static str),
    /// The header of signatures has none that one of the keys could have made: none with the right tag and length.
    NoUsableSignature(&'static str),
    /// There are more signatures than any sender has keys.
    TooManySignatures,
    /// The delivery was signed longer ago than the tolerance. Somebody recorded it and sent it again, or the clocks differ.
    TooOld,
    /// The delivery was signed further in the future than the tolerance: the clocks differ.
    TooNew,
    /// No signature is that of one of the keys over this timestamp, id and body.
    NoMatch,
}

impl fmt::Display for VerificationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingHeader(name) => write!(f, "the delivery has no header {name}"),
            Self::MalformedHeader(name) => write!(f, "the header {name} cannot be read"),
            Self::NoUsableSignature(name) => {
                write!(f, "the header {name} has no signature of the kind that the receiver's keys make")
            }
            Self::TooManySignatures => {
                write!(f, "the delivery has more than {} signatures of a kind", crate::MAX_SIGNATURES)
            }
            Self::TooOld => f.write_str("the delivery was signed too long ago"),
            Self::TooNew => f.write_str("the delivery was signed too far in the future"),
            Self::NoMatch => f.write_str(
                "no signature matches: another secret signed the delivery, or the delivery was changed on its way",
            ),
        }
    }
}

impl Error for VerificationError {}

/// A text is not a key, or there is none. The message completes the sentence "the secret …".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no key at all. A verifier without one could only refuse everything.
    NoKey,
    /// The text does not begin as a key does.
    UnknownPrefix,
    /// What follows the prefix is not standard base64 with its padding.
    NotBase64,
    /// The secret has too few bytes or too many.
    WrongLength,
    /// The public key has not 32 bytes, or is one of the few for which anybody can sign.
    NotAPublicKey,
    /// It is the private half of a key pair.
    PrivateKey,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKey => "is missing: give at least one",
            Self::UnknownPrefix => "must begin with `whsec_` or `whpk_`; give the whole text, as the service answered it, and nothing before it",
            Self::NotBase64 => "must be `whsec_` or `whpk_` followed by standard base64, with its padding",
            Self::WrongLength => "must be `whsec_` followed by 24 to 64 bytes in standard base64",
            Self::NotAPublicKey => "must be `whpk_` followed by 32 bytes in standard base64 that are the public key of somebody",
            Self::PrivateKey => "must not be a private key (`whsk_`): a receiver needs the public one, `whpk_`",
        })
    }
}

impl Error for KeyError {}
