//! Events and their deliveries.

use std::collections::BTreeMap;

use async_trait::async_trait;
use diesel::prelude::*;
use webhook_domain::access::quota::Quota;
use webhook_domain::delivery::attempt::Attempt;
use webhook_domain::delivery::key_use::KeyUse;
use webhook_domain::delivery::notice::Notice;
use webhook_domain::id::{DeliveryId, PlatformId, ProcessId, WebhookId};
use webhook_domain::idempotency::Idempotency;
use webhook_domain::ports::{
    Backlog, DeliveryQuery, EndedQuery, EventStore, GiveUp, ListedDelivery, Outcome, Publication, Published,
    Resend, ResendMany, Resent, TrackedDelivery,
};
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::time::Instant;
use webhook_domain::{Refusal, ServiceError, StoreError};

use crate::answers;
use crate::answers::row::slot_key;
use crate::audit::head::{Chain, Keys};
use crate::database::connection::AnyConnection;
use crate::database::row::RowError;
use crate::database::row::{corrupt, unavailable};
use crate::database::schema::{deliveries, events};
use crate::engine::failure::Failure;
use crate::events::pending::{Counted, Counts, Pending};
use crate::events::retain::{bring_back, forget};
use crate::events::row::EventRow;
use crate::events::{backlog, give_up, list, queued, replay, signed};
use crate::lanes::delivery::DeliveryRow;
use crate::lanes::key_uses;
use crate::lanes::locked::{Hints, LockedLanes};
use crate::sealing::Vault;
use crate::{DatabaseUrl, DieselStore};

type Tracked = (DeliveryRow, EventRow);

/// The name of the status of what was given up.
pub(crate) const FAILED: &str = "FAILED";

pub(crate) fn tracked((delivery, event): &Tracked) -> Result<TrackedDelivery, RowError> {
    Ok(TrackedDelivery {
        attempts: delivery.attempts()?,
        delivery: delivery.decode()?,
        event: event.decode()?,
    })
}

pub(super) fn find(connection: &mut AnyConnection, platform: &str, id: &str) -> QueryResult<Option<Tracked>> {
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
            let rows = list::read(connection, &platform, &query).map_err(unavailable)?;
            rows.iter()
                .map(list::decode)
                .collect::<Result<_, _>>()
                .map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn backlog(&self, platform: &PlatformId) -> Result<Backlog, StoreError> {
        let platform = platform.to_string();
        let read = move |connection: &mut AnyConnection| {
            let read = connection.transaction(|connection| backlog::read(connection, &platform));
            read.map_err(unavailable)
        };
        self.readers.run(read).await
    }

    async fn queued(
        &self,
        platform: &PlatformId,
        webhooks: Vec<WebhookId>,
        count_to: u32,
    ) -> Result<BTreeMap<WebhookId, u64>, StoreError> {
        let platform = platform.to_string();
        let ids: Vec<_> = webhooks.iter().map(ToString::to_string).collect();
        let read = move |connection: &mut AnyConnection| {
            let counted =
                connection.transaction(|connection| queued::count(connection, &platform, &ids, count_to));
            queued::decode(counted.map_err(unavailable)?).map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn use_of_key(
        &self,
        platform: &PlatformId,
        webhook: WebhookId,
        key: &Fingerprint,
    ) -> Result<KeyUse, StoreError> {
        signed::count(self, platform, webhook, key).await
    }

    async fn resend(&self, resend: Resend) -> Result<Outcome<TrackedDelivery>, ServiceError> {
        if !self.has_answered(resend.idempotency.as_ref()).await? {
            self.wait_for_delivery(&resend.platform, resend.delivery).await?;
        }
        let (own, counts) = (self.delivering.own(), self.writer.counts.clone());
        self.answering(move |connection, vault| {
            if let Some(earlier) = answers::earlier(connection, resend.idempotency.as_ref(), vault)? {
                return Ok((earlier, Hints::default(), Counted::new()));
            }
            let mut pending = lock_pending(connection, &counts, resend.quota, &resend.platform)?;
            let (decided, hints) = put_at_the_end(connection, own, &resend, &mut pending)?;
            let counted = pending.save(connection)?;
            Ok((
                answered(connection, vault, decided, resend.idempotency)?,
                hints,
                counted,
            ))
        })
        .await
    }

    async fn give_up(&self, give_up: GiveUp) -> Result<Outcome<TrackedDelivery>, ServiceError> {
        if !self.has_answered(give_up.idempotency.as_ref()).await? {
            self.wait_for_delivery(&give_up.platform, give_up.delivery)
                .await?;
        }
        let own = self.delivering.own();
        let outcome = self
            .answering(move |connection, vault| {
                if let Some(earlier) = answers::earlier(connection, give_up.idempotency.as_ref(), vault)? {
                    return Ok((earlier, Hints::default(), Counted::new()));
                }
                let (decided, hints) = give_up::give_up(connection, own, &give_up)?;
                Ok((
                    answered(connection, vault, decided, give_up.idempotency)?,
                    hints,
                    Counted::new(),
                ))
            })
            .await?;
        if let Outcome::Done { subject, .. } = &outcome {
            self.writer.observed.noticed(&given_up(subject));
        }
        Ok(outcome)
    }

    async fn ended(&self, query: EndedQuery) -> Result<Vec<DeliveryId>, StoreError> {
        let read =
            move |connection: &mut AnyConnection| replay::ended(connection, &query).map_err(unavailable);
        self.readers.run(read).await
    }

    async fn resend_many(&self, resend: ResendMany) -> Result<Outcome<Resent>, ServiceError> {
        if !self.has_answered(resend.idempotency.as_ref()).await? {
            self.wait_for_lane(resend.webhook).await?;
        }
        let (own, counts) = (self.delivering.own(), self.writer.counts.clone());
        self.answering(move |connection, vault| {
            if let Some(earlier) = answers::earlier(connection, resend.idempotency.as_ref(), vault)? {
                return Ok((earlier, Hints::default(), Counted::new()));
            }
            let mut pending = lock_pending(connection, &counts, resend.quota, &resend.platform)?;
            let (deliveries, hints) = match replay::resend_many(connection, own, &resend, &mut pending)? {
                Ok(done) => done,
                Err(refusal) => {
                    return Ok((Err(refusal), Hints::default(), pending.save(connection)?));
                }
            };
            let counted = pending.save(connection)?;
            let resent = Resent {
                webhook: resend.webhook,
                deliveries,
            };
            let idempotency = resend.idempotency.filter(|_| resend.is_last);
            Ok((
                answered(connection, vault, Ok(resent), idempotency)?,
                hints,
                counted,
            ))
        })
        .await
    }

    async fn forget_events(&self, before: Instant, limit: u32) -> Result<u32, StoreError> {
        let work = move |connection: &mut AnyConnection| forget(connection, before, limit);
        self.writer.alone(work).await
    }

    async fn bring_back_events(&self, latest: Instant, now: Instant, limit: u32) -> Result<u32, StoreError> {
        let work = move |connection: &mut AnyConnection| bring_back(connection, latest, now, limit);
        self.writer.alone(work).await
    }
}

impl DieselStore {
    /// Whether a request with this name was answered: then its lane is not needed.
    async fn has_answered<T>(&self, request: Option<&Idempotency<T>>) -> Result<bool, StoreError> {
        let (Some(request), DatabaseUrl::Postgres(_)) = (request, &self.url) else {
            return Ok(false);
        };
        let slot = vec![slot_key(&request.slot)];
        let find = move |connection: &mut AnyConnection| connection.load_answers(&slot).map_err(unavailable);
        Ok(!self.readers.run(find).await?.is_empty())
    }

    /// As [`wait_for_lane`](Self::wait_for_lane), for that of a delivery if it is there.
    async fn wait_for_delivery(&self, platform: &PlatformId, id: DeliveryId) -> Result<(), StoreError> {
        if matches!(self.url, DatabaseUrl::Sqlite(_)) {
            return Ok(());
        }
        let (platform, id) = (platform.to_string(), id.to_string());
        let find = move |connection: &mut AnyConnection| Ok(webhook_of(connection, &platform, &id)?);
        match self.readers.run(find).await? {
            Some(webhook) => self.wait_for_lane(webhook).await,
            None => Ok(()),
        }
    }

    /// Runs, in a transaction of its own with the head of the chain locked, what may have been answered before or is answered now.
    async fn answering<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut AnyConnection, &Vault) -> Result<(answers::Decided<T>, Hints, Counted), Failure>
        + Send
        + 'static,
    ) -> Result<Outcome<T>, ServiceError> {
        let (vault, chain) = (self.vault.clone(), self.chain.clone());
        let work = move |connection: &mut AnyConnection| {
            let keys = Keys {
                vault: &vault,
                chain: &chain,
            };
            Chain::lock(connection, keys)?;
            work(connection, &vault)
        };
        let (decided, hints, counted) = self.writer.alone(work).await?;
        self.writer.counts.remember(counted);
        self.delivering.tell(hints);
        Ok(decided?)
    }
}

