//! One connection, to either database.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, ConnectionError, QueryResult, QueryableByName, RunQueryDsl, sql_query};

use crate::DatabaseUrl;
use crate::database::open_error::READS_ALONE;
use crate::database::session;
use crate::database::state::{Kept, State, beside};

/// How long a statement of SQLite's waits for another process that is writing.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before asking again, where SQLite does not do so itself.
const SQLITE_BUSY_PAUSE: Duration = Duration::from_millis(5);
/// How long what writes the log back waits for somebody who is writing, where it waits at all.
const WRITE_BACK_TIMEOUT: Duration = Duration::from_millis(100);
/// How long it waits for readers before it ends the log, while the writer waits for it.
const READ_TIMEOUT: Duration = Duration::from_millis(3);
/// What SQLite says of `SQLITE_BUSY`; diesel does not tell it from other errors.
const SQLITE_BUSY_MESSAGE: &str = "database is locked";

/// How long SQLite's log grows before whoever commits writes it back, in pages of 4 KiB: 256 MiB. It is written back by
/// [a thread of its own](crate::database::write_back) long before, and by this if that thread cannot.
const SQLITE_CHECKPOINT_PAGES: u32 = 65_536;

/// A connection to either database. What both understand alike goes through the enum; what they do not, in
/// [`crate::database::dialect`], through a match on its variant.
#[derive(diesel::MultiConnection)]
pub(crate) enum AnyConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl AnyConnection {
    pub(crate) fn open(url: &DatabaseUrl) -> Result<Self, ConnectionError> {
        match url {
            DatabaseUrl::Sqlite(path) => open_sqlite(path).map(Self::Sqlite),
            DatabaseUrl::Postgres(url) => session::open(url.expose()).map(Self::Postgres),
        }
    }

    /// Opens a database of SQLite's so that nothing is written to it, nor made if it is not there.
    pub(crate) fn open_sqlite_to_look(path: &Path) -> Result<Self, ConnectionError> {
        let uri = format!("{}?mode=ro", sqlite_uri(path));
        let mut connection = SqliteConnection::establish(&uri)?;
        connection
            .batch_execute(&format!(
                "PRAGMA busy_timeout = {}",
                SQLITE_BUSY_TIMEOUT.as_millis()
            ))
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(Self::Sqlite(connection))
    }

    /// As [`open_sqlite_to_look`](Self::open_sqlite_to_look), leaving no file behind. Without a log beside it nobody has the database open:
    /// then it is read without the files that SQLite would make to share it. Whoever opens it at this very moment may make what is read
    /// here wrong, never what is stored.
    pub(crate) fn open_sqlite_untouched(path: &Path) -> Result<Self, ConnectionError> {
        if beside(path, "-wal").exists() {
            return Self::open_sqlite_to_look(path);
        }
        SqliteConnection::establish(&format!("{}?mode=ro&immutable=1", sqlite_uri(path))).map(Self::Sqlite)
    }

    /// Opens a database of SQLite's to change it without putting it into another mode.
    pub(crate) fn open_sqlite_as_it_is(path: &Path) -> Result<Self, ConnectionError> {
        SqliteConnection::establish(&format!("{}?mode=rw", sqlite_uri(path))).map(Self::Sqlite)
    }

