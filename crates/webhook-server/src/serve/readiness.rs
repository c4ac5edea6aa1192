//! What `/health/ready` says of the store: the last sample, taken once a second, and kept in memory.
//!
//! A request costs the database nothing, however many come, and never waits for it. A sample that takes longer than
//! [`STALE_AFTER`] is as bad as one that fails: requests wait for the same database.
//!
//! The log says when the service becomes ready and when it is not any more, with the cause, and repeats that once a minute. It
//! says so whether or how often anybody asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::rt;
use webhook_domain::StoreError;
use webhook_domain::ports::WebhookStore;

use crate::dispatch::Pulse;
use crate::exit::chain;

/// How long after a sample the next one is taken.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// How old the last good sample may be.
const STALE_AFTER: Duration = Duration::from_secs(5);

/// How often the log says that the service is not ready.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// The last sample.
#[derive(Default)]
pub(crate) struct Readiness {
    last: Mutex<Option<Sample>>,
}

struct Sample {
    taken_at: Instant,
    problem: Option<String>,
}

impl Readiness {
    /// Whether the store does what requests need.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], saying what the last sample found, or that there is none that is young enough.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let problem = match &*self.last.lock().unwrap_or_else(PoisonError::into_inner) {
            None => "the store was not tried yet".to_owned(),
            Some(sample) => match sample.problem() {
                None => return Ok(()),
                Some(problem) => problem,
            },
        };
        Err(StoreError::Unavailable(problem.into()))
    }

    /// What is wrong, for the log: nothing before the first sample.
    fn problem(&self) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().and_then(Sample::problem)
    }

    fn keep(&self, sampled: Result<(), StoreError>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Sample {
            taken_at: Instant::now(),
            problem: sampled.err().map(reason),
        });
    }
}

impl Sample {
    fn problem(&self) -> Option<String> {
        match self.taken_at.elapsed() > STALE_AFTER {
            true => Some("the store does not answer".to_owned()),
            false => self.problem.clone(),
        }
    }
}

/// Why the store did not do it. That it did not is clear from where this stands.
fn reason(error: StoreError) -> String {
    match error {
        StoreError::Unavailable(cause) => chain(cause.as_ref()),
        error => chain(&error),
    }
}

/// What the log has said of it.
#[derive(Default)]
struct Said {
    not_ready: Option<Instant>,
}

/// What the log says now.
#[derive(Debug, PartialEq, Eq)]
enum Saying {
    Nothing,
    NotReady,
    ReadyAgain,
}

impl Said {
    fn next(&mut self, is_ready: bool, now: Instant) -> Saying {
        match (is_ready, self.not_ready) {
            (true, None) => Saying::Nothing,
            (true, Some(_)) => {
                self.not_ready = None;
                Saying::ReadyAgain
            }
            (false, Some(said)) if now.duration_since(said) < SAY_EVERY => Saying::Nothing,
            (false, _) => {
                self.not_ready = Some(now);
                Saying::NotReady
            }
        }
    }
}

/// Tells the log whether the service is ready, for ever.
pub(crate) async fn keep_telling(readiness: Arc<Readiness>, pulse: Arc<Pulse>) {
    let mut said = Said::default();
    loop {
        let of_delivering = || (!pulse.moves()).then(|| "what delivers stands still".to_owned());
        let problem = readiness.problem().or_else(of_delivering);
        match (said.next(problem.is_none(), Instant::now()), problem) {
            (Saying::NotReady, Some(problem)) => {
                tracing::error!(
                    error = problem,
                    "the service is not ready: it cannot do what requests need"
                );
            }
            (Saying::ReadyAgain, _) => tracing::info!("the service is ready again"),
            _ => {}
        }
        rt::time::sleep(SAMPLE_EVERY).await;
    }
}

/// Samples the store, now and every second, for ever.
pub(crate) async fn keep_sampling(store: Arc<dyn WebhookStore>, readiness: Arc<Readiness>) {
    loop {
        readiness.keep(store.check().await);
        rt::time::sleep(SAMPLE_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_young_good_sample_is_ready() {
        let readiness = Readiness::default();
        assert!(readiness.check().is_err(), "nothing was tried yet");
        readiness.keep(Ok(()));
        assert!(readiness.check().is_ok());
        readiness.keep(Err(StoreError::Overloaded));
        assert!(readiness.check().is_err());
        readiness.keep(Ok(()));
        assert!(readiness.check().is_ok(), "it recovers by itself");
        let old = Instant::now().checked_sub(STALE_AFTER + Duration::from_millis(1));
        if let (Some(sample), Some(old)) = (&mut *readiness.last.lock().unwrap(), old) {
            sample.taken_at = old;
        }
        assert!(readiness.check().is_err(), "it is too old");
    }

    #[test]
    fn a_cause_is_said_once() {
        let readiness = Readiness::default();
        assert_eq!(readiness.problem(), None, "before the first sample");
        readiness.keep(Err(StoreError::Unavailable("the disk is full".into())));
        assert_eq!(readiness.problem().as_deref(), Some("the disk is full"));
        let error = readiness.check().unwrap_err();
        assert_eq!(chain(&error), "the store is unavailable: the disk is full");
    }

    #[test]
    fn the_log_is_told_of_changes_and_once_a_minute() {
        let mut said = Said::default();
        let start = Instant::now();
        let mut next = |seconds, is_ready| said.next(is_ready, start + Duration::from_secs(seconds));
        assert_eq!(next(0, true), Saying::Nothing);
        assert_eq!(next(1, false), Saying::NotReady);
        assert_eq!(next(2, false), Saying::Nothing);
        assert_eq!(next(60, false), Saying::Nothing);
        assert_eq!(next(61, false), Saying::NotReady);
        assert_eq!(next(62, true), Saying::ReadyAgain);
        assert_eq!(next(63, true), Saying::Nothing);
        assert_eq!(next(64, false), Saying::NotReady);
    }
}
