//! The operator's commands. They work on the database itself, beside a running server or without one, and
//! are audited as `command-line`.
//!
//! Standard output has what was asked for and nothing else, so that it can be piped; remarks and logs go to
//! standard error.

pub(crate) mod api_key;
mod local;
pub(crate) mod migrate;
mod table;
pub(crate) mod webhook;
