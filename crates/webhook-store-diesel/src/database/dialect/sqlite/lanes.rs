//! Lanes on SQLite.

use std::sync::OnceLock;

use diesel::connection::DefaultLoadingMode;
use diesel::dsl::{AsSelect, SqlTypeOf};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::each_found;
use crate::database::dialect::lanes::{ReadRow, Standing, Waiting};
use crate::database::schema::{deliveries, events, lanes, webhooks};
use crate::events::row::EventRow;
use crate::events::subscription::SubscriptionRow;
use crate::lanes::delivery::{DeliveryRow, MoveRow, PlaceRow, StatusRow, TurnColumns};
use crate::lanes::row::{LaneColumns, LaneRow, NewLaneRow};
use crate::webhooks::row::WebhookRow;

row_query! {
    FindLane(id: str) -> lanes::SqlType, lanes::table.select(lanes::all_columns), {
        " WHERE webhook_id = " id => Text,
    } ""
}

row_query! {
    FindWithWebhook(id: str) -> (webhooks::SqlType, lanes::SqlType),
    webhooks::table
        .inner_join(lanes::table.on(lanes::webhook_id.eq(webhooks::id)))
        .select((webhooks::all_columns, lanes::all_columns)), {
        " WHERE webhooks.id = " id => Text,
    } ""
}

row_query! {
    FindStanding(id: str) -> (BigInt, (BigInt, BigInt)),
    lanes::table.select((lanes::done, (lanes::epoch, lanes::withdrawn))), {
        " WHERE webhook_id = " id => Text,
    } ""
}

/// What waits in a lane behind a position.
struct Behind<'a> {
    webhook_id: &'a str,
    position: i64,
}

row_query! {
    FindWaiting(behind: Behind<'a>) -> (SqlTypeOf<AsSelect<DeliveryRow, Sqlite>>, SqlTypeOf<AsSelect<EventRow, Sqlite>>),
    deliveries::table
        .inner_join(events::table.on(events::id.eq(deliveries::event_id)))
        .select((DeliveryRow::as_select(), EventRow::as_select())), {
        " WHERE deliveries.webhook_id = " behind.webhook_id => Text,
        " AND deliveries.position > " &behind.position => BigInt,
    } " AND deliveries.status = 'PENDING' ORDER BY deliveries.position"
}

pub(in crate::database::dialect) fn load(
    connection: &mut SqliteConnection,
    webhooks: &[String],
) -> QueryResult<Vec<LaneRow>> {
    each_found(webhooks, |id| FindLane(id).get_result(connection).optional())
}

pub(in crate::database::dialect) fn load_with_webhooks(
    connection: &mut SqliteConnection,
    ids: &[String],
) -> QueryResult<Vec<(WebhookRow, LaneRow)>> {
    each_found(ids, |id| FindWithWebhook(id).get_result(connection).optional())
}

row_query! {
    FindVersion(id: str) -> (Text, BigInt), webhooks::table.select((webhooks::id, webhooks::version)), {
        " WHERE id = " id => Text,
    } ""
}

pub(in crate::database::dialect) fn versions_of(
    connection: &mut SqliteConnection,
    ids: &[String],
) -> QueryResult<Vec<(String, i64)>> {
    each_found(ids, |id| FindVersion(id).get_result(connection).optional())
}

/// How many positions are drawn.
struct Draw {
    count: i64,
}

row_statement! {
    DrawPositions of Draw {
        "UPDATE delivery_positions SET position = position + " count: BigInt,
    } " WHERE id = 1 RETURNING position"
}

impl Query for DrawPositions<'_> {
    type SqlType = BigInt;
}

pub(in crate::database::dialect) fn draw_positions(
    connection: &mut SqliteConnection,
    count: i64,
) -> QueryResult<Vec<i64>> {
    let last: i64 = DrawPositions(&Draw { count }).get_result(connection)?;
    Ok((last - count + 1..=last).collect())
}

