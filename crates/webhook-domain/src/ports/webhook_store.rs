//! The store of webhooks.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::access::audit::AuditRecord;
use crate::access::quota::Quota;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{PlatformId, WebhookId};
use crate::idempotency::Idempotency;
use crate::rotation::{RotationStep, Settled};
use crate::signing::key_ring::KeyRing;
use crate::signing::secret::SecretBytes;
use crate::time::Instant;
use crate::webhook::{
    Announcement, Happened, Labels, NeedPage, NeedQuery, Webhook, WebhookPage, WebhookQuery,
};

/// A rule, ready to run on the webhook as it is stored. A pure function: a store may run it more than once.
pub type Decide = Box<dyn Fn(&Webhook) -> Result<Change, Refusal> + Send + Sync>;

/// What a decision wants saved.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What becomes of the webhook.
    pub effect: Effect,
    /// The record of the change; none for upkeep and for what changes nothing.
    pub audit: Option<AuditRecord>,
    /// What there is to tell of it, if anything of the order's tells.
    pub tells: &'static [Happened],
    /// What becomes of the step of a rotation that the order settles, if it does.
    pub settles: Option<Settled>,
}

/// What becomes of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Effect {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is this from now on.
    Save(Box<Webhook>),
    /// It is no more, and its keys with it.
    Delete,
}

/// When a retired key of a webhook expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyExpiry {
    /// When.
    pub at: Instant,
    /// Whose webhook it is.
    pub platform: PlatformId,
    /// Which.
    pub webhook: WebhookId,
}

/// A webhook whose key is due for a roll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollDue {
    /// Since when.
    pub at: Instant,
    /// Whose webhook it is.
    pub platform: PlatformId,
    /// Which.
    pub webhook: WebhookId,
}

/// A change of one webhook that is to be decided on and saved.
pub struct ChangeOrder {
    /// The platform the webhook must belong to.
    pub platform: PlatformId,
    /// The webhook.
    pub webhook: WebhookId,
    /// The decision.
    pub decide: Decide,
    /// What tells of the change, if the decision has something to tell.
    pub announcement: Option<Announcement>,
    /// The step of a rotation that the change is, if it is one. What became of it is saved with the change.
    pub settles: Option<RotationStep>,
    /// How to answer a request that is sent again.
    pub idempotency: Option<Idempotency>,
}

/// A new webhook that is to be saved.
pub struct Creation {
    /// The webhook.
    pub webhook: Webhook,
    /// How many webhooks its platform may have, if that is limited.
    pub quota: Option<Quota>,
    /// The record of its creation.
    pub audit: AuditRecord,
    /// What tells of its creation.
    pub announcement: Option<Announcement>,
    /// How to answer a request that is sent again.
    pub idempotency: Option<Idempotency>,
}

/// What came of an order.
#[derive(Debug)]
pub enum Outcome<T = Webhook> {
    /// It was done, durably.
    Done {
        /// What it was done to, as it is now; as it was, if it is no more.
        subject: Box<T>,
        /// The answer that was stored, if the order had an idempotency key.
        answer: Option<SecretBytes>,
    },
    /// It had been done before: this is the answer of that time.
    Replayed(SecretBytes),
}

