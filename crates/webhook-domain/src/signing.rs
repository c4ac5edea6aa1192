//! Keys, and what is signed with them.
//!
//! A webhook has a ring of keys ([`key_ring`]), each a key ([`signing_key`]) of a protocol ([`signing_protocol`], and a file each in
//! `scheme`). [`signature`] makes a delivery's signatures from the keys that are valid at an instant. How a receiver verifies them is
//! in the crate [`webhook_verify`].

pub mod imported;
pub mod key_ring;
mod scheme;
pub mod secret;
pub mod signature;
pub mod signing_key;
pub mod signing_protocol;
pub mod verification_key;
