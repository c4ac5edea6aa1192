//! Applying migrations on PostgreSQL, beside processes that serve.
//!
//! A migration that changes a table waits until nobody else uses it, and whoever wants to use it from then on waits behind the
//! migration, readers too. Behind a transaction of somebody else that stays open, such as a backup, everything would come to a stop. So a
//! migration gives up after a moment (`lock_timeout`), lets those that have queued up go ahead, and tries again; beyond a limit it fails, and
//! says who is in its way. Nothing of it was done then, because it runs in a transaction.
//!
//! An index that is built while others write keeps nobody waiting, and has much longer: it must outlast every transaction that is
//! open when it begins.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::{Pg, PgConnection};
use diesel_migrations::MigrationHarness as _;
use webhook_domain::entropy::Entropy as _;

use super::{holders, index, turn};
use crate::SystemEntropy;
use crate::database::language;
use crate::database::open_error::OpenError;
use crate::engine::failure::chain;

/// A migration may take as long as it takes, whatever the role or the database is set to; the server notices that this process
/// is gone. A release of PostgreSQL that has no such setting is not asked to change it.
const FOR_MIGRATING: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
     SELECT set_config(name, CASE name WHEN 'transaction_timeout' THEN '0' ELSE '5s' END, false) FROM pg_settings \
     WHERE name IN ('transaction_timeout', 'client_connection_check_interval')";
/// What PostgreSQL says of a lock that was not to be had. diesel gives no SQLSTATE.
const OF_A_LOCK: [&str; 2] = ["canceling statement due to lock timeout", "deadlock detected"];
/// How often the pause between two attempts is doubled at the most.
const MOST_DOUBLINGS: u32 = 3;

/// How long a process waits while it migrates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a lock on a table, at a time. Others may have to wait for so long behind it. Less than the two seconds that they do
    /// wait before their statements fail.
    pub(super) lock: Duration,
    /// For all locks of one migration, with the pauses between the attempts.
    pub(super) tables: Duration,
    /// While an index is built, for each transaction that is open.
    pub(super) index: Duration,
    /// For another process that is migrating.
    pub(super) turn: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            lock: Duration::from_secs(1),
            tables: Duration::from_secs(60),
            index: Duration::from_secs(600),
            turn: Duration::from_secs(600),
        }
    }
}

/// Applies the migrations of `source` that are missing, and gives their versions. The session is good for nothing else afterwards.
pub(super) fn migrate(
    postgres: &mut PgConnection,
    source: &impl MigrationSource<Pg>,
    patience: Patience,
) -> Result<Vec<String>, OpenError> {
    postgres.batch_execute(FOR_MIGRATING)?;
    turn::take(postgres, patience.turn)?;
    let known = source.migrations().map_err(OpenError::Migration)?;
    let applied = postgres.applied_migrations().map_err(OpenError::Migration)?;
    let mut lacking: Vec<_> = known
        .into_iter()
        .filter(|migration| !applied.contains(&migration.name().version()))
        .collect();
    lacking.sort_unstable_by(|a, b| a.name().version().cmp(&b.name().version()));
    let mut done = Vec::with_capacity(lacking.len());
    for migration in lacking {
        turn::check(postgres)?;
        apply(postgres, migration.as_ref(), patience)?;
        done.push(migration.name().version().to_string());
    }
    Ok(done)
}

/// Applies one migration, as often as a lock keeps it from it.
fn apply(
    postgres: &mut PgConnection,
    migration: &dyn Migration<Pg>,
    patience: Patience,
) -> Result<(), OpenError> {
    let builds_index = !migration.metadata().run_in_transaction();
    let (lock, limit) = match builds_index {
        true => (patience.index, patience.index),
        false => (patience.lock, patience.tables),
    };
    postgres.batch_execute(&format!("SET lock_timeout = {}", lock.as_millis()))?;
    let mut first_kept_at = None;
    let mut attempts = 0;
    loop {
        let began = Instant::now();
        let outcome = match builds_index {
            true => index::build(postgres, migration),
            false => match postgres.run_migration(migration) {
                Ok(_) => Ok(()),
                Err(error) => Err(OpenError::Migration(error)),
            },
        };
        let Err(error) = outcome else { return Ok(()) };
        if !is_of_a_lock(postgres, &error, began.elapsed() >= lock) {
            return Err(error);
        }
        let waits_since = *first_kept_at.get_or_insert(began);
        let pause = pause(patience.lock, attempts);
        let in_the_way = holders::named(postgres);
        if waits_since.elapsed() + pause >= limit {
            return Err(OpenError::TablesInUse {
                migration: migration.name().to_string(),
                seconds: limit.as_secs(),
                held: holders::as_cause(&in_the_way),
                source: error.into(),
            });
        }
        attempts += 1;
        tracing::warn!(
            migration.name = %migration.name(),
            locks.held_by = in_the_way,
            wait.left_seconds = limit.saturating_sub(waits_since.elapsed()).as_secs(),
            "a migration has to wait for a table that others use; it lets them go ahead and tries again"
        );
        std::thread::sleep(pause);
    }
}

/// How long to let others go ahead: longer with each attempt, and not the same for two processes.
fn pause(lock: Duration, attempts: u32) -> Duration {
    let base = lock * 2_u32.pow(attempts.min(MOST_DOUBLINGS));
    let mut random = [0];
    // Without randomness the middle is as good.
    let drawn = match SystemEntropy::new().fill(&mut random) {
        Ok(()) => u32::from(random[0]),
        Err(_) => 128,
    };
    base / 2 + base * drawn / 256
}

/// Whether it was a lock that was not to be had. A server that speaks another language than English is taken to mean that by any
/// error after a wait that was `long`.
fn is_of_a_lock(postgres: &mut PgConnection, error: &OpenError, long: bool) -> bool {
    let text = chain(error);
    OF_A_LOCK.iter().any(|words| text.contains(words))
        || long && language::is_english_spoken(postgres).is_ok_and(|english| !english)
}
