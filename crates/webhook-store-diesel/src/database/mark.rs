//! The mark of an SQLite database: a random number in the header of its file.
//!
//! It is SQLite's `user_version`, which is the application's to use. It can be read from the file alone, without what lies in the
//! log, and it is in every copy of the file that was not given another.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;
use serde::{Deserialize, Serialize};
use webhook_domain::entropy::Entropy as _;

use crate::SystemEntropy;

/// How long SQLite's header is (sqlite.org/fileformat2.html §1.3).
const HEADER_LENGTH: u64 = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Where the header says how the file is written: 1 with a rollback journal, 2 with a write-ahead log.
const WRITE_VERSION: usize = 18;
const WRITE_VERSION_OF_A_LOG: u8 = 2;
/// Where the header has the mark, big-endian.
const USER_VERSION: std::ops::Range<usize> = 60..64;

/// A mark. That of a database which was never given one is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Mark(i32);

/// What the header of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) mark: Mark,
    /// Whether the file is one that is written by way of a log.
    pub(crate) has_log: bool,
}

#[derive(QueryableByName)]
struct UserVersion {
    #[diesel(sql_type = BigInt)]
    user_version: i64,
}

impl Mark {
    /// A new one, which is none of `others`.
    pub(crate) fn fresh(others: &[Self]) -> io::Result<Self> {
        loop {
            let mut random = [0; 4];
            SystemEntropy::new().fill(&mut random).map_err(io::Error::other)?;
            let mark = Self(i32::from_be_bytes(random));
            if mark.0 != 0 && !others.contains(&mark) {
                return Ok(mark);
            }
        }
    }

    /// That of a database, with what lies in its log.
    pub(crate) fn of(connection: &mut SqliteConnection) -> QueryResult<Self> {
        let row: UserVersion =
            sql_query("SELECT user_version FROM pragma_user_version").get_result(connection)?;
        // SQLite has 32 bits for it.
        Ok(Self(i32::try_from(row.user_version).unwrap_or_default()))
    }

    /// Gives it to a database.
    pub(crate) fn put(self, connection: &mut SqliteConnection) -> QueryResult<()> {
        connection.batch_execute(&format!("PRAGMA user_version = {}", self.0))
    }
}

impl Header {
    /// Reads the header of the file alone. None if it has none of SQLite's. To be called while this process has no connection to
    /// the file, see [`make_writable`](super::file::DatabaseFile::make_writable).
    pub(crate) fn of_file(path: &Path) -> io::Result<Option<Self>> {
        let mut header = Vec::new();
        File::open(path)?.take(HEADER_LENGTH).read_to_end(&mut header)?;
        let (Some(mark), Some(version)) = (header.get(USER_VERSION), header.get(WRITE_VERSION)) else {
            return Ok(None);
        };
        let (true, Ok(mark)) = (header.starts_with(MAGIC), <[u8; 4]>::try_from(mark)) else {
            return Ok(None);
        };
        Ok(Some(Self {
            mark: Mark(i32::from_be_bytes(mark)),
            has_log: *version == WRITE_VERSION_OF_A_LOG,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_in_the_header_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        connection.batch_execute("CREATE TABLE a (b)").unwrap();
        let mark = Mark::fresh(&[]).unwrap();
        mark.put(&mut connection).unwrap();
        assert_eq!(Mark::of(&mut connection).unwrap(), mark);
        let of_file = |path| Header::of_file(path).unwrap();
        assert_eq!(of_file(&path), Some(Header { mark, has_log: false }));
        connection.batch_execute("PRAGMA journal_mode = WAL").unwrap();
        drop(connection);
        assert_eq!(of_file(&path), Some(Header { mark, has_log: true }));
        for other in ["", "SQLite format 3\0 and no more", &"x".repeat(200)] {
            std::fs::write(&path, other).unwrap();
            assert_eq!(of_file(&path), None);
        }
    }
}
