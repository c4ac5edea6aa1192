//! Backing up and restoring: a copy beside a running server, and what a restored database does and does not do.
//!
//! `WEBHOOK_TEST_BACKUP_ROLLS` says how many rolls are answered before a backup is made (500 unless told otherwise).

mod copying;
mod drill;
mod pausing;
mod places;
mod refusals;
mod runbook;
