//! Events and their deliveries.

use async_trait::async_trait;
use diesel::prelude::*;
use webhook_domain::id::{DeliveryId, PlatformId, ProcessId, WebhookId};
use webhook_domain::ports::{
    DeliveryQuery, EventStore, ListedDelivery, Outcome, Publication, Published, Resend, TrackedDelivery,
};
use webhook_domain::time::Instant;
use webhook_domain::{Refusal, ServiceError, StoreError};

use crate::DieselStore;
use crate::answers;
use crate::audit::head::{Chain, Keys};
use crate::database::connection::AnyConnection;
use crate::database::row::RowError;
use crate::database::row::{corrupt, unavailable};
use crate::database::schema::{deliveries, events, failed_deliveries};
use crate::engine::failure::Failure;
use crate::events::retain::forget;
use crate::events::row::EventRow;
use crate::lanes::delivery::DeliveryRow;
use crate::lanes::locked::{Hints, LockedLanes};

type Tracked = (DeliveryRow, EventRow);

/// The name of the status of what was given up.
const FAILED: &str = "FAILED";

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
        self.writer.publish(Box::new(publication)).await
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
    ) -> Result<Vec<ListedDelivery>, StoreError> {
        let platform = platform.to_string();
        let read = move |connection: &mut AnyConnection| {
            let rows = list(connection, &platform, &query).map_err(unavailable)?;
            rows.iter().map(listed).collect::<Result<_, _>>().map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn resend(&self, resend: Resend) -> Result<Outcome<TrackedDelivery>, ServiceError> {
        let (vault, chain) = (self.vault.clone(), self.chain.clone());
        let own = self.delivering.own();
        let work = move |connection: &mut AnyConnection| {
            let keys = Keys {
                vault: &vault,
                chain: &chain,
            };
            Chain::lock(connection, keys)?;
            if let Some(earlier) = answers::earlier(connection, resend.idempotency.as_ref(), &vault)? {
                return Ok((earlier, Hints::default()));
            }
            let (decided, hints) = put_at_the_end(connection, own, &resend)?;
            let outcome = match decided {
                Ok(after) => Ok(Outcome::Done {
                    answer: answers::store(connection, &after, resend.idempotency, &vault)?,
                    subject: Box::new(after),
                }),
                Err(refusal) => Err(refusal),
            };
            Ok((outcome, hints))
        };
        let (decided, hints) = self.writer.alone(work).await?;
        self.delivering.tell(hints);
        Ok(decided?)
    }

    async fn forget_events(&self, before: Instant, limit: u32) -> Result<u32, StoreError> {
        let work = move |connection: &mut AnyConnection| forget(connection, before, limit);
        self.writer.alone(work).await
    }
}

/// Puts a delivery at the end of its lane, and gives it as it is then.
pub(crate) fn put_at_the_end(
    connection: &mut AnyConnection,
    own: Option<ProcessId>,
    resend: &Resend,
) -> Result<(Result<TrackedDelivery, Refusal>, Hints), Failure> {
    let no_such = || Ok((Err(Refusal::NO_SUCH_DELIVERY), Hints::default()));
    let (platform, id) = (resend.platform.to_string(), resend.delivery.to_string());
    let Some(webhook) = webhook_of(connection, &platform, &id)? else {
        return no_such();
    };
    // The lane first, as everywhere: then nobody can end what is read next, nor delete the webhook.
    let mut lanes = LockedLanes::lock(connection, &[webhook].into(), resend.at)?;
    if !lanes.holds(webhook) {
        return no_such();
    }
    // Locked, because it may be about to be forgotten.
    connection.lock_delivery(&id)?;
    let Some(row) = find(connection, &platform, &id)? else {
        return no_such();
    };
    let mut after = tracked(&row)?;
    after.delivery = match after.delivery.resent() {
        Ok(delivery) => delivery,
        Err(refusal) => return Ok((Err(refusal), Hints::default())),
    };
    diesel::delete(failed_deliveries::table.find(row.0.position)).execute(connection)?;
    let position = connection.draw_positions(1)?.pop().unwrap_or_default();
    diesel::update(deliveries::table.filter(deliveries::id.eq(&id)))
        .set((
            deliveries::position.eq(position),
            deliveries::status.eq(after.delivery.status.name()),
            deliveries::ended_at.eq(None::<i64>),
        ))
        .execute(connection)?;
    let now = lanes.now();
    lanes.wake(webhook, |lane| lane.with_arrival(now));
    Ok((Ok(after), lanes.save(connection, own)?))
}

fn webhook_of(
    connection: &mut AnyConnection,
    platform: &str,
    id: &str,
) -> Result<Option<WebhookId>, Failure> {
    let found: Option<String> = deliveries::table
        .filter(deliveries::id.eq(id))
        .filter(deliveries::platform.eq(platform))
        .select(deliveries::webhook_id)
        .get_result(connection)
        .optional()?;
    Ok(found.and_then(|webhook| webhook.parse().ok()))
}

fn listed(row: &DeliveryRow) -> Result<ListedDelivery, RowError> {
    Ok(ListedDelivery {
        attempts: row.attempts()?,
        delivery: row.decode()?,
        action: row.action(),
    })
}

/// Events are left alone: a page of them may be many megabytes.
fn list(
    connection: &mut AnyConnection,
    platform: &str,
    query: &DeliveryQuery,
) -> QueryResult<Vec<DeliveryRow>> {
    let mut asked = deliveries::table
        .filter(deliveries::platform.eq(platform.to_owned()))
        .order(deliveries::position.desc())
        .limit(query.limit.into())
        .select(DeliveryRow::as_select())
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
    if query.status == Some(FAILED) {
        // What was given up is rare: found by itself, and not by reading all that was not.
        let failed = failed_deliveries::table.filter(failed_deliveries::platform.eq(platform.to_owned()));
        asked = asked.filter(deliveries::position.eq_any(failed.select(failed_deliveries::position)));
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
