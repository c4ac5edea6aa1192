//! Whether a database file of SQLite's is the one that was used last, and whether its log is its own.
//!
//! SQLite takes whatever log lies beside a file for that file's own. Beside a backup that was put in the place of the file it is another's,
//! and the two together are a damaged database that looks whole. An empty file is a new database to it. So before a file is opened, its
//! [mark](super::mark) is compared with what is [kept](super::state) of the one that was used last. Only the process that has the database
//! alone decides that another file is right; it gives the database a new mark, so that older copies can be told from it.
//!
//! The mark is renewed whenever the log is written back and emptied, so a copy that was made before has another. Where SQLite has written the log back
//! by itself, a copy may have the mark still. Such a file is newer than its log, by the times of the two. Times prove nothing, so the file is checked for damage then.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use webhook_domain::error::Cause;

use crate::database::connection::AnyConnection;
use crate::database::mark::{Header, Mark};
use crate::database::open_error::OpenError;
use crate::database::state::{Kept, State, beside, path_of};

/// SQLite's log, and the journal that it keeps where it has none.
const LOGS: [&str; 2] = ["-wal", "-journal"];
/// How much later than its log a file may be changed, in nanoseconds: SQLite writes the log back into the file, and a process may end at that moment.
const WRITE_BACK: i128 = 100_000_000;
/// How many marks are kept at the most, where SQLite's log cannot be written back for long.
const MOST_MARKS: usize = 8;

/// Why a file is checked for damage before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// It is another than the one that was used last, and has no log.
    Replaced,
    /// It was put there, or written, after its log.
    NewerThanItsLog,
    /// It has a log, and nothing was kept to know it by.
    NotKnown,
}

/// A file that may be opened.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The mark that is in the file itself; that of a new one is none.
    mark: Option<Mark>,
    doubt: Option<Doubt>,
}

/// Refuses an empty file, or none, where there was a database.
///
/// # Errors
/// [`OpenError::Lost`].
pub fn refuse_lost(database: &Path) -> Result<(), OpenError> {
    if !is_empty(database) {
        return Ok(());
    }
    let refusal = match (log_of(database, &LOGS[..1]), State::read(database)) {
        (Some(log), _) => lost(database, log),
        (None, Kept::Nothing) => return Ok(()),
        (None, _) => lost(database, path_of(database)),
    };
    // Another process may have made all of it just now.
    if is_empty(database) { Err(refusal) } else { Ok(()) }
}

