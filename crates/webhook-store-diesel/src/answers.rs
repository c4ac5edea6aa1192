//! Answers that are given again, inside a transaction: what a request was answered before, and what it is answered now.

mod port;
pub(crate) mod row;

use webhook_domain::Refusal;
use webhook_domain::idempotency::Idempotency;
use webhook_domain::ports::Outcome;
use webhook_domain::secret::SecretBytes;

use crate::answers::row::{AnswerRow, slot_key};
use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::sealing::Vault;
use crate::sealing::handover;

/// What came of a change, or the rule that said no.
pub(crate) type Decided<T> = Result<Outcome<T>, Refusal>;

/// What this request was answered before, or why it is refused; none if it is the first of its name.
pub(crate) fn earlier<T>(
    connection: &mut AnyConnection,
    idempotency: Option<&Idempotency<T>>,
    vault: &Vault,
) -> Result<Option<Decided<T>>, Failure> {
    let Some(idempotency) = idempotency else {
        return Ok(None);
    };
    let stored = connection.load_answers(&[slot_key(&idempotency.slot)])?.pop();
    let Some(row) = stored.filter(|row| !idempotency.has_outlived(row.stored_at())) else {
        return Ok(None);
    };
    if !vault.knows_key_of(&row.answer) {
        handover::learn(connection, vault)?;
    }
    if !row.answers(&idempotency.fingerprint) {
        return Ok(Some(Err(Refusal::IdempotencyKeyReused)));
    }
    Ok(Some(Ok(Outcome::Replayed(row.open(vault)?))))
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