    /// Makes the connection one for whoever finds rows by their keys alone.
    pub(crate) fn find_by_key(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => session::find_by_key(postgres),
        }
    }

    /// Begins a transaction that means to write.
    pub(crate) fn begin(&mut self) -> QueryResult<()> {
        match self {
            // The lock is taken at once: a reader that turns writer half-way could be refused.
            Self::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE"),
            Self::Postgres(postgres) => AnsiTransactionManager::begin_transaction_sql(
                postgres,
                "BEGIN ISOLATION LEVEL READ COMMITTED",
            ),
        }
    }

    /// Lets a transaction do nothing for as long as it takes: for who reads another database meanwhile.
    pub(crate) fn wait_for_reader(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => postgres
                .batch_execute("SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0"),
        }
    }

    /// Begins a transaction that reads, and sees all at one instant.
    pub(crate) fn begin_reading(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN"),
            Self::Postgres(postgres) => AnsiTransactionManager::begin_transaction_sql(
                postgres,
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            ),
        }
    }

    pub(crate) fn commit(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => AnsiTransactionManager::commit_transaction(sqlite),
            Self::Postgres(postgres) => AnsiTransactionManager::commit_transaction(postgres),
        }
    }

    pub(crate) fn rollback(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => AnsiTransactionManager::rollback_transaction(sqlite),
            Self::Postgres(postgres) => AnsiTransactionManager::rollback_transaction(postgres),
        }
    }

    /// Whether a transaction that means to write would be let. SQLite has said so when it began.
    pub(crate) fn admits_writing(&mut self) -> QueryResult<()> {
        match self.is_read_only()? {
            true => Err(diesel::result::Error::QueryBuilderError(READS_ALONE.into())),
            false => Ok(()),
        }
    }

    /// Whether PostgreSQL takes reads alone.
    pub(crate) fn is_read_only(&mut self) -> QueryResult<bool> {
        let Self::Postgres(postgres) = self else {
            return Ok(false);
        };
        let setting: ReadOnly =
            sql_query("SELECT current_setting('transaction_read_only') = 'on' AS read_only")
                .get_result(postgres)?;
        Ok(setting.read_only)
    }

    /// Opens a database of SQLite's to [write its log back](Self::write_back), waiting for others for a moment at the most.
    pub(crate) fn open_sqlite_to_write_back(path: &Path) -> Result<Self, ConnectionError> {
        let mut connection = open_sqlite(path).map(Self::Sqlite)?;
        connection
            .wait_for_sqlite(WRITE_BACK_TIMEOUT)
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }

    /// Writes SQLite's log back while others go on writing it. What they wrote meanwhile is left.
    pub(crate) fn write_back_beside(&mut self) -> QueryResult<()> {
        // The second time writes back what was written during the first, and that is little.
        self.checkpoint("PASSIVE")
            .and_then(|_| self.checkpoint("PASSIVE"))
            .map(drop)
    }

    /// Writes back what is left of SQLite's log and has the next commit begin it anew, or [empties](Self::write_back) it, unless somebody is reading
    /// or writing for longer than a moment. Says whether it was done.
    pub(crate) fn end_log_at_once(&mut self, empty: bool) -> QueryResult<bool> {
        self.wait_for_sqlite(READ_TIMEOUT)?;
        let done = match empty {
            true => self.write_back(),
            false => self
                .checkpoint("RESTART")
                .map(|done| done.is_none_or(|done| done.busy == 0)),
        };
        self.wait_for_sqlite(WRITE_BACK_TIMEOUT)?;
        done
    }

    /// How many pages are in SQLite's log since it was begun.
    pub(crate) fn pages_in_log(&mut self) -> QueryResult<i64> {
        let looked = self.checkpoint("NOOP")?;
        Ok(looked.map_or(0, |looked| looked.log))
    }

    /// Writes SQLite's log back and empties it, unless somebody is reading or writing it: what was overwritten is gone from the
    /// files then. Says whether it was done.
    pub(crate) fn write_back(&mut self) -> QueryResult<bool> {
        let done = self.checkpoint("TRUNCATE")?;
        Ok(done.is_none_or(|done| done.busy == 0))
    }

    /// What SQLite says of a checkpoint of this kind; nothing, where there is no log of SQLite's.
    fn checkpoint(&mut self, kind: &str) -> QueryResult<Option<Checkpoint>> {
        match self {
            Self::Sqlite(sqlite) => sql_query(format!("PRAGMA wal_checkpoint({kind})"))
                .get_result(sqlite)
                .map(Some),
            Self::Postgres(_) => Ok(None),
        }
    }

    fn wait_for_sqlite(&mut self, longest: Duration) -> QueryResult<()> {
        match self {
            Self::Sqlite(sqlite) => {
                sqlite.batch_execute(&format!("PRAGMA busy_timeout = {}", longest.as_millis()))
            }
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Whether the connection answers.
    pub(crate) fn ping(&mut self) -> QueryResult<()> {
        sql_query("SELECT 1").execute(self).map(drop)
    }
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = BigInt)]
    busy: i64,
    /// Pages; less than none without a log.
    #[diesel(sql_type = BigInt)]
    log: i64,
}

