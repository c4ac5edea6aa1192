//! Migrations that build an index on PostgreSQL while others write (`CREATE INDEX CONCURRENTLY`).
//!
//! Such a build cannot run in a transaction. If it is broken off, by a crash, a deadlock, or a value that is there twice, it leaves the
//! index behind, marked invalid: no query uses it, every write maintains it, and its name is taken. So the migration has the name of its
//! index. Before the build, an invalid index of that name is removed; afterwards, the index must be there and be valid.

use diesel::connection::SimpleConnection as _;
use diesel::migration::Migration;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text};
use diesel_migrations::MigrationHarness as _;

use crate::database::open_error::OpenError;

/// An index as PostgreSQL has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Absent,
    /// A build of it was broken off.
    Invalid,
    Valid,
}

#[derive(QueryableByName)]
struct StateRow {
    #[diesel(sql_type = Bool)]
    is_valid: bool,
}

/// The name of the index that a migration builds.
pub(super) fn name_of(migration: &dyn Migration<Pg>) -> String {
    let name = migration.name().to_string();
    match name.split_once('_') {
        Some((_, index)) => index.to_owned(),
        None => name,
    }
}

/// Builds the index, and notes that the migration was applied.
pub(super) fn build(postgres: &mut PgConnection, migration: &dyn Migration<Pg>) -> Result<(), OpenError> {
    let name = name_of(migration);
    match state_of(postgres, &name)? {
        State::Absent => {}
        State::Invalid => {
            tracing::warn!(
                index.name = name,
                "an index was left unfinished by a start that was broken off; it is removed and built again"
            );
            remove(postgres, &name)?;
        }
        // A process ended between the build and the note.
        State::Valid => return note(postgres, migration),
    }
    tracing::info!(
        index.name = name,
        "an index is being built while others write; it waits for transactions that are open"
    );
    let built = postgres.run_migration(migration);
    if let Err(error) = built {
        // What went wrong says more than what is left of it, which the next start removes in any case.
        if matches!(state_of(postgres, &name), Ok(State::Invalid)) {
            let _ = remove(postgres, &name);
        }
        return Err(OpenError::Migration(error));
    }
    match state_of(postgres, &name)? {
        State::Valid => Ok(()),
        State::Absent | State::Invalid => Err(OpenError::Migration(
            format!("it did not build the index {name}").into(),
        )),
    }
}

fn state_of(postgres: &mut PgConnection, name: &str) -> QueryResult<State> {
    let question = "SELECT i.indisvalid AND i.indisready AS is_valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         WHERE c.relname = $1 AND c.relnamespace = current_schema()::regnamespace";
    let found: Option<StateRow> = sql_query(question)
        .bind::<Text, _>(name)
        .get_result(postgres)
        .optional()?;
    Ok(match found {
        None => State::Absent,
        Some(StateRow { is_valid: true }) => State::Valid,
        Some(StateRow { is_valid: false }) => State::Invalid,
    })
}

/// Removes it while others write. That too waits for transactions that are open.
fn remove(postgres: &mut PgConnection, name: &str) -> QueryResult<()> {
    postgres.batch_execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"))
}

fn note(postgres: &mut PgConnection, migration: &dyn Migration<Pg>) -> Result<(), OpenError> {
    sql_query("INSERT INTO __diesel_schema_migrations (version) VALUES ($1)")
        .bind::<Text, _>(migration.name().version().to_string())
        .execute(postgres)?;
    Ok(())
}
