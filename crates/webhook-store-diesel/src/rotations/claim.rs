//! Which process works at a rotation.

use diesel::prelude::*;
use webhook_domain::StoreError;
use webhook_domain::id::ProcessId;
use webhook_domain::ports::ClaimedRotation;
use webhook_domain::time::Instant;

use super::row::{RotationRow, number_of};
use crate::DieselStore;
use crate::database::connection::AnyConnection;
use crate::database::row::{RowError, unavailable};
use crate::database::schema::rotations;
use crate::engine::failure::Failure;

impl DieselStore {
    pub(super) async fn claim_running(
        &self,
        process: ProcessId,
        now: Instant,
    ) -> Result<Vec<ClaimedRotation>, StoreError> {
        // Hardly ever does one run, so hardly ever is there anything to write.
        let running = self
            .readers
            .run(|connection| running(connection).map_err(unavailable));
        let running = running.await?;
        if running.is_empty() {
            return Ok(Vec::new());
        }
        let work = move |connection: &mut AnyConnection| take(connection, process, now, &running);
        self.writer.alone(work).await
    }
}

/// The ids of the rotations that run, of all platforms.
fn running(connection: &mut AnyConnection) -> QueryResult<Vec<String>> {
    rotations::table
        .filter(rotations::running_on.is_not_null())
        .order(rotations::id)
        .select(rotations::id)
        .load(connection)
}

/// Takes those that are the process's own or nobody's, by the clock of the database where it has one.
fn take(
    connection: &mut AnyConnection,
    process: ProcessId,
    now: Instant,
    running: &[String],
) -> Result<Vec<ClaimedRotation>, Failure> {
    let now = connection.now()?.map_or(now, Instant::from_milliseconds);
    let mut claimed = Vec::new();
    for id in running {
        // Read without a lock first: whoever works at it holds that most of the time.
        let free = |row: &RotationRow| Ok::<_, RowError>(row.claim()?.taken_by(process, now));
        let seen: Option<RotationRow> = rotations::table.find(id).get_result(connection).optional()?;
        let Some(seen) = seen else { continue };
        if seen.running_on.is_none() || free(&seen)?.is_none() {
            continue;
        }
        let Some(row) = connection
            .lock_rotation(id)?
            .filter(|row| row.running_on.is_some())
        else {
            continue;
        };
        let Some(claim) = free(&row)? else { continue };
        diesel::update(rotations::table.find(id))
            .set((
                rotations::runner.eq(claim.runner.map(|runner| runner.to_string())),
                rotations::epoch.eq(number_of(claim.epoch)),
                rotations::claimed_until.eq(claim.until.as_milliseconds()),
            ))
            .execute(connection)?;
        claimed.push(ClaimedRotation {
            rotation: row.decode(0)?,
            epoch: claim.epoch,
        });
    }
    Ok(claimed)
}
