//! Events: published, announced, found again, forgotten.

pub(crate) mod announce;
pub(crate) mod audience;
mod backlog;
pub(crate) mod fan_out;
pub(crate) mod give_up;
mod list;
pub(crate) mod moving;
pub(crate) mod pending;
pub(crate) mod port;
pub(crate) mod publish;
mod queued;
pub(crate) mod replay;
pub(crate) mod retain;
pub(crate) mod row;
mod signed;
pub(crate) mod spread;
pub(crate) mod subscription;
pub(crate) mod untold;
