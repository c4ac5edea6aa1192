//! What `/health/ready` says of the store: the last sample, taken once a second, and kept in memory.
//!
//! A request costs the database nothing, however many come, and never waits for it. A sample that takes longer than
//! [`STALE_AFTER`] is as bad as one that fails: requests wait for the same database.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::rt;
use webhook_domain::StoreError;
use webhook_domain::ports::WebhookStore;

use crate::exit::chain;

/// How long after a sample the next one is taken.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// How old the last good sample may be.
const STALE_AFTER: Duration = Duration::from_secs(5);

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
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = match &*last {
            None => "the store was not tried yet".to_owned(),
            Some(sample) if sample.taken_at.elapsed() > STALE_AFTER => "the store does not answer".to_owned(),
            Some(Sample { problem: None, .. }) => return Ok(()),
            Some(Sample {
                problem: Some(problem),
                ..
            }) => problem.clone(),
        };
        Err(StoreError::Unavailable(problem.into()))
    }

    fn keep(&self, sampled: Result<(), StoreError>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let was_good = last.as_ref().is_none_or(|sample| sample.problem.is_none());
        let problem = sampled.err().map(|error| chain(&error));
        match &problem {
            Some(problem) if was_good => tracing::error!(
                error = problem,
                "the store does not do what requests need; the service is not ready until it does"
            ),
            None if !was_good => tracing::info!("the store does what requests need again"),
            _ => {}
        }
        *last = Some(Sample {
            taken_at: Instant::now(),
            problem,
        });
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
}
