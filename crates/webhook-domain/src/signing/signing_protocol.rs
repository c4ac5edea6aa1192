//! How a key signs.

use std::fmt;
use std::str::FromStr;

use crate::error::InvalidValue;

/// A signing protocol, by the name clients use. The name is stored with each key, so that a key goes on signing under the
/// protocol it was made for. What a protocol does stands in a file of its own, in `scheme/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SigningProtocol {
    /// HMAC with SHA-256 (RFC 2104), `HmacSHA256`.
    #[default]
    HmacSha256,
    /// Ed25519 (RFC 8032), `Ed25519`.
    Ed25519,
}

impl SigningProtocol {
    /// Every protocol there is, in the order in which a delivery has their signatures: what most receivers know comes first.
    pub const ALL: [Self; 2] = [Self::HmacSha256, Self::Ed25519];

    /// The name clients use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "HmacSHA256",
            Self::Ed25519 => "Ed25519",
        }
    }
}

impl fmt::Display for SigningProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SigningProtocol {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let named = Self::ALL.into_iter().find(|protocol| protocol.name() == text);
        named.ok_or(InvalidValue::new("must be one of HmacSHA256, Ed25519"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_another_is_told_which_there_are() {
        for protocol in SigningProtocol::ALL {
            assert_eq!(protocol.name().parse(), Ok(protocol));
            let refused = "HmacSHA512".parse::<SigningProtocol>().unwrap_err();
            assert!(refused.0.contains(protocol.name()), "{refused:?}");
        }
    }
}
