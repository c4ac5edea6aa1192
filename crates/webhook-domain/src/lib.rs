//! Webhooks and their signing keys: the rules, without any I/O.
//!
//! A webhook's receiver trusts a delivery because of its signature. This crate holds the rules by which the
//! key behind that signature is rolled without a delivery being lost, whoever is slow and whatever crashes.
//! It has no runtime, no database, no clock and no randomness of its own: those come in through ports.
//!
//! # The tour
//!
//! Read in this order; each module begins by saying what it is for and how it fails.
//!
//! | to learn about | read |
//! |---|---|
//! | the heart: current and retired keys, and which sign when | [`signing::key_ring`] |
//! | how a delivery is signed, and how a receiver verifies it | [`signing::signature`] |
//! | what is delivered, to whom, and how far it has come | [`delivery::event`], [`delivery`], [`delivery::attempt`] |
//! | which addresses deliveries may go to | [`delivery::address`] |
//! | what a failure does: when it is tried again, and when no more | [`delivery::penalty_box`], [`delivery::retry_schedule`] |
//! | the queue of a webhook: who works at it, and when it has something to do | [`delivery::lane`] |
//! | what a webhook is, and the values it is made of | [`webhook`], [`id`], [`text`], [`signing::signing_protocol`] |
//! | reading long lists page by page | [`webhook::WebhookQuery`] |
//! | what can be asked, each use one method | [`services`] |
//! | what the rules need of the world | [`ports`], [`time::Clock`], [`entropy::Entropy`] |
//! | who asks, what they may do, and what is written of it | [`access::caller`], [`access::permission`], [`access::api_key`], [`access::audit`] |
//! | asking again without doing again | [`idempotency`] |
//! | what can go wrong | [`error`] |
//! | how secrets are kept from view, and sealed at rest | [`signing::secret`], [`sealing`] |
//! | what a store keeps, and in which form | [`stored`] |
//! | what a restored backup brings back | [`restored`] |
#![cfg_attr(
    feature = "test-support",
    doc = "| testing what is built on this | [`testing`], and the `Mock…` beside each port |"
)]
#![cfg_attr(
    not(feature = "test-support"),
    doc = "| testing what is built on this | the module `testing`, and the `Mock…` beside each port: build the documentation with `--features test-support` to see them |"
)]
//!
//! Whoever reads with one purpose goes by a shorter way:
//!
//! - **To call the rules:** a service in [`services`] for each group of uses. It takes its ports as `Arc<dyn Port>`, and each method
//!   takes an [`Acting`](access::caller::Acting), which says who asks, and on which platform.
//! - **To write a store:** the ports in [`ports`], [`stored`], [`sealing`], and `docs/writing-a-store.md` in the repository, which says what
//!   each method does step by step.
//! - **To write a front:** [`services`], [`error`], [`idempotency`].
//!
//! # Rolling a ring
//!
//! The rule itself is a pure function: ring and instant in, ring out.
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
//! // … and from then on with the new one alone.
//! let after = now.plus(Duration::from_secs(600));
//! assert!(ring.valid_at(after).eq([&second]));
//! # Ok(())
//! # }
//! ```
//!
//! # Testing against mocks
//!
//! With the feature `test-support` every port has a mock, for the failures that a healthy store does not
//! have. For behaviour take `testing::MemoryStore`, which passes the suite that every store passes.
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
//! // Not "no": the roll may have happened. Asking again under the same idempotency key finds out.
//! assert!(matches!(rolled, Err(ServiceError::Store(StoreError::OutcomeUnknown(_)))));
//! # }
//! ```
//!
//! # What always holds
//!
//! 1. **A decision is a pure function; a store runs it.** To change a webhook a service hands the store an
//!    order with a decision ([`ports::Decide`]). The store loads the webhook under a lock, runs the decision,
//!    and saves or deletes the webhook, with its audit record and the answer, in one transaction. Nothing reads, thinks and
//!    writes in three steps, so of two rolls at once each sees what the other left.
//! 2. **No promised key stops before its instant, and none signs at or after it.** Only an overlap of zero,
//!    asked for by name, and the deletion of the webhook take keys away sooner. See [`signing::key_ring`].
//! 3. **Time and randomness come in,** and are drawn before the transaction: a store may run a decision
//!    again, and it decides the same.
//! 4. **A value that exists was valid when it was accepted.** [`webhook::Username`] and its kind are made by `parse`, which asks the rule;
//!    what needs two fields to agree is made by [`webhook::Authentication::new`]. What a store kept is made by `restore`, which asks no
//!    rule: one that becomes stricter must not make stored webhooks unreadable.
//! 5. **What belongs to another platform does not exist**: every question to a store names the
//!    platform, or for API keys the scopes ([`ports::ScopeFilter`]), and the refusal is [`Refusal::NotFound`].
//! 6. **A permission is checked before any store is asked**, also before an answer is given again.
//! 7. **No message, record or `Debug` text holds a secret.** Keys are named by [`signing::secret::Fingerprint`].
//! 8. **A platform that has API keys keeps one that can create more**, unless the operator says otherwise; a revoked key
//!    stays revoked. See [`access::api_key::ApiKey::revoke`].
//!
//! # Adding a port
//!
//! 1. Write the trait in `ports/`, in the domain's words: no rows, pools or status codes. Each method is one
//!    atomic unit and says what it promises, for instance to those who call it at the same time. Put
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
