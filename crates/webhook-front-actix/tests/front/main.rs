//! A front of actix, over real sockets.

#![expect(clippy::unwrap_used, reason = "so a test says that it failed")]

mod connections;
mod crowds;
mod scene;
