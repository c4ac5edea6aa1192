//! The files of a deployment on SQLite, who may do what with them, and the room on their disk.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::Access;

use super::finding::{Finding, Status};
use super::report::{Bench, Report};
use crate::exit::Failure;
use crate::files::master_key::{self, MasterKeySource};
use crate::files::private_file::{directory_of, mode_of, open_to_others, staging_path};
use crate::serve::bootstrap;
use crate::settings::Settings;

/// How long a file system may take.
const LIMIT: Duration = Duration::from_secs(10);
/// With less room than this, in bytes, the next commits may fail.
const NO_ROOM: u64 = 4 << 20;
/// With less room than this, in bytes, it is time to make some, however small the disk is.
const LITTLE_ROOM: u64 = 100 << 20;
/// With more room than this, in bytes, there is enough, however large the disk is.
const ENOUGH_ROOM: u64 = 5 << 30;
/// What lies beside a database, by what is put behind its name.
const BESIDE: [&str; 5] = ["wal", "shm", "state", "in-use", "delivering"];

/// Says what is wrong with the files.
pub(super) fn examine(report: &mut Report, settings: &Settings) -> Result<(), Failure> {
    let key_file = match &settings.master_key {
        MasterKeySource::File(path) => Some(path.clone()),
        MasterKeySource::BesideDatabase => settings.database_file().map(master_key::beside_path),
        MasterKeySource::Given(_) => None,
    };
    let database = settings.database_file().map(Path::to_owned);
    let check = move |bench: &Bench| {
        if let Some(database) = &database {
            files(bench, database);
        }
        if let Some(key_file) = key_file.filter(|key_file| key_file.exists()) {
            bench.begins("files.master_key");
            bench.found("files.master_key", secret("the master key", &key_file));
        }
        if let Some(database) = &database {
            bench.begins("disk");
            bench.found("disk", room(nearest(directory_of(database))));
        }
    };
    report.aside(LIMIT, "files.folder", check).map(drop)
}

fn files(bench: &Bench, database: &Path) {
    let folder = directory_of(database);
    if !folder.exists() {
        bench.found("files.folder", to_be_made(folder));
        return;
    }
    if let Some(finding) = another_user(folder) {
        bench.found("files.user", finding);
    }
    bench.found("files.folder", folder_rights(folder));
    bench.begins("files.database");
    let there = BESIDE.iter().map(|suffix| match *suffix {
        "wal" | "shm" => with_dash(database, suffix),
        suffix => staging_path(database, suffix),
    });
    let there: Vec<_> = std::iter::once(database.to_owned())
        .chain(there)
        .filter(|path| path.exists())
        .collect();
    if !there.is_empty() {
        bench.found("files.database", database_rights(&there));
    }
    let first_key = bootstrap::first_key_file(database);
    if first_key.exists() {
        bench.found("files.first_api_key", first_api_key(&first_key));
    }
}

fn with_dash(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-");
    path.push(suffix);
    path.into()
}

/// The nearest folder above that is there.
fn nearest(folder: &Path) -> &Path {
    let there = folder.ancestors().find(|ancestor| ancestor.exists());
    match there {
        Some(there) if !there.as_os_str().is_empty() => there,
        _ => Path::new("."),
    }
}

fn to_be_made(folder: &Path) -> Finding {
    let above = nearest(folder);
    match may(above, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Finding::ok(format!("{} is made by the first start", folder.display())),
        Err(error) => Finding::fail(
            format!("{} is not there, and cannot be made: {error}", folder.display()),
            format!(
                "make it, and give it to the user that the service runs as; {} is not writable",
                above.display()
            ),
        ),
    }
}

/// Rights are judged for whoever runs this.
fn another_user(folder: &Path) -> Option<Finding> {
    let (own, owner) = (rustix::process::geteuid().as_raw(), folder.metadata().ok()?.uid());
    (own != owner).then(|| {
        Finding::warn(
            format!(
                "this runs as user {own}, and {} belongs to user {owner}: rights were judged for user {own}",
                folder.display()
            ),
            format!("run it as the user that the service runs as, such as `sudo -u '#{owner}' webhook-server doctor`"),
        )
    })
}

fn folder_rights(folder: &Path) -> Finding {
    let path = folder.display();
    if !folder.is_dir() {
        return Finding::fail(
            format!("{path} is no folder"),
            "name another place with --database-url",
        );
    }
    if let Err(error) = may(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        return Finding::fail(
            format!("{path} cannot be used: {error}"),
            to_write(
                &error,
                "give it to the user that the service runs as: SQLite makes files in it",
            ),
        );
    }
    match mode_of(folder) {
        Some(mode) if mode & 0o022 != 0 => Finding::warn(
            format!(
                "{path} can be written by others than its owner (mode {mode:o}): they can put other files in the place of these"
            ),
            format!("chmod go-w {path}"),
        ),
        _ => Finding::ok(format!("{path} is its owner's to write")),
    }
}

