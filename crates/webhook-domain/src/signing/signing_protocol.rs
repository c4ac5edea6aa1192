//! How a key signs.

use std::fmt;
use std::str::FromStr;

use crate::error::InvalidValue;

/// A signing protocol, by the name clients use. More are to come (contract §4); the name is stored with
/// each key, so that a key goes on signing under the protocol it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SigningProtocol {
    /// HMAC with SHA-256 (RFC 2104), `HmacSHA256`.
    #[default]
    HmacSha256,
}

impl SigningProtocol {
    /// Every protocol there is.
    pub const ALL: [Self; 1] = [Self::HmacSha256];

    /// The name clients use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "HmacSHA256",
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
        match text {
            "HmacSHA256" => Ok(Self::HmacSha256),
            _ => Err(InvalidValue::new("must be one of HmacSHA256")),
        }
    }
}
