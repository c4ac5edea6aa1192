//! `X-REQUEST-ID`: the client's own when it is well-formed and sent once, ours otherwise.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header::{HeaderMap, HeaderName};
use webhook_domain::entropy::Entropy;
use webhook_domain::id::RequestId;

/// The header that names a request.
pub static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request with these headers.
#[must_use]
pub fn of(headers: &HeaderMap, entropy: &dyn Entropy) -> Option<RequestId> {
    let mut sent = headers.get_all(&X_REQUEST_ID);
    let clients_own = match (sent.next(), sent.next()) {
        (Some(only), None) => only.to_str().ok().and_then(|text| text.parse().ok()),
        _ => None,
    };
    clients_own.or_else(|| generate(entropy))
}

/// A new id. Without randomness it is a mere number: an answer that says so must have an id, too.
#[must_use]
pub fn generate(entropy: &dyn Entropy) -> Option<RequestId> {
    static SPARE: AtomicU64 = AtomicU64::new(0);
    let spare = || format!("reqr_{:020}", SPARE.fetch_add(1, Ordering::Relaxed));
    RequestId::generate(entropy).ok().or_else(|| spare().parse().ok())
}
