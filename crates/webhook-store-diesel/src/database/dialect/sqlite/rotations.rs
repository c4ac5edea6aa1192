//! Rotations on SQLite.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use crate::rotations::row::{NewRotationWebhook, SettledColumns};

row_statement! {
    InsertRotationWebhook of NewRotationWebhook {
        "INSERT INTO rotation_webhooks (rotation_id, number, webhook_id, key_before, adopted) VALUES (" rotation_id: Text,
        ", " number: BigInt,
        ", " webhook_id: Text,
        ", " key_before: Nullable<Text>,
    } ", FALSE)"
}

row_statement! {
    SettleStep of SettledColumns {
        "UPDATE rotation_webhooks SET outcome = " outcome: Text,
        ", reason = " reason: Nullable<Text>,
        ", key_id = " key_id: Nullable<Text>,
        ", settled_at = " settled_at: BigInt,
        " WHERE rotation_id = " rotation_id: Text,
        " AND number = " number: BigInt,
    } ""
}

pub(in crate::database::dialect) fn insert_webhooks(
    connection: &mut SqliteConnection,
    rows: &[NewRotationWebhook],
) -> QueryResult<()> {
    rows.iter()
        .try_for_each(|row| InsertRotationWebhook(row).execute(connection).map(drop))
}

pub(in crate::database::dialect) fn settle(
    connection: &mut SqliteConnection,
    settled: &[SettledColumns],
) -> QueryResult<()> {
    settled
        .iter()
        .try_for_each(|row| SettleStep(row).execute(connection).map(drop))
}
