//! A request under `/v1`, as a route reads it.
//!
//! | file | what |
//! |---|---|
//! | `call` | the request itself: a route asks it for its parts, in the order of the contract |
//! | `authenticate`, `context` | who asks, whether they may, on which platform, about what |
//! | `query`, `etag`, `body`, `json` | the parts: parameters, `If-Match`, the body and its JSON |
//! | `idempotency` | waiting for the turn of a request that may be sent again |
//! | `trace` | the trace that it belongs to |
//! | `known` | what is known of it, for whoever is told of its end |

pub(crate) mod authenticate;
pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod context;
pub(crate) mod etag;
pub(crate) mod idempotency;
pub(crate) mod json;
pub(crate) mod known;
pub(crate) mod query;
pub(crate) mod trace;
