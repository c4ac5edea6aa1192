//! Who asks, what they may do, and what is written of it.
//!
//! A request comes from a [`caller`] with permissions ([`permission`]), by an API key of ours ([`api_key`]) or by a
//! token. What it changed is in the audit records ([`audit`]), and what became of a signing key is put together
//! from them ([`named_keys`], [`key_history`]).
//! How much a platform may have is its [`quota`]. In a browser a key is stood for by a [`session`].

pub mod api_key;
pub mod audit;
pub mod audit_chain;
pub mod caller;
pub mod key_history;
pub mod named_keys;
pub mod permission;
pub mod quota;
pub mod session;
