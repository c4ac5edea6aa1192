//! What the two databases do not do alike: locking rows, and reading and writing many at once.
//!
//! SQLite runs inside the process, so a statement per row costs little and each is prepared once. PostgreSQL
//! is a round trip away, so it gets one statement per table, its rows in arrays: the text of such a
//! statement is the same for any number of rows, so it too is prepared once.

pub(crate) mod lanes;
mod pending;
mod postgres;
mod rotations;
mod sqlite;
pub(crate) mod waiting;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::{QueryResult, sql_query};
use webhook_domain::webhook::Webhook;

use crate::answers::row::AnswerRow;
use crate::api_keys::row::ApiKeyRow;
use crate::audit::head::{HeadRow, NewHeadRow};
use crate::audit::row::AuditRow;
use crate::database::connection::AnyConnection;
use crate::database::schema::{
    audit_chain, audit_ends, idempotent_answers, key_reading, platforms, webhook_updates, webhooks,
};
use crate::webhooks::key_counts::KeyCountChange;
use crate::webhooks::known_keys::KnownKeyRow;
use crate::webhooks::roll_due_row::RollDueColumns;
use crate::webhooks::row::{ExpiryColumns, RingColumns, UpdatedColumns, WebhookRow};

/// What to do about rows that somebody else has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakenRows {
    /// Wait for them, as long as the database lets a statement wait.
    Await,
    /// Leave them out.
    Skip,
}

/// A platform, how often its subscriptions have changed, and how many chunks of events wait there, if any ever did.
pub(crate) type RoutingRow = (String, i64, Option<i64>);

impl AnyConnection {
    /// Loads the webhooks with these ids and keeps others from changing them until the transaction ends.
    /// PostgreSQL locks them in the order of their ids, so that two processes cannot wait for each other. With each comes
    /// whether its queue is held up.
    pub(crate) fn lock_webhooks(
        &mut self,
        ids: &[String],
        taken: TakenRows,
    ) -> QueryResult<Vec<(WebhookRow, bool)>> {
        match self {
            Self::Sqlite(sqlite) => sqlite::lock_webhooks(sqlite, ids),
            Self::Postgres(postgres) => match taken {
                TakenRows::Await => postgres::lock_webhooks(postgres, ids),
                TakenRows::Skip => postgres::lock_free_webhooks(postgres, ids),
            },
        }
    }

    /// The platforms of the webhooks with these ids, locked by others or not.
    pub(crate) fn platforms_of(&mut self, ids: &[String]) -> QueryResult<Vec<(String, String)>> {
        webhooks::table
            .filter(webhooks::id.eq_any(ids))
            .select((webhooks::id, webhooks::platform))
            .load(self)
    }

    pub(crate) fn load_answers(&mut self, slots: &[Vec<u8>]) -> QueryResult<Vec<AnswerRow>> {
        match self {
            Self::Sqlite(sqlite) => sqlite::load_answers(sqlite, slots),
            Self::Postgres(postgres) => postgres::load_answers(postgres, slots),
        }
    }

    pub(crate) fn load_api_keys(&mut self, ids: &[String]) -> QueryResult<Vec<ApiKeyRow>> {
        match self {
            Self::Sqlite(sqlite) => sqlite::load_api_keys(sqlite, ids),
            Self::Postgres(postgres) => postgres::load_api_keys(postgres, ids),
        }
    }

    /// How often the subscriptions of these platforms have changed, and how many chunks of events wait to be fanned out there.
    pub(crate) fn load_routing(&mut self, platforms: &[String]) -> QueryResult<Vec<RoutingRow>> {
        match self {
            Self::Sqlite(sqlite) => sqlite::load_routing(sqlite, platforms),
            Self::Postgres(postgres) => postgres::load_routing(postgres, platforms),
        }
    }

