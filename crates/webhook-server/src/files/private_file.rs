//! Files that hold a secret: readable by their owner alone from the moment they exist, and under their name
//! only when they are complete and on the disk.
//!
//! A file is written under another name first, synchronised, and then given its own name: a link, which fails
//! where a file of that name is, or a rename, which replaces it. A crash at any moment leaves either no file
//! or a complete one under the name, and at most a leftover beside it.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt as _, OpenOptionsExt, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// A private file under construction.
pub(crate) struct StagedFile {
    file: File,
    staged_at: PathBuf,
    path: PathBuf,
}

impl StagedFile {
    /// Makes an empty file, `path` with `.` and `suffix` after it, which is to become `path`. A leftover of the
    /// same name is replaced.
    pub(crate) fn stage(path: &Path, suffix: &str) -> io::Result<Self> {
        let staged_at = staging_path(path, suffix);
        remove_if_there(&staged_at)?;
        let file = create_private(&staged_at)?;
        sync_directory_of(path)?;
        Ok(Self {
            file,
            staged_at,
            path: path.to_owned(),
        })
    }

    /// Writes `text` and a line feed, down to the disk.
    pub(crate) fn write_line(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        self.file.write_all(b"\n")?;
        self.file.sync_all()
    }

    /// Gives the file its name, unless there is a file of that name: [`io::ErrorKind::AlreadyExists`].
    pub(crate) fn publish_new(self) -> io::Result<()> {
        match std::fs::hard_link(&self.staged_at, &self.path) {
            Err(error) if has_no_links(&error) => rename_to_new(&self.staged_at, &self.path)?,
            linked => {
                std::fs::remove_file(&self.staged_at)?;
                linked?;
            }
        }
        sync_directory_of(&self.path)
    }

    /// Gives the file its name, in place of any other of that name.
    pub(crate) fn publish(self) -> io::Result<()> {
        std::fs::rename(&self.staged_at, &self.path)?;
        sync_directory_of(&self.path)
    }

    /// Gives the file up.
    pub(crate) fn discard(self) -> io::Result<()> {
        remove_if_there(&self.staged_at)
    }
}

/// Whether the file system has no second names for files, as those of memory sticks and of some network shares.
pub(crate) fn has_no_links(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
    )
}

/// Renames a file where a link cannot be made. A file that is made under the new name at this very moment is replaced.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    if to.symlink_metadata().is_ok() {
        std::fs::remove_file(from)?;
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(from, to)
}

/// The mode of a file with a secret in it, if others than it is meant for may use it.
///
/// The rule is PostgreSQL's for its keys: a file of the user that reads it is for that user alone; the group of any other file may
/// read it, since root's files reach a service in that way (credentials of systemd, secrets of Kubernetes).
pub(crate) fn open_to_others(file: &Metadata) -> Option<u32> {
    let closed_to = match file.uid() == rustix::process::geteuid().as_raw() {
        true => 0o077,
        false => 0o037,
    };
    let mode = file.permissions().mode() & 0o777;
    (mode & closed_to != 0).then_some(mode)
}

/// The bits of a file's mode that say who may do what; none for a file that cannot be looked at.
pub(crate) fn mode_of(path: &Path) -> Option<u32> {
    path.metadata()
        .ok()
        .map(|metadata| metadata.permissions().mode() & 0o777)
}

/// Warns of a file with a secret in it that is open to others. `what` is what the file is.
pub(crate) fn warn_if_open_to_others(path: &Path, what: &str) {
    let metadata = std::fs::metadata(path).ok();
    if let Some(mode) = metadata.as_ref().and_then(open_to_others) {
        tracing::warn!(
            file.path = %path.display(),
            file.mode = format!("{mode:o}"),
            "{what} is open to others than its owner; run `chmod 600` on it"
        );
    }
}

/// Where a file is while it is under construction.
pub(crate) fn staging_path(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// Makes the directory that `path` is in, for its owner alone, with all above it that is missing.
pub(crate) fn create_directory_of(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory_of(path))
}

/// Makes an empty private file, unless there is one of that name already.
pub(crate) fn create_empty(path: &Path) -> io::Result<()> {
    match create_private(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The directory that `path` is in.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_private_file_is_its_owners_alone_from_the_start() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("secret");
        let mut staged = StagedFile::stage(&path, "new").unwrap();
        assert_eq!(mode(&staging_path(&path, "new")), 0o600);
        staged.write_line("x").unwrap();
        assert!(!path.exists());
        staged.publish_new().unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "x\n");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_readers_own_file_is_for_the_reader_alone_and_any_other_for_its_group_at_the_most() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "x").unwrap();
        let with_mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            open_to_others(&std::fs::metadata(&path).unwrap())
        };
        assert_eq!(with_mode(0o600), None);
        assert_eq!(with_mode(0o400), None);
        assert_eq!(with_mode(0o640), Some(0o640));
        assert_eq!(with_mode(0o604), Some(0o604));
        // The file of somebody else can only be made by root.
        if std::os::unix::fs::chown(&path, Some(65534), None).is_ok() {
            assert_eq!(with_mode(0o440), None);
            assert_eq!(with_mode(0o460), Some(0o460));
            assert_eq!(with_mode(0o444), Some(0o444));
        }
    }

    #[test]
    fn a_new_file_replaces_no_other() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "first").unwrap();
        let staged = StagedFile::stage(&path, "new").unwrap();
        assert_eq!(
            staged.publish_new().unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_empty_file_is_made_once() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("database");
        create_empty(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        std::fs::write(&path, "x").unwrap();
        create_empty(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "x");
    }

    #[test]
    fn a_directory_is_its_owners_alone() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("a/b/file");
        create_directory_of(&path).unwrap();
        assert_eq!(mode(&directory.path().join("a/b")), 0o700);
        assert_eq!(directory_of(Path::new("file")), Path::new("."));
    }
}
