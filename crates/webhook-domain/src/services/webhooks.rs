//! Creating webhooks, reading, changing and deleting them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::audit::{AuditAction, AuditDetails, AuditStamp};
use crate::access::caller::Acting;
use crate::access::permission::Permission;
use crate::access::quota::Quotas;
use crate::entropy::Entropy;
use crate::error::{Refusal, ServiceError};
use crate::id::{ApiKeyId, SigningKeyId, WebhookId};
use crate::idempotency::IdempotentRequest;
use crate::ports::{Change, Creation, Effect, Outcome, WebhookStore};
use crate::services::{Changing, announcement, saved};
use crate::signing::imported::{ImportedSecret, ImportedSecrets};
use crate::signing::key_ring::{KeyRing, NewKey, Overlap, SigningKey};
use crate::signing::secret::Fingerprint;
use crate::signing::verification_key::VerificationKey;
use crate::time::{Clock, Instant};
use crate::webhook::{
    Describe, Happened, Labels, NeedPage, NeedQuery, Precondition, Settings, SettingsUpdate, Webhook,
    WebhookPage, WebhookQuery,
};

/// Creates, reads, changes and deletes webhooks.
#[derive(Clone)]
pub struct WebhookService {
    store: Arc<dyn WebhookStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    describe: Option<Describe>,
    quotas: Quotas,
    default_overlap: Overlap,
}

/// A webhook to create.
pub struct CreateWebhook {
    /// Its settings.
    pub settings: Settings,
    /// How to answer a request that is sent again.
    pub idempotent: Option<IdempotentRequest>,
}

/// An update to be made.
pub struct UpdateWebhook {
    /// What is to change.
    pub update: SettingsUpdate,
    /// The version the update is meant for.
    pub precondition: Precondition,
    /// How to answer a request that is sent again.
    pub idempotent: Option<IdempotentRequest>,
}

/// A deletion to be done.
#[derive(Default)]
pub struct DeleteWebhook {
    /// The version the deletion is meant for.
    pub precondition: Precondition,
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

/// The secrets that an answer has which is given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShownAgain {
    /// Signing keys.
    SigningKeys {
        /// Whose they are, or were.
        webhook: WebhookId,
        /// Which.
        keys: Vec<Fingerprint>,
    },
    /// The text of an API key.
    ApiKey(ApiKeyId),
}

