//! Rolling and removing a webhook's secret, and what is done to one of its keys: what the service exists for.

mod rule;

use std::sync::Arc;

pub(super) use self::rule::RollRule;
use crate::access::audit::{AuditAction, AuditDetails, AuditStamp};
use crate::access::caller::Acting;
use crate::access::permission::Permission;
use crate::entropy::Entropy;
use crate::error::{Refusal, ServiceError};
use crate::id::WebhookId;
use crate::idempotency::IdempotentRequest;
use crate::ports::{Change, Outcome, WebhookStore};
use crate::services::{Changing, saved};
use crate::signing::key_ring::{ExpiresIn, NewKey, Overlap, SigningKey, WantedOverlap};
use crate::signing::secret::Fingerprint;
use crate::time::{Clock, Instant};
use crate::webhook::{Describe, Happened, Precondition, SettingsUpdate, Webhook};

/// Rolls and removes secrets.
#[derive(Clone)]
pub struct SecretKeyService {
    store: Arc<dyn WebhookStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    default_overlap: Overlap,
    describe: Option<Describe>,
}

/// A roll to be done.
#[derive(Default)]
pub struct RollSecret {
    /// The update that goes with it, if any: both happen or neither.
    pub update: Option<SettingsUpdate>,
    /// How long the key before goes on signing; the deployment's default, if none.
    pub overlap: Option<Overlap>,
    /// Whether it goes on beyond that until the receiver was shown to verify with the new one, at most for 30 days in all.
    pub keeps_previous_until_adopted: bool,
    /// The version the roll is meant for.
    pub precondition: Precondition,
    /// How to answer a request that is sent again.
    pub idempotent: Option<IdempotentRequest>,
}

/// What a roll would do, beside making a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollPreview {
    /// The older keys that would go on signing, and until when, the newest first.
    pub retired: Vec<(Fingerprint, Instant)>,
    /// The keys that would sign no more from that moment.
    pub ended: Vec<Fingerprint>,
}

/// A removal to be done.
#[derive(Default)]
pub struct RemoveSecret {
    /// How long the key goes on signing; the deployment's default, if none.
    pub overlap: Option<Overlap>,
    /// The version the removal is meant for.
    pub precondition: Precondition,
    /// How to answer a request that is sent again.
    pub idempotent: Option<IdempotentRequest>,
}

/// A retired key that is to sign for another time.
pub struct SetExpiry {
    /// Which key.
    pub fingerprint: Fingerprint,
    /// For how long from now on it signs.
    pub expires_in: ExpiresIn,
    /// The version that this is meant for.
    pub precondition: Precondition,
    /// How to answer a request that is sent again.
    pub idempotent: Option<IdempotentRequest>,
}

/// A roll to be undone.
#[derive(Default)]
pub struct UndoRoll {
    /// How long the key that the roll made goes on signing; the deployment's default, if none.
    pub overlap: Option<Overlap>,
    /// The version that this is meant for.
    pub precondition: Precondition,
    /// How to answer a request that is sent again.
    pub idempotent: Option<IdempotentRequest>,
}

