//! Webhooks in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::access::audit::AuditRecord;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{PlatformId, WebhookId};
use crate::ports::{Change, ChangeOrder, Creation, Effect, KeyExpiry, Outcome, RollDue, WebhookStore};
use crate::signing::key_ring::KeyRing;
use crate::signing::secret::SecretBytes;
use crate::time::Instant;
use crate::webhook::{Happened, Labels, NeedPage, NeedQuery, Webhook, WebhookPage, WebhookQuery};

impl Tables {
    fn find(&self, platform: &PlatformId, id: WebhookId) -> Option<&Webhook> {
        self.webhooks
            .get(&id)
            .filter(|webhook| webhook.platform == *platform)
    }

    /// The webhook as one of this deployment.
    pub(super) fn of_deployment(&self, webhook: &Webhook) -> Webhook {
        Webhook {
            default_rotation: self.default_rotation,
            ..webhook.clone()
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
}

#[async_trait]
impl WebhookStore for MemoryStore {
    async fn create(&self, creation: Creation) -> Result<Outcome, ServiceError> {
        let mut tables = self.tables();
        let Creation {
            webhook,
            quota,
            audit,
            announcement,
            idempotency,
        } = creation;
        if let Some(replayed) = tables.replay(idempotency.as_ref())? {
            return Ok(replayed);
        }
        tables.judge_webhooks(quota, &webhook.platform)?;
        tables.refuse_taken_reference(&webhook)?;
        let webhook = tables.of_deployment(&webhook);
        tables.webhooks.insert(webhook.id, webhook.clone());
        tables.lanes.make(webhook.id);
        tables.record(audit);
        tables.tell(announcement.as_ref(), &[Happened::Created], None, &webhook);
        Ok(tables.done(webhook, idempotency))
    }

    async fn change(&self, order: ChangeOrder) -> Result<Outcome, ServiceError> {
        let mut tables = self.tables();
        if let Some(replayed) = tables.replay(order.idempotency.as_ref())? {
            return Ok(replayed);
        }
        if let Some(step) = order.settles
            && !tables.admit_step(step)?
        {
            return Ok(Outcome::Replayed(SecretBytes::new(Vec::new())));
        }
        let stored = tables
            .find(&order.platform, order.webhook)
            .ok_or(Refusal::NO_SUCH_WEBHOOK)?;
        let stored = tables.of_deployment(&tables.shown(stored));
        let Change {
            effect,
            audit,
            tells,
            settles,
        } = (order.decide)(&stored)?;
        let announcement = order.announcement.as_ref();
        let at = audit.as_ref().map(|audit| audit.at);
        let untold = match &effect {
            Effect::Keep => Vec::new(),
            Effect::Save(after) => KeyRing::untold_ends(&stored.key_ring, Some(&after.key_ring), at),
            Effect::Delete => KeyRing::untold_ends(&stored.key_ring, None, at),
        };
        tables.keys.end(&stored, &untold);
        let subject = match effect {
            Effect::Keep => stored,
            Effect::Save(webhook) => {
                tables.refuse_taken_reference(&webhook)?;
                tables.keep(&webhook);
                tables.go_on(&stored, &webhook);
                tables.note_adoption(&stored, &webhook);
                tables.tell(announcement, tells, Some(&stored), &webhook);
                *webhook
            }
            Effect::Delete => {
                tables.webhooks.remove(&stored.id);
                tables.lanes.unmake(stored.id);
                tables.tell(announcement, tells, None, &stored);
                stored
            }
        };
        if let Some((step, settled)) = order.settles.zip(settles) {
            tables.save_step(step, settled);
        }
        if let Some(audit) = audit {
            tables.record(audit);
        }
        Ok(tables.done(subject, order.idempotency))
    }

    async fn append_record(&self, record: AuditRecord) -> Result<(), StoreError> {
        self.tables().record(record);
        Ok(())
    }

    async fn find(&self, platform: &PlatformId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let tables = self.tables();
        let found = tables.find(platform, id);
        Ok(found.map(|webhook| tables.of_deployment(&tables.shown(webhook))))
    }

    async fn key_ring(&self, id: WebhookId) -> Result<Option<KeyRing>, StoreError> {
        Ok(self
            .tables()
            .webhooks
            .get(&id)
            .map(|webhook| webhook.key_ring.clone()))
    }

    async fn page(&self, platform: &PlatformId, query: WebhookQuery) -> Result<WebhookPage, StoreError> {
        let tables = self.tables();
        let mut all: Vec<_> = tables
            .webhooks
            .values()
            .filter(|webhook| webhook.platform == *platform)
            .map(|webhook| tables.of_deployment(&tables.listed(webhook)))
            .filter(|webhook| query.filter.accepts(webhook, query.at))
            .map(|webhook| (query.order.cursor_of(&webhook), webhook))
            .collect();
        let shown = query.cut(&mut all);
        Ok(WebhookPage {
            total: all.len() as u64,
            webhooks: all.drain(shown).map(|(_, webhook)| webhook).collect(),
        })
    }

    async fn labels(
        &self,
        platform: &PlatformId,
        webhooks: Vec<WebhookId>,
    ) -> Result<BTreeMap<WebhookId, Labels>, StoreError> {
        let tables = self.tables();
        let own = webhooks.into_iter().filter_map(|id| tables.find(platform, id));
        let labels = own.map(|webhook| {
            let settings = webhook.settings.clone();
            let (name, reference) = (settings.name, settings.reference);
            (webhook.id, Labels { name, reference })
        });
        Ok(labels.collect())
    }

    async fn in_need(&self, platform: &PlatformId, query: NeedQuery) -> Result<NeedPage, StoreError> {
        let tables = self.tables();
        let own = tables
            .webhooks
            .values()
            .filter(|webhook| webhook.platform == *platform);
        let listed = own.map(|webhook| tables.of_deployment(&tables.listed(webhook)));
        Ok(NeedPage::of(listed, &query))
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
            .filter(|webhook| webhook.next_expiry().is_some_and(|expiry| expiry <= now))
            .take(limit as usize)
            .map(|webhook| (webhook.platform.clone(), webhook.id))
            .collect())
    }

    async fn with_expiring_keys(
        &self,
        after: (Instant, Option<WebhookId>),
        until: Instant,
        limit: u32,
    ) -> Result<Vec<KeyExpiry>, StoreError> {
        let tables = self.tables();
        let expiry = |webhook: &Webhook| {
            Some(KeyExpiry {
                at: webhook.key_ring.next_expiry()?,
                platform: webhook.platform.clone(),
                webhook: webhook.id,
            })
        };
        let expiries = tables.webhooks.values().filter_map(expiry);
        let mut found: Vec<_> = expiries
            .filter(|key| key.at <= until && (key.at, Some(key.webhook)) > after)
            .collect();
        found.sort_by_key(|key| (key.at, key.webhook));
        found.truncate(limit as usize);
        Ok(found)
    }

    async fn with_due_rolls(
        &self,
        after: (Instant, Option<WebhookId>),
        now: Instant,
        limit: u32,
    ) -> Result<Vec<RollDue>, StoreError> {
        Ok(self.tables().due_rolls(after, now, limit))
    }

    async fn with_keys_ahead(
        &self,
        latest: Instant,
        limit: u32,
    ) -> Result<Vec<(PlatformId, WebhookId)>, StoreError> {
        Ok(self.tables().keys_ahead(latest, limit))
    }

    async fn note_rolls_anew(&self, _: Option<WebhookId>, _: u32) -> Result<Option<WebhookId>, StoreError> {
        // Nothing is noted: all webhooks are looked at.
        Ok(None)
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

    async fn bring_back_answers(&self, latest: Instant, now: Instant, limit: u32) -> Result<u32, StoreError> {
        let mut tables = self.tables();
        let ahead = tables.answers.values_mut().filter(|stored| stored.at > latest);
        let moved = ahead.take(limit as usize).map(|stored| stored.at = now).count();
        Ok(u32::try_from(moved).unwrap_or(limit))
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
