//! The pause of all deliveries, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::error::StoreError;
use crate::ports::{DeliveryPause, Pause};

#[async_trait]
impl DeliveryPause for MemoryStore {
    async fn current(&self) -> Result<Option<Pause>, StoreError> {
        Ok(self.tables().pause)
    }

    async fn pause(&self, pause: Pause) -> Result<Pause, StoreError> {
        Ok(*self.tables().pause.get_or_insert(pause))
    }

    async fn resume(&self) -> Result<Option<Pause>, StoreError> {
        Ok(self.tables().pause.take())
    }
}
