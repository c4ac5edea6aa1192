//! A backup put in the place of an SQLite database.
//!
//! The backup is copied beside the database, verified there as a whole, migrated if an older release has made it, and paused. Only
//! then the database is replaced, by one rename. Whatever fails before that leaves the database as it is. The one that is replaced
//! gets a dated name first, and is never removed.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use webhook_domain::time::Clock as _;
use webhook_store_diesel::backup::{self, BackupError, Contents, Examination};
use webhook_store_diesel::{DatabaseUrl, InUse};

use super::{DOING, Restore, restored_now};
use crate::clock::SystemClock;
use crate::commands::backup::remove_database;
use crate::exit::Failure;
use crate::files::private_file::{
    create_directory_of, create_empty, directory_of, has_no_links, staging_path,
};

/// What is put behind the name of the database while a backup is made ready to take its place.
const STAGED: &str = "restoring";
/// What every database of SQLite's begins with, and every dump of `pg_dump --format=custom`.
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";
const POSTGRES_MAGIC: &[u8] = b"PGDMP";
/// What SQLite keeps beside a database that was not closed.
const JOURNALS: [&str; 2] = ["-wal", "-journal"];

/// A backup that was put in place.
pub(super) struct Placed {
    pub(super) file: PathBuf,
    pub(super) contents: Contents,
    /// The database that was replaced, if there was one.
    pub(super) kept: Option<PathBuf>,
}

impl Placed {
    pub(super) fn replaced(&self) -> Option<DatabaseUrl> {
        self.kept.clone().map(DatabaseUrl::Sqlite)
    }
}

/// Puts the backup `file` in the place of `database`.
pub(super) fn place(restore: &Restore, database: &Path, file: &Path) -> Result<Placed, Failure> {
    check_file(database, file)?;
    let cannot = |error: io::Error| Failure::cannot(DOING, &error);
    create_directory_of(database).map_err(cannot)?;
    let Some(claim) = InUse::claim(database).map_err(cannot)? else {
        return Err(Failure::found(format!(
            "the database {} is in use: stop the server, and wait for other commands, before another takes its place. \
             Nothing was changed",
            database.display()
        )));
    };
    let staged = staging_path(database, STAGED);
    remove_database(&staged);
    let made = make_ready(restore, file, &staged).and_then(|contents| {
        let kept = replace(database, &staged).map_err(cannot)?;
        Ok((contents, kept))
    });
    // The database itself is not there any more, but what lies beside it may be.
    remove_database(&staged);
    let (contents, kept) = made?;
    drop(claim);
    Ok(Placed {
        file: file.to_owned(),
        contents,
        kept,
    })
}

/// Refuses what is plainly no backup.
fn check_file(database: &Path, file: &Path) -> Result<(), Failure> {
    let unreadable = |error: &io::Error| {
        Failure::configuration(format!("the backup {} cannot be read: {error}", file.display()))
    };
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    let refuse = |problem: &str| {
        Err(Failure::configuration(format!(
            "{} {problem}; nothing was changed",
            file.display()
        )))
    };
    if !metadata.is_file() {
        return refuse("is not a file");
    }
    let is_same = |other: std::fs::Metadata| (other.dev(), other.ino()) == (metadata.dev(), metadata.ino());
    if database.metadata().is_ok_and(is_same) {
        return refuse("is the database itself");
    }
    let mut head = Vec::new();
    File::open(file)
        .and_then(|file| file.take(16).read_to_end(&mut head))
        .map_err(|error| unreadable(&error))?;
    if head.starts_with(POSTGRES_MAGIC) {
        return refuse("is a dump of PostgreSQL's, and the database is one of SQLite's");
    }
    if head != SQLITE_MAGIC {
        return refuse("is not a database of SQLite's");
    }
    Ok(())
}

/// Makes of the backup a database that can be served: verified, of this release's schema, and paused.
fn make_ready(restore: &Restore, file: &Path, staged: &Path) -> Result<Contents, Failure> {
    let doing = format!("restore {}", file.display());
    let cannot = |error: BackupError| Failure::of_backup(&doing, &error);
    let cannot_write = |error: io::Error| Failure::cannot(&doing, &error);
    create_empty(staged).map_err(cannot_write)?;
    backup::copy(file, staged).map_err(cannot)?;
    let url = DatabaseUrl::Sqlite(staged.to_owned());
    let examine = || Examination::open(&url, restore.key.clone(), restore.entropy.clone());
    let examined = match examine() {
        Err(BackupError::OlderSchema { .. }) => {
            webhook_store_diesel::migrate(&url, restore.key.clone(), restore.entropy.clone())
                .map_err(|error| Failure::opening(&error))?;
            examine()
        }
        examined => examined,
    };
    let contents = examined
        .and_then(|mut examination| examination.contents())
        .map_err(cannot)?;
    // Whatever was done in a database has left a record. SQLite's file of a running server may have none without its log.
    if contents.audit_records == 0 {
        return Err(Failure::of_backup(&doing, &BackupError::NotOurs));
    }
    backup::pause(&url, restored_now()).map_err(cannot)?;
    File::open(staged)
        .and_then(|file| file.sync_all())
        .map_err(cannot_write)?;
    Ok(contents)
}

/// Gives the database another name and its own to `staged`. Says what the other name is, if there was a database.
fn replace(database: &Path, staged: &Path) -> io::Result<Option<PathBuf>> {
    let kept = match database.try_exists()? {
        true => Some(keep(database)?),
        false => None,
    };
    backup::announce_next(database, staged)?;
    // They belong to the database that is kept now. Beside another they would be taken for that one's.
    for suffix in JOURNALS.iter().chain(&["-shm"]) {
        match std::fs::remove_file(beside(database, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(staged, database)?;
    File::open(directory_of(database))?.sync_all()?;
    Ok(kept)
}

/// Gives the database a second, dated name, with what SQLite keeps beside it.
fn keep(database: &Path) -> io::Result<PathBuf> {
    // A database that is damaged is kept with its log as it is.
    if let Err(error) = backup::write_back(database) {
        tracing::debug!(
            error = crate::exit::chain(&error),
            "the log is kept beside the database"
        );
    }
    let date: String = SystemClock
        .now()
        .to_string()
        .chars()
        .filter(|character| !matches!(character, '-' | ':'))
        .collect();
    let mut kept = staging_path(database, &format!("replaced-{date}"));
    let mut number = 1;
    while kept.symlink_metadata().is_ok() {
        number += 1;
        kept = staging_path(database, &format!("replaced-{date}-{number}"));
    }
    for suffix in JOURNALS {
        match link(&beside(database, suffix), &beside(&kept, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    link(database, &kept)?;
    File::open(directory_of(database))?.sync_all()?;
    Ok(kept)
}

/// A second name for a file; where the file system has no such thing, a copy.
fn link(file: &Path, name: &Path) -> io::Result<()> {
    match std::fs::hard_link(file, name) {
        Err(error) if has_no_links(&error) => {
            create_empty(name)?;
            std::fs::copy(file, name)?;
            File::open(name)?.sync_all()
        }
        linked => linked,
    }
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
