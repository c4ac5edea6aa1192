//! The store of API keys.

use async_trait::async_trait;

use crate::api_key::ApiKey;
use crate::audit::AuditRecord;
use crate::error::StoreError;
use crate::id::ApiKeyId;
use crate::time::Instant;

/// Keeps API keys. What it says of a key is what is stored at that moment, in this process and any other:
/// an implementation must not keep keys in a cache, or a revoked one would go on being good.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait ApiKeyStore: Send + Sync {
    /// The key with this id, revoked and expired ones included.
    ///
    /// # Errors
    /// The store's.
    async fn find(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError>;

    /// Saves a new key and the record of its creation, in one transaction.
    ///
    /// # Errors
    /// The store's.
    async fn insert(&self, key: ApiKey, audit: AuditRecord) -> Result<(), StoreError>;

    /// Revokes a key at `at` and saves the record of it, in one transaction. Says whether there was such a
    /// key that was not revoked yet, expired or not; if there was none, nothing is saved.
    ///
    /// # Errors
    /// The store's.
    async fn revoke(&self, id: ApiKeyId, at: Instant, audit: AuditRecord) -> Result<bool, StoreError>;

    /// Up to `limit` keys in the order of their ids, from the first after `after`.
    ///
    /// # Errors
    /// The store's.
    async fn list(&self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<ApiKey>, StoreError>;
}
