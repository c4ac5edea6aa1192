//! Verifying deliveries, through the public door.

#![expect(clippy::panic, clippy::unwrap_used, reason = "so a test says that it failed")]

mod keys;
mod malformed;
mod public_keys;
mod receipts;
mod receiving;
mod scene;
mod standard;
