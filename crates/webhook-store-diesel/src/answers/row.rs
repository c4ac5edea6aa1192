//! The row of an answer that is to be given again.

use diesel::prelude::*;
use webhook_domain::idempotency::{Idempotency, IdempotencySlot, RequestFingerprint};
use webhook_domain::signing::secret::SecretBytes;
use webhook_domain::time::Instant;

use crate::database::row::{At, RowError};
use crate::database::schema::idempotent_answers;
use crate::sealing::{Place, Vault};

/// A row of `idempotent_answers`.
#[derive(Debug, Clone, Queryable, Insertable, Identifiable)]
#[diesel(table_name = idempotent_answers, primary_key(slot))]
pub(crate) struct AnswerRow {
    pub(crate) slot: Vec<u8>,
    pub(crate) fingerprint: Vec<u8>,
    pub(crate) answer: Vec<u8>,
    pub(crate) stored_at: i64,
}

/// The key of a slot's row: a digest, because what a slot is made of is long and the client's.
pub(crate) fn slot_key(slot: &IdempotencySlot) -> Vec<u8> {
    slot.digest().to_vec()
}

impl AnswerRow {
    pub(crate) fn encode<T>(
        key: Vec<u8>,
        idempotency: &Idempotency<T>,
        answer: &SecretBytes,
        vault: &Vault,
    ) -> Result<Self, RowError> {
        let sealed = vault
            .seal(Place::Answer(&key), answer.expose())
            .map_err(|source| {
                At {
                    column: "answer",
                    row: "an idempotent request",
                }
                .sealing(source)
            })?;
        Ok(Self {
            slot: key,
            fingerprint: idempotency.fingerprint.0.to_vec(),
            answer: sealed,
            stored_at: idempotency.at.as_milliseconds(),
        })
    }

    pub(crate) fn stored_at(&self) -> Instant {
        Instant::from_milliseconds(self.stored_at)
    }

    /// Whether the answer is to the same request.
    pub(crate) fn answers(&self, fingerprint: &RequestFingerprint) -> bool {
        self.fingerprint == fingerprint.0
    }

    pub(crate) fn open(&self, vault: &Vault) -> Result<SecretBytes, RowError> {
        let opened = vault
            .open(Place::Answer(&self.slot), &self.answer)
            .map_err(|source| {
                At {
                    column: "answer",
                    row: "an idempotent request",
                }
                .sealing(source)
            })?;
        Ok(SecretBytes::new(opened.to_vec()))
    }
}
