//! Opening a database: the master key is proved before anything is written, the schema brought up to date.

use std::collections::BTreeSet;

use diesel::backend::Backend;
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::{ConnectionError, sql_query};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use webhook_domain::error::Cause;

use crate::DatabaseUrl;
use crate::audit;
use crate::audit::chain::ChainKey;
use crate::database::connection::AnyConnection;
use crate::database::in_use::InUse;
use crate::database::not_up;
use crate::database::schema::master_keys;
use crate::sealing::handover;
use crate::sealing::{Place, SealError, Vault};

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// What is sealed to prove a master key, before there is a chain of audit records …
const PROOF: &[u8] = b"webhook master key";
/// … and since: nobody without the master key can make a database forget that it has one.
const PROOF_OF_CHAINED: &[u8] = b"webhook master key, audit records chained";
/// The settings without which PostgreSQL may forget what it has committed.
const DURABILITY_SETTINGS: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

/// A database could not be opened. Nothing was written to it, unless it was the migration that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database holds values sealed under another master key.
    #[error(
        "the master key is not the one this database was sealed with: its secrets cannot be read with it. \
         Give the right WEBHOOK_MASTER_KEY or WEBHOOK_MASTER_KEY_FILE; nothing was changed"
    )]
    WrongMasterKey,
    /// The head of the audit records' chain is not there, though it was made: somebody has removed it.
    #[error(
        "the head of the audit records' chain is gone: somebody has removed it, and may have changed records. \
         Nothing was changed now; put the table audit_chain back from a backup, or start from the backup as a whole"
    )]
    ChainGone,
    /// PostgreSQL could lose what it has committed.
    #[error(
        "PostgreSQL has {setting} = {value}: it could lose a key that was already answered. \
         Set it to on for this database, role and server"
    )]
    NotDurable {
        /// The setting.
        setting: &'static str,
        /// What it is set to.
        value: String,
    },
    /// A newer release of the service has migrated the database.
    #[error(
        "the database has migration {migration}, which this release does not know; use the newer release"
    )]
    NewerSchema {
        /// The first unknown one.
        migration: String,
    },
    /// The database cannot be reached, or is none.
    #[error("the database at {database} cannot be opened")]
    Connect {
        /// Where it was looked for, without password.
        database: String,
        /// Why.
        #[source]
        source: ConnectionError,
    },
    /// The database refused a statement.
    #[error("the database refused a statement while it was being opened")]
    Statement(#[from] diesel::result::Error),
    /// A migration failed. What it did was rolled back.
    #[error("the database could not be migrated")]
    Migration(#[source] Cause),
    /// The proof of the master key could not be made or read.
    #[error("the master key could not be used")]
    Sealing(#[source] Cause),
    /// Somebody puts another database in the place of this one.
    #[error("a restore is putting another database in the place of this one; start again when it has ended")]
    BeingReplaced,
    /// A file that belongs to the database, such as that of its lock, cannot be made or used.
    #[error("a file beside the database cannot be used")]
    File(#[source] std::io::Error),
    /// A thread could not be started.
    #[error("a thread could not be started")]
    Thread(#[from] std::io::Error),
}

impl OpenError {
    /// Whether the operator's settings are to blame, rather than circumstances.
    #[must_use]
    pub const fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::WrongMasterKey | Self::NotDurable { .. } | Self::NewerSchema { .. }
        )
    }

    /// Whether it may pass by itself: PostgreSQL is not up yet, or not to be found yet.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Connect {
                database,
                source: ConnectionError::BadConnection(said),
            } => database.starts_with("postgres://") && not_up::is_told_by(said),
            _ => false,
        }
    }
}

/// A database that was opened.
pub(crate) struct Opened {
    pub(crate) connection: AnyConnection,
    /// The key of its audit records' chain.
    pub(crate) chain: ChainKey,
    /// The migrations that were applied, by name.
    pub(crate) applied: Vec<String>,
    /// Says that the database is open, where it is a file. To be kept for as long as it is.
    pub(crate) in_use: Option<InUse>,
}

