//! What tests are made of, for this crate and for those that build on it (feature `test-support`).
//!
//! - [`ManualClock`] and [`SeededEntropy`]: time and randomness that a test commands.
//! - [`Random`]: choices that follow from a seed.
//! - [`MemoryStore`]: every store port in memory, with the semantics that the ports promise.
//! - [`fixtures`]: values that most tests need and few care about.
//! - [`conformance`]: what every implementation of the store ports must do, as one test per rule. A crate
//!   with a store runs all of it by [`conformance_tests!`](crate::conformance_tests).
//! - [`sequences`]: operations that follow from a seed, and what a store answers to them. All stores must answer alike.
//!
//! Behaviour is tested on `MemoryStore`; the `Mock…` of each port is for failures that a healthy store
//! does not have.

mod clock;
pub mod conformance;
mod entropy;
pub mod fixtures;
mod memory_store;
mod random;
pub mod sequences;

pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use memory_store::MemoryStore;
pub use random::Random;
