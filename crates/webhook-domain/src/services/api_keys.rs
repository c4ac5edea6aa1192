//! API keys: finding out whose request it is, making keys, revoking them.

use std::sync::Arc;
use std::time::Duration;

use crate::access::api_key::{ApiKey, CreatedApiKey, PresentedApiKey, generate_text};
use crate::access::audit::{AuditAction, AuditDetails, AuditStamp};
use crate::access::caller::{Acting, Caller, Credential, PlatformScope};
use crate::access::permission::{Permission, PermissionSet};
use crate::access::quota::Quotas;
use crate::entropy::{Entropy, EntropyError};
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::ApiKeyId;
use crate::idempotency::IdempotentRequest;
use crate::ports::{ApiKeyStore, NewApiKey, Outcome, Revocation, ScopeFilter};
use crate::time::Clock;
use crate::webhook::Name;

/// Checks, creates, lists and revokes API keys.
#[derive(Clone)]
pub struct ApiKeyService {
    store: Arc<dyn ApiKeyStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    quotas: Quotas,
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
    /// There is no randomness to be had.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// A key to make.
#[derive(Clone)]
pub struct CreateApiKey {
    /// A name for people.
    pub name: Option<Name>,
    /// The platforms it is to be good for.
    pub scope: PlatformScope,
    /// What it may do there.
    pub permissions: PermissionSet,
    /// How long it is to be good; for ever, if none.
    pub lifetime: Option<Duration>,
    /// How to answer a request that is sent again.
    pub idempotent: Option<IdempotentRequest<CreatedApiKey>>,
}

/// A revocation to be done.
#[derive(Default)]
pub struct RevokeApiKey {
    /// How to answer a request that is sent again.
    pub idempotent: Option<IdempotentRequest<ApiKey>>,
}

impl ApiKeyService {
    /// The service over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn ApiKeyStore>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            store,
            clock,
            entropy,
            quotas: Quotas::default(),
        }
    }

    /// The service that lets no platform have more than this.
    #[must_use]
    pub const fn limited(mut self, quotas: Quotas) -> Self {
        self.quotas = quotas;
        self
    }

    /// Finds out whose key `text` is, as the store has it now.
    ///
    /// # Errors
    /// [`AuthenticationError::Rejected`] for anything that is not the text of a key in force.
    pub async fn authenticate(&self, text: &str) -> Result<Caller, AuthenticationError> {
        let presented = PresentedApiKey::read(text).ok_or(AuthenticationError::Rejected)?;
        self.admit(&presented).await
    }

    /// Finds out whose key it is that was presented, likewise.
    ///
    /// # Errors
    /// [`AuthenticationError::Rejected`] for anything that is not a key in force.
    pub async fn admit(&self, presented: &PresentedApiKey) -> Result<Caller, AuthenticationError> {
        let key = self
            .store
            .find(presented.id)
            .await?
            .ok_or(AuthenticationError::Rejected)?;
        key.admit(presented, self.clock.now())
            .ok_or(AuthenticationError::Rejected)
    }

    /// Makes a key. Needs `API_KEY.CREATE` and every permission that the key is to have, on the platforms it is
    /// to be good for.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::OtherPlatform`], [`Refusal::OverQuota`], [`Refusal::IdempotencyKeyReused`], or the
    /// store's.
    pub async fn create(
        &self,
        acting: &Acting,
        create: CreateApiKey,
    ) -> Result<Outcome<CreatedApiKey>, ServiceError> {
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
            name: create.name,
            scope: create.scope,
            permissions: create.permissions,
            digest,
            created_at: now,
            expires_at: create.lifetime.map(|lifetime| now.whole_seconds().plus(lifetime)),
            revoked_at: None,
        };
        // A key that is good for all platforms is none of theirs.
        let quota = match key.scope {
            PlatformScope::One(_) => self.quotas.api_keys,
            PlatformScope::All => None,
        };
        let stamp = AuditStamp::new(acting, now, entropy)?;
        let audit = stamp.record(AuditAction::ApiKeyCreated, id.to_string(), details(&key));
        let idempotency = create.idempotent.map(|request| request.by(acting, now));
        self.store
            .insert(NewApiKey {
                created: CreatedApiKey { key, text },
                quota,
                audit,
                idempotency,
            })
            .await
    }

    /// Revokes a key of the platform: from the return of this on it is good for nothing. The last key of a platform
    /// that can create keys is revoked by the operator at the command line alone. Needs `API_KEY.DELETE`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`] when the platform has no such key or it was revoked before,
    /// [`Refusal::LastApiKey`], [`Refusal::IdempotencyKeyReused`], or the store's.
    pub async fn revoke(
        &self,
        acting: &Acting,
        id: ApiKeyId,
        revoke: RevokeApiKey,
    ) -> Result<Outcome<ApiKey>, ServiceError> {
        acting.require(Permission::ApiKeyDelete)?;
        let now = self.clock.now();
        let stamp = AuditStamp::new(acting, now, self.entropy.as_ref())?;
        let idempotency = revoke.idempotent.map(|request| request.by(acting, now));
        let acting = acting.clone();
        let decide = move |key: &ApiKey, scope_mates: &[ApiKey]| {
            if !acting.scopes().contains(&key.scope) {
                return Err(Refusal::NO_SUCH_API_KEY);
            }
            let revoked = match acting.credential() {
                Credential::CommandLine => key.revoked(now),
                _ => key.revoke(scope_mates, now)?,
            };
            let audit = stamp.record(AuditAction::ApiKeyRevoked, id.to_string(), details(key));
            Ok((revoked, audit))
        };
        self.store
            .revoke(Revocation {
                id,
                decide: Box::new(decide),
                idempotency,
            })
            .await
    }

    /// Up to `limit` keys of the platform in the order of their ids, from the first after `after`. A caller who is
    /// good for all platforms sees the keys that are, too. Needs `API_KEY.VIEW`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`] or the store's.
    pub async fn list(
        &self,
        acting: &Acting,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, ServiceError> {
        acting.require(Permission::ApiKeyView)?;
        Ok(self
            .store
            .list(ScopeFilter::These(acting.scopes()), after, limit)
            .await?)
    }

    /// The key of the platform with this id, revoked and expired ones included. A caller who is good for all platforms finds the keys that
    /// are, too. Needs `API_KEY.VIEW`.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], or the store's.
    pub async fn find(&self, acting: &Acting, id: ApiKeyId) -> Result<ApiKey, ServiceError> {
        acting.require(Permission::ApiKeyView)?;
        let found = self.store.find(id).await?;
        let found = found.filter(|key| acting.scopes().contains(&key.scope));
        Ok(found.ok_or(Refusal::NO_SUCH_API_KEY)?)
    }

    /// Up to `limit` keys of all platforms, as [`list`](Self::list). Needs `API_KEY.VIEW` for all platforms.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::OtherPlatform`] for a tenant's credential, or the store's.
    pub async fn list_all(
        &self,
        acting: &Acting,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, ServiceError> {
        acting.require(Permission::ApiKeyView)?;
        if !acting.covers(&PlatformScope::All) {
            return Err(Refusal::OtherPlatform.into());
        }
        Ok(self.store.list(ScopeFilter::Every, after, limit).await?)
    }

    /// The scope of a key, for the operator who knows no more of it than its id. Needs `API_KEY.VIEW` for all platforms.
    ///
    /// # Errors
    /// [`Refusal::NotPermitted`], [`Refusal::NotFound`], [`Refusal::OtherPlatform`] for a tenant's credential, or the store's.
    pub async fn scope_of(&self, acting: &Acting, id: ApiKeyId) -> Result<PlatformScope, ServiceError> {
        acting.require(Permission::ApiKeyView)?;
        if !acting.covers(&PlatformScope::All) {
            return Err(Refusal::OtherPlatform.into());
        }
        let key = self.store.find(id).await?.ok_or(Refusal::NO_SUCH_API_KEY)?;
        Ok(key.scope)
    }

    /// Whether there is no key at all, revoked ones included: the mark of a store that was never used.
    ///
    /// # Errors
    /// The store's.
    pub async fn is_unused(&self) -> Result<bool, ServiceError> {
        Ok(self.store.list(ScopeFilter::Every, None, 1).await?.is_empty())
    }
}

/// What a record tells of a key.
fn details(key: &ApiKey) -> AuditDetails {
    AuditDetails {
        permissions: key
            .permissions
            .iter()
            .map(|permission| permission.name().to_owned())
            .collect(),
        ..AuditDetails::default()
    }
}
