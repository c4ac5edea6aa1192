//! SQLite: a prepared statement per row.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::rows::answer::AnswerRow;
use crate::rows::api_key::ApiKeyRow;
use crate::rows::audit::AuditRow;
use crate::rows::webhook::{RingColumns, WebhookRow};
use crate::schema::{api_keys, audit_records, idempotent_answers, webhooks};

/// The rows with these ids. The transaction holds the only write lock there is, so they need none of their own.
pub(super) fn load_webhooks(
    connection: &mut SqliteConnection,
    ids: &[String],
) -> QueryResult<Vec<WebhookRow>> {
    each_found(ids, |id| webhooks::table.find(id).first(connection).optional())
}

pub(super) fn load_answers(
    connection: &mut SqliteConnection,
    slots: &[Vec<u8>],
) -> QueryResult<Vec<AnswerRow>> {
    each_found(slots, |slot| {
        idempotent_answers::table.find(slot).first(connection).optional()
    })
}

pub(super) fn load_api_keys(
    connection: &mut SqliteConnection,
    ids: &[String],
) -> QueryResult<Vec<ApiKeyRow>> {
    each_found(ids, |id| api_keys::table.find(id).first(connection).optional())
}

fn each_found<K, R>(keys: &[K], mut find: impl FnMut(&K) -> QueryResult<Option<R>>) -> QueryResult<Vec<R>> {
    let mut rows = Vec::with_capacity(keys.len());
    for key in keys {
        rows.extend(find(key)?);
    }
    Ok(rows)
}

pub(super) fn update_rings(connection: &mut SqliteConnection, rings: &[RingColumns]) -> QueryResult<()> {
    for ring in rings {
        diesel::update(webhooks::table.find(&ring.id))
            .set(ring)
            .execute(connection)?;
    }
    Ok(())
}

pub(super) fn insert_audit_records(connection: &mut SqliteConnection, rows: &[AuditRow]) -> QueryResult<()> {
    for row in rows {
        diesel::insert_into(audit_records::table)
            .values(row)
            .execute(connection)?;
    }
    Ok(())
}

pub(super) fn insert_answers(connection: &mut SqliteConnection, rows: &[AnswerRow]) -> QueryResult<()> {
    for row in rows {
        diesel::insert_into(idempotent_answers::table)
            .values(row)
            .execute(connection)?;
    }
    Ok(())
}
