//! The numbers of deliveries that wait, which quotas are judged by.

use diesel::QueryResult;
use diesel::prelude::*;

use super::{postgres, sqlite};
use crate::database::connection::AnyConnection;
use crate::database::schema::pending_counts;
use crate::events::pending::PendingCountRow;

impl AnyConnection {
    /// The numbers of these platforms that there are, kept from others until the transaction ends; locked in the order of the platforms.
    pub(crate) fn lock_pending_counts(&mut self, platforms: &[&str]) -> QueryResult<Vec<PendingCountRow>> {
        match self {
            Self::Sqlite(sqlite) => sqlite::pending::load(sqlite, platforms),
            Self::Postgres(postgres) => pending_counts::table
                .filter(pending_counts::platform.eq_any(platforms))
                .order(pending_counts::platform)
                .for_no_key_update()
                .load(postgres),
        }
    }

    /// Makes the numbers of platforms that have none, unless another process does it first.
    pub(crate) fn make_pending_counts(&mut self, platforms: &[&str]) -> QueryResult<()> {
        for platform in platforms {
            let row = (
                pending_counts::platform.eq(platform),
                pending_counts::pending.eq(0),
            );
            match self {
                Self::Sqlite(sqlite) => diesel::insert_into(pending_counts::table)
                    .values(row)
                    .on_conflict_do_nothing()
                    .execute(sqlite),
                Self::Postgres(postgres) => diesel::insert_into(pending_counts::table)
                    .values(row)
                    .on_conflict_do_nothing()
                    .execute(postgres),
            }?;
        }
        Ok(())
    }

    pub(crate) fn save_pending_counts(&mut self, changed: &[PendingCountRow]) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite::pending::save(sqlite, changed),
            Self::Postgres(postgres) => postgres::pending::save(postgres, changed),
        }
    }
}
