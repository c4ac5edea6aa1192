//! What holds a webhook's queue up, as pages say it.

use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

use super::Moment;
use crate::trouble::sentence;

/// Why a queue waits.
pub(crate) struct HeldUp {
    pub(crate) cause: String,
    pub(crate) since: Option<Moment>,
    /// When the first one in the queue is sent again; none if it was not tried yet.
    pub(crate) retry_at: Option<Moment>,
    /// How often that was sent again.
    pub(crate) retries: u32,
    /// When it failed first, and when last.
    pub(crate) failed: Option<(Moment, Moment)>,
}

impl HeldUp {
    /// Why the queue of `webhook` waits at `now`, if it does.
    pub(crate) fn of(webhook: &Webhook, now: Instant) -> Option<Self> {
        let held_up = webhook.held_up.as_ref()?.penalty_box();
        let cause = sentence(&held_up.cause()?.to_string());
        let since = held_up.since().map(Moment);
        match held_up {
            PenaltyBox::Out => None,
            PenaltyBox::Retrying {
                first_failed_at,
                failed_at,
                retry_at,
                retry_count,
                ..
            } => Some(Self {
                cause,
                since,
                retry_at: Some(Moment((*retry_at).max(now))),
                retries: *retry_count,
                failed: Some((Moment(*first_failed_at), Moment(*failed_at))),
            }),
            PenaltyBox::NextInTurn { .. } => Some(Self {
                cause,
                since,
                retry_at: None,
                retries: 0,
                failed: None,
            }),
        }
    }
}
