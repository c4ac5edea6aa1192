//! The API's words for a request that actix refuses before any route sees it.

use actix_web::http::StatusCode;
use webhook_front_actix::{BareRefusal, Refusal};

use super::{About, Code, envelope};

/// The envelope of a refusal of actix's own.
pub(crate) fn refuse_bare(refusal: BareRefusal) -> Refusal {
    let (status, code, message) = match refusal {
        BareRefusal::TooSlow => (
            StatusCode::REQUEST_TIMEOUT,
            Code::InvalidRequest,
            "the request did not arrive in time; send it without pauses",
        ),
        BareRefusal::HeadTooLong => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Code::InvalidRequest,
            "the request's line and headers are too long; send at most 96 headers and 128 KiB",
        ),
        BareRefusal::Failed => (
            StatusCode::INTERNAL_SERVER_ERROR,
            Code::InternalError,
            "the service failed",
        ),
        BareRefusal::NotHttp => (
            StatusCode::BAD_REQUEST,
            Code::BadRequest,
            "the request's line or headers are not HTTP/1.1 (RFC 9112)",
        ),
    };
    Refusal {
        content_type: "application/json",
        body: envelope(status, code, None, message, About::default()),
    }
}
