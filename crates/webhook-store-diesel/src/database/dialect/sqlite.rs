//! SQLite: a prepared statement per row.

use std::sync::OnceLock;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::sqlite::query_builder::SqliteQueryBuilder;
use diesel::sqlite::{Sqlite, SqliteConnection};

use crate::answers::row::AnswerRow;
use crate::api_keys::row::ApiKeyRow;
use crate::audit::head::NewHeadRow;
use crate::audit::row::AuditRow;
use crate::database::dialect::RoutingRow;
use crate::database::schema::{api_keys, fan_out_heads, idempotent_answers, platforms, webhooks};
use crate::lanes::held_up::IsHeldUp;
use crate::webhooks::key_counts::KeyCountChange;
use crate::webhooks::known_keys::KnownKeyRow;
use crate::webhooks::roll_due_row::RollDueColumns;
use crate::webhooks::row::{ExpiryColumns, RingColumns, UpdatedColumns, WebhookRow};

/// The rows with these ids, and whether their queues are held up. The transaction holds the only write lock there is, so they
/// need none of their own.
pub(super) fn lock_webhooks(
    connection: &mut SqliteConnection,
    ids: &[String],
) -> QueryResult<Vec<(WebhookRow, bool)>> {
    each_found(ids, |id| FindWebhook(id).get_result(connection).optional())
}

pub(super) fn load_answers(
    connection: &mut SqliteConnection,
    slots: &[Vec<u8>],
) -> QueryResult<Vec<AnswerRow>> {
    each_found(slots, |slot| FindAnswer(slot).get_result(connection).optional())
}

pub(super) fn load_api_keys(
    connection: &mut SqliteConnection,
    ids: &[String],
) -> QueryResult<Vec<ApiKeyRow>> {
    each_found(ids, |id| FindApiKey(id).get_result(connection).optional())
}

pub(super) fn load_routing(
    connection: &mut SqliteConnection,
    platforms: &[String],
) -> QueryResult<Vec<RoutingRow>> {
    each_found(platforms, |platform| {
        FindRouting(platform).get_result(connection).optional()
    })
}

/// One row for each key that has one. `find` asks by `get_result` and not by `first`: the latter binds a limit, and SQLite prepares a
/// statement with one anew at each execution.
fn each_found<K, R>(keys: &[K], mut find: impl FnMut(&K) -> QueryResult<Option<R>>) -> QueryResult<Vec<R>> {
    let mut rows = Vec::with_capacity(keys.len());
    for key in keys {
        rows.extend(find(key)?);
    }
    Ok(rows)
}

/// Declares a statement whose text is fixed, so that it is prepared once: diesel prepares an UPDATE anew at
/// every call, and an INSERT too where a value may be null. Before each bind stands the text that leads to it.
macro_rules! row_statement {
    ($name:ident of $row:ty { $($before:literal $($field:ident).+: $sql_type:ty,)* } $after:literal) => {
        struct $name<'a>(&'a $row);

        impl QueryFragment<Sqlite> for $name<'_> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                $(
                    out.push_sql($before);
                    out.push_bind_param::<$sql_type, _>(&self.0.$($field).+)?;
                )*
                out.push_sql($after);
                Ok(())
            }
        }

        impl QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl RunQueryDsl<SqliteConnection> for $name<'_> {}
    };
}

/// Declares a query for one row after another, whose text is made once: what is selected as diesel writes it, then, as in
/// `row_statement`, the text before each bind. diesel goes through all columns of a query of its own twice at every call, even where it
/// has the statement prepared.
macro_rules! row_query {
    ($name:ident($row:ident: $row_type:ty) -> $selected:ty, $select:expr, {
        $($before:literal $bind:expr => $sql_type:ty,)*
    } $after:literal) => {
        struct $name<'a>(&'a $row_type);

        impl QueryFragment<Sqlite> for $name<'_> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                static SELECTED: OnceLock<String> = OnceLock::new();
                let $row = self.0;
                out.push_sql($crate::database::dialect::sqlite::text_once::<_, $selected>(&SELECTED, || $select)?);
                $(
                    out.push_sql($before);
                    out.push_bind_param::<$sql_type, _>($bind)?;
                )*
                out.push_sql($after);
                Ok(())
            }
        }

        impl QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl Query for $name<'_> {
            type SqlType = $selected;
        }

        impl RunQueryDsl<SqliteConnection> for $name<'_> {}
    };
}

