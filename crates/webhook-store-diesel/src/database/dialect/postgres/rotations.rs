//! Rotations on PostgreSQL.

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, Text};

use crate::rotations::row::{NewRotationWebhook, SettledColumns};

array_statement! {
    InsertRotationWebhooks from NewRotationWebhook {
        rotation_id: Text => &'a str = |row| &row.rotation_id,
        number: BigInt => i64 = |row| row.number,
        webhook_id: Text => &'a str = |row| &row.webhook_id,
        key_before: Nullable<Text> => Option<&'a str> = |row| row.key_before.as_deref(),
    }
    "INSERT INTO rotation_webhooks (rotation_id, number, webhook_id, key_before, adopted) SELECT n.*, FALSE FROM unnest("
    ") AS n (rotation_id, number, webhook_id, key_before)"
}

array_statement! {
    SettleSteps from SettledColumns {
        rotation_id: Text => &'a str = |row| &row.rotation_id,
        number: BigInt => i64 = |row| row.number,
        outcome: Text => &'a str = |row| row.outcome,
        reason: Nullable<Text> => Option<&'a str> = |row| row.reason,
        key_id: Nullable<Text> => Option<&'a str> = |row| row.key_id.as_deref(),
        settled_at: BigInt => i64 = |row| row.settled_at,
    }
    "UPDATE rotation_webhooks SET outcome = n.outcome, reason = n.reason, key_id = n.key_id, settled_at = n.settled_at FROM unnest("
    ") AS n (rotation_id, number, outcome, reason, key_id, settled_at) \
     WHERE rotation_webhooks.rotation_id = n.rotation_id AND rotation_webhooks.number = n.number"
}

pub(in crate::database::dialect) fn insert_webhooks(
    connection: &mut PgConnection,
    rows: &[NewRotationWebhook],
) -> QueryResult<()> {
    InsertRotationWebhooks::of(rows).execute(connection).map(drop)
}

pub(in crate::database::dialect) fn settle(
    connection: &mut PgConnection,
    settled: &[SettledColumns],
) -> QueryResult<()> {
    SettleSteps::of(settled).execute(connection).map(drop)
}
