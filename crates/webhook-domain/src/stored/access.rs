//! API keys and audit records.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::{Form, StoredError};
use crate::access::api_key::{ApiKey, ApiKeyDigest};
use crate::access::audit::{AuditDetails, AuditRecord};
use crate::access::caller::{Credential, PlatformScope};
use crate::access::permission::{Permission, PermissionSet};
use crate::error::InvalidValue;
use crate::id::{PlatformId, RequestId};
use crate::time::Instant;
use crate::webhook::Name;

/// An API key as it is kept: of its text the digest alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the key's of that name")]
pub struct StoredApiKey {
    pub form: Form,
    pub id: String,
    pub name: Option<String>,
    pub scope: String,
    pub permissions: Vec<String>,
    pub digest: String,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
}

impl StoredApiKey {
    /// The form of `key`.
    #[must_use]
    pub fn of(key: &ApiKey) -> Self {
        Self {
            form: Form,
            id: key.id.to_string(),
            name: key.name.as_ref().map(|name| name.as_str().to_owned()),
            scope: key.scope.to_string(),
            permissions: key
                .permissions
                .iter()
                .map(Permission::name)
                .map(str::to_owned)
                .collect(),
            digest: BASE64.encode(&key.digest.0),
            created_at: key.created_at.as_milliseconds(),
            expires_at: key.expires_at.map(Instant::as_milliseconds),
            revoked_at: key.revoked_at.map(Instant::as_milliseconds),
        }
    }

    /// The key.
    ///
    /// # Errors
    /// When its id or its digest is none.
    pub fn restore(self) -> Result<ApiKey, StoredError> {
        let digest = BASE64.decode(self.digest.as_bytes()).ok();
        let digest = digest.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let digest = digest.ok_or(InvalidValue::new("must be 32 bytes in base64"));
        Ok(ApiKey {
            id: self.id.parse().map_err(StoredError::value("id"))?,
            name: self.name.map(Name::restore),
            scope: PlatformScope::restore(&self.scope),
            permissions: PermissionSet::restore(self.permissions.iter().map(String::as_str)),
            digest: ApiKeyDigest(digest.map_err(StoredError::value("digest"))?),
            created_at: Instant::from_milliseconds(self.created_at),
            expires_at: self.expires_at.map(Instant::from_milliseconds),
            revoked_at: self.revoked_at.map(Instant::from_milliseconds),
        })
    }
}

/// An audit record as it is kept. Records must come back in the order in which they were written, so a store keeps a number beside
/// each: their ids say when a clock thought that they were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the record's of that name")]
pub struct StoredAuditRecord {
    pub form: Form,
    pub id: String,
    pub platform: String,
    pub at: i64,
    pub credential: String,
    pub request: String,
    pub action: String,
    pub resource_id: String,
    pub details: AuditDetails,
}

impl StoredAuditRecord {
    /// The form of `record`.
    #[must_use]
    pub fn of(record: &AuditRecord) -> Self {
        Self {
            form: Form,
            id: record.id.to_string(),
            platform: record.platform.to_string(),
            at: record.at.as_milliseconds(),
            credential: record.credential.to_string(),
            request: record.request.to_string(),
            action: record.action.name().to_owned(),
            resource_id: record.resource_id.clone(),
            details: record.details.clone(),
        }
    }

    /// The record.
    ///
    /// # Errors
    /// When its id, its credential or its action is none.
    pub fn restore(self) -> Result<AuditRecord, StoredError> {
        Ok(AuditRecord {
            id: self.id.parse().map_err(StoredError::value("id"))?,
            platform: PlatformId::restore(&self.platform),
            at: Instant::from_milliseconds(self.at),
            credential: Credential::restore(&self.credential).map_err(StoredError::value("credential"))?,
            request: RequestId::restore(&self.request),
            action: self.action.parse().map_err(StoredError::value("action"))?,
            resource_id: self.resource_id,
            details: self.details,
        })
    }
}
