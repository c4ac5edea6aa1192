//! Lanes.

use std::sync::PoisonError;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use webhook_domain::ServiceError;
use webhook_domain::StoreError;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::penalty_box::PenaltyBox;
use webhook_domain::ports::{DeliveryQueue, Lane, Lease, Position, TrackedDelivery, Turn};
use webhook_domain::time::Instant;

use super::events::tracked;
use crate::DieselStore;
use crate::connection::AnyConnection;
use crate::failure::Failure;
use crate::held_up;
use crate::lane_group::{LaneDone, LaneWork};
use crate::lane_reader::Wanted;
use crate::schema::{lanes, processes};

/// How many lanes of a process that has ended are given up in one transaction.
const LANES_AT_ONCE: i64 = 1000;

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

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    webhook_id: String,
}

/// Takes lanes of processes that have ended, and of none, if something is queued in them.
fn adopt(connection: &mut AnyConnection, own: &str, now: i64, limit: u32) -> Result<Vec<WebhookId>, Failure> {
    let dead: Vec<String> = processes::table
        .filter(processes::alive_until.le(now))
        .filter(processes::id.ne(own))
        .select(processes::id)
        .load(connection)?;
    let mut adopted = Vec::new();
    for owner in dead.iter().map(String::as_str).chain([""]) {
        let marks = match connection {
            AnyConnection::Sqlite(_) => ["?", "?"],
            AnyConnection::Postgres(_) => ["$1", "$2"],
        };
        let locked = match connection {
            AnyConnection::Sqlite(_) => "",
            AnyConnection::Postgres(_) => " FOR NO KEY UPDATE SKIP LOCKED",
        };
        let [of, count] = marks;
        let text = format!(
            "SELECT webhook_id FROM lanes WHERE owner = {of} AND EXISTS (SELECT 1 FROM deliveries WHERE \
             deliveries.webhook_id = lanes.webhook_id AND deliveries.position > lanes.done) LIMIT {count}{locked}"
        );
        let left = i64::from(limit) - i64::try_from(adopted.len()).unwrap_or(i64::MAX);
        let found: Vec<Found> = sql_query(text)
            .bind::<Text, _>(owner)
            .bind::<BigInt, _>(left.max(0))
            .load(connection)?;
        let ids: Vec<String> = found.into_iter().map(|found| found.webhook_id).collect();
        if !ids.is_empty() {
            connection.give_lanes(&ids, own)?;
        } else if !owner.is_empty() {
            give_up(connection, owner)?;
        }
        adopted.extend(ids.iter().filter_map(|id| id.parse::<WebhookId>().ok()));
    }
    Ok(adopted)
}

/// Lets go of some lanes of a process that ends or has ended, and of the process itself with the last of them. Says
/// whether it was the last.
fn give_up(connection: &mut AnyConnection, owner: &str) -> Result<bool, Failure> {
    let some: Vec<String> = lanes::table
        .filter(lanes::owner.eq(owner))
        .order(lanes::webhook_id)
        .limit(LANES_AT_ONCE)
        .select(lanes::webhook_id)
        .load(connection)?;
    connection.give_lanes(&some, "")?;
    let last = (some.len() as i64) < LANES_AT_ONCE;
    if last {
        diesel::delete(processes::table.find(owner)).execute(connection)?;
    }
    Ok(last)
}

impl DieselStore {
    /// The process that delivers what is published through this store, if it does.
    pub(super) fn own_process(&self) -> Option<ProcessId> {
        *self.delivering.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
