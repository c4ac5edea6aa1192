//! Lanes: who works at them, what is read of them, what attempts leave in them.

pub(crate) mod delivery;
pub(crate) mod held_up;
pub(crate) mod look;
pub(crate) mod notify;
pub(crate) mod own;
mod port;
pub(crate) mod record;
pub(crate) mod row;
