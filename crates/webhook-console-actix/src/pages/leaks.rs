//! Keys that were found where none should be: looked up by their fingerprints, with what became of each and what to do.

pub(crate) mod look_up;
pub(crate) mod show;
