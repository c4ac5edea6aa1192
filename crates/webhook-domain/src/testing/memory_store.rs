//! Every store port in memory.
//!
//! One mutex stands for the transaction: each method takes it once, so it is one atomic unit. Nothing is
//! written before all that may refuse has been asked.

mod lanes;
mod pause;
mod queue;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::access::api_key::{ApiKey, CreatedApiKey};
use crate::access::audit::AuditRecord;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{ApiKeyId, PlatformId, WebhookId};
use crate::idempotency::{Idempotency, IdempotencySlot, RequestFingerprint};
use crate::ports::{
    AnswerStore, ApiKeyStore, AuditLog, AuditQuery, Change, ChangeOrder, Creation, Effect, NewApiKey,
    Outcome, Pause, Revocation, ScopeFilter, WebhookStore,
};
use crate::services::Probed;
use crate::signing::secret::SecretBytes;
use crate::time::Instant;
use crate::webhook::{Direction, Happened, PageStart, Webhook, WebhookPage, WebhookQuery};

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
    lanes: lanes::Lanes,
    pause: Option<Pause>,
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
    fn replay<T>(&self, idempotency: Option<&Idempotency<T>>) -> Result<Option<Outcome<T>>, Refusal> {
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

    /// Saves all of a webhook but what holds its queue up.
    fn keep(&mut self, webhook: &Webhook) {
        let kept = Webhook {
            held_up: None,
            ..webhook.clone()
        };
        self.webhooks.insert(webhook.id, kept);
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

    fn answer<T>(&mut self, subject: &T, idempotency: Option<Idempotency<T>>) -> Option<SecretBytes> {
        let Idempotency {
            slot,
            fingerprint,
            at,
            render,
        } = idempotency?;
        let answer = render(subject, at);
        let stored = StoredAnswer {
            fingerprint,
            at,
            answer: answer.clone(),
        };
        self.answers.insert(slot, stored);
        Some(answer)
    }

    fn done<T>(&mut self, subject: T, idempotency: Option<Idempotency<T>>) -> Outcome<T> {
        let answer = self.answer(&subject, idempotency);
        Outcome::Done {
            subject: Box::new(subject),
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
            announcement,
            idempotency,
        } = creation;
        if let Some(replayed) = tables.replay(idempotency.as_ref())? {
            return Ok(replayed);
        }
        tables.refuse_taken_reference(&webhook)?;
        tables.webhooks.insert(webhook.id, webhook.clone());
        tables.lanes.make(webhook.id);
        tables.audit.push(audit);
        tables.tell(announcement.as_ref(), Happened::Created(&webhook));
        Ok(tables.done(webhook, idempotency))
    }

    async fn change(&self, order: ChangeOrder) -> Result<Outcome, ServiceError> {
        let mut tables = self.tables();
        if let Some(replayed) = tables.replay(order.idempotency.as_ref())? {
            return Ok(replayed);
        }
        let stored = tables
            .find(&order.platform, order.webhook)
            .ok_or(Refusal::NO_SUCH_WEBHOOK)?;
        let stored = tables.shown(stored);
        let Change { effect, audit } = (order.decide)(&stored)?;
        let subject = match effect {
            Effect::Keep => stored,
            Effect::Save(webhook) => {
                tables.refuse_taken_reference(&webhook)?;
                tables.keep(&webhook);
                tables.go_on(&stored, &webhook);
                tables.tell(order.announcement.as_ref(), Happened::Updated(&stored, &webhook));
                *webhook
            }
            Effect::Delete => {
                tables.webhooks.remove(&stored.id);
                tables.lanes.unmake(stored.id);
                tables.tell(order.announcement.as_ref(), Happened::Deleted(&stored));
                stored
            }
        };
        tables.audit.extend(audit);
        Ok(tables.done(subject, order.idempotency))
    }

    async fn find(&self, platform: &PlatformId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let tables = self.tables();
        Ok(tables.find(platform, id).map(|webhook| tables.shown(webhook)))
    }

    async fn page(&self, platform: &PlatformId, query: WebhookQuery) -> Result<WebhookPage, StoreError> {
        let tables = self.tables();
        let mut all: Vec<_> = tables
            .webhooks
            .values()
            .filter(|webhook| webhook.platform == *platform)
            .map(|webhook| (query.order.cursor_of(webhook), webhook))
            .collect();
        all.sort_by(|(one, _), (other, _)| match query.direction {
            Direction::Ascending => one.cmp(other),
            Direction::Descending => other.cmp(one),
        });
        let limit = query.limit.get() as usize;
        let begins_at = match &query.start {
            PageStart::Number(number) => {
                let before = number.saturating_sub(1).saturating_mul(limit as u64);
                usize::try_from(before).unwrap_or(usize::MAX).min(all.len())
            }
            PageStart::After(cursor) => all.partition_point(|(key, _)| match query.direction {
                Direction::Ascending => key <= cursor,
                Direction::Descending => key >= cursor,
            }),
            PageStart::Before(cursor) => {
                let ends_at = all.partition_point(|(key, _)| match query.direction {
                    Direction::Ascending => key < cursor,
                    Direction::Descending => key > cursor,
                });
                all.truncate(ends_at);
                ends_at.saturating_sub(limit)
            }
        };
        let total = tables
            .webhooks
            .values()
            .filter(|webhook| webhook.platform == *platform)
            .count() as u64;
        let webhooks = all[begins_at..]
            .iter()
            .take(limit)
            .map(|(_, webhook)| tables.listed(webhook));
        Ok(WebhookPage {
            webhooks: webhooks.collect(),
            total,
        })
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
impl AnswerStore for MemoryStore {
    async fn earlier(&self, request: &Idempotency<Probed>) -> Result<Option<Outcome<Probed>>, ServiceError> {
        Ok(self.tables().replay(Some(request))?)
    }

    async fn keep(
        &self,
        probed: Probed,
        request: Idempotency<Probed>,
    ) -> Result<Outcome<Probed>, ServiceError> {
        let mut tables = self.tables();
        if let Some(replayed) = tables.replay(Some(&request))? {
            return Ok(replayed);
        }
        Ok(tables.done(probed, Some(request)))
    }
}

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
        tables
            .api_keys
            .insert(key.created.key.id, key.created.key.clone());
        tables.audit.push(key.audit);
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
        tables.audit.push(audit);
        Ok(tables.done(revoked, revocation.idempotency))
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

#[async_trait]
impl AuditLog for MemoryStore {
    async fn list(&self, platform: &PlatformId, query: AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        let tables = self.tables();
        let mut records: Vec<_> = tables
            .audit
            .iter()
            .rev()
            .filter(|record| record.platform == *platform)
            .filter(|record| {
                query
                    .resource_id
                    .as_ref()
                    .is_none_or(|id| record.resource_id == *id)
            })
            .collect();
        if query.resource_id.is_none() {
            records.sort_by_key(|record| std::cmp::Reverse(record.id));
        }
        if let Some(before) = query.before {
            let end = match query.resource_id {
                None => records.partition_point(|record| record.id >= before),
                Some(_) => records
                    .iter()
                    .position(|record| record.id == before)
                    .map_or(records.len(), |at| at + 1),
            };
            records.drain(..end);
        }
        let wanted = records
            .into_iter()
            .filter(|record| query.action.is_none_or(|action| record.action == action));
        Ok(wanted.take(query.limit as usize).cloned().collect())
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
        Ports::new(store)
    }

    crate::conformance_tests!(run = block_on, ports = fresh_ports);
}
