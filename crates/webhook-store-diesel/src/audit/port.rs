//! Audit records, read by the platform or along the trail of one resource.

use async_trait::async_trait;
use diesel::prelude::*;
use webhook_domain::StoreError;
use webhook_domain::access::audit::{AuditAction, AuditRecord};
use webhook_domain::access::audit_chain::{AuditHead, AuditStep};
use webhook_domain::access::key_history::{KnownKey, PastKey};
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::ports::{AuditLog, AuditQuery};
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::time::Instant;

use crate::DieselStore;
use crate::audit::row::AuditRow;
use crate::audit::verification::verify_step;
use crate::database::connection::AnyConnection;
use crate::database::row::{corrupt, unavailable};
use crate::database::schema::{api_keys, audit_ends, audit_records, webhooks};
use crate::webhooks::known_keys;

#[async_trait]
impl AuditLog for DieselStore {
    async fn list(&self, platform: &PlatformId, query: AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        let platform = platform.to_string();
        let read = move |connection: &mut AnyConnection| {
            let rows = match &query.resource_id {
                None => of_platform(connection, &platform, &query),
                Some(resource) => of_resource(connection, &platform, resource, &query),
            };
            rows.map_err(unavailable)?
                .into_iter()
                .map(AuditRow::decode)
                .collect::<Result<_, _>>()
                .map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn known_keys(
        &self,
        platform: &PlatformId,
        key: &Fingerprint,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<KnownKey>, StoreError> {
        self.read_all_records().await?;
        let (platform, key) = (platform.to_string(), key.as_str().to_owned());
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let read = move |connection: &mut AnyConnection| {
            let rows = known_keys::find(connection, &platform, &key, &after, limit);
            let rows = rows.map_err(unavailable)?.into_iter().map(known_keys::decode);
            rows.collect::<Result<_, _>>().map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn past_keys(
        &self,
        platform: &PlatformId,
        webhook: WebhookId,
        from: Instant,
        to: Instant,
        limit: u32,
    ) -> Result<Vec<PastKey>, StoreError> {
        self.read_all_records().await?;
        let (platform, webhook) = (platform.to_string(), webhook.to_string());
        let read = move |connection: &mut AnyConnection| {
            let rows = known_keys::past(connection, (&platform, &webhook), (from, to), limit);
            let rows = rows.map_err(unavailable)?.into_iter();
            rows.map(known_keys::decode_past)
                .collect::<Result<_, _>>()
                .map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn verify_step(&self, from: AuditHead, most: u32) -> Result<AuditStep, StoreError> {
        let chain = self.chain.clone();
        let verify = move |connection: &mut AnyConnection| verify_step(connection, &chain, from, most);
        self.readers.run(verify).await
    }
}

fn of_platform(
    connection: &mut AnyConnection,
    platform: &str,
    query: &AuditQuery,
) -> QueryResult<Vec<AuditRow>> {
    let mut records = audit_records::table
        .filter(audit_records::platform.eq(platform))
        .order(audit_records::id.desc())
        .select(AuditRow::as_select())
        .limit(query.limit.into())
        .into_boxed();
    if let Some(before) = query.before {
        records = records.filter(audit_records::id.lt(before.to_string()));
    }
    if let Some(action) = query.action {
        records = records.filter(audit_records::action.eq(action.name()));
    }
    records.load(connection)
}

/// Follows the records of one resource, each of which knows the one before, from the newest or from the one named.
fn of_resource(
    connection: &mut AnyConnection,
    platform: &str,
    resource: &str,
    query: &AuditQuery,
) -> QueryResult<Vec<AuditRow>> {
    let start = match query.before {
        None => newest_of(connection, platform, resource)?,
        Some(before) => audit_records::table
            .filter(audit_records::platform.eq(platform))
            .filter(audit_records::id.eq(before.to_string()))
            .filter(audit_records::resource_id.eq(resource))
            .select(audit_records::previous)
            .get_result(connection)
            .optional()?
            .flatten(),
    };
    let Some(start) = start else {
        return Ok(Vec::new());
    };
    let action = query.action.map(AuditAction::name);
    let rows = connection.audit_trail(start, action, query.limit)?;
    // A trail never leaves its resource; what does was tampered with.
    let own = |row: &AuditRow| row.platform == platform && row.resource_id == resource;
    Ok(rows.into_iter().filter(own).collect())
}

fn newest_of(connection: &mut AnyConnection, platform: &str, resource: &str) -> QueryResult<Option<i64>> {
    let of_webhook: Option<Option<i64>> = webhooks::table
        .find(resource)
        .filter(webhooks::platform.eq(platform))
        .select(webhooks::last_audit)
        .get_result(connection)
        .optional()?;
    if let Some(newest) = of_webhook {
        return Ok(newest);
    }
    let of_key: Option<Option<i64>> = api_keys::table
        .find(resource)
        .select(api_keys::last_audit)
        .get_result(connection)
        .optional()?;
    if let Some(newest) = of_key {
        return Ok(newest);
    }
    audit_ends::table
        .find(resource)
        .select(audit_ends::last_audit)
        .get_result(connection)
        .optional()
}
