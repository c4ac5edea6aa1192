//! The operator's pages of the webhook service, under `/console/`: looking rather than reading.
//!
//! Nothing here decides anything about webhooks. A page calls the same services as the API does, as the caller whose API key began the
//! session. [`configure`] tells an application's router of the pages: a binary's, beside the API, and that of tests.
//!
//! What holds for every answer:
//!
//! 1. Its headers are those of `headers.rs`: a strict `Content-Security-Policy`, and `no-store` on all pages.
//! 2. It works without script. Nothing in it is from elsewhere, and neither a template nor an SVG has a style attribute or a script.
//! 3. A request that changes something comes from the console's own pages (`request/own_origin.rs`), and carries an idempotency key that
//!    was made with the page (`request/once.rs`): a double click, a refresh or the back button does it once, and shows the same answer.
//! 4. No secret is in a URL or a log.
//! 5. What belongs to another platform is answered as what does not exist.
//!
//! # To add a page
//!
//! 1. A folder under `pages/` for its story, named in `pages.rs`. A handler is `async fn(call: Call) -> Result<HttpResponse, Trouble>` and
//!    begins with `Call::acting`.
//! 2. A struct with `#[derive(Template)]` and a field `frame: Frame`; its template under `templates/`, in a folder of the same name, which
//!    begins with `{% extends "layout.html" %}`.
//! 3. A line in the table of `routes.rs`. A page of its own in the navigation has a line in `view/navigation.rs`, too.
//! 4. A form that changes something: `form_key` in its page, and `call.once` in the handler that takes it.
//! 5. A test per rule in `tests/console/`.

mod app;
mod assets;
mod console;
mod done;
mod headers;
mod pages;
mod paths;
mod request;
mod routes;
mod trouble;
mod view;

pub use app::configure;
pub use console::{Console, PublicUrl, Shared};
pub use routes::routes;
