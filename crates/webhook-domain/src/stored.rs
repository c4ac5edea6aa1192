//! What a store keeps, as rows of JSON: the forms in which it goes to a disk, and the way back.
//!
//! A store may keep a value in any form it likes. These are there so that it need not invent one: each is a plain struct that serde
//! reads and writes, made by `of` and turned back by `restore`. A store that has columns takes the ones that it wants as a column,
//! and the rest as its own columns; a store that has only keys and values takes them whole.
//!
//! | kept | is |
//! |---|---|
//! | a webhook | [`StoredWebhook`], with its secrets sealed |
//! | its ring alone | [`StoredRing`], with its keys sealed |
//! | its custom headers alone | [`StoredHeaders`], with their values sealed |
//! | its previous credentials alone | [`StoredPreviousCredentials`], with what is secret of them sealed |
//! | an API key | [`StoredApiKey`] |
//! | an audit record | [`StoredAuditRecord`] |
//! | an answer that is given again | [`StoredAnswer`], sealed, under [`IdempotencySlot::digest`](crate::idempotency::IdempotencySlot::digest) |
//! | an event | [`StoredEvent`] |
//! | a delivery with its attempts | [`StoredDelivery`], [`StoredAttempt`] |
//! | a lane | [`StoredLane`], with its [`StoredPenaltyBox`] |
//! | how the webhooks of a rotation are rolled | [`StoredRotationOrders`] |
//! | the pause of all deliveries | [`StoredPause`] |
//!
//! **A rule that becomes stricter makes nothing unreadable.** What was accepted once is restored as it is, by the `restore` of its type
//! ([`Username::restore`](crate::webhook::Username::restore) and its kind), which asks no rule. What cannot be restored is what cannot
//! be understood: an id that is no id, a status that is no status, a sealed value that does not open.
//!
//! **Forms.** [`StoredWebhook`] and the other whole rows say which [`Form`] they are in. A form grows by fields that may be missing. A
//! change that an older release would read wrongly makes a new form, which that release refuses by name. So does [`StoredRing`], in a number
//! of its own. [`StoredHeaders`], [`StoredPreviousCredentials`], [`StoredPenaltyBox`] and [`StoredAttempt`] are parts of rows, say nothing of a form, and grow by fields that
//! may be missing.
//!
//! Instants are milliseconds since the Unix epoch, ids their text, sealed values standard base64.

mod access;
mod answer;
mod custom_headers;
mod delivery;
mod event;
mod key_ring;
mod lane;
mod previous_credentials;
mod rotation;
mod webhook;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use access::{StoredApiKey, StoredAuditRecord};
pub use answer::{StoredAnswer, StoredPause};
pub use custom_headers::{SealedHeaders, StoredHeaders};
pub use delivery::{StoredAttempt, StoredDelivery};
pub use event::StoredEvent;
pub use key_ring::{
    SealedKeys, StoredAdoption, StoredAge, StoredKept, StoredKey, StoredRetiredKey, StoredRing,
};
pub use lane::{StoredLane, StoredPenaltyBox};
pub use previous_credentials::StoredPreviousCredentials;
pub use rotation::StoredRotationOrders;
pub use webhook::StoredWebhook;

use crate::error::{InvalidValue, ServiceError, StoreError};
use crate::sealing::SealError;

/// A row that cannot be restored, or a secret in it that could not be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// A sealed value does not open, or could not be sealed.
    #[error("{field}")]
    Sealing {
        /// Which field of the row.
        field: &'static str,
        /// Why.
        #[source]
        source: SealError,
    },
    /// A value that cannot be understood.
    #[error("{field} {problem}")]
    Value {
        /// Which field of the row.
        field: &'static str,
        /// What would be right.
        problem: InvalidValue,
    },
}

impl StoredError {
    fn sealing(field: &'static str) -> impl FnOnce(SealError) -> Self {
        move |source| Self::Sealing { field, source }
    }

    fn value(field: &'static str) -> impl FnOnce(InvalidValue) -> Self {
        move |problem| Self::Value { field, problem }
    }
}

impl From<StoredError> for StoreError {
    fn from(error: StoredError) -> Self {
        Self::Corrupt(error.into())
    }
}

impl From<StoredError> for ServiceError {
    fn from(error: StoredError) -> Self {
        Self::Store(error.into())
    }
}

/// The form of a row: 1, the only one so far. A row in another is of a newer release, and is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Form;

impl Form {
    const NUMBER: u32 = 1;
}

impl Serialize for Form {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(Self::NUMBER)
    }
}

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        if number == Self::NUMBER {
            return Ok(Self);
        }
        let problem = format!("form {number} of a row, which a newer release has written");
        Err(serde::de::Error::custom(problem))
    }
}

#[cfg(test)]
mod tests;
