//! Answers that are given again, and the pause of all deliveries.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::{Form, StoredError};
use crate::error::InvalidValue;
use crate::idempotency::{Idempotency, RequestFingerprint};
use crate::ports::Pause;
use crate::sealing::{Place, SealError, Vault};
use crate::signing::secret::SecretBytes;
use crate::time::Instant;

/// An answer as it is kept, under the digest of its slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// The form.
    pub form: Form,
    /// What the request asked for.
    pub fingerprint: String,
    /// The answer, sealed for its slot.
    pub answer: String,
    /// When the request was made.
    pub stored_at: i64,
}

impl StoredAnswer {
    /// The form of `answer` to `request`.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn of<T>(request: &Idempotency<T>, answer: &SecretBytes, vault: &Vault) -> Result<Self, StoredError> {
        let sealed = vault.seal(Place::Answer(&request.slot.digest()), answer.expose());
        Ok(Self {
            form: Form,
            fingerprint: BASE64.encode(&request.fingerprint.0),
            answer: BASE64.encode(&sealed.map_err(StoredError::sealing("answer"))?),
            stored_at: request.at.as_milliseconds(),
        })
    }

    /// What the request asked for, and when it was made.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn request(&self) -> Result<(RequestFingerprint, Instant), StoredError> {
        let bytes = BASE64.decode(self.fingerprint.as_bytes()).ok();
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let bytes = bytes.ok_or(InvalidValue::new("must be 32 bytes in base64"));
        let bytes = bytes.map_err(StoredError::value("fingerprint"))?;
        Ok((
            RequestFingerprint(bytes),
            Instant::from_milliseconds(self.stored_at),
        ))
    }

    /// The answer to a request of the slot with this digest.
    ///
    /// # Errors
    /// When it does not open.
    pub fn restore(&self, slot: &[u8], vault: &Vault) -> Result<SecretBytes, StoredError> {
        let bytes = BASE64.decode(self.answer.as_bytes());
        let bytes = bytes.map_err(|_| StoredError::sealing("answer")(SealError::Malformed))?;
        let opened = vault.open(Place::Answer(slot), &bytes);
        let opened = opened.map_err(StoredError::sealing("answer"))?;
        Ok(SecretBytes::new(opened.to_vec()))
    }
}

/// The pause of all deliveries as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPause {
    /// The form.
    pub form: Form,
    /// Since when.
    pub since: i64,
    /// The name of the reason.
    pub reason: String,
}

impl StoredPause {
    /// The form of `pause`.
    #[must_use]
    pub fn of(pause: Pause) -> Self {
        Self {
            form: Form,
            since: pause.since.as_milliseconds(),
            reason: pause.reason.name().to_owned(),
        }
    }

    /// The pause.
    ///
    /// # Errors
    /// When its reason is none.
    pub fn restore(&self) -> Result<Pause, StoredError> {
        Ok(Pause {
            since: Instant::from_milliseconds(self.since),
            reason: self.reason.parse().map_err(StoredError::value("reason"))?,
        })
    }
}
