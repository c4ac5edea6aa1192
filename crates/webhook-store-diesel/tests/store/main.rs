//! The stores on both databases: what the domain promises of them, and what is this crate's own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod auditing;
mod conformance;
mod credentials;
mod due_rolls;
mod early;
mod failing;
mod fan_out;
mod groups;
mod held;
mod key_uses;
mod known_keys;
mod looking;
mod needs;
mod opening;
mod place;
mod prepared;
mod quotas;
mod rekeying;
mod sealed;
mod sequences;
mod shared;
mod starting;
mod turns;
