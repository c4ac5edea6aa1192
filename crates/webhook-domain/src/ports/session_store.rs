//! The store of sessions.

use async_trait::async_trait;

use crate::access::session::{Session, SessionDigest};
use crate::error::StoreError;
use crate::time::Instant;

/// Keeps sessions. What it says of a session is what is stored at that moment, in this process and any other: an implementation must not
/// keep sessions in a cache, or one that was ended would go on.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Saves a session that begins, and ends those of its API key that began first beyond `most`. Sessions begin one after the other, in
    /// all processes.
    ///
    /// # Errors
    /// The store's.
    async fn begin(&self, session: Session, most: u32) -> Result<(), StoreError>;

    /// The session with this digest, one that is [over](Session::is_open) and not forgotten yet included.
    ///
    /// # Errors
    /// The store's.
    async fn find(&self, digest: SessionDigest) -> Result<Option<Session>, StoreError>;

    /// Notes that a session was used at `at`. What was noted later stays, and a session that has been ended stays ended: neither is an error.
    ///
    /// # Errors
    /// The store's.
    async fn note_use(&self, digest: SessionDigest, at: Instant) -> Result<(), StoreError>;

    /// Ends a session: from the return of this on it is not found, in any process. One that is not there is no error.
    ///
    /// # Errors
    /// The store's.
    async fn end(&self, digest: SessionDigest) -> Result<(), StoreError>;

    /// Forgets up to `limit` sessions that are not [open](Session::is_open) at `now`, and says how many.
    ///
    /// # Errors
    /// The store's.
    async fn forget_ended(&self, now: Instant, limit: u32) -> Result<u32, StoreError>;
}
