//! The codes of errors.

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
