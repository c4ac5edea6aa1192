//! Whose bearer tokens are believed.

use crate::access::caller::Caller;
use crate::time::Instant;

/// Tells whom a bearer token speaks for. Its keys are in memory, so it answers at once and cannot be out of reach.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
pub trait TokenVerifier: Send + Sync {
    /// The caller that `token` stands for at `now`: none unless it was issued for this service by whom it trusts, is
    /// in force, and says all that a [`Caller`] is made of. Which of these fails is not told: a client that guesses
    /// must learn nothing.
    fn verify(&self, token: &str, now: Instant) -> Option<Caller>;
}
