//! Audit records in a chain that cannot be changed unseen.

pub(crate) mod chain;
pub(crate) mod head;
pub(crate) mod opening;
mod port;
pub(crate) mod row;
pub(crate) mod verification;
