//! Signing with a ring, held against what receivers verify, through the public door.

#![expect(clippy::panic, clippy::unwrap_used, reason = "so a test says that it failed")]

mod protocols;
mod receipts;
mod receiving;
mod scene;
mod signing;
