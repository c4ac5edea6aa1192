//! API keys: which there are, making one, revoking one.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod revoke;
