//! Lanes.

use std::sync::PoisonError;

use async_trait::async_trait;
use diesel::prelude::*;
use webhook_domain::ServiceError;
use webhook_domain::StoreError;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::penalty_box::PenaltyBox;
use webhook_domain::ports::{DeliveryQueue, Lane, Lease, Position, TrackedDelivery, Turn};
use webhook_domain::time::Instant;

use crate::DieselStore;
use crate::database::connection::AnyConnection;
use crate::database::schema::processes;
use crate::engine::lane_group::{LaneDone, LaneWork};
use crate::events::port::tracked;
use crate::lanes::held_up;
use crate::lanes::look::Wanted;
use crate::lanes::own::{adopt, give_up};

#[async_trait]
impl DeliveryQueue for DieselStore {
    async fn live(&self, lease: Lease) -> Result<(), StoreError> {
        let (id, until) = (lease.process.to_string(), lease.until.as_milliseconds());
        let work = move |connection: &mut AnyConnection| {
            let known = diesel::update(processes::table.find(&id))
                .set(processes::alive_until.eq(until))
                .execute(connection)?;
            if known == 0 {
                let row = (processes::id.eq(&id), processes::alive_until.eq(until));
                diesel::insert_into(processes::table)
                    .values(row)
                    .execute(connection)?;
            }
            Ok(())
        };
        self.writer.alone(work).await?;
        *self.delivering.own.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease.process);
        self.listener
            .start(&self.url, lease.process, &self.delivering.arrivals)
            .map_err(|error| StoreError::Unavailable(error.into()))
    }

    async fn adopt(
        &self,
        process: ProcessId,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<WebhookId>, StoreError> {
        let (own, now) = (process.to_string(), now.as_milliseconds());
        let work = move |connection: &mut AnyConnection| adopt(connection, &own, now, limit);
        self.writer.alone(work).await
    }

    async fn look(
        &self,
        process: ProcessId,
        webhook: WebhookId,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Option<Lane>, StoreError> {
        let wanted = Wanted {
            process,
            webhook,
            after,
            limit,
        };
        self.lanes.look(wanted).await
    }

    async fn record(&self, process: ProcessId, turns: Vec<Turn>) -> Result<Vec<WebhookId>, StoreError> {
        match self.writer.lane(LaneWork::Record(process, turns)).await {
            Ok(LaneDone::Recorded(lost)) => Ok(lost),
            Ok(LaneDone::Published(_)) => {
                Err(StoreError::Corrupt("turns were taken for a publication".into()))
            }
            Err(ServiceError::Store(error)) => Err(error),
            Err(error) => Err(StoreError::Corrupt(error.into())),
        }
    }

    async fn expedite(
        &self,
        webhook: WebhookId,
        now: Instant,
    ) -> Result<Option<TrackedDelivery>, StoreError> {
        let own = self.own_process();
        let work = move |connection: &mut AnyConnection| {
            let lanes = connection.lock_lanes(&[webhook.to_string()])?;
            let Some(lane) = lanes.first() else {
                return Ok((None, Vec::new()));
            };
            let penalty_box = lane.penalty_box()?;
            let head = connection.queued(&lane.webhook_id, lane.done, 1)?.pop();
            let Some(head) = head.filter(|_| penalty_box != PenaltyBox::Out) else {
                return Ok((None, Vec::new()));
            };
            connection.save_lanes(&[held_up::with_box(lane, penalty_box.expedited(now))?])?;
            let arrived = held_up::wake(connection, own, &lanes, now.as_milliseconds())?;
            Ok((Some(tracked(&head)?), arrived))
        };
        let (head, arrived) = self.writer.alone(work).await?;
        self.delivering.arrivals.tell(arrived);
        Ok(head)
    }

    async fn leave(&self, process: ProcessId) -> Result<(), StoreError> {
        let own = process.to_string();
        loop {
            let own = own.clone();
            let work = move |connection: &mut AnyConnection| give_up(connection, &own);
            if self.writer.alone(work).await? {
                break;
            }
        }
        let mut current = self.delivering.own.lock().unwrap_or_else(PoisonError::into_inner);
        if *current == Some(process) {
            *current = None;
        }
        Ok(())
    }

    async fn arrivals(&self, _: ProcessId) -> Vec<WebhookId> {
        self.delivering.arrivals.next().await
    }
}

impl DieselStore {
    /// The process that delivers what is published through this store, if it does.
    pub(crate) fn own_process(&self) -> Option<ProcessId> {
        *self.delivering.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
