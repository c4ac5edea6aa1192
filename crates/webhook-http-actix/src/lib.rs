//! The webhook service's REST API on actix-web: requests in, calls of the domain's services, answers out.
//!
//! Nothing here decides anything about webhooks. A route reads a request in the order of the contract (version,
//! credential, permission, platform, path, query, headers, body), parses what it finds into the domain's value
//! types, asks one service, and writes what comes back. [`serve`] is what a binary calls; [`app()`] is the same API
//! without sockets, for tests. Who changes this crate reads `routes.rs` first.
//!
//! What holds for every answer:
//!
//! 1. An error is the one envelope of `errors.rs`, the framework's own refusals and malformed HTTP included.
//! 2. It carries `X-REQUEST-ID`, and one event in the log under that id.
//! 3. No secret, body, or value of a query reaches a log or an error's message.
//! 4. No client holds a connection for long without finishing what it began: see `webhook_front_actix`.
//! 5. Nobody asks more often than `request_rate.rs` lets them.
//! 6. A handler that is dropped because its client hung up loses nothing: the store finishes what it took.
//!
//! To add an endpoint: a handler under `routes/` that begins with `call.acting`, what it takes and answers beside it
//! (`#[utoipa::path]`), its path in `paths.rs`, a line in the table of `operations.rs`, and a test per rule in `tests/api/`.

mod answer;
mod api;
mod app;
mod authenticate;
mod body;
mod call;
mod context;
mod errors;
mod etag;
mod fields;
mod idempotency;
mod json;
mod limits;
mod listing;
mod observe;
mod openapi;
mod operations;
mod paths;
mod query;
pub mod representation;
mod request_rate;
mod routes;
mod server;
mod wire;

pub use api::{Api, Core, CurrentActions, FieldRules, StoreCheck};
pub use app::app;
pub use limits::HttpLimits;
pub use openapi::openapi_json;
pub use server::serve;
