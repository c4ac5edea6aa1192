//! What waits, on SQLite.

use std::sync::OnceLock;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::each_found;
use crate::database::schema::pending_counts;
use crate::events::pending::PendingCountRow;

row_query! {
    FindPendingCount(platform: str) -> pending_counts::SqlType, pending_counts::table.select(pending_counts::all_columns), {
        " WHERE platform = " platform => Text,
    } ""
}

row_statement! {
    SavePendingCount of PendingCountRow {
        "UPDATE pending_counts SET pending = " pending: BigInt,
        " WHERE platform = " platform: Text,
    } ""
}

pub(in crate::database::dialect) fn load(
    connection: &mut SqliteConnection,
    platforms: &[&str],
) -> QueryResult<Vec<PendingCountRow>> {
    each_found(platforms, |platform| {
        FindPendingCount(platform).get_result(connection).optional()
    })
}

pub(in crate::database::dialect) fn save(
    connection: &mut SqliteConnection,
    changed: &[PendingCountRow],
) -> QueryResult<()> {
    changed
        .iter()
        .try_for_each(|row| SavePendingCount(row).execute(connection).map(drop))
}
