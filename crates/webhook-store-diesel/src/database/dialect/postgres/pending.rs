//! What waits, on PostgreSQL.

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Text};

use crate::events::pending::PendingCountRow;

array_statement! {
    SavePendingCounts from PendingCountRow {
        platform: Text => &'a str = |row| &row.platform,
        pending: BigInt => i64 = |row| row.pending,
    }
    "UPDATE pending_counts SET pending = n.pending FROM unnest("
    ") AS n (platform, pending) WHERE pending_counts.platform = n.platform"
}

pub(in crate::database::dialect) fn save(
    connection: &mut PgConnection,
    changed: &[PendingCountRow],
) -> QueryResult<()> {
    SavePendingCounts::of(changed).execute(connection).map(drop)
}
