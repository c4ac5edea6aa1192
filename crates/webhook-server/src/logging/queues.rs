//! What happens to the queues of webhooks: a line when one is held up, when it goes on, when its webhook becomes inactive because the
//! receiver is gone, and when a delivery is given up. There is none for an attempt, below the level `debug`.
//!
//! Ten thousand receivers may go down at once, so lines of each kind are [sampled](Sampled).

use webhook_domain::delivery::attempt::FailureCause;
use webhook_domain::delivery::notice::{Happening, Notice, Release};
use webhook_domain::ports::Turn;
use webhook_domain::services::Made;
use webhook_domain::signing::receipt::ReceiptOutcome;
use webhook_store_diesel::StoreObserver;

use super::sampled::Sampled;

/// How many lines of a kind are written in a period.
const MOST: u64 = 100;

static HELD_UP: Sampled = Sampled::new(MOST);
static RELEASED: Sampled = Sampled::new(MOST);
static INACTIVE: Sampled = Sampled::new(MOST);
static GIVEN_UP: Sampled = Sampled::new(MOST);

/// Logs what the store tells of queues.
pub(crate) struct QueueLog;

impl StoreObserver for QueueLog {
    fn noticed(&self, notice: &Notice) {
        let Notice {
            webhook,
            platform,
            what,
        } = notice;
        match what {
            Happening::HeldUp {
                event,
                cause,
                retry_at,
                trace,
            } if HELD_UP.admits() => tracing::info!(
                webhook.id = %webhook,
                platform = platform.as_str(),
                event.id = %event,
                cause = cause.name(),
                status_code = status_code(*cause),
                retry_at = retry_at.map(tracing::field::display),
                traceparent = trace.map(tracing::field::display),
                "a webhook is held up: an attempt to deliver failed: {cause}"
            ),
            Happening::Released { since, by } if RELEASED.admits() => tracing::info!(
                webhook.id = %webhook,
                platform = platform.as_str(),
                held_up_since = %since,
                "a webhook is released: {}",
                match by {
                    Release::Success => "a delivery succeeded",
                    Release::Activation => "it was inactive, and is active again",
                }
            ),
            Happening::GivenUp {
                delivery,
                event,
                attempts,
                cause,
                on_request,
                trace,
            } if GIVEN_UP.admits() => {
                let why = match (on_request, cause) {
                    (true, _) => "somebody asked for it".to_owned(),
                    (false, Some(cause)) => format!("its last attempt failed: {cause}"),
                    (false, None) => "its last attempt failed".to_owned(),
                };
                tracing::warn!(
                    webhook.id = %webhook,
                    platform = platform.as_str(),
                    event.id = %event,
                    delivery.id = %delivery,
                    attempts,
                    cause = cause.map(FailureCause::name),
                    status_code = cause.and_then(status_code),
                    traceparent = trace.map(tracing::field::display),
                    "an event was given up: {why}"
                );
            }
            Happening::HeldUp { .. } | Happening::Released { .. } | Happening::GivenUp { .. } => {}
        }
    }
}

/// Logs that a webhook is inactive because its receiver is gone, or that a receipt was ignored, if that is what came of the attempt that
/// `turn` is of.
pub(crate) fn made(made: &Made, turn: &Turn) {
    if made.made_inactive && INACTIVE.admits() {
        tracing::warn!(
            webhook.id = %turn.delivery.webhook,
            platform = turn.delivery.platform.as_str(),
            event.id = %turn.delivery.event,
            status_code = 410,
            traceparent = turn.trace.map(tracing::field::display),
            "a webhook was made inactive: its receiver answered 410"
        );
    }
    if made.receipt == Some(ReceiptOutcome::Ignored) {
        tracing::debug!(
            webhook.id = %turn.delivery.webhook,
            platform = turn.delivery.platform.as_str(),
            event.id = %turn.delivery.event,
            "a receipt was ignored: no key that signed the attempt has made it"
        );
    }
}

fn status_code(cause: FailureCause) -> Option<u16> {
    cause.status().map(|status| status.get())
}

/// Ends the period, and says how many lines of it were left out.
pub(super) fn end_period() {
    for (lines, left_out) in [
        (&HELD_UP, "webhooks were held up"),
        (&RELEASED, "webhooks were released"),
        (&INACTIVE, "webhooks were made inactive"),
        (&GIVEN_UP, "events were given up"),
    ] {
        if let Some(count) = lines.end_period() {
            tracing::warn!(
                lines.left_out = count,
                "{count} more {left_out}; their lines are left out"
            );
        }
    }
}
