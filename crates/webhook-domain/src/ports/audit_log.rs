//! The audit records, for reading. They are written by the stores of what they tell of.

use async_trait::async_trait;

use crate::access::audit::{AuditAction, AuditRecord};
use crate::access::audit_chain::{AuditHead, AuditStep};
use crate::access::key_history::{KnownKey, PastKey};
use crate::error::StoreError;
use crate::id::{AuditRecordId, PlatformId, WebhookId};
use crate::signing::secret::Fingerprint;
use crate::time::Instant;

/// Which audit records of a platform are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only those of this resource.
    pub resource_id: Option<String>,
    /// Only those of this action.
    pub action: Option<AuditAction>,
    /// Only those older than this one.
    pub before: Option<AuditRecordId>,
    /// How many at the most.
    pub limit: u32,
}

impl AuditQuery {
    /// The newest `limit` records.
    #[must_use]
    pub const fn newest(limit: u32) -> Self {
        Self {
            resource_id: None,
            action: None,
            before: None,
            limit,
        }
    }

    /// The newest `limit` records of one resource.
    #[must_use]
    pub fn of_resource(resource_id: impl ToString, limit: u32) -> Self {
        Self {
            resource_id: Some(resource_id.to_string()),
            ..Self::newest(limit)
        }
    }
}

/// Reads audit records.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// The records of a platform that `query` asks for, newest first: those of one resource in the order in which
    /// they were written, those of a platform in the order of their ids, which is that too: a record gets an id behind that of the newest
    /// one, whatever the clock shows.
    ///
    /// # Errors
    /// The store's.
    async fn list(&self, platform: &PlatformId, query: AuditQuery) -> Result<Vec<AuditRecord>, StoreError>;

    /// Up to `limit` webhooks of the platform that have or had a key with this fingerprint, in the order of their ids, behind `after`:
    /// with what all records that are written [say of the key](AuditRecord::named_keys), and with the one end
    /// [that no record tells](crate::signing::key_ring::KeyRing::untold_ends). What was said last holds, until the key has ended. It stays known
    /// when the webhook is deleted, as audit records stay. A key that has signed something is found even if no record of its making is left.
    ///
    /// # Errors
    /// The store's.
    async fn known_keys(
        &self,
        platform: &PlatformId,
        key: &Fingerprint,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<KnownKey>, StoreError>;

    /// Up to `limit` keys of one webhook of the platform that ended at `from` or later and no later than `to`, as
    /// [`known_keys`](Self::known_keys) knows them: those that ended last first, and of several at one instant in the order of their
    /// fingerprints.
    ///
    /// # Errors
    /// The store's.
    async fn past_keys(
        &self,
        platform: &PlatformId,
        webhook: WebhookId,
        from: Instant,
        to: Instant,
        limit: u32,
    ) -> Result<Vec<PastKey>, StoreError>;

    /// Verifies up to `most` records of the chain behind `from`, of whatever platform, at most up to the newest of this moment. `from` is
    /// [the beginning](AuditHead::of_nothing) or where a step before ended; it is believed no more than this: the record there must still be
    /// that one, and follow the one before it.
    ///
    /// # Errors
    /// The store's.
    async fn verify_step(&self, from: AuditHead, most: u32) -> Result<AuditStep, StoreError>;
}
