//! What is kept beside an SQLite database, so that the next start knows it again: `webhook.db.state`.
//!
//! It names the file by its inode, and the marks that the file may have. A mark is named here before it is put into the database,
//! and those before it are forgotten once it is in the file itself. So a crash at any moment leaves a file with a mark that is named.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::database::mark::Mark;

/// What is put behind the name of the database.
const SUFFIX: &str = ".state";
/// And while it is written.
const STAGED_SUFFIX: &str = ".state.new";
/// It has some 100 bytes. What is much longer is another file.
const MAX_BYTES: u64 = 16 << 10;

/// What was known of a database when it was used last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The number of the file in its file system.
    inode: u64,
    /// The marks that the file may have, the newest last.
    pub(crate) marks: Vec<Mark>,
}

/// What lies beside a database.
#[derive(Debug)]
pub(crate) enum Kept {
    Known(State),
    /// A release that kept nothing has used the database, or nobody has.
    Nothing,
    /// Something that cannot be read.
    Unreadable(io::Error),
}

/// Where the state of a database is.
pub(crate) fn path_of(database: &Path) -> PathBuf {
    beside(database, SUFFIX)
}

/// A file whose name is that of the database and `suffix`.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// The directory that a database is in.
pub(crate) fn directory_of(database: &Path) -> &Path {
    match database.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

impl State {
    /// That of the file `file`, which may have these marks.
    pub(crate) fn of(file: &Path, marks: Vec<Mark>) -> io::Result<Self> {
        let inode = file.metadata()?.ino();
        Ok(Self { inode, marks })
    }

    /// Reads what is kept beside a database.
    pub(crate) fn read(database: &Path) -> Kept {
        match read(&path_of(database)) {
            Ok(state) => Kept::Known(state),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::Nothing,
            Err(error) => Kept::Unreadable(error),
        }
    }

    /// Keeps it beside a database, on the disk, in place of what was kept before.
    pub(crate) fn keep(&self, database: &Path) -> io::Result<()> {
        let staged = beside(database, STAGED_SUFFIX);
        let written = write(&staged, &serde_json::to_vec(self)?);
        if let Err(error) = written.and_then(|()| std::fs::rename(&staged, path_of(database))) {
            // Where it cannot be removed either, the next one replaces it.
            let _ = std::fs::remove_file(&staged);
            return Err(error);
        }
        File::open(directory_of(database))?.sync_all()
    }

    /// Whether it is this file that it names.
    pub(crate) fn names(&self, database: &Path) -> io::Result<bool> {
        Ok(database.metadata()?.ino() == self.inode)
    }
}

fn read(path: &Path) -> io::Result<State> {
    let mut text = Vec::new();
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    // A leftover may have other rights.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_its_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("webhook.db");
        std::fs::write(&database, "").unwrap();
        assert!(matches!(State::read(&database), Kept::Nothing));
        let state = State::of(&database, vec![Mark::fresh(&[]).unwrap()]).unwrap();
        state.keep(&database).unwrap();
        state.keep(&database).unwrap();
        assert!(matches!(State::read(&database), Kept::Known(read) if read == state));
        assert!(state.names(&database).unwrap());
        let kept = path_of(&database);
        assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
        std::fs::rename(&database, directory.path().join("aside")).unwrap();
        std::fs::write(&database, "").unwrap();
        assert!(!state.names(&database).unwrap());
    }

    #[test]
    fn what_cannot_be_read_is_told_from_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("webhook.db");
        for garbage in ["", "{}", "{\"inode\":1,\"marks\":[\"x\"]}", "\0\0\0\0"] {
            std::fs::write(path_of(&database), garbage).unwrap();
            assert!(matches!(State::read(&database), Kept::Unreadable(_)), "{garbage}");
        }
        std::fs::remove_file(path_of(&database)).unwrap();
        std::fs::create_dir(path_of(&database)).unwrap();
        assert!(matches!(State::read(&database), Kept::Unreadable(_)));
    }
}
