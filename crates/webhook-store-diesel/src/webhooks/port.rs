//! Webhooks, and the answers that are given again.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use diesel::prelude::*;
use webhook_domain::access::audit::AuditRecord;
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::ports::{ChangeOrder, Creation, KeyExpiry, Outcome, RollDue, WebhookStore};
use webhook_domain::signing::key_ring::KeyRing;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{
    Labels, Name, NeedPage, NeedQuery, Reference, RotationDays, Webhook, WebhookPage, WebhookQuery,
};
use webhook_domain::{InvalidValue, ServiceError, StoreError};

use crate::DieselStore;
use crate::audit::head::{self, Keys};
use crate::database::connection::AnyConnection;
use crate::database::row::{corrupt, unavailable};
use crate::database::schema::{credential_expiries, idempotent_answers, key_expiries, webhooks};
use crate::engine::failure::Failure;
use crate::lanes::held_up;
use crate::sealing::Vault;
use crate::sealing::handover;
use crate::webhooks::change::Work;
use crate::webhooks::list;
use crate::webhooks::needs;
use crate::webhooks::roll_dues::{self, Stretch};
use crate::webhooks::row::{LoadedWebhook, WebhookRow};

#[async_trait]
impl WebhookStore for DieselStore {
    async fn create(&self, creation: Creation) -> Result<Outcome, ServiceError> {
        self.writer.change(Work::Create(Box::new(creation))).await
    }

    async fn change(&self, order: ChangeOrder) -> Result<Outcome, ServiceError> {
        self.writer.change(Work::Change(Box::new(order))).await
    }

    async fn append_record(&self, record: AuditRecord) -> Result<(), StoreError> {
        let (vault, chain) = (self.vault.clone(), self.chain.clone());
        let append = move |connection: &mut AnyConnection| {
            let keys = Keys {
                vault: &vault,
                chain: &chain,
            };
            head::append_alone(connection, keys, &record)
        };
        self.writer.alone(append).await
    }

    async fn find(&self, platform: &PlatformId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let (platform, id) = (platform.to_string(), id.to_string());
        let (vault, default_rotation) = (self.vault.clone(), self.writer.default_rotation.get());
        let read = move |connection: &mut AnyConnection| {
            let query = webhooks::table.find(id).filter(webhooks::platform.eq(platform));
            let row: Option<WebhookRow> = query.get_result(connection).optional().map_err(unavailable)?;
            let webhook = row.map(|row| read_webhook(connection, &vault, row)).transpose()?;
            let shown = webhook.map(|webhook| {
                Ok::<_, Failure>(Webhook {
                    held_up: held_up::read(connection, webhook.id)?,
                    default_rotation,
                    ..webhook
                })
            });
            Ok(shown.transpose()?)
        };
        self.readers.run(read).await
    }

    async fn key_ring(&self, id: WebhookId) -> Result<Option<KeyRing>, StoreError> {
        let id = id.to_string();
        let vault = self.vault.clone();
        let read = move |connection: &mut AnyConnection| {
            let row: Option<WebhookRow> = webhooks::table
                .find(id)
                .get_result(connection)
                .optional()
                .map_err(unavailable)?;
            let webhook = row.map(|row| read_webhook(connection, &vault, row)).transpose()?;
            Ok(webhook.map(|webhook| webhook.key_ring))
        };
        self.readers.run(read).await
    }

    async fn page(&self, platform: &PlatformId, query: WebhookQuery) -> Result<WebhookPage, StoreError> {
        let platform = platform.to_string();
        let (vault, default_rotation) = (self.vault.clone(), self.writer.default_rotation.get());
        let read = move |connection: &mut AnyConnection| {
            let (rows, total) = list::page(connection, &platform, &query).map_err(unavailable)?;
            let webhooks = read_list(connection, &vault, default_rotation, rows)?;
            Ok(WebhookPage { webhooks, total })
        };
        self.readers.run(read).await
    }

