//! Errors as clients see them: the one envelope, and the one match that maps a refusal or a failure to a status.
//!
//! A [`Problem`] is what a route returns when it does not answer. Its message says what is wrong and what would be
//! right and repeats no value; its cause is for the log alone, where [`crate::observe`] writes it once.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use webhook_domain::id::WebhookId;
use webhook_domain::services::AuthenticationError;
use webhook_domain::{InvalidValue, Refusal, ServiceError, StoreError};

use crate::representation::Shown;

/// The most bytes of a client's own name that an error repeats.
const MAX_FIELD_LENGTH: usize = 256;

/// Says whether asking again may help.
pub(crate) static IDEMPOTENCY_RETRYABLE: HeaderName = HeaderName::from_static("idempotency-retryable");

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
    const fn name(self) -> &'static str {
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

/// Why a request was not done.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: Code,
    field: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    about: Option<WebhookId>,
    advice: Advice,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// What an error's headers tell a client to do.
#[derive(Debug, Clone, Copy)]
enum Advice {
    None,
    /// `WWW-Authenticate`.
    Authenticate,
    /// `Allow`.
    Use(&'static [Method]),
    /// `Retry-After` and `Idempotency-Retryable: true`.
    Retry,
    /// `Idempotency-Retryable: false`.
    DoNotRetry,
    /// `Connection: close`.
    Reconnect,
}

impl Problem {
    /// A problem without a field.
    pub(crate) fn new(status: StatusCode, code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            field: None,
            message: message.into(),
            about: None,
            advice: Advice::None,
            cause: None,
        }
    }