fn database_rights(there: &[PathBuf]) -> Finding {
    for path in there {
        if let Err(error) = may(path, Access::READ_OK | Access::WRITE_OK) {
            return Finding::fail(
                format!("{} cannot be read and written: {error}", path.display()),
                to_write(
                    &error,
                    "give the files whose names begin with that of the database to the user that the service runs as",
                ),
            );
        }
    }
    let open = |path: &&PathBuf| mode_of(path).is_some_and(|mode| mode & 0o077 != 0);
    match there.iter().find(open) {
        Some(path) => Finding::warn(
            format!(
                "{} is open to others than its owner (mode {:o}): what platforms publish is in it, unsealed",
                path.display(),
                mode_of(path).unwrap_or_default()
            ),
            format!("chmod 600 {}", path.display()),
        ),
        None => Finding::ok("the database and what lies beside it are their owner's alone"),
    }
}

fn first_api_key(path: &Path) -> Finding {
    let open = mode_of(path).filter(|mode| mode & 0o077 != 0);
    let open = open.map_or_else(String::new, |mode| {
        format!(", open to others than its owner (mode {mode:o})")
    });
    Finding::warn(
        format!("{} holds an API key with every permission{open}", path.display()),
        "keep the key elsewhere and delete the file",
    )
}

/// A file with a secret: readable to us, and to nobody else.
fn secret(what: &str, path: &Path) -> Finding {
    let shown = path.display();
    if let Err(error) = may(path, Access::READ_OK) {
        return Finding::fail(
            format!("{what} {shown} cannot be read: {error}"),
            "give it to the user that the service runs as",
        );
    }
    match path.metadata().ok().as_ref().and_then(open_to_others) {
        Some(mode) => Finding::warn(
            format!("{what} {shown} is open to others (mode {mode:o})"),
            format!("chmod 600 {shown}"),
        ),
        None => Finding::ok(format!("{what} {shown} is not open to others")),
    }
}

/// What to do where something cannot be written, unless the whole file system cannot.
fn to_write(error: &io::Error, otherwise: &str) -> String {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => "mount the file system so that it can be written".to_owned(),
        _ => otherwise.to_owned(),
    }
}

/// Whether the user that this runs as may do this, the file system included: one that takes reads alone refuses writes.
fn may(path: &Path, access: Access) -> io::Result<()> {
    let effective = rustix::fs::AtFlags::EACCESS;
    Ok(rustix::fs::accessat(rustix::fs::CWD, path, access, effective)?)
}

fn room(folder: &Path) -> Finding {
    let path = folder.display();
    let room = match rustix::fs::statvfs(folder) {
        Ok(room) => room,
        Err(error) => {
            let message = format!("the room on the file system of {path} is not known: {error}");
            return Finding::warn(message, "find out why it cannot be asked");
        }
    };
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    let all = room.f_blocks.saturating_mul(room.f_frsize);
    if all == 0 {
        return Finding::warn(
            format!("the file system of {path} does not say how much room it has"),
            "put the database on a disk",
        );
    }
    let is_out_of_inodes = room.f_files > 0 && room.f_favail == 0;
    judged_room(&path.to_string(), free, all, is_out_of_inodes)
}

fn judged_room(path: &str, free: u64, all: u64, is_out_of_inodes: bool) -> Finding {
    let message = format!(
        "{} of {} MiB are free on the file system of {path}",
        free >> 20,
        all >> 20
    );
    let advice = "make room: delete what is not needed there, use a larger disk, or keep events for a shorter time \
                  (WEBHOOK_EVENT_RETENTION) and run `webhook-server compact`";
    if is_out_of_inodes {
        return Finding::fail(
            format!("no more files can be made on the file system of {path}"),
            advice,
        );
    }
    match (
        free < NO_ROOM,
        free < LITTLE_ROOM || free < ENOUGH_ROOM.min(all / 20),
    ) {
        (true, _) => Finding::fail(message, advice),
        (false, true) => Finding::warn(message, advice),
        (false, false) => Finding {
            status: Status::Ok,
            message,
            advice: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_judged_by_what_is_free_and_by_its_part() {
        const GIB: u64 = 1 << 30;
        let status = |free, all| judged_room("/", free, all, false).status;
        assert_eq!(status(GIB, 10 * GIB), Status::Ok);
        assert_eq!(status(GIB, 100 * GIB), Status::Warn);
        assert_eq!(status(6 * GIB, 1000 * GIB), Status::Ok);
        assert_eq!(status(50 << 20, 100 << 20), Status::Warn);
        assert_eq!(status(1 << 20, GIB), Status::Fail);
        assert_eq!(judged_room("/", GIB, GIB, true).status, Status::Fail);
    }

    #[test]
    fn the_nearest_folder_above_one_that_is_missing_is_found() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(nearest(&directory.path().join("a/b")), directory.path());
        assert_eq!(nearest(Path::new("gone-from-here/b")), Path::new("."));
    }
}
