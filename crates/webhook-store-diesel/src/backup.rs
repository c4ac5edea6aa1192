//! Copying a database that is in use, and looking at one that is not.
//!
//! | where | what |
//! |---|---|
//! | `compact` | the free pages of an SQLite file given back |
//! | `copy` | a copy of SQLite's file as of one instant, beside whoever reads and writes it; a pause in a copy |
//! | `examine` | everything in a database that can be verified: the file, the sealed values, the chain of audit records |
//! | `events` | which events one database has and another has not |
//!
//! What is examined is not changed: it may be the only copy there is.

mod compact;
mod copy;
mod events;
mod examine;

use webhook_domain::StoreError;
use webhook_domain::error::Cause;

pub use self::compact::compact;
pub use self::copy::{announce_next, copy, pause, write_back};
pub use self::events::{EventsCompared, compare_events};
pub use self::examine::{Contents, Examination};
use crate::AuditVerdict;
use crate::database::opening::OpenError;
use crate::database::row::RowError;
use crate::engine::failure::Failure;

/// A database could not be copied or examined. It was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// It could not be opened, or has another master key, or a newer schema.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is nothing of this service in it.
    #[error("it holds no data of this service")]
    NotOurs,
    /// An older release has made its schema, and no newer one has migrated it.
    #[error("its schema is that of an older release")]
    OlderSchema {
        /// Its newest migration.
        schema: String,
    },
    /// SQLite has found damage.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// The audit records are not as they were written.
    #[error("the audit records are not whole; `webhook-server audit verify` says more")]
    AuditBroken(AuditVerdict),
    /// A row cannot be read, or a value in it does not open.
    #[error("a row cannot be read")]
    Row(#[source] Cause),
    /// The database refused a statement.
    #[error("the database refused a statement")]
    Statement(#[from] diesel::result::Error),
    /// It could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<RowError> for BackupError {
    fn from(error: RowError) -> Self {
        Self::Row(error.into())
    }
}

impl From<Failure> for BackupError {
    fn from(failure: Failure) -> Self {
        Self::Store(failure.into())
    }
}