    /// 400 `BAD_REQUEST`.
    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::BadRequest, message)
    }

    /// 400 `INVALID_FIELD`: `expected` completes the sentence that `field` begins.
    pub(crate) fn invalid_field(field: impl Into<Cow<'static, str>>, expected: &str) -> Self {
        Self::of_field(Code::InvalidField, field.into(), expected)
    }

    /// 400 `INVALID_FIELD`, in the words of the type that does not admit the value.
    pub(crate) fn invalid_value(field: impl Into<Cow<'static, str>>, problem: &InvalidValue) -> Self {
        Self::invalid_field(field, &problem.0)
    }

    /// 400 `MISSING_FIELD`.
    pub(crate) fn missing_field(field: &'static str, expected: &str) -> Self {
        Self::of_field(Code::MissingField, field.into(), expected)
    }

    fn of_field(code: Code, field: Cow<'static, str>, expected: &str) -> Self {
        let field = shortened(field);
        let message = format!("{field} {expected}");
        Self {
            field: Some(field),
            ..Self::new(StatusCode::BAD_REQUEST, code, message)
        }
    }

    /// 400 `UNSUPPORTED_VERSION`.
    pub(crate) fn unsupported_version() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            Code::UnsupportedVersion,
            "there is no such version of the API; use /v1",
        )
    }

    /// 401: the same for every cause.
    pub(crate) fn unauthorised() -> Self {
        Self {
            advice: Advice::Authenticate,
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                Code::Unauthorised,
                "send a valid API key, as X-API-KEY or as Authorization: Bearer",
            )
        }
    }

    /// 404 for a path that leads nowhere.
    pub(crate) fn no_such_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            Code::ResourceNotFound,
            "there is nothing at this path",
        )
    }

    /// 405, naming what is allowed.
    pub(crate) fn method_not_allowed(allowed: &'static [Method]) -> Self {
        Self {
            advice: Advice::Use(allowed),
            ..Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                Code::InvalidRequest,
                "this path does not take this method; Allow says which it takes",
            )
        }
    }

    /// 408: the body did not come in time. The rest of it may still come, so the connection is given up.
    pub(crate) fn body_timeout() -> Self {
        Self {
            advice: Advice::Reconnect,
            ..Self::new(
                StatusCode::REQUEST_TIMEOUT,
                Code::InvalidRequest,
                "the body did not come in time; send it without pauses",
            )
        }
    }

    /// 422: the first request with an idempotency key is still running.
    pub(crate) fn still_running() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            Code::IdempotencyCheckFailed,
            "the first request with this Idempotency-Key is still running; send this one again later",
        )
    }

    /// 500, for what must not happen.
    pub(crate) fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            advice: Advice::DoNotRetry,
            cause: Some(cause.into()),
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                Code::InternalError,
                "the service failed; its log says why, under this answer's X-REQUEST-ID",
            )
        }
    }

    fn unavailable(message: &'static str, cause: impl Error + Send + Sync + 'static) -> Self {
        Self {
            advice: Advice::Retry,
            cause: Some(Box::new(cause)),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::InternalError, message)
        }
    }

    /// The status that a refusal of the framework's own gives.
    pub(crate) fn of_framework(error: &actix_web::Error) -> Self {
        let status = error.as_response_error().status_code();
        if status.is_server_error() {
            return Self::internal(error.to_string());
        }
        let code = match status {
            StatusCode::NOT_FOUND => return Self::no_such_path(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
            StatusCode::BAD_REQUEST => Code::BadRequest,
            _ => Code::InvalidRequest,
        };
        Self::new(status, code, "the request cannot be read")
    }

    /// The same problem, about the webhook that the request's path names.
    pub(crate) fn about(self, webhook: Option<WebhookId>) -> Self {
        Self {
            about: webhook,
            ..self
        }
    }

    /// What the log says of it: the message and the chain of causes.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.message.to_string();
        let mut cause = self.cause.as_deref().map(|cause| cause as &dyn Error);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

fn shortened(field: Cow<'static, str>) -> Cow<'static, str> {
    if field.len() <= MAX_FIELD_LENGTH {
        return field;
    }
    let end = field.floor_char_boundary(MAX_FIELD_LENGTH);
    format!("{}…", &field[..end]).into()
}

/// Every way in which a service does not do what it was asked, and what HTTP calls it.
impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        use Refusal as R;
        use ServiceError as E;
        use StoreError as S;
        let (status, code) = match &error {
            E::Refused(R::NotFound { .. }) => (StatusCode::NOT_FOUND, Code::ResourceNotFound),
            E::Refused(R::MissingField { field, expected }) => return Self::missing_field(field, expected),
            E::Refused(R::InvalidField { field, problem }) => {
                return Self::invalid_value(field.clone(), problem);
            }
            E::Refused(R::ReferenceTaken) => {
                let taken = Self::new(
                    StatusCode::CONFLICT,
                    Code::ResourceAlreadyExists,
                    error.to_string(),
                );
                return Self {
                    field: Some("reference".into()),
                    ..taken
                };
            }
            E::Refused(R::TooManyRetiredKeys { .. }) => (StatusCode::CONFLICT, Code::InvalidOperation),
            E::Refused(R::VersionMismatch) => (StatusCode::PRECONDITION_FAILED, Code::InvalidRequest),
            E::Refused(R::IdempotencyKeyReused) => (StatusCode::CONFLICT, Code::IdempotencyCheckFailed),
            E::Refused(R::NotPermitted { .. } | R::OtherPlatform) => {
                (StatusCode::FORBIDDEN, Code::UserNotAllowed)
            }
            E::Store(S::Overloaded) => {
                return Self::unavailable(
                    "the service has too much to do; nothing was changed, try again",
                    error,
                );
            }
            E::Store(S::Unavailable(_)) => {
                return Self::unavailable("the store is out of reach; nothing was changed, try again", error);
            }
            E::Store(S::OutcomeUnknown(_)) => {
                return Self::unavailable(
                    "it is not known whether this was done; with the same Idempotency-Key, trying again finds out",
                    error,
                );
            }
            E::Store(S::Corrupt(_)) | E::Entropy(_) => return Self::internal(error),
            // The enums may grow: what has no place here yet is a defect of this service, not of the request.
            _ => return Self::internal(error),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        ServiceError::from(refusal).into()
    }
}

impl From<AuthenticationError> for Problem {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Rejected => Self::unauthorised(),
            AuthenticationError::Store(error) => ServiceError::from(error).into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status);
        match self.advice {
            Advice::None => {}
            Advice::Authenticate => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
            }
            Advice::Use(methods) => {
                let names: Vec<_> = methods.iter().map(Method::as_str).collect();
                response.insert_header((header::ALLOW, names.join(", ")));
            }
            Advice::Retry => {
                response.insert_header((header::RETRY_AFTER, "1"));
                response.insert_header((IDEMPOTENCY_RETRYABLE.clone(), "true"));
            }
            Advice::DoNotRetry => {
                response.insert_header((IDEMPOTENCY_RETRYABLE.clone(), "false"));
            }
            Advice::Reconnect => {
                response.force_close();
            }
        }
        let field = self.field.as_deref();
        response.insert_header(header::ContentType::json()).body(envelope(
            self.status,
            self.code,
            field,
            &self.message,
            self.about,
        ))
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: &'static str,
    code: &'static str,
    field: Option<&'a str>,
    message: &'a str,
    resource_id: Option<Shown<WebhookId>>,
    resource_type: &'static str,
}

/// The body of an error.
pub(crate) fn envelope(
    status: StatusCode,
    code: Code,
    field: Option<&str>,
    message: &str,
    about: Option<WebhookId>,
) -> Vec<u8> {
    let envelope = Envelope {
        r#type: match status.is_server_error() {
            true => "API_ERROR",
            false => "INVALID_REQUEST",
        },
        code: code.name(),
        field,
        message,
        resource_id: about.map(Shown),
        resource_type: "WEBHOOK",
    };
    // Texts and an id that displays: there is nothing in it that cannot be written.
    serde_json::to_vec(&envelope).unwrap_or_default()
}
