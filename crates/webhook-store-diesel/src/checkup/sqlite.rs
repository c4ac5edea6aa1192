//! The file of a database of SQLite's.

use std::io;
use std::path::Path;

/// What there is to say of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteFile {
    /// Whether it is written by way of a write-ahead log.
    pub has_log: bool,
    /// On what it is.
    pub file_system: FileSystem,
}

/// A kind of file system, as far as it matters to a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// One of this machine, or one that is not known to be another.
    Local,
    /// One over a network, by name: locks and shared memory, which a write-ahead log takes, do not work on it as they must.
    Network(&'static str),
    /// One in memory, by name: it is gone when the machine is started again.
    Memory(&'static str),
    /// The layer of a container, by name: it is gone with the container.
    Container(&'static str),
}

/// The kind of the file system that `path` is on (statfs(2), `linux/magic.h`).
#[cfg(target_os = "linux")]
pub(super) fn file_system_of(path: &Path) -> io::Result<FileSystem> {
    let kind = rustix::fs::statfs(path)?.f_type;
    // The type of the field differs between machines, its 32 bits do not.
    let magic = (i128::from(kind) & 0xFFFF_FFFF) as u32;
    Ok(kind_of(magic))
}

/// Elsewhere there is no number that says so.
#[cfg(not(target_os = "linux"))]
pub(super) fn file_system_of(path: &Path) -> io::Result<FileSystem> {
    path.metadata().map(|_| FileSystem::Local)
}

#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "the numbers are Linux's")
)]
const fn kind_of(magic: u32) -> FileSystem {
    match magic {
        0x0000_6969 => FileSystem::Network("NFS"),
        0x0000_517B => FileSystem::Network("SMB"),
        0xFF53_4D42 => FileSystem::Network("CIFS"),
        0xFE53_4D42 => FileSystem::Network("SMB2"),
        0x0102_1997 => FileSystem::Network("9P"),
        0x00C3_6400 => FileSystem::Network("Ceph"),
        0x0BD0_0BD0 => FileSystem::Network("Lustre"),
        0x5346_414F => FileSystem::Network("AFS"),
        0x7375_7245 => FileSystem::Network("Coda"),
        0x0102_1994 => FileSystem::Memory("tmpfs"),
        0x8584_58F6 => FileSystem::Memory("ramfs"),
        0x794C_7630 => FileSystem::Container("overlayfs"),
        0x6175_6673 => FileSystem::Container("aufs"),
        _ => FileSystem::Local,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_over_a_network_is_told_from_one_of_the_machine() {
        assert_eq!(kind_of(0x6969), FileSystem::Network("NFS"));
        assert_eq!(kind_of(0xEF53), FileSystem::Local);
        assert_eq!(kind_of(0x0102_1994), FileSystem::Memory("tmpfs"));
        let directory = tempfile::tempdir().unwrap();
        assert!(file_system_of(directory.path()).is_ok());
        assert!(file_system_of(&directory.path().join("gone")).is_err());
    }
}
