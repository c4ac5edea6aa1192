//! What was done, and by whom.

mod facts;
pub(crate) mod list;
pub(crate) mod resources;
pub(crate) mod show;
pub(crate) mod verify;
