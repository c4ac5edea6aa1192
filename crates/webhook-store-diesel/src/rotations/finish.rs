//! How a rotation ends. What tells of that is written down in the same transaction, and [told](crate::events::untold) by a later one: a lane that
//! somebody keeps locked must not keep a rotation from its end.

use webhook_domain::ports::{FinishRotation, Outcome};
use webhook_domain::rotation::Rotation;
use webhook_domain::{Refusal, ServiceError};

use super::adopted;
use super::row::{RotationRow, number_of};
use crate::DieselStore;
use crate::answers::{self, Decided};
use crate::audit::head::{Chain, Keys};
use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::events::audience::Audiences;
use crate::events::untold;

impl DieselStore {
    pub(super) async fn end_rotation(
        &self,
        finish: FinishRotation,
    ) -> Result<Outcome<Rotation>, ServiceError> {
        let (vault, chain) = (self.vault.clone(), self.chain.clone());
        let work = move |connection: &mut AnyConnection| {
            let keys = Keys {
                vault: &vault,
                chain: &chain,
            };
            end(connection, keys, finish)
        };
        Ok(self.writer.alone(work).await??)
    }
}

fn end(
    connection: &mut AnyConnection,
    keys: Keys<'_>,
    finish: FinishRotation,
) -> Result<Decided<Rotation>, Failure> {
    let id = finish.rotation.to_string();
    // Before the head of the chain, as in a group.
    let row = connection.lock_rotation(&id)?;
    let mut chain = Chain::lock(connection, keys)?;
    if let Some(earlier) = answers::earlier(connection, finish.idempotency.as_ref(), keys.vault)? {
        return Ok(earlier);
    }
    let is_own = |row: &RotationRow| row.platform == finish.platform.as_str() && !row.is_prepared();
    let Some(row) = row.filter(is_own) else {
        return Ok(Err(Refusal::NO_SUCH_ROTATION));
    };
    if finish.epoch.is_some_and(|epoch| number_of(epoch) != row.epoch) {
        return Ok(Err(Refusal::RotationNotRunning));
    }
    let rotation = row.decode(adopted::count(connection, &id)?)?;
    let finished = match rotation.finished(finish.reason, finish.at) {
        Ok(finished) => finished,
        Err(refusal) => return Ok(Err(refusal)),
    };
    connection.save_rotation(&RotationRow::encode(&finished)?)?;
    if let Some(audit) = &finish.audit {
        chain.append_at_end(connection, audit)?;
    }
    let event = finish
        .announcement
        .map(|announcement| announcement.event(&finished));
    if event.is_some() {
        let mut audiences = Audiences::default();
        let mut routing = audiences.in_transaction(connection, [row.platform].into())?;
        untold::write_down(connection, &mut routing, &event)?;
    }
    let answer = answers::store(connection, &finished, finish.idempotency, keys.vault)?;
    chain.save(connection, &[])?;
    Ok(Ok(Outcome::Done {
        subject: Box::new(finished),
        answer,
    }))
}
