//! What rotations do not do alike on the two databases.

use diesel::QueryResult;
use diesel::prelude::*;

use super::{postgres, sqlite};
use crate::database::connection::AnyConnection;
use crate::database::schema::rotations;
use crate::rotations::row::{NewRotationWebhook, RotationRow, SettledColumns};

impl AnyConnection {
    /// The rotation with this id, which nobody else changes until the transaction ends.
    pub(crate) fn lock_rotation(&mut self, id: &str) -> QueryResult<Option<RotationRow>> {
        let found = rotations::table.find(id);
        match self {
            Self::Sqlite(sqlite) => found.get_result(sqlite).optional(),
            Self::Postgres(postgres) => found.for_no_key_update().get_result(postgres).optional(),
        }
    }

    pub(crate) fn insert_rotation(&mut self, row: &RotationRow) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => diesel::insert_into(rotations::table).values(row).execute(sqlite),
            Self::Postgres(postgres) => diesel::insert_into(rotations::table)
                .values(row)
                .execute(postgres),
        }
        .map(drop)
    }

    /// Writes all of a rotation's row, and says whether there is one.
    pub(crate) fn save_rotation(&mut self, row: &RotationRow) -> QueryResult<usize> {
        let target = rotations::table.find(&row.id);
        match self {
            Self::Sqlite(sqlite) => diesel::update(target).set(row).execute(sqlite),
            Self::Postgres(postgres) => diesel::update(target).set(row).execute(postgres),
        }
    }

    pub(crate) fn insert_rotation_webhooks(&mut self, rows: &[NewRotationWebhook]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::rotations::insert_webhooks(sqlite, rows),
            Self::Postgres(postgres) => postgres::rotations::insert_webhooks(postgres, rows),
        }
    }

    pub(crate) fn settle_steps(&mut self, settled: &[SettledColumns]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::rotations::settle(sqlite, settled),
            Self::Postgres(postgres) => postgres::rotations::settle(postgres, settled),
        }
    }
}