/// Proves the master key, migrates, and gives a connection.
pub(crate) fn open(url: &DatabaseUrl, vault: &Vault) -> Result<Opened, OpenError> {
    if let DatabaseUrl::Sqlite(path) = url
        && path.metadata().is_ok_and(|metadata| metadata.len() > 0)
    {
        prove(
            &mut AnyConnection::open_sqlite_to_look(path).map_err(|source| unreachable(url, source))?,
            vault,
        )?;
    }
    let in_use = match url {
        DatabaseUrl::Sqlite(path) => {
            let in_use = InUse::share(path).map_err(OpenError::File)?;
            Some(in_use.ok_or(OpenError::BeingReplaced)?)
        }
        DatabaseUrl::Postgres(_) => None,
    };
    let mut connection = open_for_writing(url)?;
    if matches!(connection, AnyConnection::Postgres(_)) {
        prove(&mut connection, vault)?;
    }
    let applied = migrate(&mut connection)?;
    if matches!(prove(&mut connection, vault)?, Proof::Absent) {
        store_proof(&mut connection, vault)?;
        // Two processes may have come here at once, with different keys.
        prove(&mut connection, vault)?;
    }
    handover::learn(&mut connection, vault)?;
    let chain = audit::opening::open(&mut connection, vault)?;
    handover::follow(&mut connection, vault)?;
    Ok(Opened {
        connection,
        chain,
        applied,
        in_use,
    })
}

/// Gives a connection on which what is committed is durable. It is asked of each one anew: the server may have been
/// given other settings, or be another.
pub(crate) fn open_for_writing(url: &DatabaseUrl) -> Result<AnyConnection, OpenError> {
    let mut connection = AnyConnection::open(url).map_err(|source| unreachable(url, source))?;
    if matches!(connection, AnyConnection::Postgres(_)) {
        check_durability(&mut connection)?;
    }
    connection
        .find_by_key()
        .map_err(|source| unreachable(url, ConnectionError::CouldntSetupConfiguration(source)))?;
    Ok(connection)
}

pub(crate) fn unreachable(url: &DatabaseUrl, source: ConnectionError) -> OpenError {
    OpenError::Connect {
        database: url.to_string(),
        source,
    }
}

