//! Sending to real listeners on loopback, which most tests allow.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod behaviours;
mod bodies;
mod custom_headers;
mod fixtures;
mod guard;
mod keeping;
mod plain;
mod proxies;
mod receipts;
mod rows;
mod scripted;
mod tls;
