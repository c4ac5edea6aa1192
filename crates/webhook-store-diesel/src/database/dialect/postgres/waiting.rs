//! Locks and commits on PostgreSQL.

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, Bool, Text};

use crate::database::dialect::waiting::LockedLaneRow;

#[derive(QueryableByName)]
struct Waiters {
    #[diesel(sql_type = Bool)]
    are: bool,
}

/// Not, where it could not be [waited](flush) for what was let go of early. The function has another parameter from PostgreSQL 17 on.
const IS_WAITED_FOR: &str = "SELECT coalesce(has_function_privilege(coalesce( \
     to_regprocedure('pg_logical_emit_message(boolean,text,text,boolean)'), \
     to_regprocedure('pg_logical_emit_message(boolean,text,text)')), 'EXECUTE'), FALSE) \
     AND EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted \
     AND transactionid = CAST(CAST(txid_current_if_assigned() & 4294967295 AS text) AS xid)) AS are";

pub(in crate::database::dialect) fn is_waited_for(connection: &mut PgConnection) -> QueryResult<bool> {
    let waiters: Waiters = sql_query(IS_WAITED_FOR).get_result(connection)?;
    Ok(waiters.are)
}

/// Has the transaction commit, and let go of what it has locked, before that is on disk.
pub(in crate::database::dialect) fn commit_early(connection: &mut PgConnection) -> QueryResult<()> {
    connection.batch_execute("SET LOCAL synchronous_commit = off")
}

/// Waits until all that is committed is on disk, and on standbys for which commits wait. The message is in the log alone, and nobody reads it: without
/// something that it has written, a transaction does not wait.
pub(in crate::database::dialect) fn flush(connection: &mut PgConnection) -> QueryResult<()> {
    connection.batch_execute("SELECT pg_logical_emit_message(true, 'webhook', '')")
}

/// A transaction holds a lock on its own number, which stands in the rows that it has locked.
const LOCKED: &str = "SELECT coalesce(platform, (SELECT platform FROM webhooks WHERE id = webhook_id)) AS platform, CAST(xmax AS text) AS locker FROM lanes WHERE webhook_id = ANY ($1) \
     AND xmax IN (SELECT transactionid FROM pg_locks WHERE locktype = 'transactionid' AND granted)";

pub(in crate::database::dialect) fn locked(
    connection: &mut PgConnection,
    webhooks: &[String],
) -> QueryResult<Vec<LockedLaneRow>> {
    sql_query(LOCKED)
        .bind::<Array<Text>, _>(webhooks)
        .load(connection)
}
