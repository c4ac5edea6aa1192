//! Publishing events, and following their deliveries.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::caller::Acting;
use crate::access::permission::Permission;
use crate::access::quota::Quotas;
use crate::delivery::event::{Event, JsonText};
use crate::delivery::trace::TraceContext;
use crate::entropy::{Entropy, EntropyError};
use crate::error::{InvalidValue, Refusal, ServiceError};
use crate::id::{DeliveryId, EventId, RequestId, WebhookId};
use crate::idempotency::IdempotentRequest;
use crate::ports::{
    Backlog, DeliveryQuery, DescribeDelivery, EndedQuery, EventStore, GiveUp, ListedDelivery, Outcome,
    Publication, Published, Resend, ResendMany, Resent, Telling, TrackedDelivery,
};
use crate::time::{Clock, Instant};
use crate::webhook::Action;

/// Publishes events, and shows how far their deliveries have come.
#[derive(Clone)]
pub struct EventService {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    quotas: Quotas,
    describe: Option<DescribeDelivery>,
}

/// An event to publish.
pub struct PublishEvent {
    /// What happened.
    pub action: Action,
    /// What there is to say of it.
    pub data: JsonText,
    /// What the resource was before.
    pub previous_data: Option<JsonText>,
    /// The request that made it happen.
    pub original_request_id: Option<RequestId>,
    /// The trace that the publication belongs to.
    pub trace: Option<TraceContext>,
    /// How to answer a request that is sent again.
    pub idempotent: Option<IdempotentRequest<Published>>,
}

/// How many events one request sends again.
const RESENT_AT_MOST: usize = 100_000;

/// Which events a webhook is to be sent again: those that have come to their end.
pub struct Replay {
    /// The webhook.
    pub webhook: WebhookId,
    /// Those published then or later.
    pub created_after: Instant,
    /// Those published before.
    pub created_before: Option<Instant>,
    /// Those of this status alone, by its name.
    pub status: Option<&'static str>,
    /// How to answer a request that is sent again.
    pub idempotent: Option<IdempotentRequest<Resent>>,
}

impl Replay {
    /// What an event that has come to its end may be, by name.
    pub const STATUSES: [&'static str; 2] = ["SUCCEEDED", "FAILED"];
    /// How many events are sent again at a time.
    pub const MOST: u64 = RESENT_AT_MOST as u64;

    /// The name of a status that an event which is sent again may have.
    ///
    /// # Errors
    /// Says which there are.
    pub fn status_named(text: &str) -> Result<&'static str, InvalidValue> {
        let named = Self::STATUSES.into_iter().find(|name| *name == text);
        named.ok_or(InvalidValue::new(
            "must be one of SUCCEEDED, FAILED, or null for both",
        ))
    }

    /// Whether there is anything between these instants.
    ///
    /// # Errors
    /// Says what `created_before` must be.
    pub fn check_period(created_after: Instant, created_before: Option<Instant>) -> Result<(), InvalidValue> {
        match created_before {
            Some(before) if before <= created_after => {
                Err(InvalidValue::new("must be later than created_after"))
            }
            _ => Ok(()),
        }
    }

    /// What is looked for: one more than is sent again, to tell whether there are more.
    fn query(&self, acting: &Acting) -> EndedQuery {
        EndedQuery {
            platform: acting.platform().clone(),
            webhook: self.webhook,
            created_after: self.created_after,
            created_before: self.created_before,
            status: self.status,
            limit: RESENT_AT_MOST + 1,
        }
    }
}

/// How many are put into the queue in one transaction, so that others need not wait for long.
const RESENT_AT_ONCE: usize = 500;

