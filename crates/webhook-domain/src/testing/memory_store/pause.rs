//! The pause of all deliveries, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::access::audit::AuditRecord;
use crate::error::StoreError;
use crate::ports::{DeliveryPause, Pause};

#[async_trait]
impl DeliveryPause for MemoryStore {
    async fn current(&self) -> Result<Option<Pause>, StoreError> {
        Ok(self.tables().pause)
    }

    async fn pause(&self, pause: Pause, audit: Option<AuditRecord>) -> Result<Pause, StoreError> {
        let mut tables = self.tables();
        if let Some(earlier) = tables.pause {
            return Ok(earlier);
        }
        tables.pause = Some(pause);
        if let Some(audit) = audit {
            tables.record(audit);
        }
        Ok(pause)
    }

    async fn resume(&self, audit: AuditRecord) -> Result<Option<Pause>, StoreError> {
        let mut tables = self.tables();
        let ended = tables.pause.take();
        if ended.is_some() {
            tables.record(audit);
        }
        Ok(ended)
    }
}
