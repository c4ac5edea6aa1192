//! What holds a webhook's queue up, as pages say it.

use std::fmt;

use askama::filters::HtmlSafe;
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

use super::When;
use crate::trouble::sentence;

/// Why a queue waits.
pub(crate) struct HeldUp {
    pub(crate) cause: String,
    pub(crate) since: Option<When>,
    pub(crate) next: NextAttempt,
    /// How often the first one in the queue was sent again.
    pub(crate) retries: u32,
    /// When that failed first, and when last; none if it was not tried yet.
    pub(crate) failed: Option<(When, When)>,
}

/// When the first one in a queue is sent.
#[derive(Clone, Copy)]
pub(crate) enum NextAttempt {
    Inactive,
    WithoutUrl,
    At(When),
    /// When its turn comes: the one before it was given up.
    InTurn,
}

/// What it writes are its own words, digits and tags.
impl HtmlSafe for NextAttempt {}

impl fmt::Display for NextAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inactive => f.write_str("none while the webhook is inactive"),
            Self::WithoutUrl => f.write_str("none while the webhook has no url"),
            Self::At(when) => when.fmt(f),
            Self::InTurn => f.write_str("as soon as there is a delivery"),
        }
    }
}

impl HeldUp {
    /// Why the queue of `webhook` waits at `now`, if it does.
    pub(crate) fn of(webhook: &Webhook, now: Instant) -> Option<Self> {
        let held_up = webhook.held_up.as_ref()?.penalty_box();
        let cause = sentence(&held_up.cause()?.to_string());
        let when = |at| When::new(at, now);
        let failed = match held_up {
            PenaltyBox::Retrying {
                first_failed_at,
                failed_at,
                ..
            } => Some((when(*first_failed_at), when(*failed_at))),
            PenaltyBox::Out | PenaltyBox::NextInTurn { .. } => None,
        };
        let settings = &webhook.settings;
        let next = match held_up.retry_at() {
            _ if !settings.active => NextAttempt::Inactive,
            _ if settings.url.is_none() => NextAttempt::WithoutUrl,
            Some(retry_at) => NextAttempt::At(when(retry_at.max(now))),
            None => NextAttempt::InTurn,
        };
        Some(Self {
            cause,
            since: held_up.since().map(when),
            next,
            retries: held_up.retry_count(),
            failed,
        })
    }
}
