//! Who waits for whom: locks of lanes, and what a commit waits for.

use std::collections::HashSet;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::postgres;
use crate::database::connection::AnyConnection;
use crate::database::schema::lanes;

/// A lane that is locked.
#[derive(Debug, PartialEq, Eq, QueryableByName)]
pub(crate) struct LockedLaneRow {
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) platform: Option<String>,
    /// The transaction that has locked it.
    #[diesel(sql_type = Text)]
    pub(crate) locker: String,
}

impl AnyConnection {
    /// Those of these lanes that somebody else keeps locked at this moment. It locks the others. Nobody keeps a lane of a
    /// file locked.
    pub(crate) fn held_lanes(&mut self, webhooks: &[String]) -> QueryResult<Vec<String>> {
        let Self::Postgres(postgres) = self else {
            return Ok(Vec::new());
        };
        let free: HashSet<String> = HashSet::from_iter(
            lanes::table
                .filter(lanes::webhook_id.eq_any(webhooks))
                .select(lanes::webhook_id)
                .for_no_key_update()
                .skip_locked()
                .load(postgres)?,
        );
        let others = webhooks.iter().filter(|webhook| !free.contains(*webhook));
        lanes::table
            .filter(lanes::webhook_id.eq_any(others))
            .select(lanes::webhook_id)
            .load(postgres)
    }

    /// The same outside of a transaction. It keeps no lock, and waits for no disk, nor for a file that somebody else writes.
    pub(crate) fn look_for_held_lanes(&mut self, webhooks: &[String]) -> QueryResult<Vec<String>> {
        if matches!(self, Self::Sqlite(_)) {
            return Ok(Vec::new());
        }
        self.begin()?;
        let held = self.held_lanes(webhooks);
        self.rollback()?;
        held
    }

    /// Those of these lanes that are locked at this moment: by whom, and whose they are. Reads, and waits for nobody. It does not find all: not what
    /// several share, what was locked under a savepoint that was released, nor what is locked with the whole table. Nobody keeps a lane of a file locked.
    pub(crate) fn locked_lanes(&mut self, webhooks: &[String]) -> QueryResult<Vec<LockedLaneRow>> {
        match self {
            Self::Sqlite(_) => Ok(Vec::new()),
            Self::Postgres(postgres) => postgres::waiting::locked(postgres, webhooks),
        }
    }

    /// Whether somebody waits for what this transaction has locked. On SQLite others wait for the file.
    pub(crate) fn is_waited_for(&mut self) -> QueryResult<bool> {
        match self {
            Self::Sqlite(_) => Ok(false),
            Self::Postgres(postgres) => postgres::waiting::is_waited_for(postgres),
        }
    }

    /// Has this transaction let go of what it has locked when it is committed, before that is on disk, where others could wait for it. Whatever
    /// depends on it must wait for a [flush](Self::flush). For transactions that publish or record turns, with what that takes, and change nothing else:
    /// whoever reads a lane in order to send knows of it.
    pub(crate) fn commit_early(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => postgres::waiting::commit_early(postgres),
        }
    }

    /// Waits until all that is committed is on disk. On SQLite it is.
    pub(crate) fn flush(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => postgres::waiting::flush(postgres),
        }
    }

    /// Has this transaction wait for each lock no longer than so, where transactions wait for locks.
    pub(crate) fn wait_at_most(&mut self, long: Duration) -> QueryResult<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => {
                postgres.batch_execute(&format!("SET LOCAL lock_timeout = {}", long.as_millis()))
            }
        }
    }
}
