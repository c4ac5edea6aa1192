//! The penalty box: which queues are held up and why, and what can be done about it.

pub(crate) mod list;
pub(crate) mod queued;
pub(crate) mod send;
pub(crate) mod show;
