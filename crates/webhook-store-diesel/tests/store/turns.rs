//! What attempts leave.

use std::time::Duration;

use webhook_domain::delivery::attempt::{Attempt, AttemptOutcome, CredentialsTaken, StatusCode};
use webhook_domain::delivery::retry_schedule::{Jitter, RetrySchedule};
use webhook_domain::ports::{Lane, Turn};
use webhook_domain::testing::ManualClock;

/// A turn in which what stands at the head of a lane arrives.
pub(crate) fn arrived(lane: &Lane) -> Turn {
    let queued = &lane.queued[0];
    let attempt = Attempt {
        response_body: None,
        at: ManualClock::START,
        duration: Duration::ZERO,
        key_fingerprints: Vec::new(),
        host: None,
        credentials: CredentialsTaken::Current,
        outcome: AttemptOutcome::of_answer(StatusCode::new(204).unwrap()),
    };
    let schedule = RetrySchedule::default();
    let aftermath = lane.penalty_box.after(&attempt, None, &schedule, Jitter::NONE);
    Turn {
        position: queued.position,
        epoch: lane.epoch,
        number: queued.attempts + 1,
        version: lane.webhook.version,
        delivery: queued.delivery.clone().after(aftermath.head, attempt.ended_at()),
        attempt,
        penalty_box: aftermath.penalty_box,
        trace: None,
        tells: Vec::new(),
    }
}
