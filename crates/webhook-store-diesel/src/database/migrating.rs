//! The migrations: which of them a database has, whether this release may run on it, and applying those that are missing.
//!
//! | where | what |
//! |---|---|
//! | `migrating` | what a database has against what this release knows; applying on SQLite, in one transaction |
//! | `postgres` | applying on PostgreSQL, in one process at a time, without keeping others waiting for a table |
//! | `turn` | whose turn it is to migrate |
//! | `index` | migrations that build an index while others write |
//! | `holders` | who keeps tables locked, for messages |
//!
//! A migration is one of two kinds. Most run in a transaction of their own. One that says `run_in_transaction = false` in its
//! `metadata.toml` builds one index on PostgreSQL while others write, and has the name of that index.

mod holders;
mod index;
mod postgres;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::BTreeSet;

use diesel::backend::Backend;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use self::postgres::Patience;
use crate::DatabaseUrl;
use crate::database::connection::AnyConnection;
use crate::database::levels::{Levels, SCHEMA_LEVEL};
use crate::database::open_error::OpenError;

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// How the schema of a database compares with that of this release, which may run on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is that of this release. Its newest migration.
    Current(String),
    /// It lacks these migrations, in their order.
    Lacking(Vec<String>),
    /// A newer release has migrated it.
    Ahead {
        /// Its first migration that is not known here.
        migration: String,
        /// The level of that release.
        level: i64,
    },
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    found: bool,
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// The migrations that a database has, and none if it has no table of them. diesel would make that table first, which needs the
/// right to.
pub(crate) fn applied(connection: &mut AnyConnection) -> QueryResult<BTreeSet<String>> {
    let question = match connection {
        AnyConnection::Sqlite(_) => {
            "SELECT count(*) > 0 AS found FROM sqlite_master WHERE name = '__diesel_schema_migrations'"
        }
        AnyConnection::Postgres(_) => "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS found",
    };
    let table: Found = sql_query(question).get_result(connection)?;
    if !table.found {
        return Ok(BTreeSet::new());
    }
    let rows: Vec<Applied> = sql_query("SELECT version FROM __diesel_schema_migrations").load(connection)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

/// Compares the schema of a database with that of this release. Writes nothing.
///
/// # Errors
/// When this release may not run on it; the database's.
pub(crate) fn standing(connection: &mut AnyConnection) -> Result<Standing, OpenError> {
    let applied = applied(connection)?;
    let known = match connection {
        AnyConnection::Sqlite(_) => known::<Sqlite>(&SQLITE_MIGRATIONS)?,
        AnyConnection::Postgres(_) => known::<Pg>(&POSTGRES_MIGRATIONS)?,
    };
    let lacking: Vec<String> = known.difference(&applied).cloned().collect();
    let unknown = applied.difference(&known).next().cloned();
    let levels = match lacking.is_empty() {
        true => Levels::read(connection)?,
        // What says them may be among what is lacking.
        false => None,
    };
    judge(
        unknown,
        lacking,
        levels,
        known.last().cloned().unwrap_or_default(),
    )
}

fn judge(
    unknown: Option<String>,
    mut lacking: Vec<String>,
    levels: Option<Levels>,
    newest: String,
) -> Result<Standing, OpenError> {
    let migration = match unknown {
        Some(migration) if !lacking.is_empty() => {
            return Err(OpenError::OtherSchema {
                migration,
                lacking: lacking.swap_remove(0),
            });
        }
        Some(migration) => migration,
        None if !lacking.is_empty() => return Ok(Standing::Lacking(lacking)),
        None if levels.is_none_or(Levels::admit_this_release) => return Ok(Standing::Current(newest)),
        None => newest,
    };
    match levels {
        Some(levels) if levels.admit_this_release() => Ok(Standing::Ahead {
            migration,
            level: levels.newest,
        }),
        Some(Levels { newest, oldest }) => Err(OpenError::NewerSchema {
            migration,
            level: newest,
            oldest,
            own: SCHEMA_LEVEL,
        }),
        None => Err(OpenError::UnfinishedSchema { migration }),
    }
}

/// Applies the migrations that are missing, in one process at a time: those that waited find them applied. Gives their versions.
///
/// # Errors
/// When this release may not run on the database, or a migration cannot be applied.
pub(crate) fn migrate(url: &DatabaseUrl, connection: &mut AnyConnection) -> Result<Vec<String>, OpenError> {
    // Where there is nothing to write, a writer of SQLite's is not waited for, and a role of PostgreSQL's needs no right to
    // create tables.
    match standing(connection)? {
        Standing::Current(_) => return Ok(Vec::new()),
        Standing::Ahead { level, .. } => {
            tracing::info!(
                schema.level = level,
                release.level = SCHEMA_LEVEL,
                "a newer release has migrated the database; this one may run on it"
            );
            return Ok(Vec::new());
        }
        Standing::Lacking(_) => {}
    }
    match url {
        DatabaseUrl::Sqlite(_) => migrate_at_once(connection),
        DatabaseUrl::Postgres(_) => {
            if connection.is_read_only()? {
                return Err(OpenError::ReadOnly);
            }
            // One of its own: what is set for migrating, and the lock, end with it.
            let migrating = AnyConnection::open(url);
            let mut migrating = migrating.map_err(|source| OpenError::Connect {
                database: url.to_string(),
                source,
            })?;
            let AnyConnection::Postgres(postgres) = &mut migrating else {
                return Ok(Vec::new());
            };
            postgres::migrate(postgres, &POSTGRES_MIGRATIONS, Patience::default()).map_err(may_not_migrate)
        }
    }
}

/// On SQLite, all of them in one transaction.
fn migrate_at_once(connection: &mut AnyConnection) -> Result<Vec<String>, OpenError> {
    connection.begin()?;
    let applied = match standing(connection) {
        Ok(Standing::Lacking(_)) => match connection {
            AnyConnection::Sqlite(sqlite) => run_all(sqlite),
            AnyConnection::Postgres(_) => Ok(Vec::new()),
        },
        Ok(_) => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    match applied {
        Ok(applied) => {
            connection.commit()?;
            Ok(applied)
        }
        Err(error) => {
            // What went wrong says more than what the rollback may add.
            let _ = connection.rollback();
            Err(error)
        }
    }
}

fn run_all(sqlite: &mut SqliteConnection) -> Result<Vec<String>, OpenError> {
    let applied = sqlite.run_pending_migrations(SQLITE_MIGRATIONS);
    let applied = applied.map_err(OpenError::Migration)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

/// Tells a role that may not migrate from a migration that failed.
fn may_not_migrate(error: OpenError) -> OpenError {
    let text = match &error {
        OpenError::Migration(cause) => crate::engine::failure::chain(cause.as_ref()),
        _ => return error,
    };
    match text.contains("permission denied") || text.contains("must be owner of") {
        true => OpenError::MayNotMigrate(error.into()),
        false => error,
    }
}

fn known<DB: Backend>(migrations: &impl MigrationSource<DB>) -> Result<BTreeSet<String>, OpenError> {
    let known = migrations.migrations().map_err(OpenError::Migration)?;
    let versions = known
        .iter()
        .map(|migration| migration.name().version().to_string());
    Ok(versions.collect())
}
