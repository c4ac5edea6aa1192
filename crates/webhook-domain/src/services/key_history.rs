//! What became of a signing key, found by its fingerprint: for whoever has found a key where none should be.

use std::sync::Arc;
use std::time::Duration;

use crate::access::audit::AuditRecord;
use crate::access::caller::Acting;
use crate::access::key_history::{KeyHistory, KeyTrail, KnownKey, PastKeyHistory, PastKeys, Sources};
use crate::access::permission::Permission;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{PlatformId, WebhookId};
use crate::ports::{AuditLog, AuditQuery, EventStore, WebhookStore};
use crate::signing::secret::Fingerprint;
use crate::time::{Clock, Instant};
use crate::webhook::Webhook;

/// How many audit records are read at a time.
const STEP: u32 = 1_000;
/// How many steps are made for one key at the most. A webhook whose secrets are read back more often than that since the key was made has
/// older records than are told of, and its history says so.
const MOST_STEPS: u32 = 20;
/// How many are made for the keys of a webhook that have ended, of which less is told.
const MOST_STEPS_OF_PAST: u32 = 2;

/// Puts histories of keys together.
#[derive(Clone)]
pub struct KeyHistoryService {
    /// Where webhooks are.
    pub webhooks: Arc<dyn WebhookStore>,
    /// What was noted of keys, and what was done to webhooks.
    pub audit: Arc<dyn AuditLog>,
    /// What was signed.
    pub events: Arc<dyn EventStore>,
    /// Says which retired key still signs.
    pub clock: Arc<dyn Clock>,
    /// For how long events and their attempts are kept.
    pub events_kept_for: Duration,
}

impl KeyHistoryService {
    /// What became of the keys of the platform with this fingerprint: up to `limit` of them, in the order of their webhooks' ids, behind
    /// `after`. Needs `WEBHOOK.VIEW` and `AUDIT_RECORD.VIEW`.
    ///
    /// # Errors
    /// [`NotPermitted`](Refusal::NotPermitted), [`Refusal::NO_SUCH_SIGNING_KEY`], or the store's.
    pub async fn read(
        &self,
        acting: &Acting,
        key: &Fingerprint,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<KeyHistory>, ServiceError> {
        acting.require(Permission::WebhookView)?;
        acting.require(Permission::AuditRecordView)?;
        let platform = acting.platform();
        let known = self.audit.known_keys(platform, key, after, limit).await?;
        if known.is_empty() {
            return Err(Refusal::NO_SUCH_SIGNING_KEY.into());
        }
        let now = self.clock.now();
        let mut histories = Vec::with_capacity(known.len());
        for known in known {
            histories.push(self.history(platform, key, known, now).await?);
        }
        Ok(histories)
    }

    /// The keys of `webhook` that ended at `since` or later and sign no more: up to `limit` of them, those that ended last first. Needs
    /// `WEBHOOK.VIEW` and `AUDIT_RECORD.VIEW`.
    ///
    /// # Errors
    /// [`NotPermitted`](Refusal::NotPermitted), or the store's.
    pub async fn past(
        &self,
        acting: &Acting,
        webhook: &Webhook,
        since: Instant,
        limit: usize,
    ) -> Result<PastKeys, ServiceError> {
        acting.require(Permission::WebhookView)?;
        acting.require(Permission::AuditRecordView)?;
        let (platform, now, ring) = (acting.platform(), self.clock.now(), &webhook.key_ring);
        let signing = ring.fingerprints(now);
        // What is in the ring, the ring knows better. One more tells whether there are others.
        let most = u32::try_from(limit + 1 + signing.len()).unwrap_or(u32::MAX);
        let mut keys = self
            .audit
            .past_keys(platform, webhook.id, since, now, most)
            .await?;
        keys.retain(|key| !signing.contains(&key.fingerprint));
        let has_more = keys.len() > limit;
        keys.truncate(limit);
        let mut trails: Vec<_> = keys
            .iter()
            .map(|key| KeyTrail::of(key.fingerprint.clone()))
            .collect();
        let read = |record: &AuditRecord| {
            let open = trails.iter_mut().filter(|trail| !trail.is_at_its_beginning());
            open.for_each(|trail| trail.add(record));
            trails.iter().all(KeyTrail::is_at_its_beginning)
        };
        let is_trail_whole = match keys.is_empty() {
            true => true,
            false => {
                self.read_back(platform, webhook.id, MOST_STEPS_OF_PAST, read)
                    .await?
            }
        };
        let histories = keys.into_iter().zip(trails);
        Ok(PastKeys {
            keys: histories
                .map(|(key, trail)| PastKeyHistory::new(key, trail))
                .collect(),
            has_more,
            is_trail_whole,
        })
    }

    async fn history(
        &self,
        platform: &PlatformId,
        key: &Fingerprint,
        known: KnownKey,
        now: Instant,
    ) -> Result<KeyHistory, StoreError> {
        let used = self.events.use_of_key(platform, known.webhook, key).await?;
        let (trail, is_trail_whole) = self.trail(platform, key, known.webhook).await?;
        let webhook = self.webhooks.find(platform, known.webhook).await?;
        let sources = Sources {
            known,
            webhook: webhook
                .as_ref()
                .map(|webhook| (&webhook.key_ring, webhook.settings.name.as_ref())),
            trail,
            is_trail_whole,
            used,
            attempts_kept_since: now.minus(self.events_kept_for),
        };
        Ok(KeyHistory::judge(sources, now))
    }

    /// What the webhook's audit records say of the key, and whether all were read that can.
    async fn trail(
        &self,
        platform: &PlatformId,
        key: &Fingerprint,
        webhook: WebhookId,
    ) -> Result<(KeyTrail, bool), StoreError> {
        let mut trail = KeyTrail::of(key.clone());
        let read = |record: &AuditRecord| {
            trail.add(record);
            trail.is_at_its_beginning()
        };
        let is_whole = self.read_back(platform, webhook, MOST_STEPS, read).await?;
        Ok((trail, is_whole))
    }

    /// Has `read` read the webhook's audit records, from the newest on back, until it has read enough. Says whether it has, or has read all.
    async fn read_back(
        &self,
        platform: &PlatformId,
        webhook: WebhookId,
        most_steps: u32,
        mut read: impl FnMut(&AuditRecord) -> bool,
    ) -> Result<bool, StoreError> {
        let mut query = AuditQuery::of_resource(webhook, STEP);
        for _ in 0..most_steps {
            let records = self.audit.list(platform, query.clone()).await?;
            if records.iter().any(&mut read) || records.len() < STEP as usize {
                return Ok(true);
            }
            query.before = records.last().map(|record| record.id);
        }
        Ok(false)
    }
}
