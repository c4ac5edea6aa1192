//! Why a delivery has not been sent yet.

use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::ports::TrackedDelivery;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

use crate::trouble::sentence;
use crate::view::Moment;

/// Why it waits.
pub(super) struct Waiting {
    pub(super) paused_since: Option<Moment>,
    /// Whether the webhook cannot be told of: it is gone, or the caller may not see it.
    pub(super) is_of_unknown: bool,
    pub(super) is_inactive: bool,
    pub(super) has_no_url: bool,
    pub(super) held_up: Option<HeldUp>,
}

/// What holds the webhook's queue up.
pub(super) struct HeldUp {
    pub(super) since: Option<Moment>,
    pub(super) cause: String,
    pub(super) retries: u32,
    /// When the head is sent again.
    pub(super) retry_at: Option<Moment>,
    /// Whether this delivery is the head.
    pub(super) is_head: bool,
}

impl Waiting {
    pub(super) fn new(
        tracked: &TrackedDelivery,
        webhook: Option<&Webhook>,
        paused_since: Option<Instant>,
    ) -> Self {
        let held_up = webhook.and_then(|webhook| webhook.held_up.as_ref());
        Self {
            paused_since: paused_since.map(Moment),
            is_of_unknown: webhook.is_none(),
            is_inactive: webhook.is_some_and(|webhook| !webhook.settings.active),
            has_no_url: webhook.is_some_and(|webhook| webhook.settings.url.is_none()),
            held_up: held_up.map(|held_up| HeldUp::new(held_up.penalty_box(), tracked)),
        }
    }

    /// Whether nothing but what stands before it in the queue keeps it.
    pub(super) fn is_only_queued(&self) -> bool {
        let Self {
            paused_since,
            is_of_unknown,
            is_inactive,
            has_no_url,
            held_up,
        } = self;
        paused_since.is_none() && !is_of_unknown && !is_inactive && !has_no_url && held_up.is_none()
    }
}

impl HeldUp {
    fn new(penalty_box: &PenaltyBox, tracked: &TrackedDelivery) -> Self {
        let last = tracked.attempts.last();
        Self {
            since: penalty_box.since().map(Moment),
            cause: penalty_box
                .cause()
                .map_or_else(String::new, |cause| sentence(&cause.to_string())),
            retries: penalty_box.retry_count(),
            retry_at: penalty_box.retry_at().map(Moment),
            is_head: last.is_some_and(|last| penalty_box.is_of(last)),
        }
    }
}
