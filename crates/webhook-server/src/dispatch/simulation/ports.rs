//! The ports of one process: a store that all share, and the way to it.
//!
//! What the store does is written into the journal when it does it, and what the process is told when it is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use webhook_domain::access::audit::AuditRecord;
use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause};
use webhook_domain::delivery::key_use::KeyUse;
use webhook_domain::id::{DeliveryId, EventId, PlatformId, WebhookId};
use webhook_domain::ports::{
    Backlog, ChangeOrder, Creation, DeliveryQuery, EndedQuery, EventStore, GiveUp, KeyExpiry, ListedDelivery,
    Outcome, Parcel, Publication, Published, Resend, ResendMany, Resent, Response, RollDue, Sender, Shortage,
    TrackedDelivery, WebhookStore,
};
use webhook_domain::signing::key_ring::KeyRing;
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::signing::signature::MESSAGE_ID;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Labels, NeedPage, NeedQuery, Webhook, WebhookPage, WebhookQuery};
use webhook_domain::{ServiceError, StoreError};

use super::journal::Fact;
use super::process::Process;
use super::receivers::{self, ATTEMPT, Behaviour};
use super::tampering::Tampering;
use super::world::World;

/// How many milliseconds a parcel takes.
const USUAL: usize = 80;

/// What a process has of the world.
#[derive(Clone)]
pub(super) struct Ports {
    pub(super) world: Arc<World>,
    pub(super) process: Arc<Process>,
}

impl World {
    /// Writes down what the store has of a webhook now.
    async fn note_webhook(&self, platform: &PlatformId, webhook: WebhookId) {
        let is = self.store.find(platform, webhook).await.unwrap().map(Box::new);
        self.write(Fact::Stored { webhook, is });
    }
}

#[async_trait]
impl WebhookStore for Ports {
    async fn create(&self, creation: Creation) -> Result<Outcome, ServiceError> {
        let world = Arc::clone(&self.world);
        let create = async move {
            let (platform, id) = (creation.webhook.platform.clone(), creation.webhook.id);
            let outcome = world.store.create(creation).await?;
            world.note_webhook(&platform, id).await;
            Ok(outcome)
        };
        self.process.call(&self.world, "create", create).await
    }

    async fn change(&self, order: ChangeOrder) -> Result<Outcome, ServiceError> {
        let world = Arc::clone(&self.world);
        let change = async move {
            let (platform, id) = (order.platform.clone(), order.webhook);
            let outcome = world.store.change(order).await?;
            world.note_webhook(&platform, id).await;
            Ok(outcome)
        };
        self.process.call(&self.world, "change", change).await
    }

    async fn append_record(&self, record: AuditRecord) -> Result<(), StoreError> {
        self.world.store.append_record(record).await
    }

    async fn find(&self, platform: &PlatformId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.world.store.find(platform, id).await
    }

    async fn key_ring(&self, id: WebhookId) -> Result<Option<KeyRing>, StoreError> {
        self.world.store.key_ring(id).await
    }

    async fn page(&self, platform: &PlatformId, query: WebhookQuery) -> Result<WebhookPage, StoreError> {
        self.world.store.page(platform, query).await
    }

    async fn labels(
        &self,
        platform: &PlatformId,
        webhooks: Vec<WebhookId>,
    ) -> Result<BTreeMap<WebhookId, Labels>, StoreError> {
        self.world.store.labels(platform, webhooks).await
    }

    async fn in_need(&self, platform: &PlatformId, query: NeedQuery) -> Result<NeedPage, StoreError> {
        self.world.store.in_need(platform, query).await
    }

