//! Keys, and what is signed with them.
//!
//! A webhook has a ring of keys ([`key_ring`]), each a secret ([`secret`]) under a protocol
//! ([`signing_protocol`]). [`signature`] makes a delivery's signatures from the keys that are valid at an instant. How a
//! receiver verifies them is in the crate [`webhook_verify`].

pub mod key_ring;
pub mod secret;
pub mod signature;
pub mod signing_protocol;
