//! The file of a database of SQLite's, as it was when it was opened.
//!
//! A connection goes on with the file that it opened, also when that was deleted or another was put in its place. What is
//! committed then is lost. So the writer compares before each transaction what is at the path with what was opened. The same holds for the
//! write-ahead log, which SQLite itself leaves where it is as long as the database is open.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::database::state::{beside, directory_of};

/// A file by its device and inode, and the path it was opened at.
#[derive(Debug, Clone)]
pub(crate) struct DatabaseFile {
    path: PathBuf,
    identity: (u64, u64),
    /// The log of the connection that writes, once there is one.
    log: Option<(u64, u64)>,
}

/// The file at the path is not the one that was opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileGone {
    #[error(
        "the database file {0} was deleted or moved; put it back, or stop the service and restore a backup"
    )]
    Missing(PathBuf),
    #[error(
        "the database file {0} was replaced while the service had it open; put the old one back, or stop the service and \
         move the files whose names begin with {0}- away to use the new one"
    )]
    Replaced(PathBuf),
    #[error(
        "the database's log {0} was deleted or replaced while the service had it open; stop the service with SIGTERM, which writes what \
         is in the log back into the database, and start it again"
    )]
    LogGone(PathBuf),
    #[error("the database file {path} cannot be looked at")]
    Unseen {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl DatabaseFile {
    /// The file that is at `path` now.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(path)?,
            log: None,
        })
    }

    /// Makes the file if there is none, for its owner alone, and finds out whether it and its directory can be written. To be called while this
    /// process has no connection to it: closing a file takes away the locks that SQLite holds on it (sqlite.org/howtocorrupt.html §2.2).
    pub(crate) fn make_writable(path: &Path) -> io::Result<()> {
        // SQLite makes files beside it. After a crash they are there, and so it would be found out much later.
        rustix::fs::access(directory_of(path), Access::WRITE_OK | Access::EXEC_OK)?;
        let opened: io::Result<File> = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path);
        opened.map(drop)
    }

    /// Whether it still is what is found at its path, and its log too, unless the connection that wrote to it is closed: then SQLite may
    /// have deleted the log.
    pub(crate) fn check(&mut self, is_connected: bool) -> Result<(), FileGone> {
        match identity(&self.path) {
            Ok(found) if found == self.identity => {}
            Ok(_) => return Err(FileGone::Replaced(self.path.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(FileGone::Missing(self.path.clone()));
            }
            Err(source) => {
                return Err(FileGone::Unseen {
                    path: self.path.clone(),
                    source,
                });
            }
        }
        let log = beside(&self.path, "-wal");
        let found = identity(&log).ok();
        match self.log {
            Some(_) if is_connected && self.log != found => Err(FileGone::LogGone(log)),
            _ => {
                self.log = found;
                Ok(())
            }
        }
    }
}

/// What tells the file at `path` from any other.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = path.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}
