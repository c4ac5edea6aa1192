//! Webhooks and their signing keys: the rules, without any I/O.

pub mod api_key;
pub mod audit;
pub mod caller;
pub mod entropy;
pub mod error;
pub mod id;
pub mod idempotency;
pub mod key_ring;
pub mod permission;
pub mod ports;
pub mod secret;
pub mod services;
pub mod signing_protocol;
#[cfg(any(test, feature = "test-support"))]
pub mod testing;
pub mod text;
pub mod time;
pub mod webhook;

pub use error::{InvalidValue, Refusal, ServiceError, StoreError};
