//! Events: published, announced, found again, forgotten.

pub(crate) mod announce;
pub(crate) mod port;
pub(crate) mod publish;
pub(crate) mod route;
pub(crate) mod row;
