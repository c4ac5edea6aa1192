//! The database itself: its URL, connections, schema, what the two dialects do not do alike, and how it is opened.

pub(crate) mod connection;
pub(crate) mod dialect;
mod entering;
pub(crate) mod file;
pub(crate) mod identity;
pub(crate) mod in_use;
pub(crate) mod language;
pub(crate) mod levels;
pub(crate) mod mark;
pub(crate) mod migrating;
mod not_up;
pub(crate) mod open_error;
pub(crate) mod opening;
#[cfg(test)]
pub(crate) mod plan;
pub(crate) mod pooler;
mod roots;
pub(crate) mod row;
pub(crate) mod schema;
mod session;
pub(crate) mod state;
pub(crate) mod url;
pub(crate) mod write_back;
