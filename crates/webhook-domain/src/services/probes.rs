//! Probes: sending something to a receiver at once, because somebody wants to know whether it gets there.
//!
//! A test event is signed as a delivery is, in the instant it is sent, and goes past the webhook's queue: it is not an event
//! that was published, nothing of it is kept, and it is sent once. What waits at the head of a queue in the penalty box is
//! sent by whoever works at that lane, so that it stays in order; a probe of that only says that its time has come, and then
//! looks for what came of it.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::access::caller::Acting;
use crate::access::permission::Permission;
use crate::delivery::DeliveryStatus;
use crate::delivery::attempt::{Confidential, ResponseBody};
use crate::delivery::event::{Environment, Event, JsonText};
use crate::delivery::probed::Probed;
use crate::delivery::shares::Shares;
use crate::entropy::Entropy;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{EventId, PlatformId, WebhookId};
use crate::idempotency::{Idempotency, IdempotentRequest};
use crate::ports::{
    AnswerStore, DeliveryPause, DeliveryQueue, EventStore, Outcome, Parcel, Sender, TrackedDelivery,
    WebhookStore,
};
use crate::signing::key_ring::NewKey;
use crate::signing::signature;
use crate::time::{Clock, Instant};
use crate::webhook::{Action, Settings, TargetUrl, Webhook};

/// Sends something at once.
#[derive(Clone)]
pub struct ProbeService {
    /// The webhooks.
    pub webhooks: Arc<dyn WebhookStore>,
    /// What is queued for them.
    pub queue: Arc<dyn DeliveryQueue>,
    /// Whether anything may be sent.
    pub pause: Arc<dyn DeliveryPause>,
    /// What becomes of that.
    pub events: Arc<dyn EventStore>,
    /// The answers that are given again.
    pub answers: Arc<dyn AnswerStore>,
    /// What carries test events.
    pub sender: Arc<dyn Sender>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids of test events, and keys for webhooks that are not stored.
    pub entropy: Arc<dyn Entropy>,
    /// What deliveries call this deployment.
    pub environment: Environment,
    /// How many probes may be under way for whom; beyond that they are refused.
    pub places: ProbePlaces,
}

/// The places for probes.
#[derive(Clone)]
pub struct ProbePlaces(Arc<Mutex<Shares>>);

impl ProbePlaces {
    /// So many, for all platforms together.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(Shares::new(count))))
    }

    /// How many are taken, and how many there are.
    #[must_use]
    pub fn taken(&self) -> (usize, usize) {
        let shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (shares.taken(), shares.places())
    }

    /// A place to reach the host of `url` for `platform`.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] if it may have none now.
    pub(super) fn take(&self, platform: &PlatformId, url: &TargetUrl) -> Result<ProbePlace, ServiceError> {
        let host = url.host();
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !shares.try_take(platform, &host) {
            return Err(StoreError::Overloaded.into());
        }
        Ok(ProbePlace {
            places: self.clone(),
            platform: platform.clone(),
            host,
        })
    }
}

/// That a probe may be under way, until this is dropped.
pub(super) struct ProbePlace {
    places: ProbePlaces,
    platform: PlatformId,
    host: String,
}

impl Drop for ProbePlace {
    fn drop(&mut self) {
        let mut shares = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        shares.give_back(&self.platform, &self.host);
    }
}

/// A delivery that was held up, and whose time has come.
pub struct Expedited {
    before: TrackedDelivery,
    /// Whether who asked may see what is delivered, which a receiver may repeat.
    shows_body: bool,
    /// Whoever waits for what comes of it has it.
    _place: ProbePlace,
}

/// What a test event says.
#[derive(Serialize)]
struct TestData {
    /// Null for a webhook that is not stored.
    webhook_id: Option<String>,
}

impl ProbeService {
    /// What this request was answered before, if it was. Whoever probes asks this first.
    ///
    /// # Errors
    /// [`Refusal::IdempotencyKeyReused`], or the store's.
    pub async fn earlier(
        &self,
        acting: &Acting,
        request: Option<&IdempotentRequest<Probed>>,
    ) -> Result<Option<Outcome<Probed>>, ServiceError> {
        match request {
            None => Ok(None),
            Some(request) => self.answers.earlier(&self.named(acting, request)).await,
        }
    }

    /// What a probe is answered with, kept if the request has a name.
    ///
    /// # Errors
    /// [`Refusal::IdempotencyKeyReused`], or the store's.
    pub async fn answer(
        &self,
        acting: &Acting,
        probed: Probed,
        request: Option<&IdempotentRequest<Probed>>,
    ) -> Result<Outcome<Probed>, ServiceError> {
        match request {
            None => Ok(Outcome::Done {
                subject: Box::new(probed),
                answer: None,
            }),
            Some(request) => self.answers.keep(probed, self.named(acting, request)).await,
        }
    }

    fn named(&self, acting: &Acting, request: &IdempotentRequest<Probed>) -> Idempotency<Probed> {
        request.clone().by(acting, self.clock.now())
    }

    /// Sends a test event to the webhook, active or not, signed with every key that is valid. Needs `WEBHOOK.UPDATE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], [`Refusal::NoTarget`], [`Refusal::DeliveriesPaused`],
    /// [`StoreError::Overloaded`] while too many probes are under way, [`ServiceError::Short`], or the store's.
    pub async fn send_test(&self, acting: &Acting, id: WebhookId) -> Result<Probed, ServiceError> {
        acting.require(Permission::WebhookUpdate)?;
        let found = self.webhooks.find(acting.platform(), id).await?;
        let webhook = found.ok_or(Refusal::NO_SUCH_WEBHOOK)?;
        let url = webhook.settings.url.clone().ok_or(Refusal::NoTarget)?;
        self.refuse_while_paused().await?;
        self.send(&webhook, Some(webhook.id), url, self.clock.now()).await
    }

