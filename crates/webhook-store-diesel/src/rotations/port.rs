//! Rotations.

use async_trait::async_trait;
use diesel::prelude::*;
use webhook_domain::id::{PlatformId, ProcessId, RotationId};
use webhook_domain::ports::{
    ClaimedRotation, FinishRotation, MatchingWebhooks, NewRotation, Outcome, RotationStore,
    RotationWebhooksQuery,
};
use webhook_domain::rotation::{Rotation, RotationFilter, RotationStep, RotationWebhook, Settled};
use webhook_domain::time::Instant;
use webhook_domain::{ServiceError, StoreError};

use super::row::{PREPARING, RotationRow, RotationWebhookRow, number_of, unreadable};
use super::steps::Steps;
use super::{adopted, begin};
use crate::DieselStore;
use crate::database::connection::AnyConnection;
use crate::database::row::unavailable;
use crate::database::schema::{rotation_webhooks, rotations};

#[async_trait]
impl RotationStore for DieselStore {
    async fn matching_webhooks(
        &self,
        platform: &PlatformId,
        filter: &RotationFilter,
        shown: u32,
    ) -> Result<MatchingWebhooks, StoreError> {
        let (platform, filter) = (platform.clone(), filter.clone());
        let read = move |connection: &mut AnyConnection| {
            Ok(begin::count(connection, platform.as_str(), &filter, shown)?)
        };
        self.readers.run(read).await
    }

    async fn begin_rotation(&self, rotation: NewRotation) -> Result<Outcome<Rotation>, ServiceError> {
        self.begin_in_steps(rotation).await
    }

    async fn find_rotation(
        &self,
        platform: &PlatformId,
        id: RotationId,
    ) -> Result<Option<Rotation>, StoreError> {
        let (platform, id) = (platform.to_string(), id.to_string());
        let read = move |connection: &mut AnyConnection| {
            let found: Option<RotationRow> = rotations::table
                .find(&id)
                .filter(rotations::platform.eq(platform))
                .filter(rotations::status.ne(PREPARING))
                .get_result(connection)
                .optional()
                .map_err(unavailable)?;
            found.map(|row| shown(connection, &row)).transpose()
        };
        self.readers.run(read).await
    }

    async fn rotations(
        &self,
        platform: &PlatformId,
        before: Option<RotationId>,
        limit: u32,
    ) -> Result<Vec<Rotation>, StoreError> {
        let platform = platform.to_string();
        let read = move |connection: &mut AnyConnection| {
            let mut query = rotations::table
                .filter(rotations::platform.eq(platform))
                .filter(rotations::status.ne(PREPARING))
                .order(rotations::id.desc())
                .limit(limit.into())
                .into_boxed();
            if let Some(before) = before {
                query = query.filter(rotations::id.lt(before.to_string()));
            }
            let rows: Vec<RotationRow> = query.load(connection).map_err(unavailable)?;
            rows.iter().map(|row| shown(connection, row)).collect()
        };
        self.readers.run(read).await
    }

    async fn rotation_webhooks(
        &self,
        rotation: RotationId,
        query: RotationWebhooksQuery,
    ) -> Result<Vec<RotationWebhook>, StoreError> {
        let id = rotation.to_string();
        let read = move |connection: &mut AnyConnection| {
            let mut asked = rotation_webhooks::table
                .filter(rotation_webhooks::rotation_id.eq(id))
                .filter(rotation_webhooks::number.ge(number_of(query.from)))
                .order(rotation_webhooks::number)
                .limit(query.limit.into())
                .into_boxed();
            if query.unsettled {
                asked = asked.filter(rotation_webhooks::outcome.is_null());
            }
            let rows: Vec<RotationWebhookRow> = asked.load(connection).map_err(unavailable)?;
            let webhooks = rows.into_iter().map(RotationWebhookRow::decode);
            webhooks.collect::<Result<_, _>>().map_err(unreadable)
        };
        self.readers.run(read).await
    }

    async fn claim_rotations(
        &self,
        process: ProcessId,
        now: Instant,
    ) -> Result<Vec<ClaimedRotation>, StoreError> {
        self.claim_running(process, now).await
    }

    async fn settle_step(&self, step: RotationStep, settled: Settled) -> Result<(), ServiceError> {
        let work = move |connection: &mut AnyConnection| {
            let mut steps = Steps::lock(connection, std::iter::once(step))?;
            Ok(match steps.admit(step) {
                Ok(true) => {
                    steps.settle(step, settled);
                    steps.save(connection)?;
                    Ok(())
                }
                admitted => admitted.map(drop),
            })
        };
        Ok(self.writer.alone(work).await??)
    }

    async fn finish_rotation(&self, finish: FinishRotation) -> Result<Outcome<Rotation>, ServiceError> {
        self.end_rotation(finish).await
    }

    async fn forget_rotations(&self, before: Instant) -> Result<u32, StoreError> {
        self.forget_ended(before).await
    }
}

/// The rotation of a row, with how many have adopted their key.
fn shown(connection: &mut AnyConnection, row: &RotationRow) -> Result<Rotation, StoreError> {
    let adopted = adopted::count(connection, &row.id).map_err(unavailable)?;
    row.decode(adopted).map_err(unreadable)
}
