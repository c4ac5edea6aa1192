//! Lanes on PostgreSQL.

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text};

use crate::events::row::EventRow;
use crate::lanes::delivery::{DeliveryRow, TurnColumns};
use crate::lanes::row::{LaneColumns, LaneRow};

array_statement! {
    InsertLanes from LaneRow {
        webhook_id: Text => &'a str = |row| &row.webhook_id,
        owner: Text => &'a str = |row| &row.owner,
        done: BigInt => i64 = |row| row.done,
        penalty_box: Nullable<Text> => Option<&'a str> = |row| row.penalty_box.as_deref(),
    }
    "INSERT INTO lanes (webhook_id, owner, done, penalty_box) SELECT * FROM unnest("
    ") ON CONFLICT DO NOTHING"
}

array_statement! {
    InsertEvents from EventRow {
        id: Text => &'a str = |row| &row.id,
        platform: Text => &'a str = |row| &row.platform,
        action: Text => &'a str = |row| &row.action,
        created_at: BigInt => i64 = |row| row.created_at,
        original_request_id: Nullable<Text> => Option<&'a str> = |row| row.original_request_id.as_deref(),
        data: Binary => &'a [u8] = |row| &row.data,
        previous_data: Nullable<Binary> => Option<&'a [u8]> = |row| row.previous_data.as_deref(),
    }
    "INSERT INTO events (id, platform, action, created_at, original_request_id, data, previous_data) \
     SELECT * FROM unnest("
    ")"
}

array_statement! {
    InsertDeliveries from DeliveryRow {
        position: BigInt => i64 = |row| row.position,
        id: Text => &'a str = |row| &row.id,
        event_id: Text => &'a str = |row| &row.event_id,
        webhook_id: Text => &'a str = |row| &row.webhook_id,
        platform: Text => &'a str = |row| &row.platform,
        action: Text => &'a str = |row| &row.action,
        include_previous_data: Bool => bool = |row| row.include_previous_data,
        created_at: BigInt => i64 = |row| row.created_at,
        status: Text => &'a str = |row| &row.status,
        ended_at: Nullable<BigInt> => Option<i64> = |row| row.ended_at,
        attempts: Text => &'a str = |row| &row.attempts,
    }
    "INSERT INTO deliveries (position, id, event_id, webhook_id, platform, action, include_previous_data, created_at, \
     status, ended_at, attempts) SELECT * FROM unnest("
    ")"
}

array_statement! {
    SaveTurns from TurnColumns {
        position: BigInt => i64 = |row| row.position,
        status: Text => &'a str = |row| &row.status,
        ended_at: Nullable<BigInt> => Option<i64> = |row| row.ended_at,
        attempt: Text => &'a str = |row| &row.attempt,
    }
    "UPDATE deliveries SET status = n.status, ended_at = n.ended_at, attempts = CASE WHEN length(attempts) < 65536 \
     THEN attempts ELSE '' END || n.attempt FROM unnest("
    ") AS n (position, status, ended_at, attempt) WHERE deliveries.position = n.position"
}

array_statement! {
    SaveLanes from LaneColumns {
        webhook_id: Text => &'a str = |row| &row.webhook_id,
        done: BigInt => i64 = |row| row.done,
        penalty_box: Nullable<Text> => Option<&'a str> = |row| row.penalty_box.as_deref(),
    }
    "UPDATE lanes SET done = n.done, penalty_box = n.penalty_box FROM unnest("
    ") AS n (webhook_id, done, penalty_box) WHERE lanes.webhook_id = n.webhook_id"
}

array_statement! {
    Notify from String {
        text: Text => &'a str = |text| text.as_str(),
    }
    "SELECT pg_notify('webhook_lanes', text) FROM unnest("
    ") AS n (text)"
}

pub(in crate::database::dialect) fn insert(
    connection: &mut PgConnection,
    rows: &[LaneRow],
) -> QueryResult<()> {
    InsertLanes::of(rows).execute(connection).map(drop)
}

pub(in crate::database::dialect) fn insert_events(
    connection: &mut PgConnection,
    rows: &[EventRow],
) -> QueryResult<()> {
    InsertEvents::of(rows).execute(connection).map(drop)
}

pub(in crate::database::dialect) fn insert_deliveries(
    connection: &mut PgConnection,
    rows: &[DeliveryRow],
) -> QueryResult<()> {
    InsertDeliveries::of(rows).execute(connection).map(drop)
}

pub(in crate::database::dialect) fn save_turns(
    connection: &mut PgConnection,
    rows: &[TurnColumns],
) -> QueryResult<()> {
    SaveTurns::of(rows).execute(connection).map(drop)
}

pub(in crate::database::dialect) fn save_lanes(
    connection: &mut PgConnection,
    rows: &[LaneColumns],
) -> QueryResult<()> {
    SaveLanes::of(rows).execute(connection).map(drop)
}

pub(in crate::database::dialect) fn notify(
    connection: &mut PgConnection,
    texts: &[String],
) -> QueryResult<()> {
    Notify::of(texts).execute(connection).map(drop)
}
