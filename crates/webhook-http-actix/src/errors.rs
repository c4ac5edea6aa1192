//! Errors as clients see them: the one envelope, and the one match that maps a refusal or a failure to a status.
//!
//! A [`Problem`] is what a route returns when it does not answer. Its message says what is wrong and what would be
//! right and repeats no value; its cause is for the log alone, where [`crate::observe`] writes it once.

mod about;
mod bare;
mod client_name;
mod code;
mod envelope;
mod problem;

use actix_web::http::StatusCode;
use webhook_domain::services::AuthenticationError;
use webhook_domain::{Refusal, ServiceError, StoreError};
use webhook_front_actix::{TooOften, Who};

pub(crate) use about::About;
pub(crate) use bare::refuse_bare;

pub(crate) use code::Code;
pub(crate) use envelope::{Envelope, envelope};
pub(crate) use problem::Problem;

/// What the path of a custom header begins with. The rest is a name that a client made up.
const CUSTOM_HEADERS: &str = "custom_headers.";
const OVERLOADED: &str = "the service is overloaded; nothing was changed, try again";
const OUT_OF_REACH: &str = "the store is unavailable; nothing was changed, try again";
const OUTCOME_UNKNOWN: &str =
    "it is unknown whether this request took effect; send it again with the same Idempotency-Key to find out";
const CREDENTIAL_TOO_OFTEN: &str =
    "this credential is over its rate limit; wait for the seconds in Retry-After";
const ADDRESS_TOO_OFTEN: &str = "too many requests without a valid credential came from this address; wait for the \
                                 seconds in Retry-After, and send a valid one";

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
                return match field.strip_prefix(CUSTOM_HEADERS) {
                    Some(name) => Self::invalid_entry("custom_headers", name, &problem.0),
                    None => Self::invalid_value(field.clone(), problem),
                };
            }
            E::Refused(R::ReferenceTaken) => {
                let status = StatusCode::CONFLICT;
                return Self::new(status, Code::ResourceAlreadyExists, error.to_string())
                    .with_field("reference");
            }
            E::Refused(R::ProtocolNeedsRoll) => {
                return Self::new(StatusCode::CONFLICT, Code::InvalidOperation, error.to_string())
                    .with_field("signing_protocol");
            }
            E::Refused(
                R::TooManyRetiredKeys { .. }
                | R::NothingToRestore
                | R::LastApiKey
                | R::StillPending
                | R::NotPending
                | R::TooManyToResend { .. }
                | R::NotInPenaltyBox
                | R::Inactive
                | R::DeliveriesPaused { .. }
                | R::OverQuota(_)
                | R::NoTarget
                | R::NoCurrentKey
                | R::KeyCheckUnderWay
                | R::RotationUnderWay { .. }
                | R::RotationNotRunning,
            ) => (StatusCode::CONFLICT, Code::InvalidOperation),
            E::Refused(R::TooManyKeyChecks { of, wait }) => {
                let message = format!("{}; wait for the seconds in Retry-After", of.sentence());
                return Self::too_often(message, *wait);
            }
            E::Refused(R::VersionMismatch) => (StatusCode::PRECONDITION_FAILED, Code::InvalidRequest),
            E::Refused(R::IdempotencyKeyReused) => (StatusCode::CONFLICT, Code::IdempotencyCheckFailed),
            E::Refused(R::NotPermitted { .. } | R::OtherPlatform) => {
                (StatusCode::FORBIDDEN, Code::UserNotAllowed)
            }
            E::Store(S::Overloaded) => return Self::unavailable(OVERLOADED, error.into()),
            E::Short(shortage) => {
                let message = format!(
                    "nothing was sent, for lack of something on the service's side: {shortage}; try again"
                );
                return Self::unavailable(message, error.into());
            }
            E::Store(S::Unavailable(_)) => return Self::unavailable(OUT_OF_REACH, error.into()),
            E::Store(S::OutcomeUnknown(_)) => return Self::unavailable(OUTCOME_UNKNOWN, error.into()),
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

impl From<TooOften> for Problem {
    fn from(too_often: TooOften) -> Self {
        match too_often.who {
            Who::Credential => Self::too_often(CREDENTIAL_TOO_OFTEN, too_often.wait),
            Who::Address => Self::too_often(ADDRESS_TOO_OFTEN, too_often.wait),
        }
    }
}

impl From<AuthenticationError> for Problem {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Rejected => Self::unauthorised(),
            AuthenticationError::Store(error) => ServiceError::from(error).into(),
            AuthenticationError::Entropy(error) => ServiceError::from(error).into(),
        }
    }
}
