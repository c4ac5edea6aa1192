//! Giving back what is free in an SQLite file.
//!
//! SQLite keeps the pages of what was deleted, and writes what is new into them: the file is as large as what it held at the most. `VACUUM`
//! writes the database anew without them, in one transaction. A file that gives pages back by itself (`auto_vacuum`) must note for each
//! page who points at it, at every write: that was measured at 5 percent of publishing and 3 of rolls, and is not done.

use std::path::Path;

use diesel::prelude::*;
use diesel::sql_query;

use crate::DatabaseUrl;
use crate::backup::{BackupError, write_back};
use crate::database::connection::AnyConnection;
use crate::database::opening::unreachable;
use crate::database::schema::audit_chain;

/// Writes a database of SQLite's that nobody has open anew, without what is free in it. What fails leaves it as it was. Takes room for
/// another copy of what is in it, in SQLite's folder for temporary files, and for one more beside it until it is done.
///
/// # Errors
/// When the database is not one of this service's, or cannot be opened or written.
pub fn compact(database: &Path) -> Result<(), BackupError> {
    // Opened with another database's log, it would be neither.
    write_back(database)?;
    let url = DatabaseUrl::Sqlite(database.to_owned());
    let mut connection = AnyConnection::open(&url).map_err(|source| unreachable(&url, source))?;
    let ours: Result<i64, _> = audit_chain::table.count().get_result(&mut connection);
    ours.map_err(|_| BackupError::NotOurs)?;
    if let AnyConnection::Sqlite(sqlite) = &mut connection {
        sql_query("VACUUM").execute(sqlite)?;
    }
    connection.write_back()?;
    Ok(())
}
