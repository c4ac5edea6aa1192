//! A request that was not done, and why: what a route returns when it does not answer.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use webhook_domain::InvalidValue;

use super::client_name::may_be_repeated;
use super::{About, Code, envelope};

/// Says whether asking again may help.
static IDEMPOTENCY_RETRYABLE: HeaderName = HeaderName::from_static("idempotency-retryable");

/// Why a request was not done.
#[derive(Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    code: Code,
    field: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    about: About,
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
    /// `Retry-After`, in seconds.
    Wait(u64),
    /// `Retry-After` and `Idempotency-Retryable: true`.
    Retry,
    /// `Idempotency-Retryable: false`.
    DoNotRetry,
    /// `Connection: close`.
    Reconnect,
    /// `Cache-Control: no-store`.
    DoNotStore,
}

impl Problem {
    /// A problem without a field.
    pub(crate) fn new(status: StatusCode, code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            status,
            code,
            field: None,
            message: message.into(),
            about: About::default(),
            advice: Advice::None,
            cause: None,
        }))
    }

    /// 400 `BAD_REQUEST`.
    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::BadRequest, message)
    }

    /// 400 `INVALID_FIELD`: `expected` completes the sentence that `field` begins.
    pub(crate) fn invalid_field(field: impl Into<Cow<'static, str>>, expected: &str) -> Self {
        Self::of_field(Code::InvalidField, field.into(), expected)
    }

    /// 400 `INVALID_FIELD`, for a name that the client made up: it is repeated unless it may be a secret.
    pub(crate) fn invalid_name(name: &str, expected: &str) -> Self {
        if may_be_repeated(name) {
            return Self::invalid_field(name.to_owned(), expected);
        }
        let message = format!("a name (not repeated, because it may be a secret) {expected}");
        Self::new(StatusCode::BAD_REQUEST, Code::InvalidField, message)
    }

    /// 400 `INVALID_FIELD`, for an entry of an object whose names the client makes up.
    pub(crate) fn invalid_entry(field: &'static str, name: &str, expected: &str) -> Self {
        let path = format!("{field}.{name}");
        if may_be_repeated(&path) {
            return Self::invalid_field(path, expected);
        }
        let message = format!("a name in {field} (not repeated, because it may be a secret) {expected}");
        Self::new(StatusCode::BAD_REQUEST, Code::InvalidField, message).with_field(field)
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
        let message = format!("{field} {expected}");
        Self::new(StatusCode::BAD_REQUEST, code, message).with_field(field)
    }

    /// 400 `UNSUPPORTED_VERSION`.
    pub(crate) fn unsupported_version() -> Self {
        let message = "there is no such version of the API; use /v1";
        Self::new(StatusCode::BAD_REQUEST, Code::UnsupportedVersion, message)
    }

    /// 401: the same for every cause.
    pub(crate) fn unauthorised() -> Self {
        let message = "send a valid API key, as X-API-KEY or as Authorization: Bearer";
        Self::new(StatusCode::UNAUTHORIZED, Code::Unauthorised, message).with_advice(Advice::Authenticate)
    }

    /// 404 for a path that leads nowhere.
    pub(crate) fn no_such_path() -> Self {
        let message = "unknown path";
        Self::new(StatusCode::NOT_FOUND, Code::ResourceNotFound, message)
    }

    /// 405, naming what is allowed.
    pub(crate) fn method_not_allowed(allowed: &'static [Method]) -> Self {
        let message = "method not allowed; see the Allow header";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, Code::InvalidRequest, message)
            .with_advice(Advice::Use(allowed))
    }

    /// 412: `If-Match` has only weak entity tags, which never match (RFC 9110 §13.1.1).
    pub(crate) fn weak_entity_tag() -> Self {
        let message = "If-Match has a weak entity tag (W/\"…\"), which never matches. This service sends strong ones: a proxy \
            between it and you has weakened the tag, as nginx does when it compresses an answer. Turn compression off in the \
            proxy for this service, or send the tag without W/ (RFC 9110 §13.1.1)";
        Self::new(StatusCode::PRECONDITION_FAILED, Code::InvalidRequest, message)
    }

    /// 408: the body did not come in time. The rest of it may still come, so the connection is given up.
    pub(crate) fn body_timeout() -> Self {
        let message = "the request body did not arrive in time; send it without pauses";
        Self::new(StatusCode::REQUEST_TIMEOUT, Code::InvalidRequest, message).with_advice(Advice::Reconnect)
    }

    /// 422: the first request with an idempotency key is still running.
    pub(crate) fn still_running() -> Self {
        let message =
            "the first request with this Idempotency-Key is still running; send this one again later";
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            Code::IdempotencyCheckFailed,
            message,
        )
    }

    /// 429, for who is to ask again after `wait`: in whole seconds, rounded up, at least one.
    pub(super) fn too_often(message: impl Into<Cow<'static, str>>, wait: Duration) -> Self {
        let begun = u64::from(wait.subsec_nanos() > 0);
        let seconds = wait.as_secs().saturating_add(begun).max(1);
        Self::new(StatusCode::TOO_MANY_REQUESTS, Code::InvalidRequest, message)
            .with_advice(Advice::Wait(seconds))
    }

    /// 500, for what must not happen and does not mend itself.
    pub(crate) fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let message = "the service failed; its log says why, under the X-REQUEST-ID of this response";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::InternalError, message)
            .with_advice(Advice::DoNotRetry)
            .with_cause(cause.into())
    }

    /// 503, for what may work in a moment.
    pub(super) fn unavailable(
        message: impl Into<Cow<'static, str>>,
        cause: Box<dyn Error + Send + Sync>,
    ) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::InternalError, message)
            .with_advice(Advice::Retry)
            .with_cause(cause)
    }

    /// A refusal of the framework's own.
    pub(crate) fn of_framework(error: &actix_web::Error) -> Self {
        let status = error.as_response_error().status_code();
        let code = match status {
            StatusCode::NOT_FOUND => return Self::no_such_path(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
            StatusCode::BAD_REQUEST => Code::BadRequest,
            status if status.is_client_error() => Code::InvalidRequest,
            _ => return Self::internal(error.to_string()),
        };
        Self::new(status, code, "the request cannot be read")
    }

    /// The same problem, of this field.
    pub(crate) fn with_field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// The same problem, of a field of this object.
    pub(crate) fn within(mut self, object: &str) -> Self {
        if let Some(field) = self.0.field.take() {
            if self.0.message.starts_with(field.as_ref()) {
                self.0.message = format!("{object}.{}", self.0.message).into();
            }
            self.0.field = Some(format!("{object}.{field}").into());
        }
        self
    }

    /// The same problem, about what the request's path names.
    pub(crate) fn about(mut self, about: impl Into<About>) -> Self {
        self.0.about = about.into();
        self
    }

    /// The same problem, for an answer that caches would keep without being told not to.
    pub(crate) fn not_stored(self) -> Self {
        match self.0.advice {
            Advice::None => self.with_advice(Advice::DoNotStore),
            _ => self,
        }
    }

    fn with_advice(mut self, advice: Advice) -> Self {
        self.0.advice = advice;
        self
    }

    fn with_cause(mut self, cause: Box<dyn Error + Send + Sync>) -> Self {
        self.0.cause = Some(cause);
        self
    }

    /// Whether it is the caller's credential that is wrong.
    pub(crate) fn is_unauthorised(&self) -> bool {
        self.0.status == StatusCode::UNAUTHORIZED
    }

    /// What went wrong, for programs.
    pub(crate) const fn code(&self) -> &'static str {
        self.0.code.name()
    }

    /// What the log says of it: the message and the chain of causes.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.0.message.to_string();
        let mut cause = self.0.cause.as_deref().map(|cause| cause as &dyn Error);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let Parts {
            status,
            code,
            field,
            message,
            about,
            advice,
            cause: _,
        } = self.0.as_ref();
        let mut response = HttpResponse::build(*status);
        match advice {
            Advice::None => &mut response,
            Advice::Authenticate => response.insert_header((header::WWW_AUTHENTICATE, "Bearer")),
            Advice::Use(methods) => response.insert_header((header::ALLOW, allow(methods))),
            Advice::Wait(seconds) => response.insert_header((header::RETRY_AFTER, seconds.to_string())),
            Advice::Retry => response
                .insert_header((header::RETRY_AFTER, "1"))
                .insert_header((IDEMPOTENCY_RETRYABLE.clone(), "true")),
            Advice::DoNotRetry => response.insert_header((IDEMPOTENCY_RETRYABLE.clone(), "false")),
            Advice::Reconnect => response.force_close(),
            Advice::DoNotStore => response.insert_header((header::CACHE_CONTROL, "no-store")),
        };
        response.insert_header(header::ContentType::json()).body(envelope(
            *status,
            *code,
            field.as_deref(),
            message,
            *about,
        ))
    }
}

/// The value of `Allow`. A path that takes `GET` takes `HEAD`.
fn allow(methods: &[Method]) -> String {
    let head = methods.contains(&Method::GET).then_some("HEAD");
    let names: Vec<_> = methods.iter().map(Method::as_str).chain(head).collect();
    names.join(", ")
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_too_often_is_to_wait_whole_seconds() {
        for (wait, expected) in [
            (Duration::ZERO, "1"),
            (Duration::from_millis(20), "1"),
            (Duration::from_secs(1), "1"),
            (Duration::from_millis(1_001), "2"),
            (Duration::MAX, "18446744073709551615"),
        ] {
            let response = Problem::too_often("slower", wait).error_response();
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), expected);
        }
    }
}
