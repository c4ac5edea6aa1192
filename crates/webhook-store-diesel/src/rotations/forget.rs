//! How rotations are forgotten: those that have ended long ago, and what a crash has left of one that was being prepared.
//!
//! A rotation may have a hundred thousand webhooks, so their rows are deleted in steps, and its own row last: what a crash leaves is found by
//! that, and deleted before the next rotation begins. Meanwhile it has the status of one that is being prepared, which nobody sees.

use std::time::Duration;

use diesel::dsl::min;
use diesel::prelude::*;
use webhook_domain::StoreError;
use webhook_domain::time::Instant;

use super::begin::STEP;
use super::row::PREPARING;
use crate::DieselStore;
use crate::database::connection::AnyConnection;
use crate::database::row::unavailable;
use crate::database::schema::{rotation_webhooks, rotations};

/// How long a rotation may be prepared. It takes seconds.
const LONGEST_PREPARATION: Duration = Duration::from_secs(3_600);

impl DieselStore {
    pub(super) async fn forget_ended(&self, before: Instant) -> Result<u32, StoreError> {
        let before = before.as_milliseconds();
        // One that is being prepared has not ended, and one that is being forgotten is passed over.
        let has_ended = move || {
            let ended = rotations::finished_at.lt(before);
            ended
                .and(rotations::running_on.is_null())
                .and(rotations::status.ne(PREPARING))
        };
        let find = move |connection: &mut AnyConnection| {
            rotations::table
                .filter(has_ended())
                .select(rotations::id)
                .load(connection)
                .map_err(unavailable)
        };
        let ids: Vec<String> = self.readers.run(find).await?;
        let mut forgotten = 0;
        for id in ids {
            let of = id.clone();
            let hide = move |connection: &mut AnyConnection| {
                let hidden =
                    diesel::update(rotations::table.filter(has_ended()).filter(rotations::id.eq(of)))
                        .set(rotations::status.eq(PREPARING))
                        .execute(connection)?;
                Ok(hidden)
            };
            // Another process may be at it, too.
            if self.writer.alone(hide).await? > 0 {
                self.delete_prepared(id).await?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }

    /// Deletes what crashes have left of rotations that were being prepared or forgotten.
    pub(super) async fn delete_left_behind(&self, now: Instant) -> Result<(), StoreError> {
        let before = now.minus(LONGEST_PREPARATION).as_milliseconds();
        let find = move |connection: &mut AnyConnection| {
            let ids: Vec<String> = rotations::table
                .filter(rotations::status.eq(PREPARING))
                .filter(rotations::created_at.lt(before))
                .select(rotations::id)
                .load(connection)?;
            Ok(ids)
        };
        for id in self.writer.alone(find).await? {
            self.delete_prepared(id).await?;
        }
        Ok(())
    }

    pub(super) async fn delete_prepared(&self, id: String) -> Result<(), StoreError> {
        loop {
            let id = id.clone();
            let delete = move |connection: &mut AnyConnection| {
                let of_it = rotation_webhooks::table.filter(rotation_webhooks::rotation_id.eq(&id));
                // A crash may have left some that are not the first.
                let first: Option<i64> = of_it
                    .select(min(rotation_webhooks::number))
                    .get_result(connection)?;
                let Some(first) = first else {
                    let prepared = rotations::table.filter(rotations::status.eq(PREPARING));
                    diesel::delete(prepared.filter(rotations::id.eq(&id))).execute(connection)?;
                    return Ok(false);
                };
                let some = of_it.filter(rotation_webhooks::number.lt(first + STEP));
                diesel::delete(some).execute(connection)?;
                Ok(true)
            };
            if !self.writer.alone(delete).await? {
                return Ok(());
            }
        }
    }
}
