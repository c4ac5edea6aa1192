//! The console as a browser sees it, over a store in memory.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests: what they cannot do is a failure"
)]

mod actions;
mod api_keys;
mod audit;
mod browser;
mod campaigns;
mod csrf;
mod deliveries;
mod dispatcher;
mod editing;
mod headers;
mod leaks;
mod overview;
mod penalty_box;
mod receiver;
mod scene;
mod secrets;
mod sessions;
mod sizes;
mod tenants;
mod timeline;
mod verifying;
mod webhooks;
mod words;
