//! The domain's ports, on the threads and connections of this crate.

use async_trait::async_trait;
use diesel::prelude::*;
use webhook_domain::api_key::ApiKey;
use webhook_domain::audit::AuditRecord;
use webhook_domain::id::{ApiKeyId, PlatformId, WebhookId};
use webhook_domain::ports::{ApiKeyStore, AuditLog, ChangeOrder, Creation, Outcome, WebhookStore};
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;
use webhook_domain::{ServiceError, StoreError};

use crate::DieselStore;
use crate::connection::AnyConnection;
use crate::failure::Failure;
use crate::group::Work;
use crate::rows::api_key::ApiKeyRow;
use crate::rows::audit::AuditRow;
use crate::rows::webhook::{LoadedWebhook, WebhookRow};
use crate::schema::{api_keys, audit_records, idempotent_answers, webhooks};

#[async_trait]
impl WebhookStore for DieselStore {
    async fn create(&self, creation: Creation) -> Result<Outcome, ServiceError> {
        self.writer.change(Work::Create(Box::new(creation))).await
    }

    async fn change(&self, order: ChangeOrder) -> Result<Outcome, ServiceError> {
        self.writer.change(Work::Change(order)).await
    }

    async fn find(&self, platform: &PlatformId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let (platform, id) = (platform.to_string(), id.to_string());
        let vault = self.vault.clone();
        let read = move |connection: &mut AnyConnection| {
            let query = webhooks::table.find(id).filter(webhooks::platform.eq(platform));
            let row: Option<WebhookRow> = query.get_result(connection).optional().map_err(unavailable)?;
            row.map(|row| LoadedWebhook::decode(row, &vault).map(|loaded| loaded.webhook))
                .transpose()
                .map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn list(
        &self,
        platform: &PlatformId,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<Webhook>, StoreError> {
        let platform = platform.to_string();
        let after = after.map_or_else(String::new, |id| id.to_string());
        let vault = self.vault.clone();
        let read = move |connection: &mut AnyConnection| {
            let query = webhooks::table
                .filter(webhooks::platform.eq(platform))
                .filter(webhooks::id.gt(after))
                .order(webhooks::id)
                .limit(limit.into());
            let rows: Vec<WebhookRow> = query.load(connection).map_err(unavailable)?;
            let decoded = rows
                .into_iter()
                .map(|row| LoadedWebhook::decode(row, &vault).map(|loaded| loaded.webhook));
            decoded.collect::<Result<_, _>>().map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn with_expired_keys(
        &self,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<(PlatformId, WebhookId)>, StoreError> {
        let read = move |connection: &mut AnyConnection| {
            let query = webhooks::table
                .filter(webhooks::next_key_expiry.le(now.as_milliseconds()))
                .order(webhooks::next_key_expiry)
                .select((webhooks::platform, webhooks::id))
                .limit(limit.into());
            let rows: Vec<(String, String)> = query.load(connection).map_err(unavailable)?;
            let parsed = rows
                .into_iter()
                .map(|(platform, id)| Ok((platform.parse()?, id.parse()?)));
            parsed
                .collect::<Result<_, webhook_domain::InvalidValue>>()
                .map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn forget_answers(&self, before: Instant, limit: u32) -> Result<u32, StoreError> {
        let work = move |connection: &mut AnyConnection| {
            let old: Vec<Vec<u8>> = idempotent_answers::table
                .filter(idempotent_answers::stored_at.lt(before.as_milliseconds()))
                .order(idempotent_answers::stored_at)
                .select(idempotent_answers::slot)
                .limit(limit.into())
                .load(connection)?;
            for slot in &old {
                connection.delete_answer(slot)?;
            }
            Ok(u32::try_from(old.len()).unwrap_or(limit))
        };
        self.writer.alone(work).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.writer
            .alone(|connection| connection.admits_writing().map_err(Failure::Before))
            .await
    }
}

#[async_trait]
impl ApiKeyStore for DieselStore {
    async fn find(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        self.api_keys.find(id).await
    }

    async fn insert(&self, key: ApiKey, audit: AuditRecord) -> Result<(), StoreError> {
        let work = move |connection: &mut AnyConnection| {
            diesel::insert_into(api_keys::table)
                .values(ApiKeyRow::encode(&key))
                .execute(connection)?;
            connection.insert_audit_records(&[AuditRow::encode(&audit)?])?;
            Ok(())
        };
        self.writer.alone(work).await
    }

    async fn revoke(&self, id: ApiKeyId, at: Instant, audit: AuditRecord) -> Result<bool, StoreError> {
        let work = move |connection: &mut AnyConnection| {
            let in_force = api_keys::table
                .find(id.to_string())
                .filter(api_keys::revoked_at.is_null());
            let revoked = diesel::update(in_force)
                .set(api_keys::revoked_at.eq(Some(at.as_milliseconds())))
                .execute(connection)?;
            if revoked > 0 {
                connection.insert_audit_records(&[AuditRow::encode(&audit)?])?;
            }
            Ok(revoked > 0)
        };
        self.writer.alone(work).await
    }

    async fn list(&self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<ApiKey>, StoreError> {
        let after = after.map_or_else(String::new, |id| id.to_string());
        let read = move |connection: &mut AnyConnection| {
            let query = api_keys::table
                .filter(api_keys::id.gt(after))
                .order(api_keys::id)
                .limit(limit.into());
            let rows: Vec<ApiKeyRow> = query.load(connection).map_err(unavailable)?;
            rows.iter()
                .map(ApiKeyRow::decode)
                .collect::<Result<_, _>>()
                .map_err(corrupt)
        };
        self.readers.run(read).await
    }
}

#[async_trait]
impl AuditLog for DieselStore {
    async fn of_resource(
        &self,
        platform: &PlatformId,
        resource_id: &str,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let (platform, resource_id) = (platform.to_string(), resource_id.to_owned());
        let read = move |connection: &mut AnyConnection| {
            let query = audit_records::table
                .filter(audit_records::resource_id.eq(resource_id))
                .filter(audit_records::platform.eq(platform))
                .order(audit_records::position.desc())
                .select(AuditRow::as_select())
                .limit(limit.into());
            let rows: Vec<AuditRow> = query.load(connection).map_err(unavailable)?;
            rows.into_iter()
                .map(AuditRow::decode)
                .collect::<Result<_, _>>()
                .map_err(corrupt)
        };
        self.readers.run(read).await
    }
}

fn unavailable(error: diesel::result::Error) -> StoreError {
    StoreError::Unavailable(error.into())
}

fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Corrupt(error.into())
}
