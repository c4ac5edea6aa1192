//! Audit records in memory.

use async_trait::async_trait;

use ring::digest::{SHA256, digest};

use super::{MemoryStore, Tables};
use crate::access::audit::AuditRecord;
use crate::access::audit_chain::{AuditFlaw, AuditHead, AuditStep};
use crate::access::key_history::{KnownKey, PastKey};
use crate::error::StoreError;
use crate::id::{PlatformId, WebhookId};
use crate::ports::{AuditLog, AuditQuery};
use crate::signing::secret::Fingerprint;
use crate::time::Instant;

impl Tables {
    /// The chain of all records, behind its beginning. What is in memory is changed by nobody else, so it needs no key.
    fn chain(&self) -> Vec<AuditHead> {
        let mut chain = vec![AuditHead::of_nothing()];
        for (record, position) in self.audit.iter().zip(1..) {
            let before = chain.last().map_or(&[][..], AuditHead::mac);
            let message = [before, record.id.to_string().as_bytes()].concat();
            chain.push(AuditHead::new(
                position,
                digest(&SHA256, &message).as_ref().to_vec(),
            ));
        }
        chain
    }

    /// Puts a record behind all others.
    pub(super) fn record(&mut self, audit: AuditRecord) {
        self.keys.read(&audit);
        let newest = self.audit.last().map(|newest| newest.id);
        self.audit.push(AuditRecord {
            id: audit.id.behind(newest),
            ..audit
        });
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

    async fn known_keys(
        &self,
        platform: &PlatformId,
        key: &Fingerprint,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<KnownKey>, StoreError> {
        let tables = self.tables();
        let known = tables.keys.with(platform, key);
        let behind = known.filter(|known| after.is_none_or(|after| known.webhook > after));
        Ok(behind.take(limit as usize).cloned().collect())
    }

    async fn past_keys(
        &self,
        platform: &PlatformId,
        webhook: WebhookId,
        from: Instant,
        to: Instant,
        limit: u32,
    ) -> Result<Vec<PastKey>, StoreError> {
        let mut keys = self.tables().keys.ending(platform, webhook);
        keys.retain(|key| (from..=to).contains(&key.ended_at));
        keys.sort_by_key(|key| {
            (
                std::cmp::Reverse(key.ended_at),
                key.fingerprint.as_str().to_owned(),
            )
        });
        keys.truncate(limit as usize);
        Ok(keys)
    }

    async fn verify_step(&self, from: AuditHead, most: u32) -> Result<AuditStep, StoreError> {
        let chain = self.tables().chain();
        let begun = usize::try_from(from.position).ok();
        let newest = chain.len().saturating_sub(1);
        match begun.and_then(|position| chain.get(position)) {
            None => Ok(AuditStep::Flawed(AuditFlaw::Truncated {
                position: newest as i64,
                expected: from.position,
            })),
            Some(stored) if *stored != from => Ok(AuditStep::Flawed(AuditFlaw::Rewritten {
                position: from.position,
            })),
            Some(_) => {
                let end = begun.unwrap_or_default() + most as usize;
                Ok(match chain.get(end).filter(|_| end < newest) {
                    Some(last) => AuditStep::GoesOn {
                        last: last.clone(),
                        newest: newest as i64,
                    },
                    None => AuditStep::Whole {
                        head: chain[newest].clone(),
                    },
                })
            }
        }
    }
}