/// The text of a query without binds that selects `S`, made at the first call.
fn text_once<Q, S>(text: &'static OnceLock<String>, query: impl FnOnce() -> Q) -> QueryResult<&'static str>
where
    Q: QueryFragment<Sqlite> + Query<SqlType = S>,
{
    if let Some(text) = text.get() {
        return Ok(text);
    }
    let mut builder = SqliteQueryBuilder::new();
    query().to_sql(&mut builder, &Sqlite)?;
    let made = builder.finish();
    debug_assert!(!made.contains('?'), "its binds would be lost: {made}");
    Ok(text.get_or_init(|| made))
}

pub(super) mod lanes;
pub(super) mod pending;
pub(super) mod rotations;

row_query! {
    FindWebhook(id: str) -> (webhooks::SqlType, Bool), webhooks::table.select((webhooks::all_columns, IsHeldUp)), {
        " WHERE webhooks.id = " id => Text,
    } ""
}

row_query! {
    FindAnswer(slot: [u8]) -> idempotent_answers::SqlType, idempotent_answers::table.select(idempotent_answers::all_columns), {
        " WHERE slot = " slot => Binary,
    } ""
}

row_query! {
    FindApiKey(id: str) -> api_keys::SqlType, api_keys::table.select(api_keys::all_columns), {
        " WHERE id = " id => Text,
    } ""
}

row_query! {
    FindRouting(platform: str) -> (Text, BigInt, Nullable<BigInt>),
    platforms::table
        .left_join(fan_out_heads::table.on(fan_out_heads::platform.eq(platforms::platform)))
        .select((platforms::platform, platforms::routing, fan_out_heads::chunks.nullable())), {
        " WHERE platforms.platform = " platform => Text,
    } ""
}

row_statement! {
    UpdateRing of RingColumns {
        "UPDATE webhooks SET key_ring = " key_ring: Binary,
        ", version = " version: BigInt,
        ", last_audit = " last_audit: Nullable<BigInt>,
        ", updated_at = " updated.after: BigInt,
        " WHERE id = " id: Text,
    } ""
}

row_statement! {
    MoveUpdate of UpdatedColumns {
        "UPDATE webhook_updates SET updated_at = " after: BigInt,
        " WHERE platform = " platform: Text,
        " AND updated_at = " before: BigInt,
        " AND webhook_id = " webhook_id: Text,
    } ""
}

row_statement! {
    InsertAuditRecord of AuditRow {
        "INSERT INTO audit_records (position, id, platform, at, credential, request_id, action, resource_id, details, \
         previous, mac) VALUES ("
            position: BigInt,
        ", " id: Text,
        ", " platform: Text,
        ", " at: BigInt,
        ", " credential: Text,
        ", " request_id: Text,
        ", " action: Text,
        ", " resource_id: Text,
        ", " details: Text,
        ", " previous: Nullable<BigInt>,
        ", " mac: Binary,
    } ")"
}

row_statement! {
    SaveChainHead of NewHeadRow {
        "UPDATE audit_chain SET position = " position: BigInt,
        ", mac = " mac: Binary,
        ", seal = " seal: Binary,
        ", newest_id = " newest_id: Text,
    } " WHERE id = 1"
}

row_statement! {
    InsertAnswer of AnswerRow {
        "INSERT INTO idempotent_answers (slot, fingerprint, answer, stored_at) VALUES (" slot: Binary,
        ", " fingerprint: Binary,
        ", " answer: Binary,
        ", " stored_at: BigInt,
    } ")"
}

row_statement! {
    DeleteExpiry of ExpiryColumns {
        "DELETE FROM key_expiries WHERE expires_at = " before: Nullable<BigInt>,
        " AND webhook_id = " webhook_id: Text,
    } ""
}

row_statement! {
    InsertExpiry of ExpiryColumns {
        "INSERT INTO key_expiries (expires_at, webhook_id, platform, is_adopted) VALUES (" after: Nullable<BigInt>,
        ", " webhook_id: Text,
        ", " platform: Text,
        ", " is_adopted: Bool,
    } ")"
}

row_statement! {
    DeleteRollDue of RollDueColumns {
        "DELETE FROM roll_dues WHERE webhook_id = " webhook_id: Text,
    } ""
}

row_statement! {
    UpsertRollDue of RollDueColumns {
        "INSERT INTO roll_dues (webhook_id, platform, due_at, counted_from, since, is_done) VALUES (" webhook_id: Text,
        ", " platform: Text,
        ", " due_at: Nullable<BigInt>,
        ", " counted_from: BigInt,
        ", " since: BigInt,
        ", " is_done: Bool,
    } ") ON CONFLICT (webhook_id) DO UPDATE SET due_at = excluded.due_at, counted_from = excluded.counted_from, \
      since = excluded.since, is_done = excluded.is_done"
}

row_statement! {
    ChangeKeyCount of KeyCountChange {
        "INSERT INTO key_counts (state, made_at, keys) VALUES (" state: Text,
        ", " made_at: BigInt,
        ", " by: BigInt,
    } ") ON CONFLICT (state, made_at) DO UPDATE SET keys = keys + excluded.keys"
}

pub(super) fn change_key_counts(
    connection: &mut SqliteConnection,
    changes: &[KeyCountChange],
) -> QueryResult<()> {
    changes
        .iter()
        .try_for_each(|change| ChangeKeyCount(change).execute(connection).map(drop))
}

pub(super) fn note_roll_dues(connection: &mut SqliteConnection, noted: &[RollDueColumns]) -> QueryResult<()> {
    noted.iter().try_for_each(|row| match row.due_at {
        None => DeleteRollDue(row).execute(connection).map(drop),
        Some(_) => UpsertRollDue(row).execute(connection).map(drop),
    })
}

pub(super) fn move_expiries(connection: &mut SqliteConnection, moved: &[ExpiryColumns]) -> QueryResult<()> {
    for row in moved {
        if row.before.is_some() {
            DeleteExpiry(row).execute(connection)?;
        }
        if row.after.is_some() {
            InsertExpiry(row).execute(connection)?;
        }
    }
    Ok(())
}

pub(super) fn update_rings(connection: &mut SqliteConnection, rings: &[RingColumns]) -> QueryResult<()> {
    for ring in rings {
        UpdateRing(ring).execute(connection)?;
        MoveUpdate(&ring.updated).execute(connection)?;
    }
    Ok(())
}

row_statement! {
    NoteKey of KnownKeyRow {
        "INSERT INTO signing_keys (platform, fingerprint, webhook_id, protocol, made_at, ended_at, last_position) VALUES ("
            platform: Text,
        ", " fingerprint: Text,
        ", " webhook_id: Text,
        ", " protocol: Nullable<Text>,
        ", " made_at: Nullable<BigInt>,
        ", " ended_at: Nullable<BigInt>,
        ", CASE WHEN " is_past: Bool,
    } " THEN (SELECT position FROM delivery_positions) END) ON CONFLICT DO UPDATE SET made_at = coalesce(made_at, excluded.made_at), \
       ended_at = CASE WHEN last_position IS NULL THEN excluded.ended_at ELSE ended_at END, \
       last_position = coalesce(last_position, excluded.last_position)"
}

pub(super) fn note_keys(connection: &mut SqliteConnection, keys: &[KnownKeyRow]) -> QueryResult<()> {
    keys.iter()
        .try_for_each(|key| NoteKey(key).execute(connection).map(drop))
}

pub(super) fn insert_audit_records(connection: &mut SqliteConnection, rows: &[AuditRow]) -> QueryResult<()> {
    rows.iter()
        .try_for_each(|row| InsertAuditRecord(row).execute(connection).map(drop))
}

pub(super) fn save_chain_head(connection: &mut SqliteConnection, head: &NewHeadRow) -> QueryResult<()> {
    SaveChainHead(head).execute(connection).map(drop)
}

pub(super) fn insert_answers(connection: &mut SqliteConnection, rows: &[AnswerRow]) -> QueryResult<()> {
    rows.iter()
        .try_for_each(|row| InsertAnswer(row).execute(connection).map(drop))
}
