//! Webhooks: all of a platform's, and one with its keys.

pub(crate) mod asked;
mod checks;
pub(crate) mod delete;
pub(crate) mod edit;
mod facts;
mod fields;
mod keys;
pub(crate) mod list;
pub(crate) mod names;
pub(crate) mod show;
pub(crate) mod test;
mod timeline;
