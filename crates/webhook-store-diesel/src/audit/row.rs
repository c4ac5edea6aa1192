//! The row of an audit record.

use diesel::prelude::*;
use webhook_domain::access::audit::AuditRecord;
use webhook_domain::access::caller::Credential;
use webhook_domain::id::{PlatformId, RequestId};
use webhook_domain::time::Instant;

use crate::database::row::{At, RowError};
use crate::database::schema::audit_records;

/// A row of `audit_records`, in its place in the chain.
#[derive(Debug, Clone, Queryable, Selectable, QueryableByName, Insertable)]
#[diesel(table_name = audit_records)]
pub(crate) struct AuditRow {
    pub(crate) position: i64,
    pub(crate) id: String,
    pub(crate) platform: String,
    pub(crate) at: i64,
    pub(crate) credential: String,
    pub(crate) request_id: String,
    pub(crate) action: String,
    pub(crate) resource_id: String,
    pub(crate) details: String,
    /// The record before of the same resource.
    pub(crate) previous: Option<i64>,
    pub(crate) mac: Vec<u8>,
}

impl AuditRow {
    /// The row of a record that has no place in the chain yet.
    pub(crate) fn encode(record: &AuditRecord) -> Result<Self, RowError> {
        let id = record.id.to_string();
        let details = serde_json::to_string(&record.details).map_err(|source| {
            At {
                column: "details",
                row: &id,
            }
            .json(source)
        })?;
        Ok(Self {
            position: 0,
            previous: None,
            mac: Vec::new(),
            id,
            platform: record.platform.to_string(),
            at: record.at.as_milliseconds(),
            credential: record.credential.to_string(),
            request_id: record.request.to_string(),
            action: record.action.name().to_owned(),
            resource_id: record.resource_id.clone(),
            details,
        })
    }

    pub(crate) fn decode(self) -> Result<AuditRecord, RowError> {
        let at = |column| At {
            column,
            row: &self.id,
        };
        Ok(AuditRecord {
            id: self.id.parse().map_err(|problem| at("id").value(problem))?,
            platform: PlatformId::restore(&self.platform),
            at: Instant::from_milliseconds(self.at),
            credential: Credential::restore(&self.credential)
                .map_err(|problem| at("credential").value(problem))?,
            request: RequestId::restore(&self.request_id),
            action: self
                .action
                .parse()
                .map_err(|problem| at("action").value(problem))?,
            details: serde_json::from_str(&self.details).map_err(|source| at("details").json(source))?,
            resource_id: self.resource_id,
        })
    }
}
