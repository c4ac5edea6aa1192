//! What can go wrong in a transaction, sorted by what is to be done about it.

use std::collections::BTreeSet;

use diesel::result::{DatabaseErrorKind, Error};
use webhook_domain::error::Cause;
use webhook_domain::id::WebhookId;
use webhook_domain::{Refusal, ServiceError, StoreError};

use crate::database::connection::AnyConnection;
use crate::database::row::RowError;

/// A transaction that was not committed, or of which that is not known.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A unique constraint was broken. Nothing was done.
    Constraint(Error),
    /// These changes cannot be made as one, though each may be by itself. Nothing was done.
    NotAsOne,
    /// A decision panicked, or what renders its answer. Nothing was done.
    Panicked,
    /// The database refused, or the connection broke, before the commit. Nothing was done, and it may be
    /// tried again.
    Before(Error),
    /// As [`Before`](Self::Before), while these lanes were to be locked.
    Lanes(Error, BTreeSet<WebhookId>),
    /// A lane that must be changed is known to be kept locked by somebody else. Nothing was done.
    LaneLocked,
    /// A row could not be read or written. Nothing was done, and trying again would not help.
    Row(RowError),
    /// The commit failed. It may have been done.
    Commit(Error),
}

/// What is said of a panic: where it was is in its own message.
pub(crate) const PANICKED: &str = "the change panicked";

/// What is said of a lane that others keep locked.
pub(crate) const LANE_LOCKED: &str = "somebody else keeps the queue of a webhook locked";

/// An error and what is behind it, as one text.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Whether it is the reference of a webhook that is not unique.
fn is_of_reference(broken: &Error) -> bool {
    let Error::DatabaseError(DatabaseErrorKind::UniqueViolation, what) = broken else {
        return false;
    };
    // PostgreSQL names the index, SQLite its columns.
    what.constraint_name() == Some("webhooks_reference")
        || what.message().ends_with("webhooks.platform, webhooks.reference")
}

/// What PostgreSQL says of a value that it cannot take (SQLSTATE class 22) or that is beyond its limits (class 54), and SQLite
/// likewise. diesel gives no SQLSTATE.
const OF_A_VALUE: [&str; 8] = [
    "invalid byte sequence for encoding",
    "has no equivalent in encoding",
    "unsupported Unicode escape sequence",
    "invalid input syntax",
    "out of range",
    "value too long",
    "exceeds maximum",
    "string or blob too big",
];

/// Whether the database refused what a member wants to store. It would refuse it again.
pub(crate) fn is_of_value(error: &Error) -> bool {
    let Error::DatabaseError(kind, what) = error else {
        return false;
    };
    match kind {
        DatabaseErrorKind::NotNullViolation
        | DatabaseErrorKind::CheckViolation
        | DatabaseErrorKind::ForeignKeyViolation => true,
        DatabaseErrorKind::Unknown => OF_A_VALUE.iter().any(|text| what.message().contains(text)),
        _ => false,
    }
}

impl Failure {
    /// Whether the connection is not to be used again: it may be broken, or be one that waits for a lock in vain.
    pub(crate) fn breaks_the_connection(&self) -> bool {
        match self {
            Self::Before(error) => !is_of_value(error),
            Self::Lanes(..) | Self::Commit(_) => true,
            Self::Constraint(_) | Self::NotAsOne | Self::Panicked | Self::LaneLocked | Self::Row(_) => false,
        }
    }

    /// The error of a group that may be tried again, with the lanes that it was about to lock; for any other group, why it was not done.
    pub(crate) fn judged(self) -> Result<(Error, BTreeSet<WebhookId>), Broken> {
        let error: ServiceError = match self {
            Self::Lanes(error, lanes) => return Ok((error, lanes)),
            Self::Before(error) if !is_of_value(&error) => return Ok((error, BTreeSet::new())),
            Self::Commit(error) => return Err(Broken::ForAll(StoreError::OutcomeUnknown, error.to_string())),
            Self::Constraint(error) if is_of_reference(&error) => Refusal::ReferenceTaken.into(),
            Self::Constraint(error) => StoreError::Unavailable(error.into()).into(),
            failure => StoreError::from(failure).into(),
        };
        Err(Broken::ByOne(error))
    }
}

/// Why a group was not done.
pub(crate) enum Broken {
    /// For what one of its members wants: this is what that one is told, once it stands alone.
    ByOne(ServiceError),
    /// For what has nothing to do with what is wanted: this is what all are told.
    ForAll(fn(Cause) -> StoreError, String),
}

/// For what has nothing to do with what is wanted, and may be tried again.
pub(crate) fn unavailable(cause: Cause) -> Broken {
    Broken::ForAll(StoreError::Unavailable, chain(cause.as_ref()))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::Constraint(error),
            error => Self::Before(error),
        }
    }
}

impl From<RowError> for Failure {
    fn from(error: RowError) -> Self {
        Self::Row(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Constraint(error) => Self::Corrupt(error.into()),
            Failure::NotAsOne | Failure::Panicked => Self::Corrupt(PANICKED.into()),
            Failure::Before(error) if is_of_value(&error) => Self::Corrupt(error.into()),
            Failure::Before(error) | Failure::Lanes(error, _) => Self::Unavailable(error.into()),
            Failure::LaneLocked => Self::Unavailable(LANE_LOCKED.into()),
            Failure::Row(error) => Self::Corrupt(error.into()),
            Failure::Commit(error) => Self::OutcomeUnknown(error.into()),
        }
    }
}

/// Runs `work` in a transaction that means to write.
pub(crate) fn transact<T>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    connection.begin().map_err(Failure::Before)?;
    match work(connection) {
        Ok(value) => match connection.commit() {
            Ok(()) => Ok(value),
            Err(error) => Err(Failure::Commit(error)),
        },
        Err(failure) => match connection.rollback() {
            Ok(()) => Err(failure),
            // The connection is beyond use; the writer opens another and tries again.
            Err(error) => Err(Failure::Before(error)),
        },
    }
}
