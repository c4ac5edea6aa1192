//! Why a delivery has not been sent yet.

use webhook_domain::ports::TrackedDelivery;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

use crate::view::When;
use crate::view::held_up::HeldUp;

/// Why it waits.
pub(super) struct Waiting {
    pub(super) paused_since: Option<When>,
    /// Whether the webhook cannot be told of: it is gone, or the caller may not see it.
    pub(super) is_of_unknown: bool,
    pub(super) is_inactive: bool,
    pub(super) has_no_url: bool,
    pub(super) held_up: Option<HeldUp>,
    /// Whether this delivery is the first in the queue that is held up.
    pub(super) is_head: bool,
}

impl Waiting {
    pub(super) fn new(
        tracked: &TrackedDelivery,
        webhook: Option<&Webhook>,
        paused_since: Option<Instant>,
        now: Instant,
    ) -> Self {
        let held_up = webhook.and_then(|webhook| webhook.held_up.as_ref());
        let last = tracked.attempts.last();
        Self {
            paused_since: paused_since.map(|since| When::new(since, now)),
            is_of_unknown: webhook.is_none(),
            is_inactive: webhook.is_some_and(|webhook| !webhook.settings.active),
            has_no_url: webhook.is_some_and(|webhook| webhook.settings.url.is_none()),
            is_head: held_up
                .zip(last)
                .is_some_and(|(held_up, last)| held_up.penalty_box().is_of(last)),
            held_up: webhook.and_then(|webhook| HeldUp::of(webhook, now)),
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
            is_head: _,
        } = self;
        paused_since.is_none() && !is_of_unknown && !is_inactive && !has_no_url && held_up.is_none()
    }
}
