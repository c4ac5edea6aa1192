//! PostgreSQL: a prepared statement per table, its rows in arrays.

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text};

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
use crate::webhooks::row::{ExpiryColumns, RingColumns, WebhookRow};

pub(super) fn lock_webhooks(
    connection: &mut PgConnection,
    ids: &[String],
) -> QueryResult<Vec<(WebhookRow, bool)>> {
    webhooks::table
        .select((webhooks::all_columns, IsHeldUp))
        .filter(webhooks::id.eq_any(ids))
        .order(webhooks::id)
        .for_no_key_update()
        .load(connection)
}

pub(super) fn lock_free_webhooks(
    connection: &mut PgConnection,
    ids: &[String],
) -> QueryResult<Vec<(WebhookRow, bool)>> {
    webhooks::table
        .select((webhooks::all_columns, IsHeldUp))
        .filter(webhooks::id.eq_any(ids))
        .order(webhooks::id)
        .for_no_key_update()
        .skip_locked()
        .load(connection)
}

pub(super) fn load_answers(connection: &mut PgConnection, slots: &[Vec<u8>]) -> QueryResult<Vec<AnswerRow>> {
    idempotent_answers::table
        .filter(idempotent_answers::slot.eq_any(slots))
        .load(connection)
}

pub(super) fn load_api_keys(connection: &mut PgConnection, ids: &[String]) -> QueryResult<Vec<ApiKeyRow>> {
    api_keys::table.filter(api_keys::id.eq_any(ids)).load(connection)
}

pub(super) fn load_routing(
    connection: &mut PgConnection,
    platforms: &[String],
) -> QueryResult<Vec<RoutingRow>> {
    platforms::table
        .left_join(fan_out_heads::table.on(fan_out_heads::platform.eq(platforms::platform)))
        .filter(platforms::platform.eq_any(platforms))
        .select((
            platforms::platform,
            platforms::routing,
            fan_out_heads::chunks.nullable(),
        ))
        .load(connection)
}

