//! How a rotation ends. What tells of that is published in the same transaction.

use webhook_domain::id::ProcessId;
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
use crate::events::announce;
use crate::events::pending::{Counted, Counts};
use crate::lanes::locked::Hints;

/// What came of it, and what is to be done once that is committed.
type Finished = (Decided<Rotation>, Hints, Counted);

impl DieselStore {
    pub(super) async fn end_rotation(
        &self,
        finish: FinishRotation,
    ) -> Result<Outcome<Rotation>, ServiceError> {
        let (vault, chain) = (self.vault.clone(), self.chain.clone());
        let (own, counts) = (self.delivering.own(), self.writer.counts.clone());
        let work = move |connection: &mut AnyConnection| {
            let keys = Keys {
                vault: &vault,
                chain: &chain,
            };
            end(connection, keys, own, &counts, finish)
        };
        let (decided, hints, counted) = self.writer.alone(work).await?;
        self.writer.counts.remember(counted);
        self.delivering.tell(hints);
        Ok(decided?)
    }
}

fn end(
    connection: &mut AnyConnection,
    keys: Keys<'_>,
    own: Option<ProcessId>,
    counts: &Counts,
    finish: FinishRotation,
) -> Result<Finished, Failure> {
    let nothing = |decided| Ok((decided, Hints::default(), Counted::new()));
    let id = finish.rotation.to_string();
    // Before the head of the chain, as in a group.
    let row = connection.lock_rotation(&id)?;
    let mut chain = Chain::lock(connection, keys)?;
    if let Some(earlier) = answers::earlier(connection, finish.idempotency.as_ref(), keys.vault)? {
        return nothing(earlier);
    }
    let is_own = |row: &RotationRow| row.platform == finish.platform.as_str() && !row.is_prepared();
    let Some(row) = row.filter(is_own) else {
        return nothing(Err(Refusal::NO_SUCH_ROTATION));
    };
    if finish.epoch.is_some_and(|epoch| number_of(epoch) != row.epoch) {
        return nothing(Err(Refusal::RotationNotRunning));
    }
    let rotation = row.decode(adopted::count(connection, &id)?)?;
    let finished = match rotation.finished(finish.reason, finish.at) {
        Ok(finished) => finished,
        Err(refusal) => return nothing(Err(refusal)),
    };
    connection.save_rotation(&RotationRow::encode(&finished)?)?;
    if let Some(audit) = &finish.audit {
        chain.append_at_end(connection, audit)?;
    }
    let event = finish
        .announcement
        .map(|announcement| announcement.event(&finished));
    let told = event.map(|event| announce::publish_alone(connection, counts, own, event));
    let (hints, counted) = told.transpose()?.unwrap_or_default();
    let answer = answers::store(connection, &finished, finish.idempotency, keys.vault)?;
    chain.save(connection, &[])?;
    let done = Outcome::Done {
        subject: Box::new(finished),
        answer,
    };
    Ok((Ok(done), hints, counted))
}
