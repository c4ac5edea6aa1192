//! Reading what was done, and by whom.

use std::sync::Arc;

use crate::access::audit::AuditRecord;
use crate::access::caller::Acting;
use crate::access::permission::Permission;
use crate::error::ServiceError;
use crate::ports::{AuditLog, AuditQuery};

/// Reads audit records.
#[derive(Clone)]
pub struct AuditService {
    log: Arc<dyn AuditLog>,
}

impl AuditService {
    /// The service over this port.
    #[must_use]
    pub fn new(log: Arc<dyn AuditLog>) -> Self {
        Self { log }
    }

    /// The records of the platform that `query` asks for, newest first. Needs `AUDIT_RECORD.VIEW`.
    ///
    /// # Errors
    /// [`NotPermitted`](crate::Refusal::NotPermitted) or the store's.
    pub async fn list(&self, acting: &Acting, query: AuditQuery) -> Result<Vec<AuditRecord>, ServiceError> {
        acting.require(Permission::AuditRecordView)?;
        Ok(self.log.list(acting.platform(), query).await?)
    }
}
