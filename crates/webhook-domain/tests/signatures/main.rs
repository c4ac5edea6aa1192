//! Signing with a ring and verifying with a receiver's secrets, through the public door.

#![expect(clippy::panic, clippy::unwrap_used, reason = "so a test says that it failed")]

mod malformed;
mod receiving;
mod scene;
mod signing;