impl SecretKeyService {
    /// The service over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn WebhookStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        default_overlap: Overlap,
    ) -> Self {
        Self {
            store,
            clock,
            entropy,
            default_overlap,
            describe: None,
        }
    }

    /// The service that tells of what it does, in events whose data `describe` writes.
    #[must_use]
    pub fn announcing(mut self, describe: Describe) -> Self {
        self.describe = Some(describe);
        self
    }

    /// Gives the webhook a new secret, keeps the one before signing for its overlap, and applies the update
    /// in the same step. Needs `WEBHOOK.UPDATE`.
    ///
    /// # Errors
    /// [`NotPermitted`](crate::Refusal::NotPermitted), [`NotFound`](crate::Refusal::NotFound),
    /// [`VersionMismatch`](crate::Refusal::VersionMismatch),
    /// [`TooManyRetiredKeys`](crate::Refusal::TooManyRetiredKeys), what the update refuses,
    /// [`ReferenceTaken`](crate::Refusal::ReferenceTaken),
    /// [`IdempotencyKeyReused`](crate::Refusal::IdempotencyKeyReused), or the store's. Nothing is changed then,
    /// unless the store says that it does not know.
    pub async fn roll(
        &self,
        acting: &Acting,
        id: WebhookId,
        roll: RollSecret,
    ) -> Result<Outcome, ServiceError> {
        acting.require(Permission::WebhookUpdate)?;
        let now = self.clock.now();
        let RollSecret {
            update,
            overlap,
            keeps_previous_until_adopted,
            precondition,
            idempotent,
        } = roll;
        let roll = RollRule {
            update,
            key: NewKey::generate(now, self.entropy.as_ref())?,
            overlap: WantedOverlap::new(overlap, self.default_overlap),
            keeps_previous_until_adopted,
            at: now,
        };
        let decide = move |stored: &Webhook, stamp: &AuditStamp| {
            stored.check(&precondition)?;
            roll.change(stored, stamp)
        };
        self.changing().decide(acting, id, idempotent, now, decide).await
    }

    /// Says which keys a roll would leave signing, and rolls nothing. Needs `WEBHOOK.UPDATE`.
    ///
    /// # Errors
    /// As [`roll`](Self::roll).
    pub async fn preview(
        &self,
        acting: &Acting,
        id: WebhookId,
        roll: RollSecret,
    ) -> Result<RollPreview, ServiceError> {
        acting.require(Permission::WebhookUpdate)?;
        let now = self.clock.now();
        let rule = RollRule {
            update: roll.update,
            key: NewKey::generate(now, self.entropy.as_ref())?,
            overlap: WantedOverlap::new(roll.overlap, self.default_overlap),
            keeps_previous_until_adopted: roll.keeps_previous_until_adopted,
            at: now,
        };
        let found = self.store.find(acting.platform(), id).await?;
        let stored = found.ok_or(Refusal::NO_SUCH_WEBHOOK)?;
        stored.check(&roll.precondition)?;
        let before = stored.key_ring.clone();
        let after = rule.rolled(&stored)?.key_ring;
        let goes_on = |key: &&SigningKey| after.valid_at(now).any(|valid| valid.id == key.id);
        Ok(RollPreview {
            retired: after
                .retired_at(now)
                .map(|retired| (retired.key.fingerprint(), after.expiry_of(retired, now)))
                .collect(),
            ended: before
                .valid_at(now)
                .filter(|key| !goes_on(key))
                .map(SigningKey::fingerprint)
                .collect(),
        })
    }

    /// Leaves the webhook without a current secret; the one before goes on signing for its overlap. Without a
    /// current secret, only an overlap of zero has anything to do: it retires what is still signing. Needs
    /// `WEBHOOK.UPDATE`.
    ///
    /// # Errors
    /// As [`roll`](Self::roll).
    pub async fn remove(
        &self,
        acting: &Acting,
        id: WebhookId,
        remove: RemoveSecret,
    ) -> Result<Outcome, ServiceError> {
        acting.require(Permission::WebhookUpdate)?;
        let now = self.clock.now();
        let RemoveSecret {
            overlap,
            precondition,
            idempotent,
        } = remove;
        let overlap = WantedOverlap::new(overlap, self.default_overlap);
        let decide = move |stored: &Webhook, stamp: &AuditStamp| {
            stored.check(&precondition)?;
            let removed = stored.clone().remove_secret(overlap, now)?;
            Ok(rekeyed(stored, removed, stamp, AuditAction::SecretRemoved, now))
        };
        self.changing().decide(acting, id, idempotent, now, decide).await
    }

    /// Has one retired key of the webhook sign longer or shorter than it was promised; at once no more, if so asked. Needs
    /// `WEBHOOK.UPDATE`.
    ///
    /// # Errors
    /// As [`roll`](Self::roll), but for the number of keys; [`Refusal::NO_SUCH_RETIRED_KEY`]; and [`Refusal::InvalidField`] when it
    /// would sign for too long.
    pub async fn set_expiry(
        &self,
        acting: &Acting,
        id: WebhookId,
        set: SetExpiry,
    ) -> Result<Outcome, ServiceError> {
        acting.require(Permission::WebhookUpdate)?;
        let now = self.clock.now();
        let SetExpiry {
            fingerprint,
            expires_in,
            precondition,
            idempotent,
        } = set;
        let decide = move |stored: &Webhook, stamp: &AuditStamp| {
            stored.check(&precondition)?;
            let changed = stored.clone().set_expiry(&fingerprint, expires_in, now)?;
            let action = AuditAction::RetiredSecretChanged;
            Ok(rekeyed(stored, changed, stamp, action, now))
        };
        self.changing().decide(acting, id, idempotent, now, decide).await
    }

    /// Undoes the last roll of the webhook's secret: the key that it retired is the current one again, if it still signs and nothing
    /// else was done to the keys since. Needs `WEBHOOK.UPDATE`.
    ///
    /// # Errors
    /// As [`roll`](Self::roll), but for the number of keys; and [`Refusal::NothingToRestore`].
    pub async fn undo_roll(
        &self,
        acting: &Acting,
        id: WebhookId,
        undo: UndoRoll,
    ) -> Result<Outcome, ServiceError> {
        acting.require(Permission::WebhookUpdate)?;
        let now = self.clock.now();
        let UndoRoll {
            overlap,
            precondition,
            idempotent,
        } = undo;
        let overlap = WantedOverlap::new(overlap, self.default_overlap);
        let decide = move |stored: &Webhook, stamp: &AuditStamp| {
            stored.check(&precondition)?;
            let restored = stored.clone().undo_roll(overlap, now)?;
            Ok(rekeyed(stored, restored, stamp, AuditAction::SecretRestored, now))
        };
        self.changing().decide(acting, id, idempotent, now, decide).await
    }

    fn changing(&self) -> Changing<'_> {
        Changing {
            store: self.store.as_ref(),
            entropy: self.entropy.as_ref(),
            describe: self.describe,
        }
    }
}

/// The change of `before` to `after`, whose keys are others.
pub(super) fn rekeyed(
    before: &Webhook,
    after: Webhook,
    stamp: &AuditStamp,
    action: AuditAction,
    now: Instant,
) -> Change {
    let keys = AuditDetails::of_keys(Some(&before.key_ring), &after.key_ring, now);
    let tells: &[Happened] = match action {
        AuditAction::SecretRolled | AuditAction::SecretRestored => {
            &[Happened::SecretRolled, Happened::Updated]
        }
        _ => &[Happened::Updated],
    };
    saved(before, after, stamp, action, keys, tells)
}
