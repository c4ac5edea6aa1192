//! Webhooks and their signing keys: the rules, without any I/O.
//!
//! A webhook's receiver trusts a delivery because of its signature. This crate has the rules by which the key behind
//! that signature is rolled without losing a delivery, even when a receiver is slow or a process crashes. It has no
//! runtime, no database, no clock and no random source of its own: the caller passes them in through ports.
//!
//! # The tour
//!
//! Read in this order; each module begins by saying what it is for and how it fails.
//!
//! | to learn about | read |
//! |---|---|
//! | the core: current and retired keys, and which of them sign at a given time | [`signing::key_ring`] |
//! | how a delivery is signed, and how a receiver verifies it | [`signing::signature`] |
//! | what is delivered, to whom, and how far it has come | [`delivery::event`], [`delivery`], [`delivery::attempt`] |
//! | which addresses deliveries may go to | [`delivery::address`] |
//! | retries: when a failed delivery is sent again, and when it is given up | [`delivery::penalty_box`], [`delivery::retry_schedule`] |
//! | the queue (lane) of a webhook: which process owns it, and when it has something to do | [`delivery::lane`] |
//! | rotations: the secrets of many webhooks rolled, one after the other | [`rotation`] |
//! | the webhook, and its values | [`webhook`], [`id`], [`text`], [`signing::signing_protocol`] |
//! | reading long lists page by page | [`webhook::WebhookQuery`] |
//! | the operations, one method each | [`services`] |
//! | the ports: what the rules need from outside | [`ports`], [`time::Clock`], [`entropy::Entropy`] |
//! | callers, permissions, API keys, audit records | [`access::caller`], [`access::permission`], [`access::api_key`], [`access::audit`] |
//! | idempotency keys | [`idempotency`] |
//! | errors | [`error`] |
//! | secret types, and encryption at rest | [`signing::secret`], [`sealing`] |
//! | the stored form of each value | [`stored`] |
//! | how a restored backup differs from the database that it replaced | [`restored`] |
#![cfg_attr(
    feature = "test-support",
    doc = "| testing what is built on this | [`testing`], and the `Mock…` beside each port |"
)]
#![cfg_attr(
    not(feature = "test-support"),
    doc = "| testing what is built on this | the module `testing`, and the `Mock…` beside each port: build the documentation with `--features test-support` to see them |"
)]
//!
//! Shortcuts:
//!
//! - **To call the rules:** the services in [`services`], one for each group of operations. A service takes its ports as `Arc<dyn Port>`.
//!   Each method takes an [`Acting`](access::caller::Acting): the caller, and the platform it acts on.
//! - **To write a store:** the ports in [`ports`], [`stored`], [`sealing`], and `docs/writing-a-store.md` in the repository, which says step by
//!   step what the larger methods do. The documentation of each port says the rest.
//! - **To write a front:** [`services`], [`error`], [`idempotency`].
//!
//! # Rolling a ring
//!
//! The rule itself is a pure function: it takes a ring and a time, and returns a ring.
//!
//! ```
//! use std::time::Duration;
//! use webhook_domain::entropy::{Entropy, EntropyError};
//! use webhook_domain::signing::key_ring::{KeyRing, NewKey, Overlap};
//! use webhook_domain::signing::signing_protocol::SigningProtocol;
//! use webhook_domain::time::Instant;
//!
//! /// Randomness comes in through a port. A server's is the operating system's.
//! struct OperatingSystem(ring::rand::SystemRandom);
//!
//! impl Entropy for OperatingSystem {
//!     fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
//!         ring::rand::SecureRandom::fill(&self.0, bytes).map_err(|_| EntropyError)
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let entropy = OperatingSystem(ring::rand::SystemRandom::new());
//! let now: Instant = "2024-04-12T15:22:37Z".parse()?;
//! let first = NewKey::generate(now, &entropy)?.under(SigningProtocol::HmacSha256);
//! let second = NewKey::generate(now, &entropy)?.under(SigningProtocol::HmacSha256);
//!
//! let ring = KeyRing::new(first.clone());
//! let ring = ring.roll(second.clone(), Overlap::from_seconds(600)?, now)?;
//!
//! // For ten minutes deliveries are signed with both keys, the newest first …
//! let within = now.plus(Duration::from_secs(599));
//! assert!(ring.valid_at(within).eq([&second, &first]));
//! // … and after that only with the new one.
//! let after = now.plus(Duration::from_secs(600));
//! assert!(ring.valid_at(after).eq([&second]));
//! # Ok(())
//! # }
//! ```
//!
//! # Testing against mocks
//!
//! With the feature `test-support`, every port has a mock, for failures that a healthy store does not have. To test
//! behaviour, use `testing::MemoryStore`, which passes the suite that every store passes.
#![cfg_attr(feature = "test-support", doc = "```")]
#![cfg_attr(not(feature = "test-support"), doc = "```ignore")]
//! use std::sync::Arc;
//! use webhook_domain::signing::key_ring::Overlap;
//! use webhook_domain::ports::MockWebhookStore;
//! use webhook_domain::services::{RollSecret, SecretKeyService};
//! use webhook_domain::testing::{ManualClock, SeededEntropy, fixtures};
//! use webhook_domain::{ServiceError, StoreError};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let mut store = MockWebhookStore::new();
//! store
//!     .expect_change()
//!     .once()
//!     .returning(|_| Err(StoreError::OutcomeUnknown("the connection broke".into()).into()));
//! let clock = Arc::new(ManualClock::default());
//! let entropy = Arc::new(SeededEntropy::default());
//! let service = SecretKeyService::new(Arc::new(store), clock, entropy, Overlap::DAY);
//!
//! let acme = fixtures::acme();
//! let id = "whk_01hv9k2m4rt6w8y0abcdefghjk".parse().unwrap();
//! let rolled = service.roll(&fixtures::acting(&acme), id, RollSecret::default()).await;
//!
//! // The roll may have happened. A retry with the same idempotency key finds out.
//! assert!(matches!(rolled, Err(ServiceError::Store(StoreError::OutcomeUnknown(_)))));
//! # }
//! ```
//!
//! # What always holds
//!
//! 1. **A decision is a pure function; a store runs it.** To change a webhook, a service gives the store an order with a
//!    decision ([`ports::Decide`]). The store loads the webhook under a lock, runs the decision, and saves or deletes the
//!    webhook, with its audit record and the stored answer, in one transaction. No caller reads, decides and writes in
//!    separate transactions. So concurrent rolls are serialised, and each sees the result of the one before.
//! 2. **No retired key stops signing before its expiry time, and none signs at or after it.** Only an overlap of zero, which must
//!    be requested, and the deletion of the webhook end keys sooner. See [`signing::key_ring`].
//! 3. **Time and random values are read before the transaction,** so a store can repeat a decision with the same result.
//! 4. **An existing value was valid when it was accepted.** [`webhook::Username`] and similar values are made by `parse`, which applies the
//!    rule. [`webhook::Authentication::new`] makes what needs two fields to agree. Stored values are made by `restore`, which applies no
//!    rule: a rule that becomes stricter must not make stored webhooks unreadable.
//! 5. **Resources of another platform are treated as not found.** Every call of a store names the platform, or for API keys the
//!    scopes ([`ports::ScopeFilter`]). The refusal is [`Refusal::NotFound`].
//! 6. **A permission is checked before any store is called**, also before a stored answer is returned again.
//! 7. **No message, record or `Debug` text holds a secret.** Keys are named by [`signing::secret::Fingerprint`].
//! 8. **A platform that has API keys keeps one that can create more**, unless the operator revokes it on the command line. A revoked
//!    key stays revoked. See [`access::api_key::ApiKey::revoke`].
//!
//! # Adding a port
//!
//! 1. Write the trait in `ports/`, in the domain's words: no rows, pools or status codes. Each method is one
//!    atomic unit, and its documentation says what it promises, for instance to concurrent callers. Put
//!    `mockall::automock` on it as on the others, and export the mock beside it.
//! 2. Implement it for `testing::MemoryStore`.
//! 3. Write down what every implementation must do: one function per rule in `testing/conformance/`, listed in
//!    `conformance_tests!` under the ports that it needs. Break `MemoryStore` once per rule to see it go red.
//! 4. Implement it in the adapter's crate, and call `conformance_tests!` in its tests.
//! 5. Give the service that needs it an `Arc<dyn Port>`.

pub mod access;
mod concurrently;
pub mod delivery;
pub mod entropy;
pub mod error;
pub mod id;
pub mod idempotency;
pub mod ports;
pub mod restored;
pub mod rotation;
pub mod sealing;
pub mod services;
pub mod signing;
pub mod stored;
#[cfg(any(test, feature = "test-support"))]
pub mod testing;
pub mod text;
pub mod time;
pub mod webhook;

pub use error::{InvalidValue, Refusal, ServiceError, StoreError};
