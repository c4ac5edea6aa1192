//! The checks of keys that were made lately.

mod port;
mod row;
