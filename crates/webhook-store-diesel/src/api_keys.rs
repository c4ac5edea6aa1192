//! API keys: found for many requests at once, changed one at a time.

pub(crate) mod lookup;
mod port;
pub(crate) mod row;
