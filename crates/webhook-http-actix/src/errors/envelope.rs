//! The body of every error, and the codes in it.

use actix_web::http::StatusCode;
use serde::Serialize;

use super::About;

/// What went wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    BadRequest,
    MissingField,
    InvalidField,
    InvalidId,
    UnsupportedVersion,
    InvalidOperation,
    Unauthorised,
    UserNotAllowed,
    ResourceNotFound,
    InvalidRequest,
    UnsupportedMediaType,
    IdempotencyCheckFailed,
    ResourceAlreadyExists,
    InternalError,
}

impl Code {
    /// Every code there is.
    pub(crate) const ALL: [Self; 14] = [
        Self::BadRequest,
        Self::MissingField,
        Self::InvalidField,
        Self::InvalidId,
        Self::UnsupportedVersion,
        Self::InvalidOperation,
        Self::Unauthorised,
        Self::UserNotAllowed,
        Self::ResourceNotFound,
        Self::InvalidRequest,
        Self::UnsupportedMediaType,
        Self::IdempotencyCheckFailed,
        Self::ResourceAlreadyExists,
        Self::InternalError,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::MissingField => "MISSING_FIELD",
            Self::InvalidField => "INVALID_FIELD",
            Self::InvalidId => "INVALID_ID",
            Self::UnsupportedVersion => "UNSUPPORTED_VERSION",
            Self::InvalidOperation => "INVALID_OPERATION",
            Self::Unauthorised => "UNAUTHORISED",
            Self::UserNotAllowed => "USER_NOT_ALLOWED",
            Self::ResourceNotFound => "RESOURCE_NOT_FOUND",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::IdempotencyCheckFailed => "IDEMPOTENCY_CHECK_FAILED",
            Self::ResourceAlreadyExists => "RESOURCE_ALREADY_EXISTS",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: &'static str,
    code: &'static str,
    field: Option<&'a str>,
    message: &'a str,
    resource_id: Option<String>,
    resource_type: &'static str,
}

/// The body of an error.
pub(crate) fn envelope(
    status: StatusCode,
    code: Code,
    field: Option<&str>,
    message: &str,
    about: About,
) -> Vec<u8> {
    let envelope = Envelope {
        r#type: match status.is_server_error() {
            true => "API_ERROR",
            false => "INVALID_REQUEST",
        },
        code: code.name(),
        field,
        message,
        resource_id: about.id(),
        resource_type: about.resource_type(),
    };
    // Texts and an id that displays: there is nothing in it that cannot be written.
    serde_json::to_vec(&envelope).unwrap_or_default()
}
