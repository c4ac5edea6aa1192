//! Whether the database does what requests need of it: a sample of each way that they take.
//!
//! A request asks for its API key, reads through the pool, and writes through the writer; on PostgreSQL each has a connection of
//! its own, and a server that is short of them may give one and not the other. The write is committed: where the disk is full,
//! only a commit fails. It changes one small row. Where little room is left it is as large as a roll's, so that it
//! does not fit where a roll would not.
//!
//! It also finds out whether a newer release has migrated the database so that this one must not go on. The process is then not ready,
//! commits nothing more, and lets its lease to deliver end.

use std::path::Path;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;
use webhook_domain::StoreError;
use webhook_domain::id::ApiKeyId;
use webhook_domain::time::Instant;

use crate::database::connection::AnyConnection;
use crate::database::levels;
use crate::database::schema::audit_chain;
use crate::engine::failure::Failure;
use crate::{DatabaseUrl, DieselStore, SystemEntropy};

/// With less room than this, in bytes, the write is a large one.
const LITTLE_ROOM: u64 = 4 << 20;
/// How large, in bytes: sixteen pages of SQLite's.
const LARGE_WRITE: i64 = 64 << 10;

impl DieselStore {
    /// Tries each way that requests take.
    pub(crate) async fn sample(&self) -> Result<(), StoreError> {
        let no_key = ApiKeyId::generate(Instant::from_milliseconds(0), &SystemEntropy::new())
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        self.api_keys.ask(no_key).await?;
        let oldest_level = self.readers.run(read).await?;
        // What is not there is told by whoever needs it.
        let admitted = oldest_level.map_or(Ok(()), levels::admit);
        self.delivering.supersede(admitted.is_err());
        admitted.map_err(|error| StoreError::Unavailable(error.into()))?;
        let filler = match &self.url {
            DatabaseUrl::Sqlite(path) if has_little_room(path) => LARGE_WRITE,
            _ => 0,
        };
        self.writer
            .alone(move |connection| write(connection, filler).map_err(Failure::Before))
            .await
    }
}

/// Gives the oldest level that may run on the schema.
fn read(connection: &mut AnyConnection) -> Result<Option<i64>, StoreError> {
    audit_chain::table
        .find(1)
        .select(audit_chain::oldest_level)
        .get_result(connection)
        .optional()
        .map_err(|error| StoreError::Unavailable(error.into()))
}

fn write(connection: &mut AnyConnection, filler: i64) -> QueryResult<()> {
    connection.admits_writing()?;
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            sql_query("UPDATE store_samples SET count = count + 1, filler = zeroblob(?)")
                .bind::<BigInt, _>(filler)
                .execute(sqlite)
        }
        // Another process that writes the row at this moment, or is frozen while it does, is not waited for.
        AnyConnection::Postgres(postgres) => sql_query(
            "UPDATE store_samples SET count = count + 1 \
             WHERE id IN (SELECT id FROM store_samples FOR UPDATE SKIP LOCKED)",
        )
        .execute(postgres),
    }
    .map(drop)
}

/// Whether the file system of `database` is nearly full. One that cannot say has room.
fn has_little_room(database: &Path) -> bool {
    rustix::fs::statvfs(database).is_ok_and(|room| room.f_bavail.saturating_mul(room.f_frsize) < LITTLE_ROOM)
}
