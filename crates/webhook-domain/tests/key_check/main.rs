//! Checking keys through the service: on a store in memory, with receivers that verify as real ones do.

#![expect(clippy::panic, clippy::unwrap_used, reason = "so a test says that it failed")]

mod fleet;
mod own_checks;
mod probes;
mod recording;
mod scene;
mod verdicts;