/// What there is to tell of a delivery that was given up on request.
fn given_up(after: &TrackedDelivery) -> Notice {
    let attempts = u32::try_from(after.attempts.len()).unwrap_or(u32::MAX);
    let cause = after.attempts.last().and_then(Attempt::cause);
    let trace = after.event.trace.as_ref().map(|trace| trace.parent);
    Notice::of_request(&after.delivery, attempts, cause, trace)
}

/// What was decided, with the answer stored.
fn answered<T>(
    connection: &mut AnyConnection,
    vault: &Vault,
    decided: Result<T, Refusal>,
    idempotency: Option<Idempotency<T>>,
) -> Result<answers::Decided<T>, Failure> {
    let after = match decided {
        Ok(after) => after,
        Err(refusal) => return Ok(Err(refusal)),
    };
    Ok(Ok(Outcome::Done {
        answer: answers::store(connection, &after, idempotency, vault)?,
        subject: Box::new(after),
    }))
}

/// Puts a delivery at the end of its lane, and gives it as it is then.
pub(crate) fn put_at_the_end(
    connection: &mut AnyConnection,
    own: Option<ProcessId>,
    resend: &Resend,
    pending: &mut Pending,
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
    if let Some(quota) = resend.quota
        && let Err(refusal) = pending.admit(connection, &resend.platform, quota, 1, 1)?
    {
        return Ok((Err(refusal), Hints::default()));
    }
    connection.forget_failed(row.0.position)?;
    let position = connection.draw_positions(1)?.pop().unwrap_or_default();
    let name = webhook.to_string();
    key_uses::have_moved(connection, &name, &after.attempts, &platform, position)?;
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

/// What waits on the platform, where that is limited.
pub(crate) fn lock_pending(
    connection: &mut AnyConnection,
    counts: &Counts,
    quota: Option<Quota>,
    platform: &PlatformId,
) -> Result<Pending, Failure> {
    let limited = quota.map(|_| platform.as_str());
    Pending::lock(
        connection,
        counts,
        &limited.into_iter().collect(),
        &BTreeMap::new(),
    )
}

pub(super) fn webhook_of(
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
