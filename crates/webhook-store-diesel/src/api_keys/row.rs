//! The row of an API key.

use diesel::prelude::*;
use webhook_domain::InvalidValue;
use webhook_domain::access::api_key::{ApiKey, ApiKeyDigest};
use webhook_domain::access::caller::PlatformScope;
use webhook_domain::access::permission::{Permission, PermissionSet};
use webhook_domain::time::Instant;
use webhook_domain::webhook::Name;

use crate::database::row::{At, RowError};
use crate::database::schema::api_keys;

/// A row of `api_keys`.
#[derive(Debug, Clone, Queryable, Insertable, Identifiable)]
#[diesel(table_name = api_keys)]
pub(crate) struct ApiKeyRow {
    pub(crate) id: String,
    pub(crate) scope: String,
    pub(crate) permissions: String,
    pub(crate) digest: Vec<u8>,
    pub(crate) created_at: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) revoked_at: Option<i64>,
    pub(crate) name: Option<String>,
    /// The position of its newest audit record.
    pub(crate) last_audit: Option<i64>,
}

impl ApiKeyRow {
    pub(crate) fn encode(key: &ApiKey, last_audit: Option<i64>) -> Self {
        let names: Vec<_> = key.permissions.iter().map(Permission::name).collect();
        Self {
            id: key.id.to_string(),
            scope: key.scope.to_string(),
            permissions: names.join(" "),
            digest: key.digest.0.to_vec(),
            created_at: key.created_at.as_milliseconds(),
            expires_at: key.expires_at.map(Instant::as_milliseconds),
            revoked_at: key.revoked_at.map(Instant::as_milliseconds),
            name: key.name.as_ref().map(|name| name.as_str().to_owned()),
            last_audit,
        }
    }

    pub(crate) fn decode(&self) -> Result<ApiKey, RowError> {
        let at = |column| At {
            column,
            row: &self.id,
        };
        let digest = <[u8; 32]>::try_from(self.digest.as_slice())
            .map_err(|_| at("digest").value(InvalidValue::new("must be 32 bytes")))?;
        Ok(ApiKey {
            name: self.name.clone().map(Name::restore),
            id: self.id.parse().map_err(|problem| at("id").value(problem))?,
            scope: PlatformScope::restore(&self.scope),
            permissions: PermissionSet::restore(self.permissions.split_ascii_whitespace()),
            digest: ApiKeyDigest(digest),
            created_at: Instant::from_milliseconds(self.created_at),
            expires_at: self.expires_at.map(Instant::from_milliseconds),
            revoked_at: self.revoked_at.map(Instant::from_milliseconds),
        })
    }
}