pub(crate) enum Proof {
    /// The key is the right one; and whether the audit records are known to be chained.
    Given {
        chained: bool,
    },
    Absent,
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// Finds out whether the database was sealed with this master key.
pub(crate) fn prove(connection: &mut AnyConnection, vault: &Vault) -> Result<Proof, OpenError> {
    let question = match connection {
        AnyConnection::Sqlite(_) => {
            "SELECT count(*) > 0 AS found FROM sqlite_master WHERE name = 'master_keys'"
        }
        AnyConnection::Postgres(_) => "SELECT to_regclass('master_keys') IS NOT NULL AS found",
    };
    let table: Exists = sql_query(question).get_result(connection)?;
    if !table.found {
        return Ok(Proof::Absent);
    }
    let keys: Vec<(String, Vec<u8>)> = master_keys::table
        .select((master_keys::id, master_keys::proof))
        .load(connection)?;
    if keys.is_empty() {
        return Ok(Proof::Absent);
    }
    let proof = keys
        .iter()
        .find(|(id, _)| *id == vault.key_id())
        .map(|(_, proof)| proof);
    let opened = proof.map(|proof| vault.open(Place::Proof, proof));
    match opened {
        Some(Ok(opened)) if opened.as_slice() == PROOF => Ok(Proof::Given { chained: false }),
        Some(Ok(opened)) if opened.as_slice() == PROOF_OF_CHAINED => Ok(Proof::Given { chained: true }),
        _ => Err(OpenError::WrongMasterKey),
    }
}

/// What proves that a master key is the right one for a database with a chain, sealed under the key that `vault` seals with.
pub(crate) fn seal_proof_of_chained(vault: &Vault) -> Result<Vec<u8>, SealError> {
    vault.seal(Place::Proof, PROOF_OF_CHAINED)
}

fn store_proof(connection: &mut AnyConnection, vault: &Vault) -> Result<(), OpenError> {
    let seal = |error: SealError| OpenError::Sealing(error.into());
    let row = (
        master_keys::id.eq(vault.key_id()),
        master_keys::proof.eq(vault.seal(Place::Proof, PROOF).map_err(seal)?),
    );
    connection.begin()?;
    if let AnyConnection::Postgres(postgres) = connection {
        sql_query("LOCK TABLE master_keys IN EXCLUSIVE MODE").execute(postgres)?;
    }
    let there: i64 = master_keys::table.count().get_result(connection)?;
    if there == 0 {
        match connection {
            AnyConnection::Sqlite(sqlite) => diesel::insert_into(master_keys::table)
                .values(row)
                .execute(sqlite)?,
            AnyConnection::Postgres(postgres) => diesel::insert_into(master_keys::table)
                .values(row)
                .execute(postgres)?,
        };
    }
    connection.commit()?;
    Ok(())
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Asks for a setting, and keeps the one that a session may change as it is: reloading the server's configuration
/// would otherwise change it under a connection that was found good.
fn durability_question(setting: &str) -> String {
    match setting {
        "synchronous_commit" => {
            format!("SELECT set_config('{setting}', current_setting('{setting}'), false) AS value")
        }
        _ => format!("SELECT current_setting('{setting}') AS value"),
    }
}

fn check_durability(connection: &mut AnyConnection) -> Result<(), OpenError> {
    for setting in DURABILITY_SETTINGS {
        let row: Setting = sql_query(durability_question(setting)).get_result(connection)?;
        if row.value == "off" {
            return Err(OpenError::NotDurable {
                setting,
                value: row.value,
            });
        }
    }
    Ok(())
}

/// Applies the migrations that are pending, in one process at a time: those that waited find them applied.
fn migrate(connection: &mut AnyConnection) -> Result<Vec<String>, OpenError> {
    // A writer of SQLite's is not to be waited for where there is nothing to write.
    if let AnyConnection::Sqlite(sqlite) = connection
        && !are_pending(sqlite, &SQLITE_MIGRATIONS)?
    {
        return Ok(Vec::new());
    }
    connection.begin_migrating()?;
    let applied = match connection {
        AnyConnection::Sqlite(sqlite) => run_migrations(sqlite, SQLITE_MIGRATIONS),
        AnyConnection::Postgres(postgres) => run_migrations(postgres, POSTGRES_MIGRATIONS),
    };
    // If it cannot be ended, what went wrong before says more.
    let ended = connection.end_migrating(applied.is_ok());
    let applied = applied?;
    ended?;
    Ok(applied)
}

/// Whether there is something to apply. Refuses a schema that is newer than `migrations`.
fn are_pending<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    migrations: &EmbeddedMigrations,
) -> Result<bool, OpenError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let known = known::<DB>(migrations)?;
    let applied = connection.applied_migrations().map_err(OpenError::Migration)?;
    let applied: BTreeSet<String> = applied.iter().map(ToString::to_string).collect();
    if let Some(unknown) = applied.difference(&known).next() {
        return Err(OpenError::NewerSchema {
            migration: unknown.clone(),
        });
    }
    Ok(applied != known)
}

fn known<DB: Backend>(migrations: &EmbeddedMigrations) -> Result<BTreeSet<String>, OpenError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let known = MigrationSource::<DB>::migrations(migrations).map_err(OpenError::Migration)?;
    let versions = known
        .iter()
        .map(|migration| migration.name().version().to_string());
    Ok(versions.collect())
}

/// The versions of the migrations that this release has for the database of `connection`.
pub(crate) fn known_migrations(connection: &AnyConnection) -> Result<BTreeSet<String>, OpenError> {
    match connection {
        AnyConnection::Sqlite(_) => known::<diesel::sqlite::Sqlite>(&SQLITE_MIGRATIONS),
        AnyConnection::Postgres(_) => known::<diesel::pg::Pg>(&POSTGRES_MIGRATIONS),
    }
}

fn run_migrations<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    migrations: EmbeddedMigrations,
) -> Result<Vec<String>, OpenError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    if !are_pending(connection, &migrations)? {
        return Ok(Vec::new());
    }
    let applied = connection
        .run_pending_migrations(migrations)
        .map_err(OpenError::Migration)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}
