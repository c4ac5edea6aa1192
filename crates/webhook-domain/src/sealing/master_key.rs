//! The master key.

use crate::InvalidValue;
use crate::entropy::{Entropy, EntropyError};
use crate::signing::secret::SecretText;
use data_encoding::BASE64;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;

/// The key that seals everything: 32 bytes, given by the operator.
#[derive(Clone)]
pub struct MasterKey(pub(super) Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    /// Reads a key from the standard base64 of its 32 bytes; white space around it does not count.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &SecretText) -> Result<Self, InvalidValue> {
        let wrong = || {
            InvalidValue::new("must be 32 bytes in standard base64, such as `openssl rand -base64 32` prints")
        };
        let bytes = Zeroizing::new(
            BASE64
                .decode(text.expose().trim().as_bytes())
                .map_err(|_| wrong())?,
        );
        let bytes = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map_err(|_| wrong())?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// Makes a new key.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        entropy.fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    /// The key of these bytes, if they are 32.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = <[u8; KEY_BYTES]>::try_from(bytes).ok()?;
        Some(Self(Zeroizing::new(bytes)))
    }

    /// The bytes, to be sealed. Whoever calls this answers for where they go.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The key as [`parse`](Self::parse) reads it.
    #[must_use]
    pub fn to_base64(&self) -> SecretText {
        SecretText::new(BASE64.encode(self.0.as_slice()))
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}
