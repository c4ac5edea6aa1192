//! What stands before an SQLite file is opened for writing. Until it has passed, nothing in the file or its log is changed.

use std::io::ErrorKind;
use std::path::Path;

use webhook_domain::error::Cause;

use crate::DatabaseUrl;
use crate::database::connection::AnyConnection;
use crate::database::file::DatabaseFile;
use crate::database::identity::{self, Judged};
use crate::database::in_use::InUse;
use crate::database::open_error::OpenError;
use crate::database::opening::{self, Proof, prove, unreachable};
use crate::sealing::Vault;

/// A database file that may be opened for writing.
pub(crate) struct Entered {
    pub(crate) in_use: InUse,
    pub(crate) judged: Judged,
}

/// Finds out whether a file is the right one, whole, and sealed with this master key, before anything is written to it.
pub(crate) fn enter(url: &DatabaseUrl, path: &Path, vault: &Vault) -> Result<Entered, OpenError> {
    let not_writable = |source: Cause| OpenError::NotWritable {
        database: url.to_string(),
        source,
    };
    identity::refuse_lost(path)?;
    DatabaseFile::make_writable(path).map_err(|source| not_writable(source.into()))?;
    let in_use = InUse::enter(path).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => not_writable(error.into()),
        _ => OpenError::File(error),
    })?;
    let in_use = in_use.ok_or(OpenError::BeingReplaced)?;
    let judged = identity::judge(path, in_use.is_alone())?;
    if path.metadata().is_ok_and(|metadata| metadata.len() > 0) {
        look_at(url, path, &judged, vault).map_err(|error| opening::not_writable(url, error))?;
    }
    if in_use.is_alone() {
        judged.accept(path)?;
    }
    Ok(Entered { in_use, judged })
}

/// Proves the master key, and checks a file that may not be the right one, or not whole.
fn look_at(url: &DatabaseUrl, path: &Path, judged: &Judged, vault: &Vault) -> Result<(), OpenError> {
    let look = AnyConnection::open_sqlite_to_look(path);
    let mut look = look.map_err(|source| unreachable(url, source))?;
    if !judged.is_beyond_doubt() {
        identity::check(&mut look).map_err(|damage| OpenError::Damaged {
            database: path.to_owned(),
            damage,
        })?;
    }
    match prove(&mut look, vault)? {
        Proof::Absent => identity::refuse_unused(path),
        Proof::Given { .. } => Ok(()),
    }
}
