//! Whose turn it is to migrate: one process's at a time, told by a lock of a session of PostgreSQL's, which ends with the session.
//!
//! The lock is asked for again and again, and never waited for: a statement that waits has a snapshot, and an index that is built
//! beside it in the process whose turn it is would wait for that statement to end, for ever.
//!
//! A process that was killed while it migrated leaves its session behind, until the statement that the session runs has ended or the server
//! notices that nobody is there (`client_connection_check_interval`). Until then it is still that session's turn.

use std::time::{Duration, Instant};

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Integer};

use crate::database::open_error::OpenError;

/// `webhook` in ASCII.
const KEY: &str = "x'776562686F6F6B'::bigint";
/// How often the lock is asked for.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// How often the log says that it is waited for.
const SAY_EVERY: Duration = Duration::from_secs(30);

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

#[derive(QueryableByName)]
struct Session {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

/// Waits for the turn of this session, for so long.
pub(super) fn take(postgres: &mut PgConnection, limit: Duration) -> Result<(), OpenError> {
    let began = Instant::now();
    let mut said: Option<Instant> = None;
    loop {
        let taken: Answer =
            sql_query(format!("SELECT pg_try_advisory_lock({KEY}) AS yes")).get_result(postgres)?;
        if taken.yes {
            return check(postgres);
        }
        let left = limit.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err(OpenError::AlreadyMigrating {
                session: holder(postgres)?.unwrap_or_default(),
                seconds: limit.as_secs(),
            });
        }
        if said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            said = Some(Instant::now());
            tracing::info!(
                postgresql.session = holder(postgres)?,
                wait.left_seconds = left.as_secs(),
                "another process is migrating the database; this one waits for it"
            );
        }
        std::thread::sleep(ASK_EVERY.min(left));
    }
}

/// Makes sure that it is still the turn of this session. A pooler in transaction mode runs each statement in whatever session is
/// free, and the lock stays with the one that has run the statement that took it.
pub(super) fn check(postgres: &mut PgConnection) -> Result<(), OpenError> {
    let question = format!(
        "SELECT count(*) > 0 AS yes FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid() \
         AND (classid::bigint << 32 | objid::bigint) = {KEY} AND objsubid = 1"
    );
    let held: Answer = sql_query(question).get_result(postgres)?;
    match held.yes {
        true => Ok(()),
        false => Err(OpenError::Pooler),
    }
}

/// The session whose turn it is.
fn holder(postgres: &mut PgConnection) -> QueryResult<Option<i32>> {
    let question = format!(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32 | objid::bigint) = {KEY} \
         AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    );
    let holder: Option<Session> = sql_query(question).get_result(postgres).optional()?;
    Ok(holder.map(|session| session.pid))
}
