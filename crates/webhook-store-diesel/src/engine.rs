//! What runs on the database: one writer that commits in groups, readers, and what stands between them and callers.

pub(crate) mod batch_reader;
pub(crate) mod bulk;
pub(crate) mod early;
pub(crate) mod errands;
pub(crate) mod executor;
pub(crate) mod failure;
pub(crate) mod group;
mod job;
pub(crate) mod queue;
mod seen;
pub(crate) mod waiting;
pub(crate) mod writer;
