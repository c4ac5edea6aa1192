//! Publishing events, and following their deliveries.

use std::sync::Arc;

use crate::access::caller::Acting;
use crate::access::permission::Permission;
use crate::delivery::event::{Event, JsonText};
use crate::entropy::Entropy;
use crate::error::{Refusal, ServiceError};
use crate::id::{DeliveryId, EventId, RequestId};
use crate::idempotency::IdempotentRequest;
use crate::ports::{
    DeliveryQuery, EventStore, ListedDelivery, Outcome, Publication, Published, Resend, TrackedDelivery,
};
use crate::time::Clock;
use crate::webhook::Action;

/// Publishes events, and shows how far their deliveries have come.
#[derive(Clone)]
pub struct EventService {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
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
    /// How to answer a request that is sent again.
    pub idempotent: Option<IdempotentRequest<Published>>,
}

impl EventService {
    /// The service over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn EventStore>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            store,
            clock,
            entropy,
        }
    }

    /// Publishes an event: from the return of this on it reaches every webhook of the platform that wants it, through any
    /// crash. Needs `EVENT.CREATE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::IdempotencyKeyReused`], or the store's.
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
            created_at: now,
        };
        let idempotency = publish.idempotent.map(|request| request.by(acting, now));
        self.store.publish(Publication { event, idempotency }).await
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

    /// Puts a delivery that has come to its end at the end of its webhook's queue. Needs `WEBHOOK_EVENT.RESEND`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], [`Refusal::StillPending`], [`Refusal::IdempotencyKeyReused`], or
    /// the store's.
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
            idempotency: idempotent.map(|request| request.by(acting, now)),
        };
        self.store.resend(resend).await
    }
}
