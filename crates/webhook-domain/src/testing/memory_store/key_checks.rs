//! The checks of keys that were made lately, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::delivery::key_check::allowance::{BegunCheck, NewCheck};
use crate::error::{ServiceError, StoreError};
use crate::id::KeyCheckId;
use crate::ports::KeyCheckStore;

#[async_trait]
impl KeyCheckStore for MemoryStore {
    async fn begin(&self, check: NewCheck) -> Result<(), ServiceError> {
        let begun = &mut self.tables().key_checks;
        begun.retain(|begun| begun.counts(check.at));
        check.judge(begun)?;
        begun.push(BegunCheck {
            check,
            is_over: false,
        });
        Ok(())
    }

    async fn end(&self, check: KeyCheckId, has_sent: bool) -> Result<(), StoreError> {
        let begun = &mut self.tables().key_checks;
        match has_sent {
            true => begun
                .iter_mut()
                .filter(|begun| begun.check.id == check)
                .for_each(|begun| begun.is_over = true),
            false => begun.retain(|begun| begun.check.id != check),
        }
        Ok(())
    }
}
