//! Verifying everything in a database that can be verified.

use std::path::Path;
use std::sync::Arc;

use diesel::prelude::*;
use webhook_domain::access::api_key::ApiKey;
use webhook_domain::entropy::Entropy;
use webhook_domain::webhook::Webhook;

use crate::answers::row::AnswerRow;
use crate::api_keys::row::ApiKeyRow;
use crate::audit;
use crate::backup::BackupError;
use crate::database::connection::AnyConnection;
use crate::database::identity;
use crate::database::migrating::{self, Standing};
use crate::database::opening::{self, OpenError, Proof, unreachable};
use crate::database::schema::{api_keys, events, idempotent_answers, webhooks};
use crate::sealing::{Vault, handover};
use crate::webhooks::row::{LoadedWebhook, WebhookRow};
use crate::{AuditHead, AuditVerdict, DatabaseUrl, MasterKey};

/// How many rows are read at a time.
const STEP: i64 = 1024;

/// A database that is open to be examined, and is not changed.
pub struct Examination {
    pub(super) connection: AnyConnection,
    vault: Vault,
}

/// What is in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// How many webhooks.
    pub webhooks: u64,
    /// How many API keys, revoked ones too.
    pub api_keys: u64,
    /// How many events.
    pub events: u64,
    /// How many audit records.
    pub audit_records: u64,
    /// The newest of them.
    pub head: AuditHead,
    /// The newest migration.
    pub schema: String,
}

impl Examination {
    /// Opens a database, and proves the master key. Of SQLite's, the file is checked for damage.
    ///
    /// # Errors
    /// [`BackupError`] says what is wrong with it; [`BackupError::OlderSchema`] when nothing else is.
    pub fn open(url: &DatabaseUrl, key: MasterKey, entropy: Arc<dyn Entropy>) -> Result<Self, BackupError> {
        let vault = Vault::new(key, entropy).map_err(|error| OpenError::Sealing(error.into()))?;
        let mut connection = match url {
            DatabaseUrl::Sqlite(path) => open_file(path, url)?,
            DatabaseUrl::Postgres(_) => {
                AnyConnection::open(url).map_err(|source| unreachable(url, source))?
            }
        };
        if let Proof::Absent = opening::prove(&mut connection, &vault)? {
            return Err(BackupError::NotOurs);
        }
        if let Standing::Lacking(_) = migrating::standing(&mut connection)? {
            let schema = migrating::applied(&mut connection)?
                .pop_last()
                .unwrap_or_default();
            return Err(BackupError::OlderSchema { schema });
        }
        let mut examination = Self { connection, vault };
        examination.connection.wait_for_reader()?;
        examination.connection.begin_reading()?;
        handover::learn(&mut examination.connection, &examination.vault)?;
        Ok(examination)
    }

    /// Opens every sealed value, and verifies the audit records.
    ///
    /// # Errors
    /// What is wrong with the first that is not as it should be.
    pub fn contents(&mut self) -> Result<Contents, BackupError> {
        let mut count = 0;
        self.for_each_webhook(|_| count += 1)?;
        self.open_answers()?;
        let api_keys = self.api_keys()?.len() as u64;
        let chain = audit::opening::stored_key(&mut self.connection, &self.vault)?;
        let chain = chain.ok_or(OpenError::ChainGone)?;
        let verdict = audit::verification::verify(&mut self.connection, &chain, None)?;
        let AuditVerdict::Intact { records, head } = verdict else {
            return Err(BackupError::AuditBroken(verdict));
        };
        let events: i64 = events::table.count().get_result(&mut self.connection)?;
        Ok(Contents {
            webhooks: count,
            api_keys,
            events: u64::try_from(events).unwrap_or_default(),
            audit_records: records,
            head,
            schema: migrating::applied(&mut self.connection)?
                .pop_last()
                .unwrap_or_default(),
        })
    }

    /// All webhooks, with their keys.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn webhooks(&mut self) -> Result<Vec<Webhook>, BackupError> {
        let mut all = Vec::new();
        self.for_each_webhook(|webhook| all.push(webhook))?;
        Ok(all)
    }

    fn for_each_webhook(&mut self, mut take: impl FnMut(Webhook)) -> Result<(), BackupError> {
        let mut last = String::new();
        loop {
            let rows: Vec<WebhookRow> = webhooks::table
                .filter(webhooks::id.gt(&last))
                .order(webhooks::id)
                .limit(STEP)
                .load(&mut self.connection)?;
            let Some(end) = rows.last() else { return Ok(()) };
            last.clone_from(&end.id);
            for row in rows {
                take(LoadedWebhook::decode(row, &self.vault)?.webhook);
            }
        }
    }

    /// All API keys.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn api_keys(&mut self) -> Result<Vec<ApiKey>, BackupError> {
        let rows: Vec<ApiKeyRow> = api_keys::table.order(api_keys::id).load(&mut self.connection)?;
        Ok(rows.iter().map(ApiKeyRow::decode).collect::<Result<_, _>>()?)
    }

    fn open_answers(&mut self) -> Result<(), BackupError> {
        let mut last = Vec::new();
        loop {
            let rows: Vec<AnswerRow> = idempotent_answers::table
                .filter(idempotent_answers::slot.gt(&last))
                .order(idempotent_answers::slot)
                .limit(STEP)
                .load(&mut self.connection)?;
            let Some(end) = rows.last() else { return Ok(()) };
            last.clone_from(&end.slot);
            for row in rows {
                row.open(&self.vault)?;
            }
        }
    }
}

fn open_file(path: &Path, url: &DatabaseUrl) -> Result<AnyConnection, BackupError> {
    let mut connection =
        AnyConnection::open_sqlite_to_look(path).map_err(|source| unreachable(url, source))?;
    identity::check(&mut connection).map_err(BackupError::Damaged)?;
    Ok(connection)
}