pub(in crate::database::dialect) fn waiting(
    connection: &mut SqliteConnection,
    reads: &[ReadRow],
) -> QueryResult<Vec<Waiting>> {
    let mut waiting = Vec::new();
    for read in reads {
        let lane = FindStanding(&read.webhook_id);
        let Some((done, standing)) = lane.get_result::<(i64, Standing)>(connection).optional()? else {
            continue;
        };
        let behind = Behind {
            webhook_id: &read.webhook_id,
            position: done.max(read.after),
        };
        let mut left = None;
        // One row at a time: nothing is read behind the first that does not fit. That also stands for a limit, with which SQLite
        // would prepare the statement anew at each execution.
        let rows =
            FindWaiting(&behind).load_iter::<(DeliveryRow, EventRow), DefaultLoadingMode>(connection)?;
        for row in rows.take(usize::try_from(read.most).unwrap_or(usize::MAX)) {
            let (delivery, event) = row?;
            let rest = left.unwrap_or(read.bytes.max(event.bytes())) - event.bytes();
            if rest < 0 {
                break;
            }
            left = Some(rest);
            waiting.push((delivery, event, standing));
        }
    }
    Ok(waiting)
}

row_statement! {
    InsertLane of NewLaneRow {
        "INSERT INTO lanes (webhook_id, platform, owner, done, epoch) VALUES (" webhook_id: Text,
        ", " platform: Text,
        ", " owner: Text,
        ", " done: BigInt,
        ", " epoch: BigInt,
    } ")"
}

row_statement! {
    InsertEvent of EventRow {
        "INSERT INTO events (id, platform, action, created_at, original_request_id, data, previous_data, trace) VALUES ("
            id: Text,
        ", " platform: Text,
        ", " action: Text,
        ", " created_at: BigInt,
        ", " original_request_id: Nullable<Text>,
        ", " data: Binary,
        ", " previous_data: Nullable<Binary>,
        ", " trace: Nullable<Text>,
    } ")"
}

row_statement! {
    InsertDelivery of DeliveryRow {
        "INSERT INTO deliveries (position, id, event_id, webhook_id, platform, action, include_previous_data, \
         created_at, status, ended_at, attempts, tried) VALUES (" position: BigInt,
        ", " id: Text,
        ", " event_id: Text,
        ", " webhook_id: Text,
        ", " platform: Text,
        ", " action: Text,
        ", " include_previous_data: Bool,
        ", " created_at: BigInt,
        ", " status: Text,
        ", " ended_at: Nullable<BigInt>,
        ", " attempts: Text,
        ", " tried: BigInt,
    } ")"
}

row_statement! {
    SaveTurn of TurnColumns {
        "UPDATE deliveries SET status = " status: Text,
        ", ended_at = " ended_at: Nullable<BigInt>,
        ", tried = " tried: BigInt,
        ", attempts = CASE WHEN length(attempts) < 57344 THEN attempts ELSE substr(substr(attempts, -32768), \
         instr(substr(attempts, -32768), char(10)) + 1) END || " attempt: Text,
        " WHERE position = " place.position: BigInt,
        " AND webhook_id = " place.webhook_id: Text,
    } ""
}

/// [`SaveTurn`] at a delivery that waits.
struct EndDelivery<'a>(SaveTurn<'a>);

impl QueryFragment<Sqlite> for EndDelivery<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" AND status = 'PENDING'");
        Ok(())
    }
}

impl QueryId for EndDelivery<'_> {
    type QueryId = EndDelivery<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for EndDelivery<'_> {}

row_statement! {
    MoveEnded of MoveRow {
        "UPDATE deliveries SET status = 'PENDING', ended_at = NULL, position = " to: BigInt,
        " WHERE position = " place.position: BigInt,
        " AND webhook_id = " place.webhook_id: Text,
    } " AND status <> 'PENDING'"
}