    pub(crate) fn insert_webhook(&mut self, row: &WebhookRow) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => diesel::insert_into(webhooks::table).values(row).execute(sqlite),
            Self::Postgres(postgres) => diesel::insert_into(webhooks::table).values(row).execute(postgres),
        }?;
        let update = (
            webhook_updates::platform.eq(&row.platform),
            webhook_updates::updated_at.eq(row.updated_at),
            webhook_updates::webhook_id.eq(&row.id),
        );
        diesel::insert_into(webhook_updates::table)
            .values(update)
            .execute(self)
            .map(drop)
    }

    pub(crate) fn update_webhook(&mut self, row: &WebhookRow) -> QueryResult<()> {
        let target = webhooks::table.find(&row.id);
        match self {
            Self::Sqlite(sqlite) => diesel::update(target).set(row).execute(sqlite),
            Self::Postgres(postgres) => diesel::update(target).set(row).execute(postgres),
        }
        .map(drop)
    }

    pub(crate) fn update_rings(&mut self, rings: &[RingColumns]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::update_rings(sqlite, rings),
            Self::Postgres(postgres) => postgres::update_rings(postgres, rings),
        }
    }

    /// Notes when keys expire next.
    pub(crate) fn move_expiries(&mut self, moved: &[ExpiryColumns]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::move_expiries(sqlite, moved),
            Self::Postgres(postgres) => postgres::move_expiries(postgres, moved),
        }
    }

    /// Notes when keys are due for a roll.
    pub(crate) fn note_roll_dues(&mut self, noted: &[RollDueColumns]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::note_roll_dues(sqlite, noted),
            Self::Postgres(postgres) => postgres::note_roll_dues(postgres, noted),
        }
    }

    /// Adds to what is counted of signing keys.
    pub(crate) fn change_key_counts(&mut self, changes: &[KeyCountChange]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::change_key_counts(sqlite, changes),
            Self::Postgres(postgres) => postgres::change_key_counts(postgres, changes),
        }
    }

    /// Moves a webhook in the order of updates.
    pub(crate) fn move_update(&mut self, moved: &UpdatedColumns) -> QueryResult<()> {
        let before = (&moved.platform, moved.before, &moved.webhook_id);
        diesel::update(webhook_updates::table.find(before))
            .set(webhook_updates::updated_at.eq(moved.after))
            .execute(self)
            .map(drop)
    }

    /// Deletes a webhook as it was read, and keeps the way to its audit records.
    pub(crate) fn delete_webhook(&mut self, webhook: &Webhook, last_audit: Option<i64>) -> QueryResult<()> {
        let id = webhook.id.to_string();
        let update = (
            webhook.platform.as_str(),
            webhook.updated_at.as_milliseconds(),
            &id,
        );
        diesel::delete(webhooks::table.find(&id)).execute(self)?;
        diesel::delete(webhook_updates::table.find(update)).execute(self)?;
        match last_audit {
            Some(last_audit) => self.insert_audit_end(&id, last_audit),
            None => Ok(()),
        }
    }

    /// Keeps the way to the newest audit record of a resource that has no row of its own. The head of the chain must be
    /// locked, so that nobody else does it meanwhile.
    pub(crate) fn note_audit_end(&mut self, resource_id: &str, last_audit: i64) -> QueryResult<()> {
        let moved = diesel::update(audit_ends::table.find(resource_id))
            .set(audit_ends::last_audit.eq(last_audit))
            .execute(self)?;
        match moved {
            0 => self.insert_audit_end(resource_id, last_audit),
            _ => Ok(()),
        }
    }

    fn insert_audit_end(&mut self, resource_id: &str, last_audit: i64) -> QueryResult<()> {
        let end = (
            audit_ends::resource_id.eq(resource_id),
            audit_ends::last_audit.eq(last_audit),
        );
        diesel::insert_into(audit_ends::table)
            .values(end)
            .execute(self)
            .map(drop)
    }

    /// Keeps the way to the newest audit record of a webhook that is not changed otherwise.
    pub(crate) fn note_last_audit(&mut self, id: &str, last_audit: i64) -> QueryResult<()> {
        diesel::update(webhooks::table.find(id))
            .set(webhooks::last_audit.eq(Some(last_audit)))
            .execute(self)
            .map(drop)
    }

    /// How many webhooks these platforms have.
    pub(crate) fn count_webhooks(&mut self, platforms: &[&str]) -> QueryResult<Vec<(String, i64)>> {
        platforms::table
            .filter(platforms::platform.eq_any(platforms))
            .select((platforms::platform, platforms::webhooks))
            .load(self)
    }

    /// Adds `webhooks` to the number of webhooks that the platform has, and counts a change of who wants what if there is one.
    pub(crate) fn change_platform(
        &mut self,
        platform: &str,
        webhooks: i64,
        rerouted: bool,
    ) -> QueryResult<()> {
        let rerouted = i64::from(rerouted);
        let changed = diesel::update(platforms::table.find(platform))
            .set((
                platforms::webhooks.eq(platforms::webhooks + webhooks),
                platforms::routing.eq(platforms::routing + rerouted),
            ))
            .execute(self)?;
        if changed > 0 {
            return Ok(());
        }
        // The head of the chain is locked, so nobody else comes in between.
        let first = (
            platforms::platform.eq(platform),
            platforms::webhooks.eq(webhooks),
            platforms::routing.eq(rerouted),
        );
        diesel::insert_into(platforms::table)
            .values(first)
            .execute(self)
            .map(drop)
    }

    /// Reads the head of the chain and keeps others from writing until the transaction ends.
    pub(crate) fn lock_chain_head(&mut self) -> QueryResult<HeadRow> {
        let columns = (
            audit_chain::position,
            audit_chain::mac,
            audit_chain::sealed_under,
            audit_chain::oldest_level,
            audit_chain::newest_id,
        );
        let head = audit_chain::table.find(1).select(columns);
        match self {
            Self::Sqlite(sqlite) => head.get_result(sqlite),
            Self::Postgres(postgres) => head.for_no_key_update().get_result(postgres),
        }
    }

    /// How far audit records were read for signing keys. On PostgreSQL nobody else reads on until the transaction ends.
    pub(crate) fn lock_key_reading(&mut self) -> QueryResult<i64> {
        let position = key_reading::table.find(1).select(key_reading::position);
        match self {
            Self::Sqlite(sqlite) => position.get_result(sqlite),
            Self::Postgres(postgres) => position.for_no_key_update().get_result(postgres),
        }
    }

    /// Notes what there is to say of keys. What has ended stays ended, whatever is said later.
    pub(crate) fn note_keys(&mut self, keys: &[KnownKeyRow]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::note_keys(sqlite, keys),
            Self::Postgres(postgres) => postgres::note_keys(postgres, keys),
        }
    }

    /// Writes audit records, the head that they lead to, and what has changed in rings. On PostgreSQL that is one statement
    /// and so one round trip, during which all other processes wait for the head.
    pub(crate) fn save_chain(
        &mut self,
        rings: &[RingColumns],
        records: &[AuditRow],
        head: &NewHeadRow,
    ) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => {
                sqlite::update_rings(sqlite, rings)?;
                sqlite::insert_audit_records(sqlite, records)?;
                sqlite::save_chain_head(sqlite, head)
            }
            Self::Postgres(postgres) => postgres::save_chain(postgres, rings, records, head),
        }
    }

    /// Up to `limit` records from the one at `start` on back along its resource's trail; of one action, if one is named.
    pub(crate) fn audit_trail(
        &mut self,
        start: i64,
        action: Option<&str>,
        limit: u32,
    ) -> QueryResult<Vec<AuditRow>> {
        let marks = match self {
            Self::Sqlite(_) => ["?", "?", "?", "?"],
            Self::Postgres(_) => ["$1", "$2", "$3", "$4"],
        };
        let [from, any, named, count] = marks;
        // Both databases follow the trail no further than the limit asks for.
        let text = format!(
            "WITH RECURSIVE trail AS (SELECT * FROM audit_records WHERE position = {from} UNION ALL \
             SELECT older.* FROM audit_records older JOIN trail ON older.position = trail.previous) \
             SELECT * FROM trail WHERE {any} OR action = {named} LIMIT {count}"
        );
        sql_query(text)
            .bind::<BigInt, _>(start)
            .bind::<Bool, _>(action.is_none())
            .bind::<Text, _>(action.unwrap_or_default())
            .bind::<BigInt, _>(i64::from(limit))
            .load(self)
    }

    pub(crate) fn insert_answers(&mut self, rows: &[AnswerRow]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::insert_answers(sqlite, rows),
            Self::Postgres(postgres) => postgres::insert_answers(postgres, rows),
        }
    }

    /// Deletes answers that were kept for long enough, to make room for new ones to the same keys.
    pub(crate) fn delete_answer(&mut self, slot: &[u8]) -> QueryResult<()> {
        diesel::delete(idempotent_answers::table.find(slot))
            .execute(self)
            .map(drop)
    }
}
