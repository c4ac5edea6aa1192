//! Audit records in memory.

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::access::audit::AuditRecord;
use crate::access::key_history::KnownKey;
use crate::error::StoreError;
use crate::id::{PlatformId, WebhookId};
use crate::ports::{AuditLog, AuditQuery};
use crate::signing::secret::Fingerprint;

impl Tables {
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
}
