//! Keys, and what is signed with them.
//!
//! A webhook has a ring of keys ([`key_ring`]), each a secret ([`secret`]) under a protocol
//! ([`signing_protocol`]). [`signature`] makes a delivery's signatures from the keys that are valid at an instant,
//! and verifies them as a receiver does.

pub mod key_ring;
pub mod secret;
pub mod signature;
pub mod signing_protocol;
