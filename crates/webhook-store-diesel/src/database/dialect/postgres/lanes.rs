//! Lanes on PostgreSQL.

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text};

use super::waiting;
use crate::database::dialect::lanes::{ReadRow, Standing, Waiting};
use crate::database::schema::{deliveries, events};
use crate::events::row::EventRow;
use crate::events::subscription::SubscriptionRow;
use crate::lanes::delivery::{DeliveryRow, MoveRow, PlaceRow, StatusRow, TurnColumns};
use crate::lanes::row::{LaneColumns, NewLaneRow};

array_statement! {
    InsertLanes from NewLaneRow {
        webhook_id: Text => &'a str = |row| &row.webhook_id,
        platform: Text => &'a str = |row| &row.platform,
        owner: Text => &'a str = |row| &row.owner,
        done: BigInt => i64 = |row| row.done,
        epoch: BigInt => i64 = |row| row.epoch,
    }
    "INSERT INTO lanes (webhook_id, platform, owner, done, epoch) SELECT * FROM unnest("
    ")"
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
        trace: Nullable<Text> => Option<&'a str> = |row| row.trace.as_deref(),
    }
    "INSERT INTO events (id, platform, action, created_at, original_request_id, data, previous_data, trace) \
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
        tried: BigInt => i64 = |row| row.tried,
    }
    "INSERT INTO deliveries (position, id, event_id, webhook_id, platform, action, include_previous_data, created_at, \
     status, ended_at, attempts, tried, early_at) SELECT n.*, CASE current_setting('synchronous_commit') \
     WHEN 'off' THEN (extract(epoch FROM clock_timestamp()) * 1000)::bigint END FROM unnest("
    ") AS n"
}

array_statement! {
    SaveTurns from TurnColumns {
        webhook_id: Text => &'a str = |row| &row.place.webhook_id,
        position: BigInt => i64 = |row| row.place.position,
        status: Text => &'a str = |row| &row.status,
        ended_at: Nullable<BigInt> => Option<i64> = |row| row.ended_at,
        attempt: Text => &'a str = |row| &row.attempt,
        tried: BigInt => i64 = |row| row.tried,
    }
    "UPDATE deliveries SET status = n.status, ended_at = n.ended_at, tried = n.tried, attempts = CASE WHEN \
     length(attempts) < 57344 THEN attempts ELSE substr(right(attempts, 32768), strpos(right(attempts, 32768), \
     chr(10)) + 1) END || n.attempt FROM unnest("
    ") AS n (webhook_id, position, status, ended_at, attempt, tried) WHERE deliveries.webhook_id = n.webhook_id \
     AND deliveries.position = n.position"
}

/// [`SaveTurns`] at deliveries that wait.
struct EndDeliveries<'a>(SaveTurns<'a>);

impl QueryFragment<Pg> for EndDeliveries<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" AND deliveries.status = 'PENDING' RETURNING deliveries.position");
        Ok(())
    }
}

impl QueryId for EndDeliveries<'_> {
    type QueryId = EndDeliveries<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for EndDeliveries<'_> {}

impl Query for EndDeliveries<'_> {
    type SqlType = BigInt;
}

array_statement! {
    FindStatuses from PlaceRow {
        webhook_id: Text => &'a str = |row| &row.webhook_id,
        position: BigInt => i64 = |row| row.position,
    }
    "SELECT deliveries.position, deliveries.status, deliveries.tried FROM unnest("
    ") AS n (webhook_id, position) JOIN deliveries ON deliveries.webhook_id = n.webhook_id \
     AND deliveries.position = n.position"
}

impl Query for FindStatuses<'_> {
    type SqlType = (BigInt, Text, BigInt);
}

