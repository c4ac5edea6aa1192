//! Why a page is not shown or a form not done: what a handler returns then, and the page that says it.

use std::error::Error;
use std::time::Duration;

use actix_web::http::StatusCode;
use webhook_domain::entropy::EntropyError;
use webhook_domain::services::AuthenticationError;
use webhook_domain::{Refusal, ServiceError, StoreError};
use webhook_front_actix::TooOften;
use webhook_front_actix::body::BodyError;

/// Why a handler did not answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Nobody is signed in, or not any more.
    SignedOut,
    /// The page is elsewhere.
    Elsewhere(String),
    /// There is no such page, or it is about what does not exist.
    NotFound,
    /// The path takes no such method.
    WrongMethod,
    /// The form was not sent by a page of the console.
    NotOwn,
    /// It is no form, or none that the console has made.
    NoForm,
    /// It has too many bytes.
    TooLong,
    /// It did not come whole and in time.
    NotWhole,
    /// The same form is being done.
    StillRunning,
    /// The credential, or the address without one, asks too often.
    TooOften(Duration),
    /// A service refused, or failed.
    Failed(ServiceError),
    /// The console itself is at fault.
    Internal(Box<dyn Error + Send + Sync>),
}

/// What is said of it.
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) title: &'static str,
    pub(crate) text: String,
    /// After how many seconds it may be tried again.
    pub(crate) retry_after: Option<u64>,
}

impl Said {
    fn new(status: StatusCode, title: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            title,
            text: text.into(),
            retry_after: None,
        }
    }

    fn retrying(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

const REUSED: &str = "This form was sent before, with other values, and what it asked for then was done. Nothing was changed now. Open the \
                      page anew to do something else.";
const CHANGED_MEANWHILE: &str = "Somebody changed the webhook after this page was made. Nothing was changed now. Look at it as it is, and decide again.";
const NOT_OWN: &str = "This form did not come from a page of this console, as far as the browser says, so nothing was changed. If it did: the \
                       service must be reached over TLS or on a loopback address, and the setting WEBHOOK_PUBLIC_URL must name the \
                       address in the browser's address bar.";
const OVERLOADED: &str = "The service is overloaded. Nothing was changed; try again.";
const OUT_OF_REACH: &str = "The database is out of reach. Nothing was changed; try again.";
const OUTCOME_UNKNOWN: &str = "The connection to the database broke, so it is not known whether this was done. Send the same form again to \
                               find out: it is not done twice.";
const OWN_FAULT: &str = "The service failed. Its log says why, under the X-REQUEST-ID of this answer.";

impl Trouble {
    /// A fault of the console's own.
    pub(crate) fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// What is said of it. Where nobody is signed in, or the page is elsewhere, the browser is sent there and nothing is said.
    pub(crate) fn said(&self) -> Said {
        match self {
            Self::SignedOut | Self::Elsewhere(_) => Said::new(StatusCode::SEE_OTHER, "Elsewhere", ""),
            Self::NotFound => Said::new(
                StatusCode::NOT_FOUND,
                "Not found",
                "There is nothing here. It may have been deleted, or belong to another platform.",
            ),
            Self::WrongMethod => Said::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "Not here",
                "This address takes another kind of request.",
            ),
            Self::NotOwn => Said::new(StatusCode::FORBIDDEN, "Not sent by the console", NOT_OWN),
            Self::NoForm => Said::new(
                StatusCode::BAD_REQUEST,
                "Not a form",
                "This is no form that the console has made. Open the page anew.",
            ),
            Self::TooLong => Said::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Too long",
                "The form is longer than it may be.",
            ),
            Self::NotWhole => Said::new(
                StatusCode::REQUEST_TIMEOUT,
                "Not complete",
                "The form did not arrive whole and in time. Send it again: it is not done twice.",
            ),
            Self::StillRunning => Said::new(
                StatusCode::CONFLICT,
                "Still running",
                "This form was sent before and is still being done. Send it again in a moment to see what came of it.",
            ),
            Self::TooOften(wait) => {
                let seconds = wait.as_secs().saturating_add(1);
                let text = format!("Too many requests came from here. Wait {seconds} s and try again.");
                Said::new(StatusCode::TOO_MANY_REQUESTS, "Too often", text).retrying(seconds)
            }
            Self::Failed(error) => said_of(error),
            Self::Internal(_) => Said::new(StatusCode::INTERNAL_SERVER_ERROR, "Failed", OWN_FAULT),
        }
    }

    /// What the log is told: the chain of causes, if the fault is the service's.
    pub(crate) fn cause(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) if self.said().status.is_server_error() => Some(error),
            Self::Internal(error) => Some(error.as_ref()),
            _ => None,
        }
    }
}

