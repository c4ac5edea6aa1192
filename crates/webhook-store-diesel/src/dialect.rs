//! What the two databases do not do alike: locking rows, and reading and writing many at once.
//!
//! SQLite runs inside the process, so a statement per row costs little and each is prepared once. PostgreSQL
//! is a round trip away, so it gets one statement per table, its rows in arrays: the text of such a
//! statement is the same for any number of rows, so it too is prepared once.

mod postgres;
mod sqlite;

use diesel::QueryResult;
use diesel::prelude::*;

use crate::connection::AnyConnection;
use crate::rows::answer::AnswerRow;
use crate::rows::api_key::ApiKeyRow;
use crate::rows::audit::AuditRow;
use crate::rows::webhook::{RingColumns, WebhookRow};
use crate::schema::{idempotent_answers, webhooks};

/// What to do about rows that somebody else has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakenRows {
    /// Wait for them, as long as the database lets a statement wait.
    Await,
    /// Leave them out.
    Skip,
}

impl AnyConnection {
    /// Loads the webhooks with these ids and keeps others from changing them until the transaction ends.
    /// PostgreSQL locks them in the order of their ids, so that two processes cannot wait for each other.
    pub(crate) fn lock_webhooks(&mut self, ids: &[String], taken: TakenRows) -> QueryResult<Vec<WebhookRow>> {
        match self {
            Self::Sqlite(sqlite) => sqlite::load_webhooks(sqlite, ids),
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

    pub(crate) fn insert_webhook(&mut self, row: &WebhookRow) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => diesel::insert_into(webhooks::table).values(row).execute(sqlite),
            Self::Postgres(postgres) => diesel::insert_into(webhooks::table).values(row).execute(postgres),
        }
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

    pub(crate) fn insert_audit_records(&mut self, rows: &[AuditRow]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::insert_audit_records(sqlite, rows),
            Self::Postgres(postgres) => postgres::insert_audit_records(postgres, rows),
        }
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
