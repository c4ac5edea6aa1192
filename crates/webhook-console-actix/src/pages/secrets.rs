//! The keys of a webhook: rolling, and what is done to one of them.

pub(crate) mod check;
mod overlaps;
pub(crate) mod remove;
pub(crate) mod restore;
pub(crate) mod retired;
pub(crate) mod reveal;
pub(crate) mod roll;
