//! The webhook service's REST API on actix-web. It turns requests into calls of the domain's services, and results into responses.
//!
//! Nothing here decides anything about webhooks. A route reads a request in the order of the contract (version,
//! credential, permission, platform, path, query, headers, body), parses what it finds into the domain's value
//! types, calls one service, and writes the result. [`serve`] is what a binary calls; [`app()`] is the same API
//! without sockets, for tests. Another front may be served [beside](Beside) it. To change this crate, read `routes.rs` first.
//!
//! What holds for every response:
//!
//! 1. Every error has the same JSON form (`errors.rs`), also those of the framework and for malformed HTTP.
//! 2. It carries `X-REQUEST-ID`, and one event in the log under that id.
//! 3. No secret, body, or value of a query reaches a log or an error's message.
//! 4. Every phase of a connection has a timeout: see `webhook_front_actix`.
//! 5. Each credential and each address has a rate: [`webhook_front_actix::RequestRates`].
//! 6. If a client disconnects, its handler is dropped, and the store still finishes the request.
//!
//! To add an endpoint: a handler under `routes/` that begins with `call.acting`, its request and response beside it
//! (`#[utoipa::path]`), its path in `paths.rs`, a line in the table of `operations.rs`, and a test per rule in `tests/api/`.

mod answer;
mod api;
mod app;
mod beside;
mod errors;
mod limits;
mod listing;
mod monitoring;
mod observe;
mod openapi;
mod operations;
mod paths;
mod request;
mod routes;
mod server;
pub mod wire;

pub use api::{Api, Core, StoreCheck};
pub use app::{app, app_beside};
pub use beside::Beside;
pub use limits::HttpLimits;
pub use monitoring::{
    Answered, MetricsText, Monitoring, OTHER, ObservedRequest, RequestObserver, WriteMetrics,
};
pub use openapi::openapi_json;
pub use server::serve;
pub use webhook_domain::webhook::{CurrentActions, FieldRules};
