//! Reading what was done, and by whom.

use std::sync::Arc;

use crate::access::audit::AuditRecord;
use crate::access::caller::Acting;
use crate::access::permission::Permission;
use crate::error::{Refusal, ServiceError};
use crate::id::AuditRecordId;
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

    /// The record of the platform with this id. Needs `AUDIT_RECORD.VIEW`.
    ///
    /// # Errors
    /// [`NotPermitted`](crate::Refusal::NotPermitted), [`NotFound`](crate::Refusal::NotFound), or the store's.
    pub async fn find(&self, acting: &Acting, id: AuditRecordId) -> Result<AuditRecord, ServiceError> {
        let up_to_it = AuditQuery {
            before: Some(id.behind(Some(id))),
            ..AuditQuery::newest(1)
        };
        let found = self.list(acting, up_to_it).await?.pop();
        let found = found.filter(|record| record.id == id);
        Ok(found.ok_or(Refusal::NO_SUCH_AUDIT_RECORD)?)
    }
}
