//! What holds a webhook's queue up, as clients see it.

use webhook_domain::delivery::attempt::{FailureCause, StatusCode};
use webhook_domain::time::Instant;
use webhook_domain::webhook::HeldUp;

use super::answer::answer;
use super::schemas::{AsText, ByName};

answer! {
    /// What holds the webhook's queue up.
    #[document("PenaltyBoxData")]
    pub(crate) struct PenaltyBoxJson {
        /// How often what is at the head was sent again.
        retry_count: u32 = 3,
        /// When it is sent again, at the latest.
        retry_at: Option<AsText<Instant>> = "2024-04-12T15:38:37Z",
        /// What the receiver answered last, if it did.
        status_code: Option<u16> = 503,
        /// Why the last attempt failed.
        cause: Option<ByName<FailureCause>> = "STATUS_CODE",
        /// The body of the delivery at the head of the queue, as text. Null in a list of webhooks, when nothing is queued, and
        /// for callers without `WEBHOOK_EVENT.VIEW`.
        pub(super) payload: Option<String> = null,
    }
}

impl PenaltyBoxJson {
    pub(super) fn new(held_up: &HeldUp) -> Self {
        let penalty_box = held_up.penalty_box();
        let cause = penalty_box.cause();
        Self {
            retry_count: penalty_box.retry_count(),
            retry_at: penalty_box.retry_at().map(AsText),
            status_code: cause.and_then(FailureCause::status).map(StatusCode::get),
            cause: cause.map(ByName),
            payload: None,
        }
    }
}
