//! Sessions begin one after the other, in all processes: whoever begins one holds a lock until the transaction ends. Nothing else is locked
//! in such a transaction, so it waits for none that waits for it.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_query;
use webhook_domain::StoreError;
use webhook_domain::access::session::{IDLE, LONGEST, Session, SessionDigest};
use webhook_domain::ports::SessionStore;
use webhook_domain::time::{CLOCKS_APART, Instant};

use super::row::SessionRow;
use crate::DieselStore;
use crate::database::connection::AnyConnection;
use crate::database::row::{corrupt, unavailable};
use crate::database::schema::sessions;

/// The lock of whoever begins a session: "sessns" in ASCII.
const LOCK: i64 = 0x7365_7373_6e73;

#[async_trait]
impl SessionStore for DieselStore {
    async fn begin(&self, session: Session, most: u32) -> Result<(), StoreError> {
        let begin = move |connection: &mut AnyConnection| Ok(begin(connection, &session, most)?);
        self.writer.alone(begin).await
    }

    async fn find(&self, digest: SessionDigest) -> Result<Option<Session>, StoreError> {
        let read = move |connection: &mut AnyConnection| {
            let row: Option<SessionRow> = sessions::table
                .find(digest.0.as_slice())
                .select(SessionRow::as_select())
                .get_result(connection)
                .optional()
                .map_err(unavailable)?;
            row.map(SessionRow::decode).transpose().map_err(corrupt)
        };
        self.readers.run(read).await
    }

    async fn note_use(&self, digest: SessionDigest, at: Instant) -> Result<(), StoreError> {
        let note = move |connection: &mut AnyConnection| {
            let at = at.as_milliseconds();
            let used_earlier = sessions::table
                .find(digest.0.as_slice())
                .filter(sessions::used_at.lt(at));
            diesel::update(used_earlier)
                .set(sessions::used_at.eq(at))
                .execute(connection)?;
            Ok(())
        };
        self.writer.alone(note).await
    }

    async fn end(&self, digest: SessionDigest) -> Result<(), StoreError> {
        let end = move |connection: &mut AnyConnection| {
            diesel::delete(sessions::table.find(digest.0.as_slice())).execute(connection)?;
            Ok(())
        };
        self.writer.alone(end).await
    }

    async fn forget_ended(&self, now: Instant, limit: u32) -> Result<u32, StoreError> {
        let forget = move |connection: &mut AnyConnection| Ok(forget_ended(connection, now, limit)?);
        self.writer.alone(forget).await
    }
}

fn begin(connection: &mut AnyConnection, session: &Session, most: u32) -> QueryResult<()> {
    lock(connection)?;
    diesel::insert_into(sessions::table)
        .values(SessionRow::encode(session))
        .execute(connection)?;
    let newest_first: Vec<Vec<u8>> = sessions::table
        .filter(sessions::api_key_id.eq(session.api_key.id.to_string()))
        .order((sessions::began_at.desc(), sessions::digest.desc()))
        .select(sessions::digest)
        .load(connection)?;
    for beyond in newest_first.iter().skip(most as usize) {
        diesel::delete(sessions::table.find(beyond)).execute(connection)?;
    }
    Ok(())
}

/// Deletes what [`Session::is_open`] says has ended.
fn forget_ended(connection: &mut AnyConnection, now: Instant, limit: u32) -> QueryResult<u32> {
    let is_over = sessions::used_at
        .le(now.minus(IDLE).as_milliseconds())
        .or(sessions::began_at.le(now.minus(LONGEST).as_milliseconds()))
        .or(sessions::began_at.gt(now.plus(CLOCKS_APART).as_milliseconds()));
    let over: Vec<Vec<u8>> = sessions::table
        .filter(is_over)
        .select(sessions::digest)
        .limit(limit.into())
        .load(connection)?;
    let mut forgotten = 0;
    for digest in &over {
        // One that was used meanwhile was over all the same.
        forgotten += diesel::delete(sessions::table.find(digest)).execute(connection)?;
    }
    Ok(u32::try_from(forgotten).unwrap_or(u32::MAX))
}

/// Keeps others from beginning a session until the transaction ends. On SQLite, a transaction that writes is the only one.
fn lock(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        AnyConnection::Sqlite(_) => Ok(()),
        AnyConnection::Postgres(postgres) => sql_query(format!("SELECT pg_advisory_xact_lock({LOCK})"))
            .execute(postgres)
            .map(drop),
    }
}
