//! The audit records, for reading. They are written by the stores of what they tell of.

use async_trait::async_trait;

use crate::audit::AuditRecord;
use crate::error::StoreError;
use crate::id::PlatformId;

/// Reads audit records.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// The newest `limit` records of one resource of a platform, newest first.
    ///
    /// # Errors
    /// The store's.
    async fn of_resource(
        &self,
        platform: &PlatformId,
        resource_id: &str,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError>;
}
