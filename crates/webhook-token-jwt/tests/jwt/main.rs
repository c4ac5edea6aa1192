//! Which tokens are believed, and above all which are not: over real signatures, through the port.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests: what they cannot do is a failure"
)]

mod accepted;
mod attacks;
mod issuer;
mod jwks;
