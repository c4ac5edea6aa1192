//! What became of a signing key, found by its fingerprint: for whoever has found a key where none should be.

use std::sync::Arc;
use std::time::Duration;

use crate::access::caller::Acting;
use crate::access::key_history::{KeyHistory, KeyTrail, KnownKey, Sources};
use crate::access::permission::Permission;
use crate::error::{Refusal, ServiceError, StoreError};
use crate::id::{PlatformId, WebhookId};
use crate::ports::{AuditLog, AuditQuery, EventStore, WebhookStore};
use crate::signing::secret::Fingerprint;
use crate::time::{Clock, Instant};

/// How many audit records are read at a time.
const STEP: u32 = 1_000;
/// How many steps are made for one key at the most. A webhook whose secrets are read back more often than that since the key was made has
/// older records than are told of, and its history says so.
const MOST_STEPS: u32 = 20;

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
        let mut query = AuditQuery::of_resource(webhook, STEP);
        for _ in 0..MOST_STEPS {
            let records = self.audit.list(platform, query.clone()).await?;
            for record in &records {
                trail.add(record);
                if trail.is_at_its_beginning() {
                    return Ok((trail, true));
                }
            }
            if records.len() < STEP as usize {
                return Ok((trail, true));
            }
            query.before = records.last().map(|record| record.id);
        }
        Ok((trail, false))
    }
}
