//! The endpoints, one file per resource.
//!
//! Each goes through a request in the order of the contract: credential, permission and platform
//! ([`Call::acting`](crate::request::call::Call::acting)), the path's id, the query, `Idempotency-Key`, `If-Match`, the body.
//! What comes later is not looked at before, so that nobody learns anything by a request they may not make.

pub(crate) mod actions;
pub(crate) mod api_keys;
pub(crate) mod audit_records;
pub(crate) mod document;
pub(crate) mod elsewhere;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod key_check;
pub(crate) mod key_set;
pub(crate) mod metrics;
pub(crate) mod probes;
pub(crate) mod replay;
pub(crate) mod rotations;
pub(crate) mod secret_key;
pub(crate) mod signing_keys;
pub(crate) mod webhook;
pub(crate) mod webhook_events;
pub(crate) mod webhooks;
