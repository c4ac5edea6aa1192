//! What lanes are read and written with, on either database.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;

use super::{postgres, sqlite};
use crate::database::connection::AnyConnection;
use crate::database::schema::{
    deliveries, events, failed_deliveries, fan_out_heads, lanes, untold_events, webhooks,
};
use crate::events::row::EventRow;
use crate::events::subscription::SubscriptionRow;
use crate::lanes::delivery::{DeliveryRow, MoveRow, PlaceRow, StatusRow, TurnColumns};
use crate::lanes::row::{LaneColumns, LaneRow, NewLaneRow};
use crate::webhooks::row::WebhookRow;

/// PostgreSQL's time, in milliseconds since the Unix epoch. Not that of the transaction's beginning: it may have waited since.
pub(crate) const POSTGRES_NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// The same, as a part of a query that is prepared once: diesel keeps no statement with a text that it does not know.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
struct PostgresNow;

impl Expression for PostgresNow {
    type SqlType = BigInt;
}

impl QueryFragment<Pg> for PostgresNow {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(POSTGRES_NOW);
        Ok(())
    }
}

impl<QS> AppearsOnTable<QS> for PostgresNow {}
impl<QS> SelectableExpression<QS> for PostgresNow {}

/// Which of a lane's deliveries are read.
pub(crate) struct ReadRow {
    pub(crate) webhook_id: String,
    /// Those behind this position and behind all that the lane has done.
    pub(crate) after: i64,
    /// At most so many.
    pub(crate) most: i64,
    /// And so many bytes of events, unless the first one alone is longer.
    pub(crate) bytes: i64,
}

/// A delivery that waits, its event, and how its lane stood when it was read.
pub(crate) type Waiting = (DeliveryRow, EventRow, Standing);
/// The epoch of a lane, and how many deliveries were withdrawn from it: while both stay, what was read of it is still so.
pub(crate) type Standing = (i64, i64);

