//! A request as a page sees it: who makes it, from where, and what it asks for.

pub(crate) mod call;
pub(crate) mod condition;
pub(crate) mod cookie;
pub(crate) mod form;
pub(crate) mod once;
pub(crate) mod own_origin;
