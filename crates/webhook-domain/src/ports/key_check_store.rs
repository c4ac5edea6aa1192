//! The checks of keys that were made lately, so that there are not too many.

use async_trait::async_trait;

use crate::delivery::key_check::allowance::NewCheck;
use crate::error::{ServiceError, StoreError};
use crate::id::KeyCheckId;

/// Keeps the checks of the last hour. What it keeps is the same for all processes.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait KeyCheckStore: Send + Sync {
    /// Begins a check, if [`NewCheck::judge`] admits it beside those of the last hour that are of its webhook or at its host, of whatever
    /// platform; and forgets those that do not [count](crate::delivery::key_check::allowance::BegunCheck::counts) any more. Whatever begins
    /// at the same moment, in whatever process, is judged one after the other.
    ///
    /// # Errors
    /// What is refused, or the store's.
    async fn begin(&self, check: NewCheck) -> Result<(), ServiceError>;

    /// Says that a check has come to its end. It goes on counting for its hour if something was sent; otherwise it is as if it had not
    /// begun. One that is not there any more is no error.
    ///
    /// # Errors
    /// The store's. The check is then over after its [lease](crate::delivery::key_check::allowance::LEASE).
    async fn end(&self, check: KeyCheckId, has_sent: bool) -> Result<(), StoreError>;
}