array_statement! {
    /// What does not fit is dropped before it leaves the database: long values are fetched when they are sent.
    ReadLanes from ReadRow {
        webhook_id: Text => &'a str = |row| &row.webhook_id,
        after: BigInt => i64 = |row| row.after,
        most: BigInt => i64 = |row| row.most,
        bytes: BigInt => i64 = |row| row.bytes,
    }
    "SELECT q.position, q.id, q.event_id, q.webhook_id, q.platform, q.action, q.include_previous_data, q.created_at, q.status, \
     q.ended_at, q.attempts, q.tried, q.event_id, q.event_platform, q.event_action, q.event_created_at, q.original_request_id, \
     q.data, q.previous_data, q.trace, q.epoch, q.withdrawn, \
     coalesce(abs((extract(epoch FROM clock_timestamp()) * 1000)::bigint - q.early_at) < 60000, FALSE) FROM unnest("
    ") AS n (webhook_id, after, most, bytes) JOIN lanes ON lanes.webhook_id = n.webhook_id CROSS JOIN LATERAL ( \
     SELECT f.*, lanes.epoch, lanes.withdrawn, sum(f.bytes) OVER (ORDER BY f.position) AS with_those_before FROM ( \
     SELECT d.*, e.platform AS event_platform, e.action AS event_action, e.created_at AS event_created_at, \
     e.original_request_id, e.data, e.previous_data, e.trace, length(e.data) + coalesce(length(e.previous_data), 0) AS bytes \
     FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.webhook_id = n.webhook_id \
     AND d.position > greatest(lanes.done, n.after) AND d.status = 'PENDING' ORDER BY d.position LIMIT n.most) AS f) AS q \
     WHERE q.with_those_before <= n.bytes OR q.with_those_before = q.bytes"
}

impl Query for ReadLanes<'_> {
    type SqlType = (deliveries::SqlType, events::SqlType, (BigInt, BigInt), Bool);
}

array_statement! {
    SaveLanes from LaneColumns {
        webhook_id: Text => &'a str = |row| &row.webhook_id,
        done: BigInt => i64 = |row| row.done,
        penalty_box: Nullable<Text> => Option<&'a str> = |row| row.penalty_box.as_deref(),
        ready_at: Nullable<BigInt> => Option<i64> = |row| row.ready_at,
    }
    "UPDATE lanes SET done = n.done, penalty_box = n.penalty_box, ready_at = n.ready_at FROM unnest("
    ") AS n (webhook_id, done, penalty_box, ready_at) WHERE lanes.webhook_id = n.webhook_id"
}

array_statement! {
    MoveEnded from MoveRow {
        webhook_id: Text => &'a str = |row| &row.place.webhook_id,
        position: BigInt => i64 = |row| row.place.position,
        moved_to: BigInt => i64 = |row| row.to,
    }
    "UPDATE deliveries SET status = 'PENDING', ended_at = NULL, position = n.moved_to FROM unnest("
    ") AS n (webhook_id, position, moved_to) WHERE deliveries.webhook_id = n.webhook_id \
     AND deliveries.position = n.position AND deliveries.status <> 'PENDING'"
}

array_statement! {
    InsertSubscriptions from SubscriptionRow {
        platform: Text => &'a str = |row| &row.platform,
        action: Text => &'a str = |row| &row.action,
        webhook_id: Text => &'a str = |row| &row.webhook_id,
        ruled_out: Bool => bool = |row| row.ruled_out,
        include_previous_data: Bool => bool = |row| row.include_previous_data,
    }
    "INSERT INTO subscriptions (platform, action, webhook_id, ruled_out, include_previous_data) SELECT * FROM unnest("
    ")"
}

