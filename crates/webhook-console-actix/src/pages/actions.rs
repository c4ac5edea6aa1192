//! What webhooks can be told of.

pub(crate) mod list;
mod meaning;
