//! What came of sending something at once, because somebody wants to know whether it gets there.

use super::attempt::{AttemptOutcome, ResponseBody};

/// What a probe found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// The attempt came to an end.
    Ended {
        /// How.
        outcome: AttemptOutcome,
        /// The beginning of what the receiver said, if it took nothing. None for callers who may not see it.
        response_body: Option<ResponseBody>,
    },
    /// There was no attempt yet, or it is not over.
    StillWaiting,
}

impl Probed {
    /// Whether the receiver took what was sent.
    #[must_use]
    pub const fn is_successful(&self) -> bool {
        matches!(
            self,
            Self::Ended {
                outcome: AttemptOutcome::Succeeded { .. },
                ..
            }
        )
    }

    /// The beginning of what the receiver said, if it took nothing.
    #[must_use]
    pub const fn response_body(&self) -> Option<&ResponseBody> {
        match self {
            Self::Ended { response_body, .. } => response_body.as_ref(),
            Self::StillWaiting => None,
        }
    }

    /// A sentence for people.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Ended { outcome, .. } => match outcome {
                AttemptOutcome::Succeeded { status } => format!("the receiver answered {}", status.get()),
                AttemptOutcome::Failed { cause } => cause.to_string(),
            },
            Self::StillWaiting => {
                "there is no outcome yet; the webhook's events tell of it once there is".to_owned()
            }
        }
    }
}