    /// Sends a test event as it would be sent to a webhook with these settings, and stores nothing. It is signed with a key
    /// that is made for it and forgotten: a receiver that verifies signatures refuses it. Needs `WEBHOOK.CREATE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::MissingField`] without a `url`, [`StoreError::Overloaded`] while too many probes are
    /// under way, or [`ServiceError::Short`].
    pub async fn test_connection(&self, acting: &Acting, settings: Settings) -> Result<Probed, ServiceError> {
        acting.require(Permission::WebhookCreate)?;
        let url = settings.url.clone().ok_or(Refusal::MissingField {
            field: "url",
            expected: "is required: it is what is tested",
        })?;
        let (now, entropy) = (self.clock.now(), self.entropy.as_ref());
        let id = WebhookId::generate(now, entropy)?;
        let key = NewKey::generate(now, entropy)?;
        let webhook = Webhook::create(id, acting.platform().clone(), settings, key, now);
        self.send(&webhook, None, url, now).await
    }

    /// Nothing is signed with a webhook's keys while deliveries are paused: they may be keys that were revoked.
    pub(super) async fn refuse_while_paused(&self) -> Result<(), ServiceError> {
        match self.pause.current().await? {
            Some(pause) => Err(Refusal::DeliveriesPaused { since: pause.since }.into()),
            None => Ok(()),
        }
    }

    /// Since when nothing is delivered, if deliveries are paused.
    ///
    /// # Errors
    /// The store's.
    pub async fn paused_since(&self) -> Result<Option<Instant>, ServiceError> {
        Ok(self.pause.current().await?.map(|pause| pause.since))
    }

    /// Sends a test event about the webhook `named`, if that is stored.
    async fn send(
        &self,
        webhook: &Webhook,
        named: Option<WebhookId>,
        url: TargetUrl,
        now: Instant,
    ) -> Result<Probed, ServiceError> {
        let _place = self.places.take(&webhook.platform, &url)?;
        let event = Event {
            id: EventId::generate(now, self.entropy.as_ref())?,
            platform: webhook.platform.clone(),
            action: Action::of_service(Action::TEST),
            data: JsonText::of(&TestData {
                webhook_id: named.map(|id| id.to_string()),
            }),
            previous_data: None,
            original_request_id: None,
            trace: None,
            created_at: now,
        };
        let body = event.payload(self.environment, false);
        let signed = signature::sign(&webhook.key_ring, event.id, &body, now);
        let signatures = signed.signatures();
        let parcel = Parcel {
            url,
            headers: signed.headers,
            authentication: webhook.settings.authentication.clone(),
            custom_headers: webhook.settings.custom_headers.clone(),
            body,
            is_probe: true,
            within: None,
        };
        let response = self.sender.send(parcel).await?;
        Ok(Probed::Ended {
            outcome: response.outcome,
            response_body: ResponseBody::of(&response.body, || Confidential::of(webhook, &signatures)),
        })
    }

    /// Says that the time of what is at the head of the webhook's queue has come. Needs `WEBHOOK.UPDATE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], [`Refusal::NoTarget`], [`Refusal::Inactive`],
    /// [`Refusal::NotInPenaltyBox`], [`Refusal::DeliveriesPaused`], or the store's.
    pub async fn expedite(&self, acting: &Acting, id: WebhookId) -> Result<Expedited, ServiceError> {
        acting.require(Permission::WebhookUpdate)?;
        let found = self.webhooks.find(acting.platform(), id).await?;
        let webhook = found.ok_or(Refusal::NO_SUCH_WEBHOOK)?;
        if webhook.held_up.is_none() {
            return Err(Refusal::NotInPenaltyBox.into());
        }
        if !webhook.settings.active {
            return Err(Refusal::Inactive.into());
        }
        let url = webhook.settings.url.as_ref().ok_or(Refusal::NoTarget)?;
        self.refuse_while_paused().await?;
        let place = self.places.take(&webhook.platform, url)?;
        let before = self.queue.expedite(id, self.clock.now()).await?;
        Ok(Expedited {
            before: before.ok_or(Refusal::NotInPenaltyBox)?,
            shows_body: acting.require(Permission::WebhookEventView).is_ok(),
            _place: place,
        })
    }

    /// What came of a delivery since it was expedited; [`Probed::StillWaiting`] as long as nothing did. Who works at its lane
    /// is told at once, and takes as long as an attempt does.
    ///
    /// # Errors
    /// The store's.
    pub async fn since(&self, expedited: &Expedited) -> Result<Probed, ServiceError> {
        let before = &expedited.before;
        let (platform, id) = (&before.delivery.platform, before.delivery.id);
        let Some(after) = self.events.find_delivery(platform, id).await? else {
            // Its webhook was deleted meanwhile, and with it what waited for it.
            return Err(Refusal::NO_SUCH_WEBHOOK.into());
        };
        let last = after.attempts.last();
        let tried = last != before.attempts.last() || after.delivery.status != DeliveryStatus::Pending;
        Ok(match last {
            Some(attempt) if tried => Probed::Ended {
                outcome: attempt.outcome,
                response_body: attempt.response_body.clone().filter(|_| expedited.shows_body),
            },
            _ => Probed::StillWaiting,
        })
    }
}
