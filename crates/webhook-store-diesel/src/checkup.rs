//! A database looked at, beside a running server or without one, to say what is wrong with it. Nothing is written, made or migrated.
//!
//! | where | what |
//! |---|---|
//! | `checkup` | how it is opened; schema, sealed values, pause, webhooks: what both databases have |
//! | `postgres` | what PostgreSQL alone has: durability, rights of the role, connections, a clock of its own |
//! | `sqlite` | the file of SQLite's: whether it has a write-ahead log, and on which file system it is |
//!
//! What is found is told as it is; whoever asked says whether it is good.

mod postgres;
mod sqlite;

use std::path::Path;
use std::sync::Arc;

use diesel::prelude::*;
use webhook_domain::entropy::Entropy;
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::ports::Pause;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

pub use self::postgres::{Rights, ServerSettings};
pub use self::sqlite::{FileSystem, SqliteFile};
use crate::audit;
use crate::backup::BackupError;
use crate::database::connection::AnyConnection;
use crate::database::mark::Header;
use crate::database::migrating::{self, Standing};
use crate::database::opening::{self, OpenError, Proof, unreachable};
use crate::database::pooler;
use crate::database::schema::{audit_records, webhooks};
use crate::lanes::{held_up, pause};
use crate::sealing::{Vault, handover};
use crate::webhooks::row::{LoadedWebhook, WebhookRow};
use crate::{DatabaseUrl, MasterKey};

/// How many webhooks are opened at the most to see whether the master key opens what is stored: the newest ones.
const OPENED_AT_MOST: i64 = 200;

/// A database that is open to be looked at.
pub struct Checkup {
    connection: AnyConnection,
}

/// How the schema of a database compares with that of this release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaState {
    /// There is none yet.
    Missing,
    /// An older release has made it, and this one would apply these migrations.
    Older(Vec<String>),
    /// A newer release has migrated it, and this one may run on it.
    Ahead {
        /// The first migration that is not known here.
        migration: String,
        /// The level of that release.
        level: i64,
    },
    /// Another release has migrated it, and this one may not run on it: this is why.
    Refused(String),
    /// It is that of this release, which this migration was the last to change.
    Current(String),
}

/// What a master key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Nothing was sealed in the database yet.
    Nothing,
    /// The proof of the key, the key of the audit records, and the secrets of so many webhooks, the newest ones.
    Webhooks(usize),
}

impl Checkup {
    /// Opens a database to look at it. Blocks, as all of this does.
    ///
    /// # Errors
    /// [`OpenError::Connect`], [`OpenError::Lost`], [`OpenError::Pooler`].
    pub fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let connection = match url {
            DatabaseUrl::Sqlite(path) => {
                crate::refuse_lost(path)?;
                AnyConnection::open_sqlite_untouched(path).map_err(|source| unreachable(url, source))?
            }
            DatabaseUrl::Postgres(_) => {
                let mut connection = AnyConnection::open(url).map_err(|source| unreachable(url, source))?;
                if let AnyConnection::Postgres(postgres) = &mut connection {
                    pooler::refuse(url, postgres)?;
                }
                postgres::only_read(&mut connection)?;
                connection
            }
        };
        Ok(Self { connection })
    }

    /// What there is to say of the file of a database of SQLite's. To be called while this process has it not open.
    ///
    /// # Errors
    /// The system's.
    pub fn file(path: &Path) -> std::io::Result<SqliteFile> {
        Ok(SqliteFile {
            has_log: Header::of_file(path)?.is_some_and(|header| header.has_log),
            file_system: sqlite::file_system_of(path)?,
        })
    }

    /// How the schema compares with that of this release.
    ///
    /// # Errors
    /// The database's.
    pub fn schema(&mut self) -> Result<SchemaState, BackupError> {
        if migrating::applied(&mut self.connection)?.is_empty() {
            return Ok(SchemaState::Missing);
        }
        Ok(match migrating::standing(&mut self.connection) {
            Ok(Standing::Current(newest)) => SchemaState::Current(newest),
            Ok(Standing::Lacking(migrations)) => SchemaState::Older(migrations),
            Ok(Standing::Ahead { migration, level }) => SchemaState::Ahead { migration, level },
            Err(
                error @ (OpenError::NewerSchema { .. }
                | OpenError::UnfinishedSchema { .. }
                | OpenError::OtherSchema { .. }),
            ) => SchemaState::Refused(error.to_string()),
            Err(error) => return Err(error.into()),
        })
    }

    /// What the master key opens, of a database whose schema is [current](SchemaState::Current), or ahead.
    ///
    /// # Errors
    /// [`OpenError::WrongMasterKey`]; a row that cannot be read; the database's.
    pub fn open_sealed(&mut self, key: MasterKey, entropy: Arc<dyn Entropy>) -> Result<Opened, BackupError> {
        let vault = self.vault(key, entropy)?;
        if let Proof::Absent = opening::prove(&mut self.connection, &vault)? {
            return Ok(Opened::Nothing);
        }
        handover::learn(&mut self.connection, &vault)?;
        if audit::opening::stored_key(&mut self.connection, &vault)?.is_none() {
            return Err(OpenError::ChainGone.into());
        }
        let rows: Vec<WebhookRow> = webhooks::table
            .order(webhooks::id.desc())
            .limit(OPENED_AT_MOST)
            .load(&mut self.connection)?;
        let count = rows.len();
        for row in rows {
            LoadedWebhook::decode(row, &vault)?;
        }
        Ok(Opened::Webhooks(count))
    }

    /// A webhook of the platform, with what holds its queue up, of a database whose schema is [current](SchemaState::Current), or ahead.
    ///
    /// # Errors
    /// As [`open_sealed`](Self::open_sealed).
    pub fn webhook(
        &mut self,
        key: MasterKey,
        entropy: Arc<dyn Entropy>,
        platform: &PlatformId,
        id: WebhookId,
    ) -> Result<Option<Webhook>, BackupError> {
        let vault = self.vault(key, entropy)?;
        opening::prove(&mut self.connection, &vault)?;
        handover::learn(&mut self.connection, &vault)?;
        let row: Option<WebhookRow> = webhooks::table
            .filter(webhooks::id.eq(id.to_string()))
            .filter(webhooks::platform.eq(platform.to_string()))
            .get_result(&mut self.connection)
            .optional()?;
        let Some(row) = row else { return Ok(None) };
        let mut webhook = LoadedWebhook::decode(row, &vault)?.webhook;
        webhook.held_up = held_up::read(&mut self.connection, id)?;
        Ok(Some(webhook))
    }

    /// The pause of deliveries, if they are paused.
    ///
    /// # Errors
    /// The database's.
    pub fn pause(&mut self) -> Result<Option<Pause>, BackupError> {
        Ok(pause::read(&mut self.connection)?)
    }

    /// When the newest audit record was written, by the clock of whoever wrote it.
    ///
    /// # Errors
    /// The database's.
    pub fn newest_record(&mut self) -> Result<Option<Instant>, BackupError> {
        let newest: Option<i64> = audit_records::table
            .order(audit_records::position.desc())
            .select(audit_records::at)
            .first(&mut self.connection)
            .optional()?;
        Ok(newest.map(Instant::from_milliseconds))
    }

    fn vault(&self, key: MasterKey, entropy: Arc<dyn Entropy>) -> Result<Vault, BackupError> {
        let vault = Vault::new(key, entropy).map_err(|error| OpenError::Sealing(error.into()));
        Ok(vault?)
    }
}