/// Keeps webhooks, the answers to be given again, and the audit records that belong to both.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Saves a new webhook, its record, its announcement and its answer, in one transaction. An answer stored earlier for the
    /// same request is given again instead, and no quota is judged. Creations are judged one after the other, in all processes.
    ///
    /// # Errors
    /// [`Refusal::OverQuota`], [`Refusal::ReferenceTaken`], [`Refusal::IdempotencyKeyReused`], or the store's.
    async fn create(&self, creation: Creation) -> Result<Outcome, ServiceError>;

    /// Loads the webhook under a lock, decides, and saves the webhook, the record, the announcement and the answer, in one
    /// transaction. An answer stored earlier for the same request is given again instead, and nothing is
    /// decided. Changes of one webhook are one after the other.
    ///
    /// An order that is a step of a rotation is refused unless the rotation runs and its claim has the step's epoch; a step that is settled
    /// is as if it had been answered before, with nothing. What the decision [settles](Change::settles) is saved, and counted, in the
    /// same transaction, as [`RotationStore::settle`](super::RotationStore::settle_step) does.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::RotationNotRunning`], whatever the decision refuses, [`Refusal::ReferenceTaken`],
    /// [`Refusal::IdempotencyKeyReused`], or the store's.
    async fn change(&self, order: ChangeOrder) -> Result<Outcome, ServiceError>;

    /// Writes a record of a webhook that is not changed, behind its other records: also of one that is no more.
    ///
    /// # Errors
    /// The store's.
    async fn append_record(&self, record: AuditRecord) -> Result<(), StoreError>;

    /// The webhook as it is stored, keys past their instant included.
    ///
    /// # Errors
    /// The store's.
    async fn find(&self, platform: &PlatformId, id: WebhookId) -> Result<Option<Webhook>, StoreError>;

    /// The keys of a webhook of whatever platform, those past their instant included: for what everybody may know of them.
    ///
    /// # Errors
    /// The store's.
    async fn key_ring(&self, id: WebhookId) -> Result<Option<KeyRing>, StoreError>;

    /// The page of the platform's webhooks that `query` asks for, and how many webhooks the list has. Without a filter, a page that
    /// begins at a cursor costs the same wherever in the list it is. With one, the platform's webhooks may all be read, but not those of
    /// others.
    ///
    /// # Errors
    /// The store's.
    async fn page(&self, platform: &PlatformId, query: WebhookQuery) -> Result<WebhookPage, StoreError>;

    /// What these webhooks of the platform are called. Nothing is said of one that the platform does not have.
    ///
    /// # Errors
    /// The store's.
    async fn labels(
        &self,
        platform: &PlatformId,
        webhooks: Vec<WebhookId>,
    ) -> Result<BTreeMap<WebhookId, Labels>, StoreError>;

    /// The platform's webhooks that need somebody, in the order of their [places](Webhook::place_among). It costs what is shown and what is
    /// counted, and not what the platform's webhooks do. One whose retired key has just expired may be counted until that is erased.
    ///
    /// # Errors
    /// The store's.
    async fn in_need(&self, platform: &PlatformId, query: NeedQuery) -> Result<NeedPage, StoreError>;

    /// Up to `limit` webhooks of any platform that hold a key which has expired by `now`.
    ///
    /// # Errors
    /// The store's.
    async fn with_expired_keys(
        &self,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<(PlatformId, WebhookId)>, StoreError>;

    /// Up to `limit` webhooks of any platform, in this order, that hold a retired key which expires by `until`, or is kept to an instant
    /// by then: when the first of them does, and by that and the webhook behind `after`.
    ///
    /// # Errors
    /// The store's.
    async fn with_expiring_keys(
        &self,
        after: (Instant, Option<WebhookId>),
        until: Instant,
        limit: u32,
    ) -> Result<Vec<KeyExpiry>, StoreError>;

    /// Up to `limit` webhooks of any platform, in this order, whose key is due for a roll by `now` and about whom something is left to be
    /// done: by when that is [noted](Webhook::noted_roll_due), and by that and the webhook behind `after`.
    ///
    /// # Errors
    /// The store's.
    async fn with_due_rolls(
        &self,
        after: (Instant, Option<WebhookId>),
        now: Instant,
        limit: u32,
    ) -> Result<Vec<RollDue>, StoreError>;

    /// Up to `limit` webhooks of any platform with days for their key that are [noted](Webhook::noted_roll_due) to count from later than
    /// `latest`.
    ///
    /// # Errors
    /// The store's.
    async fn with_keys_ahead(
        &self,
        latest: Instant,
        limit: u32,
    ) -> Result<Vec<(PlatformId, WebhookId)>, StoreError>;

    /// Sees to it that what it notes to find webhooks whose key is due is right for up to `limit` webhooks behind `after`, in some order,
    /// and says which of them is the last; none when there are no more. Another process may have noted it by other days of the deployment,
    /// or not at all.
    ///
    /// # Errors
    /// The store's.
    async fn note_rolls_anew(
        &self,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Option<WebhookId>, StoreError>;

    /// Forgets up to `limit` answers stored before `before`, and says how many.
    ///
    /// # Errors
    /// The store's.
    async fn forget_answers(&self, before: Instant, limit: u32) -> Result<u32, StoreError>;

    /// Has up to `limit` answers that were stored later than `latest`, by a clock that was ahead, count as stored at `now`, and says how
    /// many.
    ///
    /// # Errors
    /// The store's.
    async fn bring_back_answers(&self, latest: Instant, now: Instant, limit: u32) -> Result<u32, StoreError>;

    /// Whether the store can be reached and written to.
    ///
    /// # Errors
    /// The store's, saying why not.
    async fn check(&self) -> Result<(), StoreError>;
}
