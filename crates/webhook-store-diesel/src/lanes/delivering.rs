//! On SQLite one process delivers at a time: the one that holds the lock on a file beside the database.
//!
//! The lock goes with the process, however it ends, so the next one delivers at once after a crash. It is on an open file that
//! no child process inherits. If the file was replaced meanwhile, another process may hold a lock on the new one: the lock on the
//! old one is worth nothing then.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use webhook_domain::id::ProcessId;

/// What is put behind the name of the database.
pub(crate) const SUFFIX: &str = ".delivering";

/// The lock of one store.
pub(crate) struct DeliveringLock {
    path: PathBuf,
    held: Mutex<Option<(ProcessId, File)>>,
}

impl DeliveringLock {
    /// The lock that goes with a database.
    pub(crate) fn beside(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push(SUFFIX);
        Self {
            path: path.into(),
            held: Mutex::default(),
        }
    }

    /// Takes the lock for `process`, unless somebody has it.
    pub(crate) fn take(&self, process: ProcessId) -> io::Result<bool> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok(false);
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&self.path)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, &self.path) => {
                *held = Some((process, file));
                Ok(true)
            }
            // Replaced between the two: the next try is at the new one.
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether `process` still has it.
    pub(crate) fn is_held_by(&self, process: ProcessId) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref()
            .is_some_and(|(holder, file)| *holder == process && is_at(file, &self.path))
    }

    /// Lets it go, if `process` has it.
    pub(crate) fn release(&self, process: ProcessId) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|(holder, _)| *holder == process) {
            *held = None;
        }
    }
}

/// Whether it is this file that stands at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), path.metadata()) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use webhook_domain::testing::{ManualClock, SeededEntropy};

    use super::*;

    fn process(seed: u64) -> ProcessId {
        ProcessId::generate(ManualClock::START, &SeededEntropy::new(seed)).unwrap()
    }

    #[test]
    fn one_at_a_time_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("webhook.db");
        let (one, other) = (
            DeliveringLock::beside(&database),
            DeliveringLock::beside(&database),
        );
        assert!(one.take(process(1)).unwrap());
        assert!(!one.take(process(2)).unwrap() && !other.take(process(2)).unwrap());
        assert!(one.is_held_by(process(1)) && !one.is_held_by(process(2)));
        one.release(process(2));
        assert!(one.is_held_by(process(1)), "it is not the other's to let go");
        one.release(process(1));
        assert!(other.take(process(2)).unwrap());
    }

    #[test]
    fn a_lock_on_a_file_that_was_replaced_is_worth_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("webhook.db");
        let (one, other) = (
            DeliveringLock::beside(&database),
            DeliveringLock::beside(&database),
        );
        assert!(one.take(process(1)).unwrap());
        std::fs::remove_file(directory.path().join("webhook.db.delivering")).unwrap();
        assert!(!one.is_held_by(process(1)));
        assert!(other.take(process(2)).unwrap());
        assert!(!one.is_held_by(process(1)) && other.is_held_by(process(2)));
        one.release(process(1));
        assert!(!one.take(process(3)).unwrap(), "it is the other's turn");
        other.release(process(2));
        assert!(one.take(process(3)).unwrap());
    }
}
