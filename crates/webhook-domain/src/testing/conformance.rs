//! What every implementation of the store ports must do, one function per rule.
//!
//! A rule takes [`Ports`] and panics when they break it. A crate with a store turns every rule into a test of that name; each test
//! opens a store of its own, because a process that delivers takes every lane of a store that it can have, and a sweep takes in
//! every platform.
//!
//! ```
//! use std::sync::Arc;
//! use webhook_domain::testing::{MemoryStore, conformance::Ports};
//!
//! /// Runs a test to its end, on the runtime that the store needs.
//! fn block_on<T>(test: impl Future<Output = T>) -> T {
//!     tokio::runtime::Runtime::new().expect("a runtime").block_on(test)
//! }
//!
//! /// Opens a store that nothing is in yet.
//! async fn fresh_ports() -> Ports {
//!     let store = MemoryStore::new();
//!     // What another process finds; a store on a disk is opened again by its path.
//!     let disk = store.reopened();
//!     Ports::new(Arc::new(store)).reopening(move || {
//!         let store = disk.reopened();
//!         async { Ports::new(Arc::new(store)) }
//!     })
//! }
//!
//! webhook_domain::conformance_tests!(run = block_on, ports = fresh_ports);
//! # block_on(async { fresh_ports().await.reopen().await });
//! ```
//!
//! What has to live as long as the store, such as a temporary directory, is handed over by [`Ports::keeping`]. A rule starts up to
//! 128 changes at once: the store must admit as many.
//!
//! # In parts
//!
//! A store that keeps only a part of it all is tested by the parts of the suite that it can pass. The ports it has are
//! [put together](Ports::none), and the parts are named:
//!
//! ```
//! use std::sync::Arc;
//! use webhook_domain::testing::{MemoryStore, conformance::Ports};
//!
//! async fn fresh_ports() -> Ports {
//!     let store = Arc::new(MemoryStore::new());
//!     let disk = store.reopened();
//!     let ports = Ports::none().with_api_keys(store.clone()).with_audit(store);
//!     ports.reopening(move || {
//!         let store = Arc::new(disk.reopened());
//!         async { Ports::none().with_api_keys(store.clone()).with_audit(store) }
//!     })
//! }
//!
//! # fn block_on<T>(test: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Runtime::new().expect("a runtime").block_on(test)
//! # }
//! webhook_domain::conformance_tests!(run = block_on, ports = fresh_ports, parts = [api_keys]);
//! # block_on(async { fresh_ports().await.reopen().await });
//! ```
//!
//! | part | needs |
//! |---|---|
//! | `webhooks` | [`WebhookStore`](crate::ports::WebhookStore), [`AuditLog`](crate::ports::AuditLog) |
//! | `api_keys` | [`ApiKeyStore`](crate::ports::ApiKeyStore), [`AuditLog`](crate::ports::AuditLog) |
//! | `answers` | [`AnswerStore`](crate::ports::AnswerStore) |
//! | `events` | [`WebhookStore`](crate::ports::WebhookStore), [`EventStore`](crate::ports::EventStore), [`DeliveryQueue`](crate::ports::DeliveryQueue) |
//! | `pause` | [`DeliveryPause`](crate::ports::DeliveryPause), [`AuditLog`](crate::ports::AuditLog) |
//! | `rotations` | [`RotationStore`](crate::ports::RotationStore), [`WebhookStore`](crate::ports::WebhookStore), [`ApiKeyStore`](crate::ports::ApiKeyStore), [`EventStore`](crate::ports::EventStore), [`DeliveryQueue`](crate::ports::DeliveryQueue), [`DeliveryPause`](crate::ports::DeliveryPause), [`AuditLog`](crate::ports::AuditLog) |
//! | `key_checks` | [`KeyCheckStore`](crate::ports::KeyCheckStore) |
//! | `sessions` | [`SessionStore`](crate::ports::SessionStore) |
//!
//! A rule gets the ports of its part and no others, so none needs more than its part says.

mod announcements;
mod api_keys;
mod attempts;
mod audit;
mod changing;
mod credentials;
mod deleting;
mod due_rolls;
mod durable;
mod events;
mod filtering;
mod forgetting;
mod giving_up;
mod held_up;
mod idempotency;
mod key_checks;
mod known_keys;
mod lane_scene;
mod lanes;
mod needs;
mod owners;
mod pausing;
mod ports;
mod probes;
mod quotas;
mod reading;
mod references;
mod resending;
mod rolling;
mod rotation_scene;
mod rotation_steps;
mod rotations;
mod rules;
mod scene;
mod sessions;
mod signed_with;
mod telling;
mod upkeep;
mod verdict;

pub use announcements::*;
pub use api_keys::*;
pub use attempts::*;
pub use audit::*;
pub use changing::*;
pub use credentials::*;
pub use deleting::*;
pub use due_rolls::*;
pub use durable::*;
pub use events::*;
pub use filtering::*;
pub use forgetting::*;
pub use giving_up::*;
pub use held_up::*;
pub use idempotency::*;
pub use key_checks::*;
pub use known_keys::*;
pub use lanes::*;
pub use needs::*;
pub use owners::*;
pub use pausing::*;
pub use ports::{Port, Ports};
pub use probes::*;
pub use quotas::*;
pub use reading::*;
pub use references::*;
pub use resending::*;
pub use rolling::*;
pub use rotation_steps::*;
pub use rotations::*;
pub use sessions::*;
pub use signed_with::*;
pub use telling::*;
pub use upkeep::*;
