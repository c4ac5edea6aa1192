//! Opening a database: the master key is proved before anything is written, the schema brought up to date.

use std::collections::BTreeSet;

use diesel::backend::Backend;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::{ConnectionError, sql_query};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::DatabaseUrl;
use crate::audit;
use crate::audit::chain::ChainKey;
use crate::database::connection::AnyConnection;
use crate::database::entering::enter;
use crate::database::file::DatabaseFile;
use crate::database::in_use::InUse;
use crate::database::language;
pub use crate::database::open_error::OpenError;
use crate::database::schema::master_keys;
use crate::engine::failure::chain;
use crate::sealing::handover;
use crate::sealing::{Place, SealError, Vault};

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// What is sealed to prove a master key, before there is a chain of audit records …
const PROOF: &[u8] = b"webhook master key";
/// … and since: nobody without the master key can make a database forget that it has one.
const PROOF_OF_CHAINED: &[u8] = b"webhook master key, audit records chained";
/// The settings without which PostgreSQL may forget what it has committed.
pub(crate) const DURABILITY_SETTINGS: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

/// A database that was opened.
pub(crate) struct Opened {
    pub(crate) connection: AnyConnection,
    /// Its file, if it is one.
    pub(crate) file: Option<DatabaseFile>,
    /// The key of its audit records' chain.
    pub(crate) chain: ChainKey,
    /// The migrations that were applied, by name.
    pub(crate) applied: Vec<String>,
    /// Says that the database is open, where it is a file. To be kept for as long as it is.
    pub(crate) in_use: Option<InUse>,
}

/// Proves the master key, migrates, and gives a connection.
pub(crate) fn open(url: &DatabaseUrl, vault: &Vault) -> Result<Opened, OpenError> {
    let mut entered = match url {
        DatabaseUrl::Sqlite(path) => Some(enter(url, path, vault)?),
        DatabaseUrl::Postgres(_) => None,
    };
    let mut connection = open_for_writing(url).map_err(|error| not_writable(url, error))?;
    let file = match url {
        DatabaseUrl::Sqlite(path) => Some(DatabaseFile::at(path)?),
        DatabaseUrl::Postgres(_) => None,
    };
    if let AnyConnection::Postgres(postgres) = &mut connection {
        language::warn_of_others(postgres)?;
        check_encoding(&mut connection)?;
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
    if let (Some(entered), DatabaseUrl::Sqlite(path)) = (&mut entered, url)
        && entered.in_use.is_alone()
    {
        entered.judged.renew(&mut connection, path);
        if !entered.in_use.let_others_in().map_err(OpenError::File)? {
            return Err(OpenError::BeingReplaced);
        }
    }
    Ok(Opened {
        connection,
        file,
        chain,
        applied,
        in_use: entered.map(|entered| entered.in_use),
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

/// Tells files that cannot be written from a database that cannot be opened: SQLite opens such a file to read.
pub(crate) fn not_writable(url: &DatabaseUrl, error: OpenError) -> OpenError {
    let text = chain(&error);
    let is_file = matches!(url, DatabaseUrl::Sqlite(_));
    match is_file && (text.contains("readonly database") || text.contains("unable to open database file")) {
        true => OpenError::NotWritable {
            database: url.to_string(),
            source: error.into(),
        },
        false => error,
    }
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

/// In another encoding than UTF-8 some texts could not be stored; in `SQL_ASCII` any bytes could.
fn check_encoding(connection: &mut AnyConnection) -> Result<(), OpenError> {
    let question = "SELECT current_setting('server_encoding') AS value";
    let encoding: Setting = sql_query(question).get_result(connection)?;
    match encoding.value.as_str() {
        "UTF8" => Ok(()),
        _ => Err(OpenError::Encoding {
            encoding: encoding.value,
        }),
    }
}

/// Applies the migrations that are pending, in one process at a time: those that waited find them applied.
fn migrate(connection: &mut AnyConnection) -> Result<Vec<String>, OpenError> {
    // Where there is nothing to write, a writer of SQLite's is not waited for, and a role of PostgreSQL's needs no right to
    // create tables.
    let pending = match connection {
        AnyConnection::Sqlite(sqlite) => are_pending(sqlite, &SQLITE_MIGRATIONS)?,
        AnyConnection::Postgres(postgres) => {
            !is_ever_migrated(postgres)? || differs::<Pg>(applied_to(postgres)?, &POSTGRES_MIGRATIONS)?
        }
    };
    if !pending {
        return Ok(Vec::new());
    }
    connection.begin_migrating()?;
    let applied = match connection {
        AnyConnection::Sqlite(sqlite) => run_migrations(sqlite, SQLITE_MIGRATIONS),
        AnyConnection::Postgres(postgres) => run_migrations(postgres, POSTGRES_MIGRATIONS),
    };
    // If it cannot be ended, what went wrong before says more.
    let ended = connection.end_migrating(applied.is_ok());
    let applied = applied.map_err(may_not_migrate)?;
    ended?;
    Ok(applied)
}

/// Tells a role that may not migrate from a migration that failed.
fn may_not_migrate(error: OpenError) -> OpenError {
    match &error {
        OpenError::Migration(cause) if chain(cause.as_ref()).contains("permission denied") => {
            OpenError::MayNotMigrate(error.into())
        }
        _ => error,
    }
}

/// Whether PostgreSQL has a table of migrations where this session looks for tables.
fn is_ever_migrated(postgres: &mut PgConnection) -> QueryResult<bool> {
    let table: Exists = sql_query("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS found")
        .get_result(postgres)?;
    Ok(table.found)
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// The migrations that were applied. Asked of diesel, it would make its table first, which needs the right to.
fn applied_to(postgres: &mut PgConnection) -> QueryResult<BTreeSet<String>> {
    let rows: Vec<Applied> = sql_query("SELECT version FROM __diesel_schema_migrations").load(postgres)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

/// Whether there is something to apply. Refuses a schema that is newer than `migrations`.
fn are_pending<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    migrations: &EmbeddedMigrations,
) -> Result<bool, OpenError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let applied = connection.applied_migrations().map_err(OpenError::Migration)?;
    differs::<DB>(applied.iter().map(ToString::to_string).collect(), migrations)
}

fn differs<DB: Backend>(applied: BTreeSet<String>, migrations: &EmbeddedMigrations) -> Result<bool, OpenError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let known = known::<DB>(migrations)?;
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
