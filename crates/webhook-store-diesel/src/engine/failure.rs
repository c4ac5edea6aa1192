//! What can go wrong in a transaction, sorted by what is to be done about it.

use diesel::result::{DatabaseErrorKind, Error};
use webhook_domain::error::Cause;
use webhook_domain::{ServiceError, StoreError};

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
    /// A row could not be read or written. Nothing was done, and trying again would not help.
    Row(RowError),
    /// The commit failed. It may have been done.
    Commit(Error),
}

/// What is said of a panic: where it was is in its own message.
pub(crate) const PANICKED: &str = "the change panicked";

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
pub(crate) fn is_of_reference(broken: &Error) -> bool {
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
            Failure::Before(error) => Self::Unavailable(error.into()),
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
