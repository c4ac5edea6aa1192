//! Keys, and what is signed with them.
//!
//! A webhook has a ring of keys ([`key_ring`]), each a key ([`signing_key`]) of a protocol ([`signing_protocol`], and a file each in
//! `scheme`). [`signature`] makes a delivery's signatures from the keys that are valid at an instant, and [`receipt`] finds the key that a
//! receiver shows it has. A key that somebody has found is read by [`found_key`]. How a receiver verifies, and what it answers, is in the crate [`webhook_verify`].

pub mod found_key;
pub mod imported;
pub mod key_ring;
pub mod receipt;
mod scheme;
pub mod secret;
pub mod signature;
pub mod signing_key;
pub mod signing_protocol;
pub mod verification_key;
