//! Webhooks: changed in groups, saved, listed.

pub(crate) mod change;
mod custom_headers;
pub(crate) mod filter;
mod hosts;
pub(crate) mod key_counts;
pub(crate) mod key_ring;
pub(crate) mod known_keys;
mod lanes;
pub(crate) mod list;
mod loading;
mod needs;
mod port;
pub(crate) mod previous_credentials;
pub(crate) mod roll_due_row;
mod roll_dues;
pub(crate) mod row;
pub(crate) mod save;