impl WebhookService {
    /// The service over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn WebhookStore>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            store,
            clock,
            entropy,
            describe: None,
            quotas: Quotas::default(),
            default_overlap: Overlap::DAY,
        }
    }

    /// The service that tells of what it does, in events whose data `describe` writes.
    #[must_use]
    pub fn announcing(mut self, describe: Describe) -> Self {
        self.describe = Some(describe);
        self
    }

    /// The service that lets no platform have more than this.
    #[must_use]
    pub const fn limited(mut self, quotas: Quotas) -> Self {
        self.quotas = quotas;
        self
    }

    /// The service by which a previous secret that is imported goes on signing for this long.
    #[must_use]
    pub const fn retiring_for(mut self, default_overlap: Overlap) -> Self {
        self.default_overlap = default_overlap;
        self
    }

    /// Creates a webhook with its first key. Needs `WEBHOOK.CREATE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::OverQuota`], [`Refusal::ReferenceTaken`], [`Refusal::IdempotencyKeyReused`],
    /// or the store's.
    pub async fn create(&self, acting: &Acting, create: CreateWebhook) -> Result<Outcome, ServiceError> {
        acting.require(Permission::WebhookCreate)?;
        let now = self.clock.now();
        let entropy = self.entropy.as_ref();
        let id = WebhookId::generate(now, entropy)?;
        let key = NewKey::generate(now, entropy)?;
        let webhook = Webhook::create(id, acting.platform().clone(), create.settings, key, now);
        let details = AuditDetails::of_keys(None, &webhook.key_ring, now);
        self.save(acting, webhook, details, create.idempotent, now).await
    }

    /// Creates a webhook with secrets that its receiver has from elsewhere. A previous one retires as if the webhook were rolled now. Needs
    /// `WEBHOOK.CREATE` and `WEBHOOK.REVEAL`: whoever brings a key knows it.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn import(
        &self,
        acting: &Acting,
        create: CreateWebhook,
        secrets: &ImportedSecrets,
    ) -> Result<Outcome, ServiceError> {
        acting.require(Permission::WebhookCreate)?;
        acting.require(Permission::WebhookReveal)?;
        let now = self.clock.now();
        let entropy = self.entropy.as_ref();
        let id = WebhookId::generate(now, entropy)?;
        let [current, previous] = [(); 2].map(|()| SigningKeyId::generate(now, entropy));
        let ring = KeyRing::imported(secrets, (current?, previous?), self.default_overlap, now)?;
        let webhook = Webhook::with_ring(id, acting.platform().clone(), create.settings, ring, now);
        let details = AuditDetails {
            imported_keys: secrets.iter().map(ImportedSecret::fingerprint).collect(),
            ..AuditDetails::of_keys(None, &webhook.key_ring, now)
        };
        self.save(acting, webhook, details, create.idempotent, now).await
    }

    async fn save(
        &self,
        acting: &Acting,
        webhook: Webhook,
        details: AuditDetails,
        idempotent: Option<IdempotentRequest>,
        now: Instant,
    ) -> Result<Outcome, ServiceError> {
        let entropy = self.entropy.as_ref();
        let audit = AuditStamp::new(acting, now, entropy)?.record(
            AuditAction::WebhookCreated,
            webhook.id.to_string(),
            details,
        );
        let idempotency = idempotent.map(|request| request.by(acting, now));
        self.store
            .create(Creation {
                webhook,
                quota: self.quotas.webhooks,
                audit,
                announcement: announcement(self.describe, acting, now, entropy)?,
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
        Ok(Seen {
            webhook: self.look(acting, id).await?,
            revealed: false,
        })
    }

    /// Reads a webhook whose keys are shown to nobody, whatever the caller may: nothing is revealed. Needs `WEBHOOK.VIEW`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], or the store's.
    pub async fn look(&self, acting: &Acting, id: WebhookId) -> Result<Webhook, ServiceError> {
        acting.require(Permission::WebhookView)?;
        let found = self.store.find(acting.platform(), id).await?;
        Ok(found.ok_or(Refusal::NO_SUCH_WEBHOOK)?)
    }

    /// The public halves of a webhook's keys that sign now, newest first. They are no secret, so this needs no credential and knows of no
    /// platform; there is nothing else of a webhook that can be had so.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when there is no such key, or no such webhook: nobody learns which. Or the store's.
    pub async fn verification_keys(&self, id: WebhookId) -> Result<Vec<VerificationKey>, ServiceError> {
        let now = self.clock.now();
        let ring = self.store.key_ring(id).await?;
        let keys = ring.iter().flat_map(|ring| ring.valid_at(now));
        let keys: Vec<_> = keys.filter_map(SigningKey::verification_key).cloned().collect();
        match keys.is_empty() {
            true => Err(Refusal::NO_SUCH_KEY_SET.into()),
            false => Ok(keys),
        }
    }

    async fn reveal(&self, acting: &Acting, id: WebhookId) -> Result<Seen, ServiceError> {
        let now = self.clock.now();
        let decide = move |webhook: &Webhook, stamp: &AuditStamp| {
            let details = AuditDetails::of_keys(None, &webhook.key_ring, now);
            let audit = stamp.record(AuditAction::SecretRevealed, webhook.id.to_string(), details);
            Ok(Change {
                effect: Effect::Keep,
                audit: Some(audit),
                ..Change::default()
            })
        };
        let unannounced = Changing {
            describe: None,
            ..self.changing()
        };
        match unannounced.decide(acting, id, None, now, decide).await? {
            Outcome::Done { subject, .. } => Ok(Seen {
                webhook: *subject,
                revealed: true,
            }),
            // Not reached: the order has no idempotency key. Nothing was revealed, so nothing is shown.
            Outcome::Replayed(_) => Err(Refusal::NO_SUCH_WEBHOOK.into()),
        }
    }

    /// Notes that an answer with secrets is given again, to `acting`, who got it the first time: it shows them once more, though they may
    /// be good for nothing by now. To be called before it is given.
    ///
    /// # Errors
    /// The store's. The answer must not be given then.
    pub async fn shown_again(&self, acting: &Acting, shown: &ShownAgain) -> Result<(), ServiceError> {
        let stamp = AuditStamp::new(acting, self.clock.now(), self.entropy.as_ref())?;
        let record = match shown {
            ShownAgain::SigningKeys { webhook, keys } => {
                let details = AuditDetails::of_replay(keys);
                stamp.record(AuditAction::SecretRevealed, webhook.to_string(), details)
            }
            ShownAgain::ApiKey(id) => {
                let details = AuditDetails::of_replay(&[]);
                stamp.record(AuditAction::ApiKeyCreated, id.to_string(), details)
            }
        };
        Ok(self.store.append_record(record).await?)
    }

    /// Changes a webhook's settings, and nothing of its keys. Needs `WEBHOOK.UPDATE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], [`Refusal::VersionMismatch`], what the update refuses,
    /// [`Refusal::ProtocolNeedsRoll`], [`Refusal::ReferenceTaken`], [`Refusal::IdempotencyKeyReused`], or the
    /// store's. Nothing is changed then, unless the store says that it does not know.
    pub async fn update(
        &self,
        acting: &Acting,
        id: WebhookId,
        update: UpdateWebhook,
    ) -> Result<Outcome, ServiceError> {
        acting.require(Permission::WebhookUpdate)?;
        let now = self.clock.now();
        let UpdateWebhook {
            update,
            precondition,
            idempotent,
        } = update;
        let decide = move |stored: &Webhook, stamp: &AuditStamp| {
            stored.check(&precondition)?;
            let updated = stored.clone().update(&update, now)?;
            let keys = AuditDetails::default();
            let tells = &[Happened::Updated];
            Ok(saved(
                stored,
                updated,
                stamp,
                AuditAction::WebhookUpdated,
                keys,
                tells,
            ))
        };
        self.changing().decide(acting, id, idempotent, now, decide).await
    }

    /// Deletes a webhook: from the return of this on nothing is signed with its keys. What comes of it is the webhook
    /// as it was. Needs `WEBHOOK.DELETE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], [`Refusal::VersionMismatch`],
    /// [`Refusal::IdempotencyKeyReused`], or the store's.
    pub async fn delete(
        &self,
        acting: &Acting,
        id: WebhookId,
        delete: DeleteWebhook,
    ) -> Result<Outcome, ServiceError> {
        acting.require(Permission::WebhookDelete)?;
        let now = self.clock.now();
        let DeleteWebhook {
            precondition,
            idempotent,
        } = delete;
        let decide = move |stored: &Webhook, stamp: &AuditStamp| {
            stored.check(&precondition)?;
            let details = AuditDetails::of_end(&stored.key_ring, now);
            let audit = stamp.record(AuditAction::WebhookDeleted, id.to_string(), details);
            Ok(Change {
                effect: Effect::Delete,
                audit: Some(audit),
                tells: &[Happened::Deleted],
                settles: None,
            })
        };
        self.changing().decide(acting, id, idempotent, now, decide).await
    }

    /// A page of the platform's webhooks. A list reveals nothing: whoever shows it withholds the keys. Needs
    /// `WEBHOOK.VIEW`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`] or the store's.
    pub async fn list(&self, acting: &Acting, query: WebhookQuery) -> Result<WebhookPage, ServiceError> {
        acting.require(Permission::WebhookView)?;
        let at = self.clock.now();
        let query = WebhookQuery { at, ..query };
        Ok(self.store.page(acting.platform(), query).await?)
    }

    /// What these webhooks are called. Needs `WEBHOOK.VIEW`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`] or the store's.
    pub async fn labels(
        &self,
        acting: &Acting,
        webhooks: Vec<WebhookId>,
    ) -> Result<BTreeMap<WebhookId, Labels>, ServiceError> {
        acting.require(Permission::WebhookView)?;
        Ok(self.store.labels(acting.platform(), webhooks).await?)
    }

    /// The platform's webhooks that need somebody, judged now. Like a list, it reveals nothing. Needs `WEBHOOK.VIEW`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`] or the store's.
    pub async fn in_need(&self, acting: &Acting, query: NeedQuery) -> Result<NeedPage, ServiceError> {
        acting.require(Permission::WebhookView)?;
        let at = self.clock.now();
        let query = NeedQuery { at, ..query };
        Ok(self.store.in_need(acting.platform(), query).await?)
    }

    fn changing(&self) -> Changing<'_> {
        Changing {
            store: self.store.as_ref(),
            entropy: self.entropy.as_ref(),
            describe: self.describe,
        }
    }
}
