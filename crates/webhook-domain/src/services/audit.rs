//! Reading what was done, and by whom.

use std::sync::Arc;

use crate::access::audit::AuditRecord;
use crate::access::audit_chain::{AuditHead, AuditStep};
use crate::access::caller::{Acting, PlatformScope};
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
    /// How many records one step of a verification reads at the most.
    pub const STEP: u32 = 10_000;

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

    /// Verifies the next [`STEP`](Self::STEP) records of the chain behind `from`. It is one chain for all platforms, so this needs a credential
    /// for all of them, and `AUDIT_RECORD.VIEW`.
    ///
    /// # Errors
    /// [`NotPermitted`](crate::Refusal::NotPermitted), [`OtherPlatform`](crate::Refusal::OtherPlatform) for a tenant's credential, or the
    /// store's.
    pub async fn verify(&self, acting: &Acting, from: AuditHead) -> Result<AuditStep, ServiceError> {
        acting.require(Permission::AuditRecordView)?;
        if !acting.covers(&PlatformScope::All) {
            return Err(Refusal::OtherPlatform.into());
        }
        Ok(self.log.verify_step(from, Self::STEP).await?)
    }
}