impl EventService {
    /// The service over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn EventStore>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            store,
            clock,
            entropy,
            quotas: Quotas::default(),
            describe: None,
        }
    }

    /// The service that tells of a delivery that is given up, in an event whose data `describe` writes.
    #[must_use]
    pub const fn announcing(mut self, describe: DescribeDelivery) -> Self {
        self.describe = Some(describe);
        self
    }

    /// The service that lets no platform have more than this.
    #[must_use]
    pub const fn limited(mut self, quotas: Quotas) -> Self {
        self.quotas = quotas;
        self
    }

    /// Publishes an event: from the return of this on it reaches every webhook of the platform that wants it, through any
    /// crash. Needs `EVENT.CREATE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::OverQuota`], [`Refusal::IdempotencyKeyReused`], or the store's.
    pub async fn publish(
        &self,
        acting: &Acting,
        publish: PublishEvent,
    ) -> Result<Outcome<Published>, ServiceError> {
        acting.require(Permission::EventCreate)?;
        let now = self.clock.now();
        let event = Event {
            id: EventId::generate(now, self.entropy.as_ref())?,
            platform: acting.platform().clone(),
            action: publish.action,
            data: publish.data,
            previous_data: publish.previous_data,
            original_request_id: publish.original_request_id,
            trace: publish.trace,
            created_at: now,
        };
        let idempotency = publish.idempotent.map(|request| request.by(acting, now));
        let publication = Publication {
            event,
            quota: self.quotas.pending_events,
            idempotency,
        };
        self.store.publish(publication).await
    }

    /// The delivery with this id. Needs `WEBHOOK_EVENT.VIEW`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], or the store's.
    pub async fn delivery(&self, acting: &Acting, id: DeliveryId) -> Result<TrackedDelivery, ServiceError> {
        acting.require(Permission::WebhookEventView)?;
        let found = self.store.find_delivery(acting.platform(), id).await?;
        Ok(found.ok_or(Refusal::NO_SUCH_DELIVERY)?)
    }

    /// The platform's deliveries that `query` asks for. Needs `WEBHOOK_EVENT.VIEW`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`] or the store's.
    pub async fn deliveries(
        &self,
        acting: &Acting,
        query: DeliveryQuery,
    ) -> Result<Vec<ListedDelivery>, ServiceError> {
        acting.require(Permission::WebhookEventView)?;
        Ok(self.store.deliveries(acting.platform(), query).await?)
    }

    /// What waits on the platform. Needs `WEBHOOK_EVENT.VIEW`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`] or the store's.
    pub async fn backlog(&self, acting: &Acting) -> Result<Backlog, ServiceError> {
        acting.require(Permission::WebhookEventView)?;
        Ok(self.store.backlog(acting.platform()).await?)
    }

    /// How many deliveries are in the queues of these webhooks, each counted no further than `count_to`. Needs `WEBHOOK_EVENT.VIEW`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`] or the store's.
    pub async fn queued(
        &self,
        acting: &Acting,
        webhooks: Vec<WebhookId>,
        count_to: u32,
    ) -> Result<BTreeMap<WebhookId, u64>, ServiceError> {
        acting.require(Permission::WebhookEventView)?;
        Ok(self.store.queued(acting.platform(), webhooks, count_to).await?)
    }

    /// Puts a delivery that has come to its end at the end of its webhook's queue. Needs `WEBHOOK_EVENT.RESEND`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], [`Refusal::StillPending`], [`Refusal::OverQuota`],
    /// [`Refusal::IdempotencyKeyReused`], or the store's.
    pub async fn resend(
        &self,
        acting: &Acting,
        id: DeliveryId,
        idempotent: Option<IdempotentRequest<TrackedDelivery>>,
    ) -> Result<Outcome<TrackedDelivery>, ServiceError> {
        acting.require(Permission::WebhookEventResend)?;
        let now = self.clock.now();
        let resend = Resend {
            platform: acting.platform().clone(),
            delivery: id,
            at: now,
            quota: self.quotas.pending_events,
            idempotency: idempotent.map(|request| request.by(acting, now)),
        };
        self.store.resend(resend).await
    }

    /// Gives up a delivery that waits, so that the next one's turn comes. Needs `WEBHOOK_EVENT.RESEND`.
    ///
    /// An attempt that is under way is not called back: it may still arrive, and nothing is recorded of it.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], [`Refusal::NotPending`], [`Refusal::IdempotencyKeyReused`], or the
    /// store's.
    pub async fn give_up(
        &self,
        acting: &Acting,
        id: DeliveryId,
        idempotent: Option<IdempotentRequest<TrackedDelivery>>,
    ) -> Result<Outcome<TrackedDelivery>, ServiceError> {
        acting.require(Permission::WebhookEventResend)?;
        let now = self.clock.now();
        let telling = |describe| -> Result<Telling, EntropyError> {
            Ok(Telling {
                id: EventId::generate(now, self.entropy.as_ref())?,
                request: Some(acting.request().clone()),
                describe,
            })
        };
        let telling = self.describe.map(telling).transpose()?;
        let give_up = GiveUp {
            platform: acting.platform().clone(),
            delivery: id,
            at: now,
            telling,
            idempotency: idempotent.map(|request| request.by(acting, now)),
        };
        self.store.give_up(give_up).await
    }

    /// How many deliveries [`replay`](Self::replay) would put into the queue now: more than [`Replay::MOST`] are not counted further. Needs
    /// `WEBHOOK_EVENT.RESEND`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], or the store's.
    pub async fn count_of_replay(&self, acting: &Acting, replay: &Replay) -> Result<u64, ServiceError> {
        acting.require(Permission::WebhookEventResend)?;
        Ok(self.store.ended(replay.query(acting)).await?.len() as u64)
    }

    /// Puts what a webhook was sent, or what was given up, at the end of its queue again: the events that were published first before the
    /// others. Needs `WEBHOOK_EVENT.RESEND`.
    ///
    /// Its quota is judged for all of it before the first is sent. It is done in parts. If one of them fails, those before it are done; whoever asks again has the rest sent, and what has been
    /// delivered meanwhile a second time.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], [`Refusal::TooManyToResend`], [`Refusal::OverQuota`], [`Refusal::IdempotencyKeyReused`], or the
    /// store's.
    pub async fn replay(&self, acting: &Acting, replay: Replay) -> Result<Outcome<Resent>, ServiceError> {
        acting.require(Permission::WebhookEventResend)?;
        let now = self.clock.now();
        let query = replay.query(acting);
        let idempotency = replay.idempotent.map(|request| request.by(acting, now));
        let part = |deliveries: &[DeliveryId], room_for: usize, before, is_last| ResendMany {
            platform: acting.platform().clone(),
            webhook: replay.webhook,
            deliveries: deliveries.to_vec(),
            room_for: room_for as u64,
            before,
            quota: self.quotas.pending_events,
            is_last,
            at: now,
            idempotency: idempotency.clone(),
        };
        // Nothing yet, but the webhook is looked for, and the answer to the same request before.
        if let answered @ Outcome::Replayed(_) = self.store.resend_many(part(&[], 0, 0, false)).await? {
            return Ok(answered);
        }
        let ended = self.store.ended(query).await?;
        if ended.len() > RESENT_AT_MOST {
            return Err(Refusal::TooManyToResend {
                limit: RESENT_AT_MOST,
            }
            .into());
        }
        let mut parts = ended.chunks(RESENT_AT_ONCE).peekable();
        let (mut room_for, mut before) = (ended.len(), 0);
        loop {
            let deliveries = parts.next().unwrap_or_default();
            let is_last = parts.peek().is_none();
            let part = part(deliveries, std::mem::take(&mut room_for), before, is_last);
            match self.store.resend_many(part).await? {
                Outcome::Done { subject, .. } if !is_last => before = subject.deliveries,
                outcome => return Ok(outcome),
            }
        }
    }
}
