//! The API through its public door: in process for what a request means, over sockets for what a connection does.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests: what they cannot do is a failure"
)]

mod actions;
mod api_keys;
mod audit_records;
mod authentication;
mod beside;
mod bodies;
mod changing;
mod connections;
mod crowds;
mod custom_headers;
mod document_page;
mod documented;
mod events;
mod failures;
mod fields;
mod filtering;
mod idempotency;
mod importing;
mod key_checks;
mod listing;
mod openapi;
mod patterns;
mod preconditions;
mod probes;
mod public_keys;
mod reading;
mod request_rate;
mod requests;
mod roll_due;
mod rolling;
mod rotations;
mod routing;
mod sending_again;
mod signing_keys;
mod test_service;
mod tokens;
