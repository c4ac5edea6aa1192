//! A copy of SQLite's file.
//!
//! `VACUUM INTO` reads the whole database in one transaction and writes what it has seen into another file, without the pages that
//! are free. Others read and write meanwhile. SQLite's log cannot be written back as long as that transaction lasts, so it grows by
//! what is written meanwhile.

use std::path::Path;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use webhook_domain::ports::Pause;

use crate::DatabaseUrl;
use crate::backup::BackupError;
use crate::database::connection::AnyConnection;
use crate::database::identity;
use crate::database::mark::Mark;
use crate::database::opening::{OpenError, unreachable};
use crate::engine::failure::transact;
use crate::lanes;

/// Copies a database of SQLite's as of this instant into `to`, which must be an empty file, and is not synchronised. The copy has a mark of
/// its own, so that it is told from the database where it is put in its place by hand.
///
/// # Errors
/// When the database cannot be opened or read, or the copy not be written.
pub fn copy(database: &Path, to: &Path) -> Result<(), BackupError> {
    let url = DatabaseUrl::Sqlite(database.to_owned());
    let mut connection =
        AnyConnection::open_sqlite_to_look(database).map_err(|source| unreachable(&url, source))?;
    if let AnyConnection::Sqlite(sqlite) = &mut connection {
        sql_query("VACUUM INTO ?1")
            .bind::<Text, _>(to.to_string_lossy())
            .execute(sqlite)?;
        let mark = Mark::fresh(&[Mark::of(sqlite)?]).map_err(OpenError::File)?;
        let mut copy = AnyConnection::open_sqlite_as_it_is(to).map_err(|source| unreachable(&url, source))?;
        if let AnyConnection::Sqlite(copy) = &mut copy {
            mark.put(copy)?;
        }
    }
    Ok(())
}

/// Says that `next`, a database that nobody has open, is about to take the place of `database`. Until it has, the next start takes either.
///
/// # Errors
/// When `next` cannot be read, or that not be written beside `database`.
pub fn announce_next(database: &Path, next: &Path) -> std::io::Result<()> {
    identity::announce_next(database, next)
}

/// Pauses deliveries in a database that nobody has open. When this returns, the pause is in its file and on the disk.
///
/// # Errors
/// When the database cannot be opened or written.
pub fn pause(url: &DatabaseUrl, pause: Pause) -> Result<Pause, BackupError> {
    let mut connection = AnyConnection::open(url).map_err(|source| unreachable(url, source))?;
    let begun = transact(&mut connection, |connection| {
        lanes::pause::begin(connection, pause)
    })?;
    connection.write_back()?;
    Ok(begun)
}

/// Writes the log of an SQLite database that nobody has open back into its file, unless it may be another's log.
///
/// # Errors
/// When the database cannot be opened or written, or its log is not its own.
pub fn write_back(database: &Path) -> Result<(), BackupError> {
    if !identity::judge(database, true)?.is_beyond_doubt() {
        return Err(BackupError::Damaged("its log may be another's".to_owned()));
    }
    let url = DatabaseUrl::Sqlite(database.to_owned());
    let mut connection = AnyConnection::open(&url).map_err(|source| unreachable(&url, source))?;
    connection.write_back()?;
    Ok(())
}
