//! Whether anybody has a database file of SQLite's open.
//!
//! Every process that opens the database holds a shared lock on a file beside it until it closes the database. The first one has it alone
//! until it knows that the database is the right one. Whoever puts another file in its place needs the lock alone too, so the two never happen at the same time. The lock goes with its process, however
//! that ends. A release that did not know this lock is noticed as long as it delivers, by the lock that goes with that.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::lanes::delivering;

/// What is put behind the name of the database.
const SUFFIX: &str = ".in-use";

/// How long somebody who opens the database alone, or puts another in its place, is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const TRY_EVERY: Duration = Duration::from_millis(5);

/// That the database is open here, or held for a restore, until this is dropped.
#[derive(Debug)]
pub struct InUse {
    locks: Vec<File>,
    is_alone: bool,
}

impl InUse {
    /// Says that the database is open here: alone, if it is open nowhere else, and otherwise beside the others. None while
    /// somebody keeps others out for long.
    ///
    /// # Errors
    /// When the file of the lock cannot be made or locked.
    pub(crate) fn enter(database: &Path) -> io::Result<Option<Self>> {
        let file = open(database, SUFFIX)?;
        let began = Instant::now();
        loop {
            let (locked, is_alone) = match file.try_lock() {
                Err(TryLockError::WouldBlock) => (file.try_lock_shared(), false),
                locked => (locked, true),
            };
            match locked {
                Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => std::thread::sleep(TRY_EVERY),
                locked => return Self::of(locked, vec![file], is_alone),
            }
        }
    }

    /// Whether the database is open nowhere else.
    pub(crate) const fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Lets others open the database too. False if somebody has begun to put another in its place.
    ///
    /// # Errors
    /// When the lock cannot be changed.
    pub(crate) fn let_others_in(&mut self) -> io::Result<bool> {
        self.is_alone = false;
        for lock in &self.locks {
            match lock.try_lock_shared() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(false),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(true)
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
                refused => return Self::of(refused, Vec::new(), true),
            }
        }
        Self::of(Ok(()), locks, true)
    }

    fn of(locked: Result<(), TryLockError>, locks: Vec<File>, is_alone: bool) -> io::Result<Option<Self>> {
        match locked {
            Ok(()) => Ok(Some(Self { locks, is_alone })),
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
        let mut one = InUse::enter(&database).unwrap().unwrap();
        assert!(one.is_alone());
        assert!(one.let_others_in().unwrap());
        let other = InUse::enter(&database).unwrap().unwrap();
        assert!(!other.is_alone());
        drop(one);
        assert!(InUse::claim(&database).unwrap().is_none());
        drop(other);
        let claim = InUse::claim(&database).unwrap().unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| InUse::enter(&database).unwrap().unwrap());
            std::thread::sleep(TRY_EVERY * 4);
            assert!(
                !waits.is_finished(),
                "it waits until the other has been put there"
            );
            drop(claim);
            assert!(waits.join().unwrap().is_alone());
        });
    }

    #[test]
    fn the_first_one_keeps_others_out_until_it_lets_them_in() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("webhook.db");
        let mut one = InUse::enter(&database).unwrap().unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| InUse::enter(&database).unwrap().unwrap());
            std::thread::sleep(TRY_EVERY * 4);
            assert!(!waits.is_finished());
            assert!(one.let_others_in().unwrap());
            assert!(!waits.join().unwrap().is_alone());
        });
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
