//! The file of a database of SQLite's, as it was when it was opened.
//!
//! A connection goes on with the file that it opened, also when that was deleted or another was put in its place. What is
//! committed then is lost. So the writer compares before each transaction what is at the path with what was opened.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::database::state::directory_of;

/// A file by its device and inode, and the path it was opened at.
#[derive(Debug, Clone)]
pub(crate) struct DatabaseFile {
    path: PathBuf,
    identity: (u64, u64),
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
        let metadata = path.metadata()?;
        Ok(Self {
            path: path.to_owned(),
            identity: (metadata.dev(), metadata.ino()),
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

    /// Whether it still is what is found at its path.
    pub(crate) fn check(&self) -> Result<(), FileGone> {
        match Self::at(&self.path) {
            Ok(found) if found.identity == self.identity => Ok(()),
            Ok(_) => Err(FileGone::Replaced(self.path.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(FileGone::Missing(self.path.clone()))
            }
            Err(source) => Err(FileGone::Unseen {
                path: self.path.clone(),
                source,
            }),
        }
    }
}
