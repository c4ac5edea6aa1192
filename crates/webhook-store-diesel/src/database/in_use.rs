//! Whether anybody has a database file of SQLite's open.
//!
//! Every process that opens the database holds a shared lock on a file beside it until it closes the database. Whoever puts
//! another file in its place needs the lock alone, so the two never happen at the same time. The lock goes with its process, however
//! that ends. A release that did not know this lock is noticed as long as it delivers, by the lock that goes with that.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::lanes::delivering;

/// What is put behind the name of the database.
const SUFFIX: &str = ".in-use";

/// That the database is open here, or held for a restore, until this is dropped.
#[derive(Debug)]
pub struct InUse {
    _locks: Vec<File>,
}

impl InUse {
    /// Says that the database is open here. None while somebody puts another in its place.
    ///
    /// # Errors
    /// When the file of the lock cannot be made or locked.
    pub(crate) fn share(database: &Path) -> io::Result<Option<Self>> {
        let file = open(database, SUFFIX)?;
        let locked = file.try_lock_shared();
        Self::of(locked, vec![file])
    }

    /// Keeps others from opening the database. None if it is open somewhere.
    ///
    /// # Errors
    /// When the file of a lock cannot be made or locked.
    pub fn claim(database: &Path) -> io::Result<Option<Self>> {
        let mut locks = Vec::new();
        for suffix in [SUFFIX, delivering::SUFFIX] {
            let file = open(database, suffix)?;
            match file.try_lock() {
                Ok(()) => locks.push(file),
                refused => return Self::of(refused, Vec::new()),
            }
        }
        Ok(Some(Self { _locks: locks }))
    }

    fn of(locked: Result<(), TryLockError>, locks: Vec<File>) -> io::Result<Option<Self>> {
        match locked {
            Ok(()) => Ok(Some(Self { _locks: locks })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn open(database: &Path, suffix: &str) -> io::Result<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_have_a_database_open_and_one_alone_replaces_it() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("webhook.db");
        let one = InUse::share(&database).unwrap().unwrap();
        let other = InUse::share(&database).unwrap().unwrap();
        drop(one);
        assert!(InUse::claim(&database).unwrap().is_none());
        drop(other);
        let claim = InUse::claim(&database).unwrap().unwrap();
        assert!(InUse::share(&database).unwrap().is_none());
        drop(claim);
        assert!(InUse::share(&database).unwrap().is_some());
    }

    #[test]
    fn whoever_delivers_has_the_database_open() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("webhook.db");
        let delivering = open(&database, delivering::SUFFIX).unwrap();
        delivering.try_lock().unwrap();
        assert!(InUse::claim(&database).unwrap().is_none());
    }
}
