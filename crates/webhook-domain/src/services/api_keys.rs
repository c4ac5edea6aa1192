//! API keys: finding out whose request it is, making keys, revoking them.

use std::sync::Arc;
use std::time::Duration;

use crate::api_key::{ApiKey, PresentedApiKey, generate_text};
use crate::audit::{AuditAction, AuditDetails, AuditStamp};
use crate::caller::{Acting, Caller, PlatformScope};
use crate::entropy::Entropy;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::ApiKeyId;
use crate::permission::{Permission, PermissionSet};
use crate::ports::ApiKeyStore;
use crate::secret::SecretText;
use crate::time::Clock;

/// Checks, creates, lists and revokes API keys.
#[derive(Clone)]
pub struct ApiKeyService {
    store: Arc<dyn ApiKeyStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// Nobody's request, or it cannot be told whose.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// The credential is malformed, unknown, revoked or expired. Which, is nobody's business.
    #[error("the credential is not valid")]
    Rejected,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key to make.
#[derive(Debug, Clone)]
pub struct CreateApiKey {
    /// The platforms it is to be good for.
    pub scope: PlatformScope,
    /// What it may do there.
    pub permissions: PermissionSet,
    /// How long it is to be good; for ever, if none.
    pub lifetime: Option<Duration>,
}

/// A key that was made.
#[derive(Debug)]
pub struct CreatedApiKey {
    /// The key as stored.
    pub key: ApiKey,
    /// Its text, which is nowhere else.
    pub text: SecretText,
}

impl ApiKeyService {
    /// The service over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn ApiKeyStore>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            store,
            clock,
            entropy,
        }
    }

    /// Finds out whose key `text` is, as the store has it now.
    ///
    /// # Errors
    /// [`AuthenticationError::Rejected`] for anything that is not the text of a key in force.
    pub async fn authenticate(&self, text: &str) -> Result<Caller, AuthenticationError> {
        let presented = PresentedApiKey::read(text).ok_or(AuthenticationError::Rejected)?;
        let key = self
            .store
            .find(presented.id)
            .await?
            .ok_or(AuthenticationError::Rejected)?;
        key.admit(&presented, self.clock.now())
            .ok_or(AuthenticationError::Rejected)
    }

    /// Makes a key. Needs `API_KEY.CREATE` and every permission that the key is to have, on the platforms it is
    /// to be good for.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::OtherPlatform`], or the store's.
    pub async fn create(&self, acting: &Acting, create: CreateApiKey) -> Result<CreatedApiKey, ServiceError> {
        acting.require(Permission::ApiKeyCreate)?;
        for permission in create.permissions.iter() {
            acting.require(permission)?;
        }
        if !acting.covers(&create.scope) {
            return Err(Refusal::OtherPlatform.into());
        }
        let now = self.clock.now();
        let entropy = self.entropy.as_ref();
        let id = ApiKeyId::generate(now, entropy)?;
        let (text, digest) = generate_text(id, entropy)?;
        let key = ApiKey {
            id,
            scope: create.scope,
            permissions: create.permissions,
            digest,
            created_at: now,
            expires_at: create.lifetime.map(|lifetime| now.whole_seconds().plus(lifetime)),
            revoked_at: None,
        };
        let audit = AuditStamp::new(acting, now, entropy)?.record(
            AuditAction::ApiKeyCreated,
            id.to_string(),
            AuditDetails::default(),
        );
        self.store.insert(key.clone(), audit).await?;
        Ok(CreatedApiKey { key, text })
    }

    /// Revokes a key: from the return of this on it is good for nothing. Needs `API_KEY.DELETE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`] when there is no such key in force on a platform of the
    /// caller's, or the store's.
    pub async fn revoke(&self, acting: &Acting, id: ApiKeyId) -> Result<(), ServiceError> {
        acting.require(Permission::ApiKeyDelete)?;
        let no_such_key = Refusal::NotFound { resource: "API key" };
        let key = self.store.find(id).await?.filter(|key| acting.covers(&key.scope));
        if key.is_none() {
            return Err(no_such_key.into());
        }
        let now = self.clock.now();
        let audit = AuditStamp::new(acting, now, self.entropy.as_ref())?.record(
            AuditAction::ApiKeyRevoked,
            id.to_string(),
            AuditDetails::default(),
        );
        if self.store.revoke(id, now, audit).await? {
            Ok(())
        } else {
            Err(no_such_key.into())
        }
    }

    /// Up to `limit` keys that the caller may know of, in the order of their ids, from the first after `after`.
    /// Needs `API_KEY.VIEW` for all platforms.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::OtherPlatform`] for a tenant's credential, or the store's.
    pub async fn list(
        &self,
        acting: &Acting,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, ServiceError> {
        acting.require(Permission::ApiKeyView)?;
        if !acting.covers(&PlatformScope::All) {
            return Err(Refusal::OtherPlatform.into());
        }
        Ok(self.store.list(after, limit).await?)
    }

    /// Whether there is no key at all, revoked ones included: the mark of a store that was never used.
    ///
    /// # Errors
    /// The store's.
    pub async fn is_unused(&self) -> Result<bool, ServiceError> {
        Ok(self.store.list(None, 1).await?.is_empty())
    }
}
