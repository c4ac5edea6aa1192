//! The pause of all deliveries.
//!
//! A database that was restored may sign with a key that was revoked after the backup was made. So it is paused until an operator
//! has seen what differs. A pause is part of the database: every process honours it, also one that starts later. Webhooks are
//! changed, secrets rolled and events accepted meanwhile; what is queued waits.

use async_trait::async_trait;

use crate::access::audit::AuditRecord;
use crate::error::{InvalidValue, StoreError};
use crate::time::Instant;

/// That nothing is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub since: Instant,
    /// Why.
    pub reason: PauseReason,
}

/// Why nothing is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseReason {
    /// The database was restored from a backup.
    Restored,
    /// An operator asked for it.
    Operator,
}

impl PauseReason {
    /// The name of the reason, as it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restored => "RESTORED",
            Self::Operator => "OPERATOR",
        }
    }
}

impl std::str::FromStr for PauseReason {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        [Self::Restored, Self::Operator]
            .into_iter()
            .find(|reason| reason.name() == text)
            .ok_or(InvalidValue::new("must be RESTORED or OPERATOR"))
    }
}

/// What records of a pause are about.
pub const AUDITED_AS: &str = "deliveries";

/// Pauses deliveries, and lets them go on.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait DeliveryPause: Send + Sync {
    /// The pause, if deliveries are paused.
    ///
    /// # Errors
    /// The store's.
    async fn current(&self) -> Result<Option<Pause>, StoreError>;

    /// Pauses deliveries, and saves the record of that, if there is one, in the same transaction. Are they paused already, the earlier
    /// pause stays and nothing is recorded; the one in force is given.
    ///
    /// # Errors
    /// The store's.
    async fn pause(&self, pause: Pause, audit: Option<AuditRecord>) -> Result<Pause, StoreError>;

    /// Ends the pause, saves the record of that in the same transaction, and gives the pause; none if there was none, which is not
    /// recorded.
    ///
    /// # Errors
    /// The store's.
    async fn resume(&self, audit: AuditRecord) -> Result<Option<Pause>, StoreError>;
}