/// What is said of a service's refusals and failures.
fn said_of(error: &ServiceError) -> Said {
    use Refusal as R;
    use ServiceError as E;
    use StoreError as S;
    let unavailable =
        |text: &str| Said::new(StatusCode::SERVICE_UNAVAILABLE, "Not available", text).retrying(1);
    match error {
        E::Refused(R::NotFound { .. } | R::OtherPlatform) => Trouble::NotFound.said(),
        E::Refused(R::NotPermitted { permission }) => {
            let text = format!(
                "The API key that you signed in with does not have the permission {}.",
                permission.name()
            );
            Said::new(StatusCode::FORBIDDEN, "Not permitted", text)
        }
        E::Refused(R::IdempotencyKeyReused) => Said::new(StatusCode::CONFLICT, "Sent before", REUSED),
        E::Refused(R::VersionMismatch) => {
            Said::new(StatusCode::CONFLICT, "Changed meanwhile", CHANGED_MEANWHILE)
        }
        E::Refused(R::TooManyKeyChecks { wait, .. }) => Said::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too often",
            sentence(&error.to_string()),
        )
        .retrying(wait.as_secs().saturating_add(1)),
        E::Refused(R::MissingField { .. } | R::InvalidField { .. }) => Said::new(
            StatusCode::BAD_REQUEST,
            "Not possible so",
            sentence(&error.to_string()),
        ),
        E::Refused(_) => Said::new(
            StatusCode::CONFLICT,
            "Not possible now",
            sentence(&error.to_string()),
        ),
        E::Short(shortage) => unavailable(&format!(
            "Nothing was sent, for lack of something on the service's side: {shortage}. Try again."
        )),
        E::Store(S::Overloaded) => unavailable(OVERLOADED),
        E::Store(S::Unavailable(_)) => unavailable(OUT_OF_REACH),
        E::Store(S::OutcomeUnknown(_)) => unavailable(OUTCOME_UNKNOWN),
        // The enums may grow: what has no place here yet is a defect of this service.
        _ => Said::new(StatusCode::INTERNAL_SERVER_ERROR, "Failed", OWN_FAULT),
    }
}

/// A message of the domain's as a sentence: it begins with a capital letter and ends with a full stop.
pub(crate) fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let mut text: String = first.to_uppercase().chain(chars).collect();
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}

impl From<ServiceError> for Trouble {
    fn from(error: ServiceError) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal.into())
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<EntropyError> for Trouble {
    fn from(error: EntropyError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<AuthenticationError> for Trouble {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Rejected => Self::SignedOut,
            AuthenticationError::Store(error) => error.into(),
            AuthenticationError::Entropy(error) => error.into(),
        }
    }
}

impl From<TooOften> for Trouble {
    fn from(too_often: TooOften) -> Self {
        Self::TooOften(too_often.wait)
    }
}

impl From<BodyError> for Trouble {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLong => Self::TooLong,
            BodyError::TooSlow | BodyError::Broken => Self::NotWhole,
        }
    }
}

impl From<askama::Error> for Trouble {
    fn from(error: askama::Error) -> Self {
        Self::internal(error)
    }
}
