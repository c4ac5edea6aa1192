//! Every store port in memory.
//!
//! One mutex stands for the transaction: each method takes it once, so it is one atomic unit. Nothing is
//! written before all that may refuse has been asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::api_key::ApiKey;
use crate::audit::AuditRecord;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{ApiKeyId, PlatformId, WebhookId};
use crate::idempotency::{Idempotency, IdempotencySlot, RequestFingerprint};
use crate::ports::{ApiKeyStore, AuditLog, Change, ChangeOrder, Creation, Outcome, WebhookStore};
use crate::secret::SecretBytes;
use crate::time::Instant;
use crate::webhook::Webhook;

/// Webhooks, API keys, audit records and stored answers, kept until the store is dropped.
#[derive(Default)]
pub struct MemoryStore(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    webhooks: BTreeMap<WebhookId, Webhook>,
    answers: HashMap<IdempotencySlot, StoredAnswer>,
    api_keys: BTreeMap<ApiKeyId, ApiKey>,
    /// Oldest first.
    audit: Vec<AuditRecord>,
}

struct StoredAnswer {
    fingerprint: RequestFingerprint,
    at: Instant,
    answer: SecretBytes,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn find(&self, platform: &PlatformId, id: WebhookId) -> Option<&Webhook> {
        self.webhooks
            .get(&id)
            .filter(|webhook| webhook.platform == *platform)
    }

    /// The answer to give again, if this request was answered before.
    fn replay(&self, idempotency: Option<&Idempotency>) -> Result<Option<Outcome>, Refusal> {
        let Some(idempotency) = idempotency else {
            return Ok(None);
        };
        match self.answers.get(&idempotency.slot) {
            Some(stored) if idempotency.has_outlived(stored.at) => Ok(None),
            Some(stored) if stored.fingerprint != idempotency.fingerprint => {
                Err(Refusal::IdempotencyKeyReused)
            }
            Some(stored) => Ok(Some(Outcome::Replayed(stored.answer.clone()))),
            None => Ok(None),
        }
    }

    fn refuse_taken_reference(&self, webhook: &Webhook) -> Result<(), Refusal> {
        let Some(reference) = &webhook.settings.reference else {
            return Ok(());
        };
        let taken = self.webhooks.values().any(|other| {
            other.id != webhook.id
                && other.platform == webhook.platform
                && other.settings.reference.as_ref() == Some(reference)
        });
        if taken {
            Err(Refusal::ReferenceTaken)
        } else {
            Ok(())
        }
    }

    fn answer(&mut self, webhook: &Webhook, idempotency: Option<Idempotency>) -> Option<SecretBytes> {
        let Idempotency {
            slot,
            fingerprint,
            at,
            render,
        } = idempotency?;
        let answer = render(webhook, at);
        let stored = StoredAnswer {
            fingerprint,
            at,
            answer: answer.clone(),
        };
        self.answers.insert(slot, stored);
        Some(answer)
    }

    fn done(&mut self, webhook: Webhook, idempotency: Option<Idempotency>) -> Outcome {
        let answer = self.answer(&webhook, idempotency);
        Outcome::Done {
            webhook: Box::new(webhook),
            answer,
        }
    }
}

#[async_trait]
impl WebhookStore for MemoryStore {
    async fn create(&self, creation: Creation) -> Result<Outcome, ServiceError> {
        let mut tables = self.tables();
        let Creation {
            webhook,
            audit,
            idempotency,
        } = creation;
        if let Some(replayed) = tables.replay(idempotency.as_ref())? {
            return Ok(replayed);
        }
        tables.refuse_taken_reference(&webhook)?;
        tables.webhooks.insert(webhook.id, webhook.clone());
        tables.audit.push(audit);
        Ok(tables.done(webhook, idempotency))
    }

    async fn change(&self, order: ChangeOrder) -> Result<Outcome, ServiceError> {
        let mut tables = self.tables();
        if let Some(replayed) = tables.replay(order.idempotency.as_ref())? {
            return Ok(replayed);
        }
        let stored = tables
            .find(&order.platform, order.webhook)
            .ok_or(Refusal::NO_SUCH_WEBHOOK)?
            .clone();
        let Change { webhook, audit } = (order.decide)(&stored)?;
        let webhook = webhook.unwrap_or(stored);
        tables.refuse_taken_reference(&webhook)?;
        tables.webhooks.insert(webhook.id, webhook.clone());
        tables.audit.extend(audit);
        Ok(tables.done(webhook, order.idempotency))
    }

    async fn find(&self, platform: &PlatformId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        Ok(self.tables().find(platform, id).cloned())
    }

    async fn list(
        &self,
        platform: &PlatformId,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<Webhook>, StoreError> {
        Ok(self
            .tables()
            .webhooks
            .values()
            .filter(|webhook| webhook.platform == *platform && after.is_none_or(|after| webhook.id > after))
            .take(limit as usize)
            .cloned()
            .collect())
    }

    async fn with_expired_keys(
        &self,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<(PlatformId, WebhookId)>, StoreError> {
        Ok(self
            .tables()
            .webhooks
            .values()
            .filter(|webhook| webhook.key_ring.next_expiry().is_some_and(|expiry| expiry <= now))
            .take(limit as usize)
            .map(|webhook| (webhook.platform.clone(), webhook.id))
            .collect())
    }

    async fn forget_answers(&self, before: Instant, limit: u32) -> Result<u32, StoreError> {
        let answers = &mut self.tables().answers;
        let old: Vec<_> = answers
            .iter()
            .filter(|(_, stored)| stored.at < before)
            .map(|(slot, _)| slot.clone())
            .take(limit as usize)
            .collect();
        let mut forgotten = 0;
        for slot in old {
            answers.remove(&slot);
            forgotten += 1;
        }
        Ok(forgotten)
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl ApiKeyStore for MemoryStore {
    async fn find(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.tables().api_keys.get(&id).cloned())
    }

    async fn insert(&self, key: ApiKey, audit: AuditRecord) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.api_keys.insert(key.id, key);
        tables.audit.push(audit);
        Ok(())
    }

    async fn revoke(&self, id: ApiKeyId, at: Instant, audit: AuditRecord) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        match tables.api_keys.get_mut(&id) {
            Some(key) if key.revoked_at.is_none() => key.revoked_at = Some(at),
            _ => return Ok(false),
        }
        tables.audit.push(audit);
        Ok(true)
    }

    async fn list(&self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<ApiKey>, StoreError> {
        Ok(self
            .tables()
            .api_keys
            .values()
            .filter(|key| after.is_none_or(|after| key.id > after))
            .take(limit as usize)
            .cloned()
            .collect())
    }
}

#[async_trait]
impl AuditLog for MemoryStore {
    async fn of_resource(
        &self,
        platform: &PlatformId,
        resource_id: &str,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        Ok(self
            .tables()
            .audit
            .iter()
            .rev()
            .filter(|record| record.platform == *platform && record.resource_id == resource_id)
            .take(limit as usize)
            .cloned()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::MemoryStore;
    use crate::testing::conformance::Ports;

    fn block_on<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread();
        { runtime }.build().unwrap().block_on(test)
    }

    async fn fresh_ports() -> Ports {
        let store = Arc::new(MemoryStore::new());
        Ports::new(store.clone(), store.clone(), store)
    }

    crate::conformance_tests!(run = block_on, ports = fresh_ports);
}
