//! API keys in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::access::api_key::{ApiKey, CreatedApiKey};
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::ApiKeyId;
use crate::ports::{ApiKeyStore, NewApiKey, Outcome, Revocation, ScopeFilter};
use crate::time::Instant;

#[async_trait]
impl ApiKeyStore for MemoryStore {
    async fn find(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.tables().api_keys.get(&id).cloned())
    }

    async fn insert(&self, key: NewApiKey) -> Result<Outcome<CreatedApiKey>, ServiceError> {
        let mut tables = self.tables();
        if let Some(replayed) = tables.replay(key.idempotency.as_ref())? {
            return Ok(replayed);
        }
        tables.judge_api_keys(key.quota, &key.created.key)?;
        tables
            .api_keys
            .insert(key.created.key.id, key.created.key.clone());
        tables.record(key.audit);
        Ok(tables.done(key.created, key.idempotency))
    }

    async fn revoke(&self, revocation: Revocation) -> Result<Outcome<ApiKey>, ServiceError> {
        let mut tables = self.tables();
        if let Some(replayed) = tables.replay(revocation.idempotency.as_ref())? {
            return Ok(replayed);
        }
        let stored = tables.api_keys.get(&revocation.id);
        let stored = stored
            .filter(|key| key.revoked_at.is_none())
            .ok_or(Refusal::NO_SUCH_API_KEY)?;
        let scope_mates: Vec<_> = tables
            .api_keys
            .values()
            .filter(|key| key.scope == stored.scope && key.revoked_at.is_none())
            .cloned()
            .collect();
        let (revoked, audit) = (revocation.decide)(stored, &scope_mates)?;
        tables.api_keys.insert(revoked.id, revoked.clone());
        tables.record(audit);
        Ok(tables.done(revoked, revocation.idempotency))
    }

    async fn bring_back(
        &self,
        latest: Instant,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<ApiKeyId>, StoreError> {
        let keys = &mut self.tables().api_keys;
        let found = keys.values().filter_map(|key| key.brought_back(latest, now));
        let found: Vec<ApiKey> = found.take(limit as usize).collect();
        let ids = found.iter().map(|key| key.id).collect();
        keys.extend(found.into_iter().map(|key| (key.id, key)));
        Ok(ids)
    }

    async fn list(
        &self,
        scopes: ScopeFilter,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, StoreError> {
        Ok(self
            .tables()
            .api_keys
            .values()
            .filter(|key| scopes.admits(&key.scope))
            .filter(|key| after.is_none_or(|after| key.id > after))
            .take(limit as usize)
            .cloned()
            .collect())
    }
}