fn is_empty(database: &Path) -> bool {
    match database.metadata() {
        Ok(metadata) => metadata.is_file() && metadata.len() == 0,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Refuses a file that holds nothing of this service, where there was a database.
pub(crate) fn refuse_unused(database: &Path) -> Result<(), OpenError> {
    match State::read(database) {
        Kept::Nothing => Ok(()),
        _ => Err(lost(database, path_of(database))),
    }
}

/// Judges a file by itself and by what lies beside it. To be called while this process has no connection to it.
pub(crate) fn judge(database: &Path, is_alone: bool) -> Result<Judged, OpenError> {
    refuse_lost(database)?;
    let Some(header) = Header::of_file(database).map_err(OpenError::File)? else {
        // Opening says what it is.
        return Ok(Judged {
            mark: None,
            doubt: None,
        });
    };
    let judged = |doubt| Judged {
        mark: Some(header.mark),
        doubt,
    };
    if !is_alone {
        return refuse_replaced(database, header.mark).map(|()| judged(None));
    }
    if let (false, Some(log)) = (header.has_log, log_of(database, &LOGS[..1])) {
        return Err(foreign(database, log));
    }
    let log = log_of(database, &LOGS);
    let state = match State::read(database) {
        Kept::Known(state) => state,
        Kept::Nothing => return Ok(judged(log.map(|_| Doubt::NotKnown))),
        Kept::Unreadable(error) => {
            tracing::warn!(
                file.path = %path_of(database).display(),
                error = %error,
                "what was kept of the database when it was used last cannot be read; it is written anew"
            );
            return Ok(judged(log.map(|_| Doubt::NotKnown)));
        }
    };
    let is_named = state.names(database).map_err(OpenError::File)?;
    match (state.marks.contains(&header.mark), log) {
        (false, Some(log)) => Err(foreign(database, log)),
        (false, None) => Ok(judged(Some(Doubt::Replaced))),
        (true, Some(log)) if !is_named || is_newer(database, &log).map_err(OpenError::File)? => {
            Ok(judged(Some(Doubt::NewerThanItsLog)))
        }
        (true, _) => Ok(judged(None)),
    }
}

/// Refuses another file than the one that another process has open.
fn refuse_replaced(database: &Path, mark: Mark) -> Result<(), OpenError> {
    let mut mark = mark;
    for _ in 0..20 {
        let Kept::Known(state) = State::read(database) else {
            return Ok(());
        };
        if state.marks.contains(&mark) && state.names(database).map_err(OpenError::File)? {
            return Ok(());
        }
        // The other process may be renewing it.
        std::thread::sleep(std::time::Duration::from_millis(25));
        if let Some(header) = Header::of_file(database).map_err(OpenError::File)? {
            mark = header.mark;
        }
    }
    Err(OpenError::Replaced {
        database: database.to_owned(),
    })
}

impl Judged {
    /// Whether nothing is to be checked.
    pub(crate) const fn is_beyond_doubt(&self) -> bool {
        self.doubt.is_none()
    }

    /// Says what was found, once the file was checked, and keeps it: from now on the file has a log of its own. To be called by the
    /// one process that has it open.
    pub(crate) fn accept(&self, database: &Path) -> Result<(), OpenError> {
        match self.doubt {
            Some(Doubt::Replaced) => tracing::warn!(
                file.path = %database.display(),
                "the database file is another than the one that was used last, perhaps a backup; it was checked and is whole. Keys \
                 that were revoked after it was made are valid again, see docs/backup-and-restore.md"
            ),
            Some(Doubt::NewerThanItsLog) => tracing::warn!(
                file.path = %database.display(),
                "the database file was put there or changed after its log was written; the two were checked together and are whole. If \
                 the file is a backup, its log has brought back what was done after it"
            ),
            Some(Doubt::NotKnown) => tracing::info!(
                file.path = %database.display(),
                "nothing was kept of the database when it was used last; it was checked with its log and is whole"
            ),
            None => {}
        }
        let (Kept::Known(mut state), Some(mark)) = (State::read(database), self.mark) else {
            return Ok(());
        };
        let is_known = state.marks.contains(&mark);
        if is_known && state.names(database).map_err(OpenError::File)? {
            return Ok(());
        }
        if !is_known {
            state.marks = vec![mark];
        }
        State::of(database, state.marks)
            .and_then(|state| state.keep(database))
            .map_err(OpenError::File)
    }

    /// Gives the database a new mark. To be called by the one process that has it open. Where that cannot be done, such as on a full
    /// disk, the database keeps the mark that it has.
    pub(crate) fn renew(&self, connection: &mut AnyConnection, database: &Path) {
        let in_file = self.mark.unwrap_or_default();
        let renewed = announce(connection, database, vec![in_file]).and_then(|mark| {
            if connection.write_back()? {
                settle(connection, database, mark)?;
            }
            Ok(())
        });
        if let Err(error) = renewed {
            tracing::warn!(
                file.path = %path_of(database).display(),
                error = %error,
                "the database was not given a new mark; a copy made before this start cannot be told from it"
            );
        }
    }
}

/// Gives a database that is in use a new mark, unless nothing is known of the ones that it has. It is in the log at first; once that is written back, it is
/// to be [settled](settle).
pub(crate) fn announce_in_use(
    connection: &mut AnyConnection,
    database: &Path,
) -> Result<Option<Mark>, Cause> {
    match State::read(database) {
        Kept::Known(state) if state.marks.len() < MOST_MARKS && state.names(database)? => {
            announce(connection, database, Vec::new()).map(Some)
        }
        _ => Ok(None),
    }
}

fn announce(connection: &mut AnyConnection, database: &Path, in_file: Vec<Mark>) -> Result<Mark, Cause> {
    // Nobody else gives it one meanwhile.
    connection.begin()?;
    let announced = put_new(connection, database, in_file);
    match announced {
        Ok(mark) => connection.commit().map(|()| mark).map_err(Cause::from),
        Err(error) => {
            connection.rollback()?;
            Err(error)
        }
    }
}

fn put_new(connection: &mut AnyConnection, database: &Path, mut marks: Vec<Mark>) -> Result<Mark, Cause> {
    let AnyConnection::Sqlite(sqlite) = connection else {
        return Err("only a file has a mark".into());
    };
    if let (true, Kept::Known(state)) = (marks.is_empty(), State::read(database)) {
        marks = state.marks;
    }
    let seen = Mark::of(sqlite)?;
    marks.retain(|mark| *mark != seen);
    let new = Mark::fresh(&marks)?;
    marks.extend([seen, new]);
    State::of(database, marks)?.keep(database)?;
    new.put(sqlite)?;
    Ok(new)
}

/// Says that `next` is about to take the place of `database`: the one that is found at the next start may be either.
///
/// # Errors
/// When `next` cannot be read, or that not be written.
pub(crate) fn announce_next(database: &Path, next: &Path) -> io::Result<()> {
    let mark_of = |path| Header::of_file(path).map(|header| header.map(|header| header.mark));
    let mut marks = match (State::read(database), database.try_exists()?) {
        (Kept::Known(state), _) => state.marks,
        (_, true) => mark_of(database)?.into_iter().collect(),
        (_, false) => Vec::new(),
    };
    marks.extend(mark_of(next)?);
    State::of(next, marks)?.keep(database)
}

/// Forgets the marks before `mark`, which is in the file itself.
pub(crate) fn settle(connection: &mut AnyConnection, database: &Path, mark: Mark) -> Result<(), Cause> {
    connection.begin()?;
    let kept = match connection {
        AnyConnection::Sqlite(sqlite) => match Mark::of(sqlite) {
            Ok(newest) if newest == mark => State::of(database, vec![mark])
                .and_then(|state| state.keep(database))
                .map_err(Cause::from),
            // Another process has given it one more, and settles that.
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        },
        AnyConnection::Postgres(_) => Ok(()),
    };
    connection.rollback()?;
    kept
}

#[derive(QueryableByName)]
struct Finding {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

/// Has SQLite look at every page of the file, and of its log. Says what it found.
pub(crate) fn check(connection: &mut AnyConnection) -> Result<(), String> {
    let AnyConnection::Sqlite(sqlite) = connection else {
        return Ok(());
    };
    // What is no database at all is refused by the first statement.
    let found: Result<Finding, _> = sql_query("PRAGMA integrity_check(1)").get_result(sqlite);
    match found {
        Ok(found) if found.integrity_check == "ok" => Ok(()),
        Ok(found) => Err(found.integrity_check),
        Err(error) => Err(error.to_string()),
    }
}

/// The first of these that lies beside the database and is not empty.
fn log_of(database: &Path, suffixes: &[&str]) -> Option<PathBuf> {
    let is_left = |path: &PathBuf| path.metadata().is_ok_and(|metadata| metadata.len() > 0);
    suffixes
        .iter()
        .map(|suffix| beside(database, suffix))
        .find(is_left)
}

/// Whether a file was written, or given its place, after its log.
fn is_newer(database: &Path, log: &Path) -> io::Result<bool> {
    let (file, log) = (database.metadata()?, log.metadata()?);
    let time = |seconds: i64, nanoseconds: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    let changed = time(file.ctime(), file.ctime_nsec()) - time(log.ctime(), log.ctime_nsec());
    let written = time(file.mtime(), file.mtime_nsec()) - time(log.mtime(), log.mtime_nsec());
    Ok(changed > WRITE_BACK || written > WRITE_BACK)
}

fn lost(database: &Path, left: PathBuf) -> OpenError {
    OpenError::Lost {
        database: database.to_owned(),
        left,
    }
}

fn foreign(database: &Path, log: PathBuf) -> OpenError {
    OpenError::ForeignLog {
        database: database.to_owned(),
        log,
        state: path_of(database),
    }
}

#[cfg(test)]
mod tests;
