//! The store of API keys.

use async_trait::async_trait;

use super::Outcome;
use crate::access::api_key::{ApiKey, CreatedApiKey};
use crate::access::audit::AuditRecord;
use crate::access::caller::PlatformScope;
use crate::access::quota::Quota;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::ApiKeyId;
use crate::idempotency::Idempotency;
use crate::time::Instant;

/// A new API key that is to be saved.
pub struct NewApiKey {
    /// The key, with the text that is nowhere else.
    pub created: CreatedApiKey,
    /// How many keys that are in force when it is created its scope may have, if that is limited.
    pub quota: Option<Quota>,
    /// The record of its creation.
    pub audit: AuditRecord,
    /// How to answer a request that is sent again.
    pub idempotency: Option<Idempotency<CreatedApiKey>>,
}

/// The rule by which a key is revoked: it is given the key, and every key of the same scope that is not revoked, the key
/// itself among them. It gives the key as it is from now on, and the record of that. A pure function: a store may run
/// it more than once.
pub type DecideRevocation =
    Box<dyn Fn(&ApiKey, &[ApiKey]) -> Result<(ApiKey, AuditRecord), Refusal> + Send + Sync>;

/// An API key that is to be revoked.
pub struct Revocation {
    /// The key.
    pub id: ApiKeyId,
    /// The rule.
    pub decide: DecideRevocation,
    /// How to answer a request that is sent again.
    pub idempotency: Option<Idempotency<ApiKey>>,
}

/// Which keys a list is of. Every scope is something to be said, so that a list of none never shows all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeFilter {
    /// Those of every scope: for the operator.
    Every,
    /// Those of these scopes.
    These(Vec<PlatformScope>),
}

impl ScopeFilter {
    /// Whether keys of `scope` are among them.
    #[must_use]
    pub fn admits(&self, scope: &PlatformScope) -> bool {
        match self {
            Self::Every => true,
            Self::These(scopes) => scopes.contains(scope),
        }
    }
}

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

    /// Saves a new key, the record of its creation and the answer, in one transaction. An answer stored earlier for
    /// the same request is given again instead, and no quota is judged. Creations are one after the other, in all processes.
    ///
    /// # Errors
    /// [`Refusal::OverQuota`], [`Refusal::IdempotencyKeyReused`], or the store's.
    async fn insert(&self, key: NewApiKey) -> Result<Outcome<CreatedApiKey>, ServiceError>;

    /// Loads the key and those of its scope, decides, and saves the key, the record and the answer, in one
    /// transaction. Revocations are one after the other, in all processes. An answer stored earlier for the same
    /// request is given again instead.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when there is no such key or it was revoked before, whatever the decision refuses,
    /// [`Refusal::IdempotencyKeyReused`], or the store's.
    async fn revoke(&self, revocation: Revocation) -> Result<Outcome<ApiKey>, ServiceError>;

    /// Has up to `limit` keys that expire, and were made later than `latest`, by a clock that was ahead, be what
    /// [`ApiKey::brought_back`] makes of them at `now`, and names them.
    ///
    /// # Errors
    /// The store's.
    async fn bring_back(
        &self,
        latest: Instant,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<ApiKeyId>, StoreError>;

    /// Up to `limit` keys of these scopes in the order of their ids, from the first after `after`, revoked and expired
    /// ones included.
    ///
    /// # Errors
    /// The store's.
    async fn list(
        &self,
        scopes: ScopeFilter,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, StoreError>;
}
