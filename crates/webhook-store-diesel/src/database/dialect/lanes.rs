//! What lanes are read and written with, on either database.

use diesel::prelude::*;

use super::{postgres, sqlite};
use crate::database::connection::AnyConnection;
use crate::database::schema::{deliveries, delivery_head, events, lanes, processes, webhooks};
use crate::events::route::RouteRow;
use crate::events::row::EventRow;
use crate::lanes::delivery::{DeliveryRow, TurnColumns};
use crate::lanes::row::{LaneColumns, LaneRow};
use crate::webhooks::row::WebhookRow;

impl AnyConnection {
    /// Reads the position of the newest delivery, and keeps others from publishing until the transaction ends.
    pub(crate) fn lock_delivery_head(&mut self) -> QueryResult<i64> {
        let head = delivery_head::table.find(1).select(delivery_head::position);
        match self {
            Self::Sqlite(sqlite) => head.get_result(sqlite),
            Self::Postgres(postgres) => head.for_no_key_update().get_result(postgres),
        }
    }

    pub(crate) fn save_delivery_head(&mut self, position: i64) -> QueryResult<()> {
        diesel::update(delivery_head::table.find(1))
            .set(delivery_head::position.eq(position))
            .execute(self)
            .map(drop)
    }

    /// The routes to the active webhooks of these platforms.
    pub(crate) fn routes_of(&mut self, platforms: &[String]) -> QueryResult<Vec<RouteRow>> {
        webhooks::table
            .filter(webhooks::platform.eq_any(platforms))
            .filter(webhooks::active)
            .select((
                webhooks::id,
                webhooks::platform,
                webhooks::included_actions,
                webhooks::excluded_actions,
                webhooks::include_previous_data,
            ))
            .load(self)
    }

    /// The routes to the active webhooks of these platforms that want announcements.
    pub(crate) fn routes_of_announcements(&mut self, platforms: &[String]) -> QueryResult<Vec<RouteRow>> {
        webhooks::table
            .filter(webhooks::wants_announcements)
            .filter(webhooks::platform.eq_any(platforms))
            .filter(webhooks::active)
            .select((
                webhooks::id,
                webhooks::platform,
                webhooks::included_actions,
                webhooks::excluded_actions,
                webhooks::include_previous_data,
            ))
            .load(self)
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

    /// Keeps others from changing these lanes until the transaction ends, and gives them.
    pub(crate) fn lock_lanes(&mut self, webhooks: &[String]) -> QueryResult<Vec<LaneRow>> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::load(sqlite, webhooks),
            Self::Postgres(postgres) => lanes::table
                .filter(lanes::webhook_id.eq_any(webhooks))
                .order(lanes::webhook_id)
                .for_no_key_update()
                .load(postgres),
        }
    }

    /// The processes that are alive at `now`.
    pub(crate) fn processes_alive_at(&mut self, now: i64) -> QueryResult<Vec<String>> {
        processes::table
            .filter(processes::alive_until.gt(now))
            .select(processes::id)
            .load(self)
    }

    /// Makes lanes; those that another process has made meanwhile stay as they are.
    pub(crate) fn insert_lanes(&mut self, rows: &[LaneRow]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::insert(sqlite, rows),
            Self::Postgres(postgres) => postgres::lanes::insert(postgres, rows),
        }
    }

    /// Gives these lanes to `owner`.
    pub(crate) fn give_lanes(&mut self, webhooks: &[String], owner: &str) -> QueryResult<()> {
        diesel::update(lanes::table.filter(lanes::webhook_id.eq_any(webhooks)))
            .set(lanes::owner.eq(owner))
            .execute(self)
            .map(drop)
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

    /// Writes what attempts have left in deliveries.
    pub(crate) fn save_turns(&mut self, rows: &[TurnColumns]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::save_turns(sqlite, rows),
            Self::Postgres(postgres) => postgres::lanes::save_turns(postgres, rows),
        }
    }

    /// Writes what attempts have left in lanes.
    pub(crate) fn save_lanes(&mut self, rows: &[LaneColumns]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lanes::save_lanes(sqlite, rows),
            Self::Postgres(postgres) => postgres::lanes::save_lanes(postgres, rows),
        }
    }

    /// Tells the other processes of these texts. There are none on SQLite's.
    pub(crate) fn notify(&mut self, texts: &[String]) -> QueryResult<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => postgres::lanes::notify(postgres, texts),
        }
    }
}
