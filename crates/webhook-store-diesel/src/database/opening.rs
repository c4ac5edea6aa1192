//! Opening a database: the master key is proved before anything is written, the schema brought up to date.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::{ConnectionError, sql_query};

use crate::DatabaseUrl;
use crate::audit;
use crate::audit::chain::ChainKey;
use crate::database::connection::AnyConnection;
use crate::database::entering::enter;
use crate::database::file::DatabaseFile;
use crate::database::in_use::InUse;
use crate::database::language;
use crate::database::migrating::migrate;
pub use crate::database::open_error::OpenError;
use crate::database::pooler;
use crate::database::schema::master_keys;
use crate::engine::failure::chain;
use crate::lanes::positions;
use crate::sealing::handover;
use crate::sealing::{Place, SealError, Vault};

/// What is sealed to prove a master key, before there is a chain of audit records …
const PROOF: &[u8] = b"webhook master key";
/// … and since: nobody without the master key can make a database forget that it has one.
const PROOF_OF_CHAINED: &[u8] = b"webhook master key, audit records chained";
/// The settings without which PostgreSQL may forget what it has committed.
pub(crate) const DURABILITY_SETTINGS: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

/// A database that was opened.
pub(crate) struct Opened {
    pub(crate) connection: AnyConnection,
    /// Whether changes may be made on it; not if the server takes reads alone.
    pub(crate) may_write: bool,
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
        pooler::refuse(url, postgres)?;
        language::warn_of_others(postgres)?;
        check_encoding(&mut connection)?;
        prove(&mut connection, vault)?;
    }
    let applied = migrate(url, &mut connection)?;
    let may_write = positions::begin_anew(&mut connection)?;
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
        may_write,
        file,
        chain,
        applied,
        in_use: entered.map(|entered| entered.in_use),
    })
}

/// Gives a connection on which positions may be drawn, to a database that was opened before.
pub(crate) fn open_to_queue(url: &DatabaseUrl) -> Result<AnyConnection, OpenError> {
    let mut connection = open_for_writing(url)?;
    match positions::begin_anew(&mut connection)? {
        true => Ok(connection),
        false => Err(OpenError::TakesReadsAlone),
    }
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