row_statement! {
    SaveLane of LaneColumns {
        "UPDATE lanes SET done = " done: BigInt,
        ", penalty_box = " penalty_box: Nullable<Text>,
        ", ready_at = " ready_at: Nullable<BigInt>,
        " WHERE webhook_id = " webhook_id: Text,
    } ""
}

row_statement! {
    InsertSubscription of SubscriptionRow {
        "INSERT INTO subscriptions (platform, action, webhook_id, ruled_out, include_previous_data) VALUES ("
            platform: Text,
        ", " action: Text,
        ", " webhook_id: Text,
        ", " ruled_out: Bool,
        ", " include_previous_data: Bool,
    } ")"
}

row_statement! {
    DeleteSubscription of SubscriptionRow {
        "DELETE FROM subscriptions WHERE platform = " platform: Text,
        " AND action = " action: Text,
        " AND webhook_id = " webhook_id: Text,
    } ""
}

pub(in crate::database::dialect) fn insert_subscriptions(
    connection: &mut SqliteConnection,
    rows: &[SubscriptionRow],
) -> QueryResult<()> {
    rows.iter()
        .try_for_each(|row| InsertSubscription(row).execute(connection).map(drop))
}

pub(in crate::database::dialect) fn delete_subscriptions(
    connection: &mut SqliteConnection,
    rows: &[SubscriptionRow],
) -> QueryResult<()> {
    rows.iter()
        .try_for_each(|row| DeleteSubscription(row).execute(connection).map(drop))
}

pub(in crate::database::dialect) fn insert(
    connection: &mut SqliteConnection,
    rows: &[NewLaneRow],
) -> QueryResult<()> {
    rows.iter()
        .try_for_each(|row| InsertLane(row).execute(connection).map(drop))
}

pub(in crate::database::dialect) fn insert_events(
    connection: &mut SqliteConnection,
    rows: &[EventRow],
) -> QueryResult<()> {
    rows.iter()
        .try_for_each(|row| InsertEvent(row).execute(connection).map(drop))
}

pub(in crate::database::dialect) fn insert_deliveries(
    connection: &mut SqliteConnection,
    rows: &[DeliveryRow],
) -> QueryResult<()> {
    rows.iter()
        .try_for_each(|row| InsertDelivery(row).execute(connection).map(drop))
}

pub(in crate::database::dialect) fn save_lanes(
    connection: &mut SqliteConnection,
    lanes: &[LaneColumns],
    turns: &[TurnColumns],
) -> QueryResult<()> {
    for turn in turns {
        SaveTurn(turn).execute(connection)?;
    }
    for lane in lanes {
        SaveLane(lane).execute(connection)?;
    }
    Ok(())
}

pub(in crate::database::dialect) fn end_deliveries(
    connection: &mut SqliteConnection,
    rows: &[TurnColumns],
) -> QueryResult<Vec<i64>> {
    each_found(rows, |row| {
        let ended = EndDelivery(SaveTurn(row)).execute(connection)?;
        Ok((ended > 0).then_some(row.place.position))
    })
}

pub(in crate::database::dialect) fn move_ended(
    connection: &mut SqliteConnection,
    moves: &[MoveRow],
) -> QueryResult<usize> {
    moves
        .iter()
        .try_fold(0, |moved, row| Ok(moved + MoveEnded(row).execute(connection)?))
}

row_query! {
    FindStatus(place: PlaceRow) -> (BigInt, Text, BigInt),
    deliveries::table.select((deliveries::position, deliveries::status, deliveries::tried)), {
        " WHERE position = " &place.position => BigInt,
        " AND webhook_id = " &place.webhook_id => Text,
    } ""
}

pub(in crate::database::dialect) fn deliveries_at(
    connection: &mut SqliteConnection,
    places: &[PlaceRow],
) -> QueryResult<Vec<StatusRow>> {
    each_found(places, |place| {
        FindStatus(place).get_result(connection).optional()
    })
}