array_statement! {
    DeleteSubscriptions from SubscriptionRow {
        platform: Text => &'a str = |row| &row.platform,
        action: Text => &'a str = |row| &row.action,
        webhook_id: Text => &'a str = |row| &row.webhook_id,
    }
    "DELETE FROM subscriptions USING unnest("
    ") AS n (platform, action, webhook_id) WHERE subscriptions.platform = n.platform \
     AND subscriptions.action = n.action AND subscriptions.webhook_id = n.webhook_id"
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
    rows: &[NewLaneRow],
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

pub(in crate::database::dialect) fn move_ended(
    connection: &mut PgConnection,
    moves: &[MoveRow],
) -> QueryResult<usize> {
    MoveEnded::of(moves).execute(connection)
}

pub(in crate::database::dialect) fn deliveries_at(
    connection: &mut PgConnection,
    places: &[PlaceRow],
) -> QueryResult<Vec<StatusRow>> {
    FindStatuses::of(places).load(connection)
}

pub(in crate::database::dialect) fn waiting(
    connection: &mut PgConnection,
    reads: &[ReadRow],
) -> QueryResult<Vec<Waiting>> {
    let found: Vec<(DeliveryRow, EventRow, Standing, bool)> = ReadLanes::of(reads).load(connection)?;
    if found.iter().any(|(.., is_early)| *is_early) {
        waiting::flush(connection)?;
    }
    let found = found.into_iter();
    let mut found: Vec<Waiting> = found
        .map(|(delivery, event, standing, _)| (delivery, event, standing))
        .collect();
    found.sort_unstable_by_key(|(delivery, ..)| delivery.position);
    Ok(found)
}

pub(in crate::database::dialect) fn end_deliveries(
    connection: &mut PgConnection,
    rows: &[TurnColumns],
) -> QueryResult<Vec<i64>> {
    EndDeliveries(SaveTurns::of(rows)).load(connection)
}

/// What recording writes: the two parts touch different tables, and run in any order.
struct SaveLanesAndTurns<'a> {
    turns: SaveTurns<'a>,
    lanes: SaveLanes<'a>,
}

impl QueryFragment<Pg> for SaveLanesAndTurns<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH turns AS (");
        self.turns.walk_ast(out.reborrow())?;
        out.push_sql(") ");
        self.lanes.walk_ast(out)
    }
}

impl QueryId for SaveLanesAndTurns<'_> {
    type QueryId = SaveLanesAndTurns<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for SaveLanesAndTurns<'_> {}

pub(in crate::database::dialect) fn save_lanes(
    connection: &mut PgConnection,
    lanes: &[LaneColumns],
    turns: &[TurnColumns],
) -> QueryResult<()> {
    let (lanes_change, turns_change) = (!lanes.is_empty(), !turns.is_empty());
    let (lanes, turns) = (SaveLanes::of(lanes), SaveTurns::of(turns));
    match (lanes_change, turns_change) {
        (true, true) => SaveLanesAndTurns { turns, lanes }.execute(connection),
        (true, false) => lanes.execute(connection),
        (false, true) => turns.execute(connection),
        (false, false) => return Ok(()),
    }
    .map(drop)
}

pub(in crate::database::dialect) fn notify(
    connection: &mut PgConnection,
    texts: &[String],
) -> QueryResult<()> {
    Notify::of(texts).execute(connection).map(drop)
}

pub(in crate::database::dialect) fn insert_subscriptions(
    connection: &mut PgConnection,
    rows: &[SubscriptionRow],
) -> QueryResult<()> {
    InsertSubscriptions::of(rows).execute(connection).map(drop)
}

pub(in crate::database::dialect) fn delete_subscriptions(
    connection: &mut PgConnection,
    rows: &[SubscriptionRow],
) -> QueryResult<()> {
    DeleteSubscriptions::of(rows).execute(connection).map(drop)
}

struct DrawPositions {
    count: i64,
}

impl QueryFragment<Pg> for DrawPositions {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT nextval('delivery_positions') FROM generate_series(1, ");
        out.push_bind_param::<BigInt, _>(&self.count)?;
        out.push_sql(")");
        Ok(())
    }
}

impl QueryId for DrawPositions {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for DrawPositions {}

impl Query for DrawPositions {
    type SqlType = BigInt;
}

pub(in crate::database::dialect) fn draw_positions(
    connection: &mut PgConnection,
    count: i64,
) -> QueryResult<Vec<i64>> {
    let mut positions: Vec<i64> = DrawPositions { count }.load(connection)?;
    positions.sort_unstable();
    Ok(positions)
}
