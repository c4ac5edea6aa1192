//! Waiting where something of this process's own is wanting: file descriptors, memory, local ports.
//!
//! Nothing is known of the receiver then, so nothing is recorded. The lane is tried again after a moment, which grows while the want
//! lasts. The log says so once in a while, for all lanes together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use webhook_domain::entropy::Entropy;
use webhook_domain::ports::Shortage;

/// The first wait of a lane, and the longest one. Each is up to half longer.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often the log says it at the most.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// How often a lane has waited since it last was not short of anything.
#[derive(Default)]
pub(super) struct InARow(u32);

impl InARow {
    pub(super) const fn over(&mut self) {
        self.0 = 0;
    }

    /// How long the next wait is: 1, 2, 4, 8, 10 … seconds and up to half more, so that lanes do not come all at once.
    pub(super) fn pause(&mut self, entropy: &dyn Entropy) -> Duration {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.0.min(8)).min(LONGEST_PAUSE);
        self.0 = self.0.saturating_add(1);
        let mut random = [0];
        // Without randomness the wait is as good.
        let _ = entropy.fill(&mut random);
        pause + (pause / 2).mul_f64(f64::from(random[0]) / 256.0)
    }
}

/// Says once in a while what is wanting.
#[derive(Default)]
pub(super) struct Shortages(Mutex<Said>);

#[derive(Default)]
struct Said {
    at: Option<Instant>,
    /// How many attempts were put off since then.
    put_off: u64,
}

impl Shortages {
    /// An attempt was put off.
    pub(super) fn saw(&self, shortage: Shortage) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.put_off += 1;
        if said.at.is_some_and(|at| at.elapsed() < SAID_EVERY) {
            return;
        }
        tracing::warn!(
            error = %shortage,
            attempts.put_off = said.put_off,
            "attempts to deliver are put off for some seconds, since {shortage}; they do not count as failed"
        );
        *said = Said {
            at: Some(Instant::now()),
            put_off: 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use webhook_domain::testing::SeededEntropy;

    use super::*;

    #[test]
    fn waits_grow_up_to_ten_seconds_and_begin_anew() {
        let (entropy, mut waits) = (SeededEntropy::new(1), InARow::default());
        for _ in 0..2 {
            for expected in [1, 2, 4, 8, 10, 10, 10] {
                let (pause, least) = (waits.pause(&entropy), Duration::from_secs(expected));
                assert!(pause >= least && pause < least * 3 / 2, "{pause:?}");
            }
            waits.over();
        }
    }
}
