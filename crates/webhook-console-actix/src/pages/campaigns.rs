//! Campaigns: the secrets of many webhooks rolled, one after the other. The API calls one a rotation.

mod asked;
pub(crate) mod list;
pub(crate) mod plan;
pub(crate) mod show;
pub(crate) mod start;
pub(crate) mod stop;
