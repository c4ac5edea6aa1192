//! The pause of all deliveries: one row, there while they are paused.

use async_trait::async_trait;
use diesel::prelude::*;
use webhook_domain::StoreError;
use webhook_domain::ports::{DeliveryPause, Pause};
use webhook_domain::time::Instant;

use crate::DieselStore;
use crate::database::connection::AnyConnection;
use crate::database::row::{At, RowError};
use crate::database::schema::delivery_pause;
use crate::engine::failure::Failure;

#[async_trait]
impl DeliveryPause for DieselStore {
    async fn current(&self) -> Result<Option<Pause>, StoreError> {
        self.readers.run(|connection| Ok(read(connection)?)).await
    }

    async fn pause(&self, pause: Pause) -> Result<Pause, StoreError> {
        let work = move |connection: &mut AnyConnection| begin(connection, pause);
        self.writer.alone(work).await
    }

    async fn resume(&self) -> Result<Option<Pause>, StoreError> {
        let work = |connection: &mut AnyConnection| {
            let ended = read(connection)?;
            diesel::delete(delivery_pause::table).execute(connection)?;
            Ok(ended)
        };
        self.writer.alone(work).await
    }
}

/// Pauses deliveries, unless they are paused already. Gives the pause in force.
pub(crate) fn begin(connection: &mut AnyConnection, pause: Pause) -> Result<Pause, Failure> {
    if let Some(earlier) = read(connection)? {
        return Ok(earlier);
    }
    let row = (
        delivery_pause::id.eq(1),
        delivery_pause::since.eq(pause.since.as_milliseconds()),
        delivery_pause::reason.eq(pause.reason.name()),
    );
    diesel::insert_into(delivery_pause::table)
        .values(row)
        .execute(connection)?;
    Ok(pause)
}

fn read(connection: &mut AnyConnection) -> Result<Option<Pause>, Failure> {
    let row: Option<(i64, String)> = delivery_pause::table
        .find(1)
        .select((delivery_pause::since, delivery_pause::reason))
        .get_result(connection)
        .optional()?;
    let pause = row.map(|(since, reason)| {
        let at = At {
            column: "reason",
            row: "the pause of deliveries",
        };
        Ok::<_, RowError>(Pause {
            since: Instant::from_milliseconds(since),
            reason: reason.parse().map_err(|problem| at.value(problem))?,
        })
    });
    Ok(pause.transpose()?)
}