/// Declares a statement whose text is fixed and whose binds are arrays, one element a row.
macro_rules! array_statement {
    (
        $(#[$doc:meta])*
        $name:ident from $row:ty { $($field:ident: $sql_type:ty => $rust_type:ty = $read:expr,)* }
        $before:literal $after:literal
    ) => {
        $(#[$doc])*
        struct $name<'a> {
            $($field: Vec<$rust_type>,)*
        }

        impl<'a> $name<'a> {
            fn of(rows: &'a [$row]) -> Self {
                $(let $field: fn(&'a $row) -> $rust_type = $read;)*
                Self { $($field: rows.iter().map($field).collect(),)* }
            }
        }

        impl QueryFragment<Pg> for $name<'_> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                out.push_sql($before);
                let mut separator = "";
                $(
                    out.push_sql(separator);
                    separator = ", ";
                    out.push_bind_param::<Array<$sql_type>, _>(&self.$field)?;
                )*
                let _ = separator;
                out.push_sql($after);
                Ok(())
            }
        }

        impl QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl RunQueryDsl<PgConnection> for $name<'_> {}
    };
}

pub(super) mod lanes;
pub(super) mod pending;
pub(super) mod rotations;
pub(super) mod waiting;

array_statement! {
    UpdateRings from RingColumns {
        id: Text => &'a str = |row| &row.id,
        key_ring: Binary => &'a [u8] = |row| &row.key_ring,
        updated_at: BigInt => i64 = |row| row.updated.after,
        version: BigInt => i64 = |row| row.version,
        last_audit: Nullable<BigInt> => Option<i64> = |row| row.last_audit,
    }
    "UPDATE webhooks SET key_ring = n.key_ring, \
     updated_at = n.updated_at, version = n.version, last_audit = n.last_audit FROM unnest("
    ") AS n (id, key_ring, updated_at, version, last_audit) WHERE webhooks.id = n.id"
}

array_statement! {
    MoveUpdates from RingColumns {
        platform: Text => &'a str = |row| &row.updated.platform,
        webhook_id: Text => &'a str = |row| &row.updated.webhook_id,
        before: BigInt => i64 = |row| row.updated.before,
        after: BigInt => i64 = |row| row.updated.after,
    }
    "UPDATE webhook_updates SET updated_at = n.after FROM unnest("
    ") AS n (platform, webhook_id, before, after) WHERE webhook_updates.platform = n.platform \
     AND webhook_updates.updated_at = n.before AND webhook_updates.webhook_id = n.webhook_id AND n.before <> n.after"
}

array_statement! {
    InsertAuditRecords from AuditRow {
        position: BigInt => i64 = |row| row.position,
        id: Text => &'a str = |row| &row.id,
        platform: Text => &'a str = |row| &row.platform,
        at: BigInt => i64 = |row| row.at,
        credential: Text => &'a str = |row| &row.credential,
        request_id: Text => &'a str = |row| &row.request_id,
        action: Text => &'a str = |row| &row.action,
        resource_id: Text => &'a str = |row| &row.resource_id,
        details: Text => &'a str = |row| &row.details,
        previous: Nullable<BigInt> => Option<i64> = |row| row.previous,
        mac: Binary => &'a [u8] = |row| &row.mac,
    }
    "INSERT INTO audit_records (position, id, platform, at, credential, request_id, action, resource_id, details, \
     previous, mac) SELECT * FROM unnest("
    ")"
}

array_statement! {
    SaveChainHead from NewHeadRow {
        position: BigInt => i64 = |row| row.position,
        mac: Binary => &'a [u8] = |row| &row.mac,
        seal: Binary => &'a [u8] = |row| &row.seal,
        newest_id: Text => &'a str = |row| &row.newest_id,
    }
    "UPDATE audit_chain SET position = n.position, mac = n.mac, seal = n.seal, newest_id = n.newest_id FROM unnest("
    ") AS n (position, mac, seal, newest_id) WHERE id = 1"
}

array_statement! {
    InsertAnswers from AnswerRow {
        slot: Binary => &'a [u8] = |row| &row.slot,
        fingerprint: Binary => &'a [u8] = |row| &row.fingerprint,
        answer: Binary => &'a [u8] = |row| &row.answer,
        stored_at: BigInt => i64 = |row| row.stored_at,
    }
    "INSERT INTO idempotent_answers (slot, fingerprint, answer, stored_at) SELECT * FROM unnest("
    ")"
}

array_statement! {
    DeleteExpiries from ExpiryColumns {
        expires_at: Nullable<BigInt> => Option<i64> = |row| row.before,
        webhook_id: Text => &'a str = |row| &row.webhook_id,
    }
    "DELETE FROM key_expiries USING unnest("
    ") AS n (expires_at, webhook_id) WHERE key_expiries.expires_at = n.expires_at \
     AND key_expiries.webhook_id = n.webhook_id"
}

array_statement! {
    InsertExpiries from ExpiryColumns {
        expires_at: Nullable<BigInt> => Option<i64> = |row| row.after,
        webhook_id: Text => &'a str = |row| &row.webhook_id,
        platform: Text => &'a str = |row| &row.platform,
        is_adopted: Bool => bool = |row| row.is_adopted,
    }
    "INSERT INTO key_expiries (expires_at, webhook_id, platform, is_adopted) SELECT * FROM unnest("
    ") AS n (expires_at, webhook_id, platform, is_adopted) WHERE expires_at IS NOT NULL"
}

array_statement! {
    DeleteRollDues from RollDueColumns {
        webhook_id: Text => &'a str = |row| &row.webhook_id,
        due_at: Nullable<BigInt> => Option<i64> = |row| row.due_at,
    }
    "DELETE FROM roll_dues USING unnest("
    ") AS n (webhook_id, due_at) WHERE roll_dues.webhook_id = n.webhook_id AND n.due_at IS NULL"
}

array_statement! {
    UpsertRollDues from RollDueColumns {
        webhook_id: Text => &'a str = |row| &row.webhook_id,
        platform: Text => &'a str = |row| &row.platform,
        due_at: Nullable<BigInt> => Option<i64> = |row| row.due_at,
        counted_from: BigInt => i64 = |row| row.counted_from,
        since: BigInt => i64 = |row| row.since,
        is_done: Bool => bool = |row| row.is_done,
    }
    "INSERT INTO roll_dues (webhook_id, platform, due_at, counted_from, since, is_done) SELECT * FROM unnest("
    ") AS n (webhook_id, platform, due_at, counted_from, since, is_done) WHERE due_at IS NOT NULL \
     ON CONFLICT (webhook_id) DO UPDATE SET due_at = excluded.due_at, counted_from = excluded.counted_from, \
     since = excluded.since, is_done = excluded.is_done"
}

array_statement! {
    ChangeKeyCounts from KeyCountChange {
        state: Text => &'a str = |row| row.state,
        made_at: BigInt => i64 = |row| row.made_at,
        keys: BigInt => i64 = |row| row.by,
    }
    "INSERT INTO key_counts (state, made_at, keys) SELECT * FROM unnest("
    ") ON CONFLICT (state, made_at) DO UPDATE SET keys = key_counts.keys + excluded.keys"
}

pub(super) fn change_key_counts(
    connection: &mut PgConnection,
    changes: &[KeyCountChange],
) -> QueryResult<()> {
    ChangeKeyCounts::of(changes).execute(connection).map(drop)
}

pub(super) fn note_roll_dues(connection: &mut PgConnection, noted: &[RollDueColumns]) -> QueryResult<()> {
    if noted.iter().any(|row| row.due_at.is_none()) {
        DeleteRollDues::of(noted).execute(connection)?;
    }
    if noted.iter().any(|row| row.due_at.is_some()) {
        UpsertRollDues::of(noted).execute(connection)?;
    }
    Ok(())
}

pub(super) fn move_expiries(connection: &mut PgConnection, moved: &[ExpiryColumns]) -> QueryResult<()> {
    if moved.iter().any(|row| row.before.is_some()) {
        DeleteExpiries::of(moved).execute(connection)?;
    }
    if moved.iter().any(|row| row.after.is_some()) {
        InsertExpiries::of(moved).execute(connection)?;
    }
    Ok(())
}

pub(super) fn update_rings(connection: &mut PgConnection, rings: &[RingColumns]) -> QueryResult<()> {
    UpdateRings::of(rings).execute(connection)?;
    MoveUpdates::of(rings).execute(connection).map(drop)
}

array_statement! {
    /// A key that is in no ring any more is known to be in no delivery behind the last position of this moment.
    NoteKeys from KnownKeyRow {
        platform: Text => &'a str = |row| &row.platform,
        fingerprint: Text => &'a str = |row| &row.fingerprint,
        webhook_id: Text => &'a str = |row| &row.webhook_id,
        protocol: Nullable<Text> => Option<&'a str> = |row| row.protocol.as_deref(),
        made_at: Nullable<BigInt> => Option<i64> = |row| row.made_at,
        ended_at: Nullable<BigInt> => Option<i64> = |row| row.ended_at,
        is_past: Bool => bool = |row| row.is_past,
    }
    "INSERT INTO signing_keys (platform, fingerprint, webhook_id, protocol, made_at, ended_at, last_position) \
     SELECT platform, fingerprint, webhook_id, protocol, made_at, ended_at, \
     CASE WHEN is_past THEN (SELECT last_value FROM delivery_positions) END FROM unnest("
    ") AS n (platform, fingerprint, webhook_id, protocol, made_at, ended_at, is_past) \
     ON CONFLICT (platform, fingerprint, webhook_id) DO UPDATE SET made_at = coalesce(signing_keys.made_at, excluded.made_at), \
     ended_at = CASE WHEN signing_keys.last_position IS NULL THEN excluded.ended_at ELSE signing_keys.ended_at END, \
     last_position = coalesce(signing_keys.last_position, excluded.last_position)"
}

pub(super) fn note_keys(connection: &mut PgConnection, keys: &[KnownKeyRow]) -> QueryResult<()> {
    NoteKeys::of(keys).execute(connection).map(drop)
}

/// All that a group of rolls writes, in one statement: its parts touch different tables, and run in any order.
struct SaveChain<'a> {
    rings: UpdateRings<'a>,
    updates: MoveUpdates<'a>,
    records: InsertAuditRecords<'a>,
    head: SaveChainHead<'a>,
}

impl QueryFragment<Pg> for SaveChain<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH rings AS (");
        self.rings.walk_ast(out.reborrow())?;
        out.push_sql("), updates AS (");
        self.updates.walk_ast(out.reborrow())?;
        out.push_sql("), records AS (");
        self.records.walk_ast(out.reborrow())?;
        out.push_sql(") ");
        self.head.walk_ast(out)
    }
}

impl QueryId for SaveChain<'_> {
    type QueryId = SaveChain<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for SaveChain<'_> {}

pub(super) fn save_chain(
    connection: &mut PgConnection,
    rings: &[RingColumns],
    records: &[AuditRow],
    head: &NewHeadRow,
) -> QueryResult<()> {
    let save = SaveChain {
        rings: UpdateRings::of(rings),
        updates: MoveUpdates::of(rings),
        records: InsertAuditRecords::of(records),
        head: SaveChainHead::of(std::slice::from_ref(head)),
    };
    save.execute(connection).map(drop)
}

pub(super) fn insert_answers(connection: &mut PgConnection, rows: &[AnswerRow]) -> QueryResult<()> {
    InsertAnswers::of(rows).execute(connection).map(drop)
}
