//! `X-REQUEST-ID`: the client's own when it is well-formed and sent once, ours otherwise.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header::{HeaderMap, HeaderName};
use webhook_domain::id::RequestId;

use crate::api::Api;

/// The header that names a request.
pub(crate) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request with these headers.
pub(crate) fn of(headers: &HeaderMap, api: &Api) -> Option<RequestId> {
    let mut sent = headers.get_all(&X_REQUEST_ID);
    let clients_own = match (sent.next(), sent.next()) {
        (Some(only), None) => only.to_str().ok().and_then(|text| text.parse().ok()),
        _ => None,
    };
    clients_own.or_else(|| generate(api))
}

/// A new id. Without randomness it is a mere number: an answer that says so must have an id, too.
pub(crate) fn generate(api: &Api) -> Option<RequestId> {
    static SPARE: AtomicU64 = AtomicU64::new(0);
    let spare = || format!("reqr_{:020}", SPARE.fetch_add(1, Ordering::Relaxed));
    RequestId::generate(api.entropy.as_ref())
        .ok()
        .or_else(|| spare().parse().ok())
}
