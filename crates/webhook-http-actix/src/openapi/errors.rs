//! The errors of operations: one envelope, and per status the codes that it can carry.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::IntoResponses;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{Ref, RefOr};

use super::values::{header, one_of, request_id_header, whole};
use crate::errors::{Code, Envelope};

/// Where a response says which codes its errors have.
const CODES: &str = "x-error-codes";

/// What a request that asks the store may answer.
pub(crate) struct StoreFailures;

/// What a request for a key set may answer: it needs no credential.
pub(crate) struct KeySetFailures;

/// An error's name in the document, its status, its codes, and when it comes.
struct Kind(&'static str, u16, &'static [Code], &'static str);

const BAD_REQUEST: Kind = Kind(
    "BadRequest",
    400,
    &[
        Code::BadRequest,
        Code::MissingField,
        Code::InvalidField,
        Code::InvalidId,
    ],
    "The request is malformed: `field` says where.",
);
const UNAUTHORISED: Kind = Kind(
    "Unauthorised",
    401,
    &[Code::Unauthorised],
    "No valid credential was sent. The same for all causes.",
);
const FORBIDDEN: Kind = Kind(
    "Forbidden",
    403,
    &[Code::UserNotAllowed],
    "The credential is valid, but may not do this, or not on this platform.",
);
const NOT_FOUND: Kind = Kind(
    "NotFound",
    404,
    &[Code::ResourceNotFound],
    "There is no such resource on this platform.",
);
const TOO_SLOW: Kind = Kind(
    "TooSlow",
    408,
    &[Code::InvalidRequest],
    "The request body did not arrive in time.",
);
const CONFLICT: Kind = Kind(
    "Conflict",
    409,
    &[
        Code::InvalidOperation,
        Code::ResourceAlreadyExists,
        Code::IdempotencyCheckFailed,
    ],
    "The state of things forbids it, or `Idempotency-Key` was used for another request.",
);
const STALE: Kind = Kind(
    "Stale",
    412,
    &[Code::InvalidRequest],
    "`If-Match` does not hold; nothing was changed.",
);
const TOO_LARGE: Kind = Kind("TooLarge", 413, &[Code::InvalidRequest], "The body is too long.");
const UNSUPPORTED_TYPE: Kind = Kind(
    "UnsupportedType",
    415,
    &[Code::UnsupportedMediaType],
    "The body is not `application/json`.",
);
const STILL_RUNNING: Kind = Kind(
    "StillRunning",
    422,
    &[Code::IdempotencyCheckFailed],
    "The first request with this `Idempotency-Key` is still running.",
);
const TOO_OFTEN: Kind = Kind(
    "TooOften",
    429,
    &[Code::InvalidRequest],
    "The credential, or the address without a valid one, is over its rate limit; or keys were checked as often as they may be.",
);
const FAILED: Kind = Kind(
    "Failed",
    500,
    &[Code::InternalError],
    "The service failed; its log says why, under the X-REQUEST-ID of this response.",
);
const UNAVAILABLE: Kind = Kind(
    "Unavailable",
    503,
    &[Code::InternalError],
    "The service is overloaded, or its store is unavailable. Try again with the same `Idempotency-Key`.",
);

const KINDS: [&Kind; 13] = [
    &BAD_REQUEST,
    &UNAUTHORISED,
    &FORBIDDEN,
    &NOT_FOUND,
    &TOO_SLOW,
    &CONFLICT,
    &STALE,
    &TOO_LARGE,
    &UNSUPPORTED_TYPE,
    &STILL_RUNNING,
    &TOO_OFTEN,
    &FAILED,
    &UNAVAILABLE,
];

/// What every operation under `/v1` may answer.
const EVERYWHERE: [&Kind; 6] = [
    &BAD_REQUEST,
    &UNAUTHORISED,
    &FORBIDDEN,
    &TOO_OFTEN,
    &FAILED,
    &UNAVAILABLE,
];
/// What one that changes something may answer besides.
const OF_CHANGES: [&Kind; 5] = [
    &TOO_SLOW,
    &CONFLICT,
    &TOO_LARGE,
    &UNSUPPORTED_TYPE,
    &STILL_RUNNING,
];

/// The errors of an operation under `/v1`: one that names a resource in its path or not, changes something or not, and takes
/// `If-Match` or not.
pub(super) fn of_operation(
    names_resource: bool,
    changes: bool,
    takes_if_match: bool,
) -> impl Iterator<Item = (String, RefOr<Response>)> {
    EVERYWHERE
        .into_iter()
        .chain(names_resource.then_some(&NOT_FOUND))
        .chain(OF_CHANGES.into_iter().filter(move |_| changes))
        .chain(takes_if_match.then_some(&STALE))
        .map(Kind::reference)
}

impl IntoResponses for StoreFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        [&FAILED, &UNAVAILABLE].map(Kind::reference).into()
    }
}

impl IntoResponses for KeySetFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        [&BAD_REQUEST, &NOT_FOUND, &TOO_OFTEN, &FAILED, &UNAVAILABLE]
            .map(Kind::reference)
            .into()
    }
}

impl Kind {
    fn reference(&self) -> (String, RefOr<Response>) {
        (self.1.to_string(), Ref::from_response_name(self.0).into())
    }

    fn response(&self) -> Response {
        let Self(_, status, codes, description) = self;
        // One schema for all errors, so that a generated client has one type; which codes a status has stands beside it.
        let codes: Vec<&str> = codes.iter().map(|code| code.name()).collect();
        let mut response = ResponseBuilder::new()
            .description(format!("{description} `code` is `{}`.", codes.join("`, `")))
            .content(
                "application/json",
                ContentBuilder::new()
                    .schema(Some(Envelope::COMPONENT.one("")))
                    .build(),
            )
            .extensions(Some(Extensions::from_iter([(CODES, json!(codes))])));
        let seconds = || {
            let wait = whole(1, usize::MAX >> 11, "");
            header(wait, "How many seconds to wait before asking again.")
        };
        let retryable = |value: &str| {
            let again = "Whether the same request may be sent again.";
            header(one_of([value], ""), again)
        };
        response = match status {
            401 => response.header(
                "WWW-Authenticate",
                header(one_of(["Bearer"], ""), "How to authenticate."),
            ),
            429 => response.header("Retry-After", seconds()),
            500 => response.header("Idempotency-Retryable", retryable("false")),
            503 => response
                .header("Retry-After", seconds())
                .header("Idempotency-Retryable", retryable("true")),
            _ => response,
        };
        let mut response = response.build();
        let (name, id) = request_id_header();
        response.headers.insert(name, id);
        response
    }
}

/// The errors as parts of the document that its operations refer to.
pub(super) fn components() -> impl Iterator<Item = (String, RefOr<Response>)> {
    KINDS
        .into_iter()
        .map(|kind| (kind.0.to_owned(), RefOr::T(kind.response())))
}
