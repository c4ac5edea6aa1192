//! A queue at work: its box, the time, and what attempts at its head do.

use std::time::Duration;

use webhook_domain::delivery::attempt::{
    Attempt, AttemptOutcome, CredentialsTaken, FailureCause, StatusCode,
};
use webhook_domain::delivery::penalty_box::{Aftermath, HeadFate, PenaltyBox};
use webhook_domain::delivery::retry_schedule::{Jitter, RetrySchedule};
use webhook_domain::testing::ManualClock;
use webhook_domain::time::Clock as _;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// What an attempt takes.
pub(crate) const ATTEMPT: Duration = Duration::from_millis(750);

/// A queue at work: its box, and the time.
pub(crate) struct Queue {
    pub(crate) penalty_box: PenaltyBox,
    pub(crate) clock: ManualClock,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            penalty_box: PenaltyBox::default(),
            clock: ManualClock::default(),
        }
    }

    /// Tries the head now; time passes while it is tried.
    pub(crate) fn attempt(&mut self, outcome: AttemptOutcome) -> HeadFate {
        self.attempt_with(outcome, None)
    }

    pub(crate) fn attempt_with(
        &mut self,
        outcome: AttemptOutcome,
        retry_after: Option<Duration>,
    ) -> HeadFate {
        let attempt = Attempt {
            response_body: None,
            at: self.clock.now(),
            duration: ATTEMPT,
            key_fingerprints: Vec::new(),
            host: None,
            credentials: CredentialsTaken::Current,
            outcome,
        };
        self.clock.advance(ATTEMPT);
        let schedule = RetrySchedule::default();
        let Aftermath { penalty_box, head } =
            self.penalty_box
                .after(&attempt, retry_after, &schedule, Jitter::NONE);
        self.penalty_box = penalty_box;
        head
    }

    /// Lets time pass until the head may be sent again.
    pub(crate) fn wait(&self) {
        let retry_at = self.penalty_box.retry_at().unwrap();
        self.clock.set(retry_at.minus(Duration::from_millis(1)));
        assert!(!self.penalty_box.is_due(self.clock.now()));
        self.clock.set(retry_at);
        assert!(self.penalty_box.is_due(self.clock.now()));
    }

    /// Fails until the head is given up.
    pub(crate) fn give_up(&mut self) {
        while self.attempt(TIMEOUT) == HeadFate::Waits {
            self.wait();
        }
    }
}

pub(crate) const TIMEOUT: AttemptOutcome = AttemptOutcome::failed(FailureCause::Timeout);

pub(crate) fn answered(status: u16) -> AttemptOutcome {
    AttemptOutcome::of_answer(StatusCode::new(status).unwrap())
}
