//! Events and their deliveries.

use async_trait::async_trait;
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use webhook_domain::id::{DeliveryId, PlatformId};
use webhook_domain::ports::{
    DeliveryQuery, EventStore, Outcome, Publication, Published, Resend, TrackedDelivery,
};
use webhook_domain::time::Instant;
use webhook_domain::{Refusal, ServiceError, StoreError};

use crate::DieselStore;
use crate::answers;
use crate::audit::head::{Chain, Keys};
use crate::database::connection::AnyConnection;
use crate::database::row::RowError;
use crate::database::row::{corrupt, unavailable};
use crate::database::schema::{deliveries, events, webhooks};
use crate::engine::failure::Failure;
use crate::engine::lane_group::{LaneDone, LaneWork};
use crate::events::row::EventRow;
use crate::lanes::delivery::DeliveryRow;
use crate::lanes::own::assign;

type Tracked = (DeliveryRow, EventRow);

pub(crate) fn tracked((delivery, event): &Tracked) -> Result<TrackedDelivery, RowError> {
    Ok(TrackedDelivery {
        attempts: delivery.attempts()?,
        delivery: delivery.decode()?,
        event: event.decode()?,
    })
}

fn find(connection: &mut AnyConnection, platform: &str, id: &str) -> QueryResult<Option<Tracked>> {
    deliveries::table
        .inner_join(events::table.on(events::id.eq(deliveries::event_id)))
        .filter(deliveries::id.eq(id))
        .filter(deliveries::platform.eq(platform))
        .select((DeliveryRow::as_select(), EventRow::as_select()))
        .get_result(connection)
        .optional()
}

#[async_trait]
impl EventStore for DieselStore {
    async fn publish(&self, publication: Publication) -> Result<Outcome<Published>, ServiceError> {
        match self.writer.lane(LaneWork::Publish(Box::new(publication))).await? {
            LaneDone::Published(outcome) => Ok(outcome),
            LaneDone::Recorded(_) => {
                Err(StoreError::Corrupt("a publication was taken for turns".into()).into())
            }
        }
    }

    async fn find_delivery(
        &self,
        platform: &PlatformId,
        id: DeliveryId,
    ) -> Result<Option<TrackedDelivery>, StoreError> {
        let (platform, id) = (platform.to_string(), id.to_string());
        let read = move |connection: &mut AnyConnection| {
            let found = find(connection, &platform, &id).map_err(unavailable)?;
            found.as_ref().map(tracked).transpose().map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn deliveries(
        &self,
        platform: &PlatformId,
        query: DeliveryQuery,
    ) -> Result<Vec<TrackedDelivery>, StoreError> {
        let platform = platform.to_string();
        let read = move |connection: &mut AnyConnection| {
            let rows = list(connection, &platform, &query).map_err(unavailable)?;
            rows.iter()
                .map(tracked)
                .collect::<Result<_, _>>()
                .map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn resend(&self, resend: Resend) -> Result<Outcome<TrackedDelivery>, ServiceError> {
        let (vault, chain) = (self.vault.clone(), self.chain.clone());
        let own = self.own_process();
        let work = move |connection: &mut AnyConnection| {
            let keys = Keys {
                vault: &vault,
                chain: &chain,
            };
            Chain::lock(connection, keys)?;
            if let Some(earlier) = answers::earlier(connection, resend.idempotency.as_ref(), &vault)? {
                return Ok((earlier, Vec::new()));
            }
            let position = connection.lock_delivery_head()? + 1;
            let (platform, id) = (resend.platform.to_string(), resend.delivery.to_string());
            let Some(row) = find(connection, &platform, &id)? else {
                return Ok((Err(Refusal::NO_SUCH_DELIVERY), Vec::new()));
            };
            let mut after = tracked(&row)?;
            after.delivery = match after.delivery.resent() {
                Ok(delivery) => delivery,
                Err(refusal) => return Ok((Err(refusal), Vec::new())),
            };
            diesel::update(deliveries::table.find(row.0.position))
                .set((
                    deliveries::position.eq(position),
                    deliveries::status.eq(after.delivery.status.name()),
                    deliveries::ended_at.eq(None::<i64>),
                ))
                .execute(connection)?;
            connection.save_delivery_head(position)?;
            let lane = [(row.0.webhook_id.clone(), position)].into();
            let arrived = assign(connection, &lane, own, resend.at.as_milliseconds())?;
            let answer = answers::store(connection, &after, resend.idempotency, &vault)?;
            let outcome = Outcome::Done {
                subject: Box::new(after),
                answer,
            };
            Ok((Ok(outcome), arrived))
        };
        let (decided, arrived) = self.writer.alone(work).await?;
        self.delivering.arrivals.tell(arrived);
        Ok(decided?)
    }

    async fn forget_events(&self, before: Instant, limit: u32) -> Result<u32, StoreError> {
        let before = before.as_milliseconds();
        let work = move |connection: &mut AnyConnection| forget(connection, before, limit);
        self.writer.alone(work).await
    }
}

fn list(connection: &mut AnyConnection, platform: &str, query: &DeliveryQuery) -> QueryResult<Vec<Tracked>> {
    let mut asked = deliveries::table
        .inner_join(events::table.on(events::id.eq(deliveries::event_id)))
        .filter(deliveries::platform.eq(platform.to_owned()))
        .order(deliveries::position.desc())
        .limit(query.limit.into())
        .select((DeliveryRow::as_select(), EventRow::as_select()))
        .into_boxed();
    if let Some(webhook) = query.webhook {
        asked = asked.filter(deliveries::webhook_id.eq(webhook.to_string()));
    }
    if let Some(event) = query.event {
        asked = asked.filter(deliveries::event_id.eq(event.to_string()));
    }
    if let Some(action) = &query.action {
        asked = asked.filter(deliveries::action.eq(action.as_str().to_owned()));
    }
    if let Some(status) = query.status {
        asked = asked.filter(deliveries::status.eq(status));
    }
    if let Some(after) = query.after {
        let position: Option<i64> = deliveries::table
            .filter(deliveries::id.eq(after.to_string()))
            .filter(deliveries::platform.eq(platform.to_owned()))
            .select(deliveries::position)
            .get_result(connection)
            .optional()?;
        // What is no more has nothing after it.
        asked = asked.filter(deliveries::position.lt(position.unwrap_or(0)));
    }
    asked.load(connection)
}

fn forget(connection: &mut AnyConnection, before: i64, limit: u32) -> Result<u32, Failure> {
    // What waits for a webhook that is no more waits for nothing.
    let waiting = deliveries::table
        .filter(deliveries::event_id.eq(events::id))
        .filter(deliveries::status.eq("PENDING"))
        .filter(exists(
            webhooks::table.filter(webhooks::id.eq(deliveries::webhook_id)),
        ));
    let done_with: Vec<String> = events::table
        .filter(events::created_at.lt(before))
        .filter(not(exists(waiting)))
        .order((events::created_at, events::id))
        .limit(limit.into())
        .select(events::id)
        .load(connection)?;
    diesel::delete(deliveries::table.filter(deliveries::event_id.eq_any(&done_with))).execute(connection)?;
    let forgotten =
        diesel::delete(events::table.filter(events::id.eq_any(&done_with))).execute(connection)?;
    Ok(u32::try_from(forgotten).unwrap_or(u32::MAX))
}
