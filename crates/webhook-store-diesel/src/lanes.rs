//! Lanes: who works at them, what is read of them, what attempts leave in them, whether all of them are paused, what they say of having something to do.

pub(crate) mod counting;
pub(crate) mod delivering;
pub(crate) mod delivery;
pub(crate) mod held;
pub(crate) mod held_up;
pub(crate) mod key_uses;
pub(crate) mod locked;
pub(crate) mod look;
pub(crate) mod notify;
pub(crate) mod own;
pub(crate) mod pause;
mod port;
pub(crate) mod positions;
#[cfg(test)]
mod races;
pub(crate) mod record;
pub(crate) mod row;
mod settle;
