//! Answers that are given again, inside a transaction: what a request was answered before, and what it is answered now.

mod port;
pub(crate) mod row;

use std::collections::BTreeMap;

use webhook_domain::Refusal;
use webhook_domain::idempotency::Idempotency;
use webhook_domain::ports::Outcome;
use webhook_domain::signing::secret::SecretBytes;

use crate::answers::row::{AnswerRow, slot_key};
use crate::database::connection::AnyConnection;
use crate::database::row::RowError;
use crate::engine::failure::Failure;
use crate::sealing::Vault;
use crate::sealing::handover;

/// What came of a change, or the rule that said no.
pub(crate) type Decided<T> = Result<Outcome<T>, Refusal>;

/// Answers that were stored before, to requests of the same names.
pub(crate) struct Earlier {
    rows: BTreeMap<Vec<u8>, AnswerRow>,
}

/// Loads what these requests were answered before. The head of the chain must be locked, or what they are about: so what another
/// process has answered is there to be seen.
pub(crate) fn load<'a, T: 'a>(
    connection: &mut AnyConnection,
    requests: impl Iterator<Item = &'a Idempotency<T>>,
    vault: &Vault,
) -> Result<Earlier, Failure> {
    let mut slots: Vec<_> = requests.map(|request| slot_key(&request.slot)).collect();
    slots.sort_unstable();
    slots.dedup();
    let mut rows = BTreeMap::new();
    if !slots.is_empty() {
        for row in connection.load_answers(&slots)? {
            if !vault.knows_key_of(&row.answer) {
                handover::learn(connection, vault)?;
            }
            rows.insert(row.slot.clone(), row);
        }
    }
    Ok(Earlier { rows })
}

impl Earlier {
    /// What this request was answered before, or why it is refused; none if it is the first of its name.
    pub(crate) fn to<T>(
        &self,
        request: &Idempotency<T>,
        vault: &Vault,
    ) -> Result<Option<Decided<T>>, RowError> {
        let stored = self.rows.get(&slot_key(&request.slot));
        let Some(row) = stored.filter(|row| !request.has_outlived(row.stored_at())) else {
            return Ok(None);
        };
        if !row.answers(&request.fingerprint) {
            return Ok(Some(Err(Refusal::IdempotencyKeyReused)));
        }
        Ok(Some(Ok(Outcome::Replayed(row.open(vault)?))))
    }

    /// Stores answers, in the place of those that were kept for long enough.
    pub(crate) fn replace(&self, connection: &mut AnyConnection, rows: &[AnswerRow]) -> Result<(), Failure> {
        for row in rows.iter().filter(|row| self.rows.contains_key(&row.slot)) {
            connection.delete_answer(&row.slot)?;
        }
        if !rows.is_empty() {
            connection.insert_answers(rows)?;
        }
        Ok(())
    }
}

/// What this request was answered before, or why it is refused; none if it is the first of its name, or has none.
pub(crate) fn earlier<T>(
    connection: &mut AnyConnection,
    idempotency: Option<&Idempotency<T>>,
    vault: &Vault,
) -> Result<Option<Decided<T>>, Failure> {
    let Some(request) = idempotency else {
        return Ok(None);
    };
    let earlier = load(connection, std::iter::once(request), vault)?;
    Ok(earlier.to(request, vault)?)
}

/// Stores the answer to a request, if it has a name, and gives it.
pub(crate) fn store<T>(
    connection: &mut AnyConnection,
    subject: &T,
    idempotency: Option<Idempotency<T>>,
    vault: &Vault,
) -> Result<Option<SecretBytes>, Failure> {
    let Some(idempotency) = idempotency else {
        return Ok(None);
    };
    let answer = (idempotency.render)(subject, idempotency.at);
    let slot = slot_key(&idempotency.slot);
    // One that is too old to be given again may stand there.
    connection.delete_answer(&slot)?;
    connection.insert_answers(&[AnswerRow::encode(slot, &idempotency, &answer, vault)?])?;
    Ok(Some(answer))
}