impl AnyConnection {
    /// Draws so many positions, in their order. The lanes that they are for must be locked.
    pub(crate) fn draw_positions(&mut self, count: usize) -> QueryResult<Vec<i64>> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::draw_positions(sqlite, count),
            Self::Postgres(postgres) => postgres::lanes::draw_positions(postgres, count),
        }
    }

    /// Adds so many to the chunks that a platform has waiting, and keeps others from adding or moving any until the transaction
    /// ends.
    pub(crate) fn add_chunks(&mut self, platform: &str, count: i64) -> QueryResult<()> {
        let row = (
            fan_out_heads::platform.eq(platform),
            fan_out_heads::chunks.eq(count),
        );
        let more = fan_out_heads::chunks.eq(fan_out_heads::chunks + count);
        match self {
            Self::Sqlite(sqlite) => diesel::insert_into(fan_out_heads::table)
                .values(row)
                .on_conflict(fan_out_heads::platform)
                .do_update()
                .set(more)
                .execute(sqlite),
            Self::Postgres(postgres) => diesel::insert_into(fan_out_heads::table)
                .values(row)
                .on_conflict(fan_out_heads::platform)
                .do_update()
                .set(more)
                .execute(postgres),
        }
        .map(drop)
    }

    /// Says how many chunks a platform has waiting.
    pub(crate) fn set_chunks(&mut self, platform: &str, count: i64) -> QueryResult<()> {
        diesel::update(fan_out_heads::table.find(platform))
            .set(fan_out_heads::chunks.eq(count))
            .execute(self)
            .map(drop)
    }

    /// The next platform after `last` with chunks that nobody else is moving, kept so until the transaction ends, but none of those that are to be
    /// left alone.
    pub(crate) fn lock_fan_out(&mut self, last: &str, left_alone: &[String]) -> QueryResult<Option<String>> {
        let waiting = fan_out_heads::table
            .filter(fan_out_heads::chunks.gt(0))
            .filter(fan_out_heads::platform.ne_all(left_alone))
            .order((fan_out_heads::platform.le(last), fan_out_heads::platform))
            .select(fan_out_heads::platform)
            .limit(1);
        match self {
            Self::Sqlite(sqlite) => waiting.get_result(sqlite),
            Self::Postgres(postgres) => waiting.for_no_key_update().skip_locked().get_result(postgres),
        }
        .optional()
    }

    /// The oldest events that are not told yet, up to `limit`, locked; on PostgreSQL those that nobody else has locked. None of the platforms
    /// that are to be left alone.
    pub(crate) fn lock_untold(&mut self, left_alone: &[String], limit: i64) -> QueryResult<Vec<EventRow>> {
        let others = untold_events::platform.ne_all(left_alone);
        let oldest = untold_events::table
            .filter(others)
            .order(untold_events::id)
            .limit(limit);
        match self {
            Self::Sqlite(sqlite) => oldest.load(sqlite),
            Self::Postgres(postgres) => oldest.for_update().skip_locked().load(postgres),
        }
    }

    pub(crate) fn insert_subscriptions(&mut self, rows: &[SubscriptionRow]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::insert_subscriptions(sqlite, rows),
            Self::Postgres(postgres) => postgres::lanes::insert_subscriptions(postgres, rows),
        }
    }

    pub(crate) fn delete_subscriptions(&mut self, rows: &[SubscriptionRow]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::delete_subscriptions(sqlite, rows),
            Self::Postgres(postgres) => postgres::lanes::delete_subscriptions(postgres, rows),
        }
    }

    /// The lanes of these webhooks that there are.
    pub(crate) fn lanes_of(&mut self, webhooks: &[String]) -> QueryResult<Vec<LaneRow>> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::load(sqlite, webhooks),
            Self::Postgres(postgres) => lanes::table
                .filter(lanes::webhook_id.eq_any(webhooks))
                .load(postgres),
        }
    }

    /// The first `limit` deliveries that wait for `webhook` after this position, and their events.
    pub(crate) fn queued(
        &mut self,
        webhook: &str,
        after: i64,
        limit: u32,
    ) -> QueryResult<Vec<(DeliveryRow, EventRow)>> {
        deliveries::table
            .inner_join(events::table.on(events::id.eq(deliveries::event_id)))
            .filter(deliveries::webhook_id.eq(webhook))
            .filter(deliveries::position.gt(after))
            .filter(deliveries::status.eq("PENDING"))
            .order(deliveries::position)
            .limit(limit.into())
            .select((DeliveryRow::as_select(), EventRow::as_select()))
            .load(self)
    }

    /// What waits in lanes, each lane's in order.
    pub(crate) fn waiting(&mut self, reads: &[ReadRow]) -> QueryResult<Vec<Waiting>> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::waiting(sqlite, reads),
            Self::Postgres(postgres) => postgres::lanes::waiting(postgres, reads),
        }
    }

    /// The database's own time, where it has a clock of its own.
    pub(crate) fn now(&mut self) -> QueryResult<Option<i64>> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(postgres) => diesel::select(PostgresNow).get_result(postgres).map(Some),
        }
    }

    /// The webhooks with these ids that have lanes, and the lanes, in one look.
    pub(crate) fn webhooks_with_lanes(&mut self, ids: &[String]) -> QueryResult<Vec<(WebhookRow, LaneRow)>> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::load_with_webhooks(sqlite, ids),
            Self::Postgres(postgres) => webhooks::table
                .inner_join(lanes::table.on(lanes::webhook_id.eq(webhooks::id)))
                .filter(webhooks::id.eq_any(ids))
                .select((webhooks::all_columns, lanes::all_columns))
                .load(postgres),
        }
    }

    /// Keeps others from changing these lanes until the transaction ends, and gives them. With them comes the database's own
    /// time, where it has a clock of its own.
    pub(crate) fn lock_lanes(&mut self, webhooks: &[String]) -> QueryResult<(Vec<LaneRow>, Option<i64>)> {
        match self {
            Self::Sqlite(sqlite) => Ok((sqlite::lanes::load(sqlite, webhooks)?, None)),
            Self::Postgres(postgres) => {
                let rows: Vec<(LaneRow, i64)> = lanes::table
                    .filter(lanes::webhook_id.eq_any(webhooks))
                    .order(lanes::webhook_id)
                    .select((lanes::all_columns, PostgresNow))
                    .for_no_key_update()
                    .load(postgres)?;
                let now = rows.iter().map(|(_, now)| *now).max();
                Ok((rows.into_iter().map(|(row, _)| row).collect(), now))
            }
        }
    }

    /// Makes lanes.
    pub(crate) fn insert_lanes(&mut self, rows: &[NewLaneRow]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::insert(sqlite, rows),
            Self::Postgres(postgres) => postgres::lanes::insert(postgres, rows),
        }
    }

    pub(crate) fn delete_lane(&mut self, webhook: &str) -> QueryResult<()> {
        diesel::delete(lanes::table.find(webhook)).execute(self).map(drop)
    }

    /// Keeps others from changing this delivery until the transaction ends.
    pub(crate) fn lock_delivery(&mut self, id: &str) -> QueryResult<()> {
        if let Self::Postgres(postgres) = self {
            deliveries::table
                .filter(deliveries::id.eq(id))
                .select(deliveries::position)
                .for_update()
                .get_result::<i64>(postgres)
                .optional()?;
        }
        Ok(())
    }

    /// How far the deliveries at these places have come.
    pub(crate) fn deliveries_at(&mut self, places: &[PlaceRow]) -> QueryResult<Vec<StatusRow>> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::deliveries_at(sqlite, places),
            Self::Postgres(postgres) => postgres::lanes::deliveries_at(postgres, places),
        }
    }

    /// Writes what attempts have left in those of these deliveries that wait, and says at which positions.
    pub(crate) fn end_deliveries(&mut self, rows: &[TurnColumns]) -> QueryResult<Vec<i64>> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::end_deliveries(sqlite, rows),
            Self::Postgres(postgres) => postgres::lanes::end_deliveries(postgres, rows),
        }
    }

    /// The versions of these webhooks.
    pub(crate) fn versions_of(&mut self, ids: &[String]) -> QueryResult<Vec<(String, i64)>> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::versions_of(sqlite, ids),
            Self::Postgres(postgres) => webhooks::table
                .filter(webhooks::id.eq_any(ids))
                .select((webhooks::id, webhooks::version))
                .load(postgres),
        }
    }

    pub(crate) fn insert_events(&mut self, rows: &[EventRow]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::insert_events(sqlite, rows),
            Self::Postgres(postgres) => postgres::lanes::insert_events(postgres, rows),
        }
    }

    pub(crate) fn insert_deliveries(&mut self, rows: &[DeliveryRow]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::insert_deliveries(sqlite, rows),
            Self::Postgres(postgres) => postgres::lanes::insert_deliveries(postgres, rows),
        }
    }

    /// Notes that a delivery is given up in this lane because somebody asks for it.
    pub(crate) fn withdraw(&mut self, webhook: &str) -> QueryResult<()> {
        diesel::update(lanes::table.find(webhook))
            .set(lanes::withdrawn.eq(lanes::withdrawn + 1))
            .execute(self)
            .map(drop)
    }

    /// Puts deliveries that have come to their end at other positions of their lane, where they wait, and says how many.
    pub(crate) fn move_ended(&mut self, moves: &[MoveRow]) -> QueryResult<usize> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::move_ended(sqlite, moves),
            Self::Postgres(postgres) => postgres::lanes::move_ended(postgres, moves),
        }
    }

    /// Notes that a delivery was given up.
    pub(crate) fn note_failed(&mut self, platform: &str, position: i64) -> QueryResult<()> {
        let row = (
            failed_deliveries::platform.eq(platform),
            failed_deliveries::position.eq(position),
        );
        diesel::insert_into(failed_deliveries::table)
            .values(row)
            .execute(self)
            .map(drop)
    }

    /// Notes that a delivery is not given up any more.
    pub(crate) fn forget_failed(&mut self, position: i64) -> QueryResult<()> {
        diesel::delete(failed_deliveries::table.find(position))
            .execute(self)
            .map(drop)
    }

    /// Writes lanes, and what attempts have left in deliveries. On PostgreSQL both are one statement and so one round trip.
    pub(crate) fn save_lanes(&mut self, lanes: &[LaneColumns], turns: &[TurnColumns]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::save_lanes(sqlite, lanes, turns),
            Self::Postgres(postgres) => postgres::lanes::save_lanes(postgres, lanes, turns),
        }
    }

    /// Says these texts to all processes that listen. On SQLite nobody does.
    pub(crate) fn notify(&mut self, texts: &[String]) -> QueryResult<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => postgres::lanes::notify(postgres, texts),
        }
    }
}