    async fn with_expired_keys(
        &self,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<(PlatformId, WebhookId)>, StoreError> {
        self.world.store.with_expired_keys(now, limit).await
    }

    async fn with_expiring_keys(
        &self,
        after: (Instant, Option<WebhookId>),
        until: Instant,
        limit: u32,
    ) -> Result<Vec<KeyExpiry>, StoreError> {
        self.world.store.with_expiring_keys(after, until, limit).await
    }

    async fn with_due_rolls(
        &self,
        after: (Instant, Option<WebhookId>),
        now: Instant,
        limit: u32,
    ) -> Result<Vec<RollDue>, StoreError> {
        self.world.store.with_due_rolls(after, now, limit).await
    }

    async fn with_keys_ahead(
        &self,
        latest: Instant,
        limit: u32,
    ) -> Result<Vec<(PlatformId, WebhookId)>, StoreError> {
        self.world.store.with_keys_ahead(latest, limit).await
    }

    async fn note_rolls_anew(
        &self,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Option<WebhookId>, StoreError> {
        self.world.store.note_rolls_anew(after, limit).await
    }

    async fn forget_answers(&self, before: Instant, limit: u32) -> Result<u32, StoreError> {
        self.world.store.forget_answers(before, limit).await
    }

    async fn bring_back_answers(&self, latest: Instant, now: Instant, limit: u32) -> Result<u32, StoreError> {
        self.world.store.bring_back_answers(latest, now, limit).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl EventStore for Ports {
    async fn publish(&self, mut publication: Publication) -> Result<Outcome<Published>, ServiceError> {
        let world = Arc::clone(&self.world);
        let publish = async move {
            let event = publication.event.clone();
            let named = publication.idempotency.as_ref();
            let key = named.map(|named| named.slot.key.as_str().to_owned());
            if world.is_tampered(Tampering::LosesPublications) {
                let published = Published { event, deliveries: 0 };
                return Ok(Outcome::Done {
                    subject: Box::new(published),
                    answer: None,
                });
            }
            if world.is_tampered(Tampering::RepeatsPublications) {
                publication.idempotency = None;
            }
            let outcome = world.store.publish(publication).await?;
            if let Outcome::Done { subject, .. } = &outcome {
                let query = DeliveryQuery {
                    event: Some(subject.event.id),
                    limit: u32::MAX,
                    ..DeliveryQuery::default()
                };
                let queued = world.store.deliveries(&event.platform, query).await?;
                let to = queued.iter().map(|queued| queued.delivery.webhook).collect();
                let event = Box::new(event);
                world.write(Fact::Published { event, key, to });
            }
            Ok(outcome)
        };
        self.process.call(&self.world, "publish", publish).await
    }

    async fn find_delivery(
        &self,
        platform: &PlatformId,
        id: DeliveryId,
    ) -> Result<Option<TrackedDelivery>, StoreError> {
        self.world.store.find_delivery(platform, id).await
    }

    async fn deliveries(
        &self,
        platform: &PlatformId,
        query: DeliveryQuery,
    ) -> Result<Vec<ListedDelivery>, StoreError> {
        self.world.store.deliveries(platform, query).await
    }

    async fn backlog(&self, platform: &PlatformId) -> Result<Backlog, StoreError> {
        self.world.store.backlog(platform).await
    }

    async fn queued(
        &self,
        platform: &PlatformId,
        webhooks: Vec<WebhookId>,
        count_to: u32,
    ) -> Result<BTreeMap<WebhookId, u64>, StoreError> {
        self.world.store.queued(platform, webhooks, count_to).await
    }

    async fn use_of_key(
        &self,
        platform: &PlatformId,
        webhook: WebhookId,
        key: &Fingerprint,
    ) -> Result<KeyUse, StoreError> {
        self.world.store.use_of_key(platform, webhook, key).await
    }

    // What people do by hand with many is not played.
    async fn give_up(&self, give_up: GiveUp) -> Result<Outcome<TrackedDelivery>, ServiceError> {
        self.world.store.give_up(give_up).await
    }

    async fn ended(&self, query: EndedQuery) -> Result<Vec<DeliveryId>, StoreError> {
        self.world.store.ended(query).await
    }

    async fn resend_many(&self, resend: ResendMany) -> Result<Outcome<Resent>, ServiceError> {
        self.world.store.resend_many(resend).await
    }

    async fn resend(&self, resend: Resend) -> Result<Outcome<TrackedDelivery>, ServiceError> {
        let world = Arc::clone(&self.world);
        let resend = async move {
            let outcome = world.store.resend(resend).await?;
            if let Outcome::Done { subject, .. } = &outcome {
                let (webhook, event) = (subject.delivery.webhook, subject.event.id);
                world.write(Fact::Resent { webhook, event });
            }
            Ok(outcome)
        };
        self.process.call(&self.world, "resend", resend).await
    }

    async fn bring_back_events(&self, latest: Instant, now: Instant, limit: u32) -> Result<u32, StoreError> {
        self.world.store.bring_back_events(latest, now, limit).await
    }

    async fn forget_events(&self, before: Instant, limit: u32) -> Result<u32, StoreError> {
        self.world.store.forget_events(before, limit).await
    }
}

#[async_trait]
impl Sender for Ports {
    async fn send(&self, parcel: Parcel) -> Result<Response, Shortage> {
        if self.world.is_short() {
            return Err(Shortage::FileDescriptors);
        }
        let (host, place) = receivers::parts(&parcel.url);
        let (number, webhook) = (self.process.number, self.world.webhook(place));
        let event = event_in(&parcel);
        let (headers, body) = (parcel.headers, parcel.body);
        self.world.write(Fact::Sent {
            number,
            webhook,
            event,
            headers,
            body,
        });
        if self.world.is_tampered(Tampering::LosesParcels) {
            return Ok(Behaviour::Well.answer().await);
        }
        let fate = self.world.fate(USUAL);
        let (answer, answered) = oneshot::channel();
        let Self { world, process } = self.clone();
        tokio::spawn(async move {
            sleep(fate.there).await;
            if !process.gets_out(fate).await {
                return;
            }
            let behaviour = world.receivers.at(host);
            let accepts = behaviour.accepts();
            if behaviour != Behaviour::Refuses {
                world.write(Fact::Arrived {
                    number,
                    webhook,
                    event,
                    accepts,
                });
            }
            let response = behaviour.answer().await;
            if !fate.lost {
                let _ = answer.send(response);
            }
        });
        let answered = timeout(ATTEMPT, answered).await;
        self.process.until_running().await;
        Ok(match answered {
            Ok(Ok(response)) => {
                if let AttemptOutcome::Succeeded { .. } = response.outcome {
                    self.world.write(Fact::Answered {
                        number,
                        webhook,
                        event,
                    });
                }
                response
            }
            Ok(Err(_)) => failed(FailureCause::Connection),
            Err(_) => failed(FailureCause::Timeout),
        })
    }
}

fn failed(cause: FailureCause) -> Response {
    Response::of(AttemptOutcome::failed(cause))
}

fn event_in(parcel: &Parcel) -> EventId {
    let header = parcel.headers.iter().find(|(name, _)| *name == MESSAGE_ID);
    header.unwrap().1.parse().unwrap()
}
