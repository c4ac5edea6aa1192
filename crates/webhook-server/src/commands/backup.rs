//! `backup`: a copy of an SQLite database beside a running server, verified before it has its name.
//!
//! The copy is made under another name in the same folder, for its owner alone. Everything in it is verified: the file, every
//! sealed value, the chain of audit records. Only then it is given its name, which must be free. Cut short anywhere, there is
//! at most a file that ends in `.part`, which the next backup of that name replaces.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use webhook_domain::entropy::Entropy;
use webhook_store_diesel::backup::{self, BackupError, Contents, Examination};
use webhook_store_diesel::{DatabaseUrl, MasterKey, SystemEntropy, refuse_lost};

use super::local::{answer, answer_json, remark};
use super::{Format, counted};
use crate::exit::Failure;
use crate::files::master_key;
use crate::files::private_file::{StagedFile, staging_path};
use crate::settings::Settings;

const DOING: &str = "back up the database";
/// What is put behind the name of a backup that is being made.
const STAGED: &str = "part";
/// What is put behind the name of a copy of it that is migrated to be verified.
pub(super) const MIGRATED: &str = "migrated";

/// Where the backup is to go.
#[derive(Args)]
pub(crate) struct BackupArguments {
    /// The file to make; there must be none of that name
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Makes a backup, and says what is in it.
pub(crate) fn run(settings: Settings, arguments: &BackupArguments, format: Format) -> Result<(), Failure> {
    let file = &arguments.file;
    let DatabaseUrl::Sqlite(database) = settings.database_url.clone() else {
        return Err(Failure::configuration(
            "a PostgreSQL database is backed up with PostgreSQL's own tool: \
             `pg_dump --format=custom --file=FILE \"$WEBHOOK_DATABASE_URL\"`; see docs/backup-and-restore.md",
        ));
    };
    refuse_lost(&database).map_err(|error| Failure::opening(&error))?;
    if !database.exists() {
        return Err(Failure::configuration(format!(
            "there is no database {}",
            database.display()
        )));
    }
    if file.symlink_metadata().is_ok() {
        return Err(Failure::configuration(format!(
            "{} is there already; name a file that is not, or remove it first",
            file.display()
        )));
    }
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
    let key = master_key::obtain(settings.master_key, &settings.database_url, entropy.as_ref())?;
    let staged = StagedFile::stage(file, STAGED)
        .map_err(|error| Failure::cannot(&format!("make {}", file.display()), &error))?;
    let path = staging_path(file, STAGED);
    let made = make(&database, &path, key, entropy);
    let contents = match made {
        Ok(contents) => contents,
        Err(failure) => {
            // What went wrong says more than what the removal may add.
            let _ = staged.discard();
            return Err(failure);
        }
    };
    staged.publish_new().map_err(|error| {
        let doing = format!("give the backup its name {}", file.display());
        Failure::cannot(&doing, &error)
    })?;
    show(file, &contents, format)
}

fn make(
    database: &Path,
    path: &Path,
    key: MasterKey,
    entropy: Arc<dyn Entropy>,
) -> Result<Contents, Failure> {
    let cannot = |error: BackupError| Failure::of_backup(DOING, &error);
    backup::copy(database, path).map_err(cannot)?;
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| Failure::cannot(DOING, &error))?;
    match verify(path, key.clone(), entropy.clone()) {
        Err(BackupError::OlderSchema { schema }) => {
            let migrated = verify_migrated(path, key, entropy)?;
            Ok(Contents { schema, ..migrated })
        }
        verified => verified.map_err(cannot),
    }
}

fn verify(path: &Path, key: MasterKey, entropy: Arc<dyn Entropy>) -> Result<Contents, BackupError> {
    let url = DatabaseUrl::Sqlite(path.to_owned());
    Examination::open(&url, key, entropy)?.contents()
}

/// Verifies a backup of a database that this release has not migrated yet, by a copy of it that is.
fn verify_migrated(path: &Path, key: MasterKey, entropy: Arc<dyn Entropy>) -> Result<Contents, Failure> {
    let copy = staging_path(path, MIGRATED);
    let verified = copy_privately(path, &copy)
        .map_err(|error| Failure::cannot(DOING, &error))
        .and_then(|()| {
            let url = DatabaseUrl::Sqlite(copy.clone());
            webhook_store_diesel::migrate(&url, key.clone(), entropy.clone())
                .map_err(|error| Failure::opening(&error))?;
            verify(&copy, key, entropy).map_err(|error| Failure::of_backup(DOING, &error))
        });
    remove_database(&copy);
    verified
}

/// Copies a file into a new one that is its owner's alone.
fn copy_privately(from: &Path, to: &Path) -> io::Result<()> {
    remove_database(to);
    crate::files::private_file::create_empty(to)?;
    std::fs::copy(from, to).map(drop)
}

/// Removes a database of SQLite's that was made for a moment, with what lies beside it.
pub(super) fn remove_database(path: &Path) {
    for suffix in [
        "",
        "-wal",
        "-shm",
        "-journal",
        ".in-use",
        ".delivering",
        ".state",
        ".state.new",
    ] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        // Most of them are not there; one that cannot be removed is replaced the next time.
        let _ = std::fs::remove_file(name);
    }
}

/// What is in a database, in words.
pub(super) fn counts(contents: &Contents) -> String {
    [
        counted(contents.webhooks, "webhook"),
        counted(contents.api_keys, "API key"),
        counted(contents.events, "event"),
        counted(contents.audit_records, "audit record"),
    ]
    .join(", ")
}

fn show(file: &Path, contents: &Contents, format: Format) -> Result<(), Failure> {
    remark(
        "the master key is not in the backup, and without it the backup is worth nothing: keep a copy of the key elsewhere",
    );
    match format {
        Format::Json => answer_json(&json!({
            "file": file.display().to_string(),
            "webhooks": contents.webhooks,
            "api_keys": contents.api_keys,
            "events": contents.events,
            "audit_records": contents.audit_records,
            "audit_head": contents.head.to_string(),
            "schema": contents.schema,
        })),
        Format::Text => answer(&format!(
            "{}: {}, schema {}\nhead {}\n",
            file.display(),
            counts(contents),
            contents.schema,
            contents.head
        )),
    }
}