#[derive(QueryableByName)]
struct ReadOnly {
    #[diesel(sql_type = Bool)]
    read_only: bool,
}

fn open_sqlite(path: &Path) -> Result<SqliteConnection, ConnectionError> {
    // Another file that lies there would be written together with the log of the one that was opened.
    if let Kept::Known(state) = State::read(path)
        && state.names(path).is_ok_and(|is_named| !is_named)
    {
        return Err(ConnectionError::BadConnection(format!(
            "the database file {} was replaced",
            path.display()
        )));
    }
    // A file that was deleted is not made anew: it would be an empty database.
    let mut connection = SqliteConnection::establish(&format!("{}?mode=rw", sqlite_uri(path)))?;
    let pragmas = format!(
        "PRAGMA busy_timeout = {}; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA secure_delete = ON; PRAGMA cache_size = -16384; \
         PRAGMA wal_autocheckpoint = {}; PRAGMA journal_size_limit = 67108864",
        SQLITE_BUSY_TIMEOUT.as_millis(),
        SQLITE_CHECKPOINT_PAGES
    );
    connection
        .batch_execute(&pragmas)
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    use_write_ahead_log(&mut connection)?;
    Ok(connection)
}

#[derive(QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

/// Puts the file into the mode it then stays in. Where that cannot be done, SQLite says nothing and keeps another, in
/// which `synchronous = FULL` does not mean that a commit is durable.
fn use_write_ahead_log(connection: &mut SqliteConnection) -> Result<(), ConnectionError> {
    let asked_at = Instant::now();
    let mode: JournalMode = loop {
        match sql_query("PRAGMA journal_mode = WAL").get_result(connection) {
            Ok(mode) => break mode,
            // Another process is doing the same. SQLite heeds its timeout for every statement but this.
            Err(error)
                if error.to_string() == SQLITE_BUSY_MESSAGE && asked_at.elapsed() < SQLITE_BUSY_TIMEOUT =>
            {
                std::thread::sleep(SQLITE_BUSY_PAUSE);
            }
            Err(error) => return Err(ConnectionError::CouldntSetupConfiguration(error)),
        }
    };
    if mode.journal_mode == "wal" {
        return Ok(());
    }
    let problem = format!(
        "SQLite keeps its journal in mode `{}` here and not in `wal`; put the database on a local file system",
        mode.journal_mode
    );
    Err(ConnectionError::BadConnection(problem))
}

/// A path as a `file:` URI (sqlite.org/uri.html), its special characters escaped.
fn sqlite_uri(path: &Path) -> String {
    let escaped = path
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    format!("file:{escaped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_have_a_write_ahead_log_is_refused() {
        let mut in_memory = SqliteConnection::establish(":memory:").unwrap();
        let refused = use_write_ahead_log(&mut in_memory).unwrap_err();
        assert!(refused.to_string().contains("mode `memory`"), "{refused}");
    }

    #[derive(QueryableByName)]
    struct Settings {
        #[diesel(sql_type = BigInt)]
        synchronous: i64,
        #[diesel(sql_type = BigInt)]
        secure_delete: i64,
    }

    #[test]
    fn a_commit_of_sqlites_is_synced_and_what_is_deleted_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("webhook.db");
        std::fs::write(&path, "").unwrap();
        let mut sqlite = open_sqlite(&path).unwrap();
        let question = "SELECT synchronous, secure_delete FROM pragma_synchronous, pragma_secure_delete";
        let settings: Settings = sql_query(question).get_result(&mut sqlite).unwrap();
        assert_eq!((settings.synchronous, settings.secure_delete), (2, 1));
    }
}