    async fn labels(
        &self,
        platform: &PlatformId,
        webhooks: Vec<WebhookId>,
    ) -> Result<BTreeMap<WebhookId, Labels>, StoreError> {
        let platform = platform.to_string();
        let ids: Vec<_> = webhooks.iter().map(ToString::to_string).collect();
        let read = move |connection: &mut AnyConnection| {
            let rows = list::labels(connection, &platform, &ids).map_err(unavailable)?;
            let labels = rows.into_iter().map(|(id, name, reference)| {
                let (name, reference) = (name.map(Name::restore), reference.map(Reference::restore));
                Ok::<_, InvalidValue>((id.parse()?, Labels { name, reference }))
            });
            labels.collect::<Result<_, _>>().map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn in_need(&self, platform: &PlatformId, query: NeedQuery) -> Result<NeedPage, StoreError> {
        let platform = platform.to_string();
        let (vault, default_rotation) = (self.vault.clone(), self.writer.default_rotation.get());
        let read = move |connection: &mut AnyConnection| {
            let noted = needs::read(connection, &platform, &query).map_err(unavailable)?;
            let mut webhooks = read_list(connection, &vault, default_rotation, noted.rows)?;
            let before = webhooks.len();
            webhooks.retain(|webhook| webhook.place_among(query.need, query.at).is_some());
            let needless = (before - webhooks.len()) as u64;
            Ok(NeedPage {
                webhooks,
                next: noted.next,
                total: noted.total.saturating_sub(needless).min(query.count_to.into()),
            })
        };
        self.readers.run(read).await
    }

    async fn with_expired_keys(
        &self,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<(PlatformId, WebhookId)>, StoreError> {
        let read = move |connection: &mut AnyConnection| {
            let query = key_expiries::table
                .filter(key_expiries::expires_at.le(now.as_milliseconds()))
                .order(key_expiries::expires_at)
                .select((key_expiries::platform, key_expiries::webhook_id))
                .limit(limit.into());
            let mut rows: Vec<(String, String)> = query.load(connection).map_err(unavailable)?;
            let credentials = credential_expiries::table
                .inner_join(webhooks::table.on(webhooks::id.eq(credential_expiries::webhook_id)))
                .filter(credential_expiries::expires_at.le(now.as_milliseconds()))
                .order(credential_expiries::expires_at)
                .select((webhooks::platform, webhooks::id))
                .limit(limit.into());
            let with_credentials: Vec<(String, String)> =
                credentials.load(connection).map_err(unavailable)?;
            rows.extend(with_credentials);
            // One that has both expires once.
            let mut seen = BTreeSet::new();
            rows.retain(|(_, id)| seen.insert(id.clone()));
            rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            let parsed = rows
                .into_iter()
                .map(|(platform, id)| Ok((platform.parse()?, id.parse()?)));
            parsed
                .collect::<Result<_, webhook_domain::InvalidValue>>()
                .map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn with_expiring_keys(
        &self,
        (at, behind): (Instant, Option<WebhookId>),
        until: Instant,
        limit: u32,
    ) -> Result<Vec<KeyExpiry>, StoreError> {
        let (at, behind) = (
            at.as_milliseconds(),
            behind.map_or_else(String::new, |id| id.to_string()),
        );
        let read = move |connection: &mut AnyConnection| {
            let is_behind = key_expiries::expires_at.gt(at).or(key_expiries::expires_at
                .eq(at)
                .and(key_expiries::webhook_id.gt(behind)));
            let query = key_expiries::table
                .filter(key_expiries::expires_at.between(at, until.as_milliseconds()))
                .filter(is_behind)
                .order((key_expiries::expires_at, key_expiries::webhook_id))
                .select((
                    key_expiries::expires_at,
                    key_expiries::platform,
                    key_expiries::webhook_id,
                ))
                .limit(limit.into());
            let rows: Vec<(i64, String, String)> = query.load(connection).map_err(unavailable)?;
            let parsed = rows.into_iter().map(|(at, platform, webhook)| {
                Ok(KeyExpiry {
                    at: Instant::from_milliseconds(at),
                    platform: platform.parse()?,
                    webhook: webhook.parse()?,
                })
            });
            parsed
                .collect::<Result<_, webhook_domain::InvalidValue>>()
                .map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn with_due_rolls(
        &self,
        after: (Instant, Option<WebhookId>),
        now: Instant,
        limit: u32,
    ) -> Result<Vec<RollDue>, StoreError> {
        let read = move |connection: &mut AnyConnection| roll_dues::due(connection, after, now, limit);
        self.readers.run(read).await
    }

    async fn with_keys_ahead(
        &self,
        latest: Instant,
        limit: u32,
    ) -> Result<Vec<(PlatformId, WebhookId)>, StoreError> {
        let read = move |connection: &mut AnyConnection| roll_dues::ahead(connection, latest, limit);
        self.readers.run(read).await
    }

    async fn note_rolls_anew(
        &self,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Option<WebhookId>, StoreError> {
        let (vault, default) = (self.vault.clone(), self.writer.default_rotation.get());
        let look =
            move |connection: &mut AnyConnection| roll_dues::look(connection, &vault, default, after, limit);
        let Stretch { wrong, last } = self.readers.run(look).await?;
        if !wrong.is_empty() {
            let vault = self.vault.clone();
            let put_right = move |connection: &mut AnyConnection| {
                roll_dues::put_right(connection, &vault, default, &wrong)
            };
            self.writer.alone(put_right).await?;
        }
        Ok(last)
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

    async fn bring_back_answers(&self, latest: Instant, now: Instant, limit: u32) -> Result<u32, StoreError> {
        let work = move |connection: &mut AnyConnection| {
            let ahead: Vec<Vec<u8>> = idempotent_answers::table
                .filter(idempotent_answers::stored_at.gt(latest.as_milliseconds()))
                .select(idempotent_answers::slot)
                .limit(limit.into())
                .load(connection)?;
            for slot in &ahead {
                diesel::update(idempotent_answers::table.find(slot))
                    .set(idempotent_answers::stored_at.eq(now.as_milliseconds()))
                    .execute(connection)?;
            }
            Ok(u32::try_from(ahead.len()).unwrap_or(limit))
        };
        self.writer.alone(work).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.sample().await
    }
}

/// Reads the rows of a list, with what holds queues up.
fn read_list(
    connection: &mut AnyConnection,
    vault: &Vault,
    default_rotation: Option<RotationDays>,
    rows: Vec<WebhookRow>,
) -> Result<Vec<Webhook>, StoreError> {
    let webhooks = rows.into_iter().map(|row| read_webhook(connection, vault, row));
    let mut webhooks = webhooks.collect::<Result<Vec<_>, _>>()?;
    held_up::tell_of_list(connection, &mut webhooks)?;
    for webhook in &mut webhooks {
        webhook.default_rotation = default_rotation;
    }
    Ok(webhooks)
}

/// Reads a row; one that is sealed under a master key not known yet, once that is.
fn read_webhook(
    connection: &mut AnyConnection,
    vault: &Vault,
    row: WebhookRow,
) -> Result<Webhook, StoreError> {
    let decoded = match LoadedWebhook::decode(row.clone(), vault) {
        Err(error) if error.is_of_other_master_key() => {
            handover::learn(connection, vault).map_err(unavailable)?;
            LoadedWebhook::decode(row, vault)
        }
        decoded => decoded,
    };
    decoded.map(|loaded| loaded.webhook).map_err(corrupt)
}
