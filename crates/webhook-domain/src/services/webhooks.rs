//! Creating webhooks and reading them.

use std::sync::Arc;

use crate::audit::{AuditAction, AuditDetails, AuditStamp};
use crate::caller::Acting;
use crate::entropy::Entropy;
use crate::error::{Refusal, ServiceError};
use crate::id::WebhookId;
use crate::idempotency::IdempotentRequest;
use crate::key_ring::NewKey;
use crate::permission::Permission;
use crate::ports::{Change, ChangeOrder, Creation, Outcome, WebhookStore};
use crate::time::Clock;
use crate::webhook::{Settings, Webhook};

/// Creates and reads webhooks.
#[derive(Clone)]
pub struct WebhookService {
    store: Arc<dyn WebhookStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// A webhook to create.
pub struct CreateWebhook {
    /// Its settings.
    pub settings: Settings,
    /// How to answer a request that is sent again.
    pub idempotent: Option<IdempotentRequest>,
}

/// A webhook that was read.
#[derive(Debug)]
pub struct Seen {
    /// The webhook.
    pub webhook: Webhook,
    /// Whether its keys may be shown: they were revealed, and that was audited.
    pub revealed: bool,
}

impl WebhookService {
    /// The service over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn WebhookStore>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            store,
            clock,
            entropy,
        }
    }

    /// Creates a webhook with its first key. Needs `WEBHOOK.CREATE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::ReferenceTaken`], [`Refusal::IdempotencyKeyReused`], or the
    /// store's.
    pub async fn create(&self, acting: &Acting, create: CreateWebhook) -> Result<Outcome, ServiceError> {
        acting.require(Permission::WebhookCreate)?;
        let now = self.clock.now();
        let entropy = self.entropy.as_ref();
        let id = WebhookId::generate(now, entropy)?;
        let key = NewKey::generate(now, entropy)?;
        let webhook = Webhook::create(id, acting.platform().clone(), create.settings, key, now);
        let details = AuditDetails::of_keys(None, &webhook.key_ring, now);
        let audit = AuditStamp::new(acting, now, entropy)?.record(
            AuditAction::WebhookCreated,
            id.to_string(),
            details,
        );
        let idempotency = create.idempotent.map(|request| request.by(acting, now));
        self.store
            .create(Creation {
                webhook,
                audit,
                idempotency,
            })
            .await
    }

    /// Reads a webhook. Needs `WEBHOOK.VIEW`; with `WEBHOOK.REVEAL` its keys are revealed, which is audited
    /// before they are given.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], or the store's.
    pub async fn read(&self, acting: &Acting, id: WebhookId) -> Result<Seen, ServiceError> {
        acting.require(Permission::WebhookView)?;
        if acting.may(Permission::WebhookReveal) {
            return self.reveal(acting, id).await;
        }
        let found = self.store.find(acting.platform(), id).await?;
        let webhook = found.ok_or(Refusal::NO_SUCH_WEBHOOK)?;
        Ok(Seen {
            webhook,
            revealed: false,
        })
    }

    async fn reveal(&self, acting: &Acting, id: WebhookId) -> Result<Seen, ServiceError> {
        let now = self.clock.now();
        let stamp = AuditStamp::new(acting, now, self.entropy.as_ref())?;
        let decide = move |webhook: &Webhook| {
            let details = AuditDetails::of_keys(None, &webhook.key_ring, now);
            let audit = stamp.record(AuditAction::SecretRevealed, webhook.id.to_string(), details);
            Ok(Change {
                webhook: None,
                audit: Some(audit),
            })
        };
        let order = ChangeOrder {
            platform: acting.platform().clone(),
            webhook: id,
            decide: Box::new(decide),
            idempotency: None,
        };
        match self.store.change(order).await? {
            Outcome::Done { webhook, .. } => Ok(Seen {
                webhook: *webhook,
                revealed: true,
            }),
            // Not reached: the order has no idempotency key. Nothing was revealed, so nothing is shown.
            Outcome::Replayed(_) => Err(Refusal::NO_SUCH_WEBHOOK.into()),
        }
    }

    /// Up to `limit` webhooks in the order of their ids, from the first after `after`. Needs `WEBHOOK.VIEW`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`] or the store's.
    pub async fn list(
        &self,
        acting: &Acting,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<Webhook>, ServiceError> {
        acting.require(Permission::WebhookView)?;
        Ok(self.store.list(acting.platform(), after, limit).await?)
    }
}
