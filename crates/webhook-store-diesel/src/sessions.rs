//! The sessions of browsers, read at each request and never cached.

mod port;
mod row;
