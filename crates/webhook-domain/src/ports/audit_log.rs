//! The audit records, for reading. They are written by the stores of what they tell of.

use async_trait::async_trait;

use crate::access::audit::{AuditAction, AuditRecord};
use crate::access::key_history::KnownKey;
use crate::error::StoreError;
use crate::id::{AuditRecordId, PlatformId, WebhookId};
use crate::signing::secret::Fingerprint;

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
}
