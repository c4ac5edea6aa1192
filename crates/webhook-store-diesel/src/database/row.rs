//! What can be wrong with a row, wherever it stands.

use webhook_domain::stored::StoredError;
use webhook_domain::{InvalidValue, StoreError};

use crate::engine::failure::is_of_value;
use crate::sealing::SealError;

/// A row that cannot be read, or a value that cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    /// A sealed value does not open, or could not be sealed.
    #[error("{column} of {row}")]
    Sealing {
        /// Which column.
        column: &'static str,
        /// Which row, by its id.
        row: String,
        /// Why.
        #[source]
        source: SealError,
    },
    /// A value breaks the rule of its type.
    #[error("{column} of {row} {problem}")]
    Value {
        /// Which column.
        column: &'static str,
        /// Which row, by its id.
        row: String,
        /// What would be right.
        problem: InvalidValue,
    },
    /// JSON that cannot be read or written.
    #[error("{column} of {row} is no such JSON")]
    Json {
        /// Which column.
        column: &'static str,
        /// Which row, by its id.
        row: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl RowError {
    /// Whether a value is sealed under a master key that is not known here, or not yet.
    pub(crate) const fn is_of_other_master_key(&self) -> bool {
        matches!(
            self,
            Self::Sealing {
                source: SealError::OtherMasterKey,
                ..
            }
        )
    }
}

/// Where an unreadable value stands, for the errors above.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) column: &'static str,
    pub(crate) row: &'a str,
}

impl At<'_> {
    pub(crate) fn value(self, problem: InvalidValue) -> RowError {
        RowError::Value {
            column: self.column,
            row: self.row.to_owned(),
            problem,
        }
    }

    pub(crate) fn sealing(self, source: SealError) -> RowError {
        RowError::Sealing {
            column: self.column,
            row: self.row.to_owned(),
            source,
        }
    }

    pub(crate) fn stored(self, error: StoredError) -> RowError {
        match error {
            StoredError::Sealing { source, .. } => self.sealing(source),
            StoredError::Value { problem, .. } => self.value(problem),
        }
    }

    pub(crate) fn json(self, source: serde_json::Error) -> RowError {
        RowError::Json {
            column: self.column,
            row: self.row.to_owned(),
            source,
        }
    }
}

/// A read that failed. One that failed for a value it was given fails again, so nobody is told to try again.
pub(crate) fn unavailable(error: diesel::result::Error) -> StoreError {
    match is_of_value(&error) {
        true => StoreError::Corrupt(error.into()),
        false => StoreError::Unavailable(error.into()),
    }
}

pub(crate) fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Corrupt(error.into())
}
