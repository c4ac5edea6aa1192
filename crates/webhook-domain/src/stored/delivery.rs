//! A delivery, and the attempts at it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Form, StoredError};
use crate::delivery::attempt::{
    Attempt, AttemptOutcome, CredentialsTaken, FailureCause, ResponseBody, StatusCode,
};
use crate::delivery::{Delivery, DeliveryStatus};
use crate::error::InvalidValue;
use crate::id::PlatformId;
use crate::signing::secret::Fingerprint;
use crate::time::Instant;

/// A delivery as it is kept. Its place in its lane, how often it was tried and its attempts are a store's own affair: they change
/// with every attempt, and the rest does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the delivery's of that name")]
pub struct StoredDelivery {
    pub form: Form,
    pub id: String,
    pub event: String,
    pub webhook: String,
    pub platform: String,
    pub include_previous_data: bool,
    pub created_at: i64,
    pub status: String,
    /// When it came to its end, if it did.
    pub ended_at: Option<i64>,
}

impl StoredDelivery {
    /// The form of `delivery`.
    #[must_use]
    pub fn of(delivery: &Delivery) -> Self {
        Self {
            form: Form,
            id: delivery.id.to_string(),
            event: delivery.event.to_string(),
            webhook: delivery.webhook.to_string(),
            platform: delivery.platform.to_string(),
            include_previous_data: delivery.include_previous_data,
            created_at: delivery.created_at.as_milliseconds(),
            status: delivery.status.name().to_owned(),
            ended_at: delivery.status.ended_at().map(Instant::as_milliseconds),
        }
    }

    /// The delivery.
    ///
    /// # Errors
    /// When an id or its status is none.
    pub fn restore(&self) -> Result<Delivery, StoredError> {
        let ended_at = self.ended_at.map(Instant::from_milliseconds);
        let status = DeliveryStatus::restore(&self.status, ended_at);
        Ok(Delivery {
            id: self.id.parse().map_err(StoredError::value("id"))?,
            event: self.event.parse().map_err(StoredError::value("event"))?,
            webhook: self.webhook.parse().map_err(StoredError::value("webhook"))?,
            platform: PlatformId::restore(&self.platform),
            include_previous_data: self.include_previous_data,
            created_at: Instant::from_milliseconds(self.created_at),
            status: status.map_err(StoredError::value("status"))?,
        })
    }
}

/// An attempt as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAttempt {
    /// When it began.
    pub at: i64,
    /// How many milliseconds it took.
    pub ms: u64,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// The name of why it failed, if it did.
    pub cause: Option<String>,
    /// The fingerprints of the keys it was signed with.
    pub keys: Vec<String>,
    /// The host that it went to. Releases before this field wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Whether it ended with the credentials before the webhook's own. Releases before this field wrote none, and used no others.
    #[serde(default, skip_serializing_if = "is_false")]
    pub previous_credentials: bool,
    /// The beginning of the answer's body. Release 0.1.0 kept none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl StoredAttempt {
    const FIELD: &str = "attempts";

    /// The form of `attempt`.
    #[must_use]
    pub fn of(attempt: &Attempt) -> Self {
        let keys = attempt.key_fingerprints.iter();
        let body = attempt.response_body.as_ref();
        Self {
            at: attempt.at.as_milliseconds(),
            ms: u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX),
            status: attempt.status().map(StatusCode::get),
            cause: attempt.cause().map(|cause| cause.name().to_owned()),
            keys: keys.map(|key| key.as_str().to_owned()).collect(),
            host: attempt.host.clone(),
            previous_credentials: attempt.credentials == CredentialsTaken::Previous,
            body: body.map(|body| body.as_str().to_owned()),
        }
    }

    /// The attempt.
    ///
    /// # Errors
    /// When how it ended cannot be understood.
    pub fn restore(&self) -> Result<Attempt, StoredError> {
        let value = StoredError::value;
        let status = self.status.map(StatusCode::new).transpose();
        let status = status.map_err(value(Self::FIELD))?;
        let outcome = match (&self.cause, status) {
            (Some(cause), status) => {
                AttemptOutcome::failed(FailureCause::restore(cause, status).map_err(value(Self::FIELD))?)
            }
            (None, Some(status)) => AttemptOutcome::of_answer(status),
            (None, None) => {
                return Err(value(Self::FIELD)(InvalidValue::new(
                    "must have a status or a cause",
                )));
            }
        };
        let keys: Result<Vec<Fingerprint>, _> = self.keys.iter().map(|key| key.parse()).collect();
        Ok(Attempt {
            at: Instant::from_milliseconds(self.at),
            duration: Duration::from_millis(self.ms),
            key_fingerprints: keys.map_err(value(Self::FIELD))?,
            host: self.host.clone(),
            credentials: match self.previous_credentials {
                true => CredentialsTaken::Previous,
                false => CredentialsTaken::Current,
            },
            outcome,
            response_body: self.body.as_deref().map(ResponseBody::restore),
        })
    }
}
