//! What one process of a fleet counts in the database, and how old that is.
//!
//! The store says whether it is this process that counts. If it is not, or does not any more, the process shows none of it: two
//! processes that both show what waits would be added up, and old numbers would pass for new ones. What was counted is shown with its
//! age, and not beyond [`SHOWN_FOR`].

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::rt;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use webhook_domain::time::Clock;
use webhook_store_diesel::{DieselStore, RotationCounts, Totals};

use crate::exit::chain;

/// How often is counted.
const COUNT_EVERY: Duration = Duration::from_secs(30);
/// How often a process asks whether it is the one to count: at first, when it may be given its lease at any moment, and later.
const ASK_EVERY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// How many times it asks at first.
const FIRST_ASKS: u32 = 10;
/// How much longer than a count took is waited for the next one: so counting takes a twentieth of one connection's time at the most.
const REST: u32 = 20;
/// How long what was counted is shown.
const SHOWN_FOR: Duration = Duration::from_secs(120);

/// What was counted last, if this process counts. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct LastTotals(Arc<Mutex<Option<Counted>>>);

#[derive(Clone, Copy)]
struct Counted {
    totals: Totals,
    /// The ages of what is oldest, when it was counted: of all events, of those that nothing holds up, of current keys.
    ages: [f64; 3],
    at: Instant,
    took: Duration,
}

impl fmt::Debug for LastTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastTotals")
    }
}

impl LastTotals {
    fn keep(&self, counted: Option<Counted>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = counted;
    }

    fn shown(&self) -> Option<Counted> {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.filter(|counted| counted.at.elapsed() <= SHOWN_FOR)
    }
}

/// Counts every 30 seconds, for ever, as long as it is for this process to do.
pub(crate) async fn keep_counting(store: Arc<DieselStore>, clock: Arc<dyn Clock>, last: LastTotals) {
    let mut asks = 0;
    loop {
        let begun = Instant::now();
        let counted = store.totals().await;
        let took = begun.elapsed();
        let pause = match counted {
            Ok(Some(totals)) => {
                last.keep(Some(Counted {
                    ages: ages(&totals, clock.as_ref()),
                    totals,
                    // What waits is as of the beginning.
                    at: begun,
                    took,
                }));
                COUNT_EVERY
            }
            Ok(None) => {
                last.keep(None);
                asks += 1;
                ASK_EVERY[usize::from(asks > FIRST_ASKS)]
            }
            // What was counted before is shown for a while, with its age.
            Err(error) => {
                tracing::warn!(
                    error = chain(&error),
                    "what waits in the database cannot be counted for the metrics; it will be tried again"
                );
                COUNT_EVERY
            }
        };
        rt::time::sleep(pause.max(took * REST)).await;
    }
}

fn ages(totals: &Totals, clock: &dyn Clock) -> [f64; 3] {
    let now = clock.now();
    [totals.oldest, totals.oldest_due, totals.oldest_key]
        .map(|at| at.map_or(0.0, |at| now.since(at).as_secs_f64()))
}

impl Collector for LastTotals {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(Counted {
            totals,
            ages,
            at,
            took,
        }) = self.shown()
        else {
            return Ok(());
        };
        let [oldest, oldest_due, oldest_key] = ages;
        let seconds = [
            (
                "webhook_queue_oldest",
                "Age of the oldest event at the head of a webhook's queue",
                oldest,
            ),
            (
                "webhook_queue_oldest_due",
                "Age of the oldest event at the head of a queue that its receiver does not hold up",
                oldest_due,
            ),
            (
                "webhook_key_oldest",
                "Age of the oldest current signing key, to the minute",
                oldest_key,
            ),
            (
                "webhook_sample_age",
                "How long ago what this process counts in the database was counted",
                at.elapsed().as_secs_f64(),
            ),
            (
                "webhook_sample_duration",
                "How long it took to count",
                took.as_secs_f64(),
            ),
        ];
        for (name, help, value) in seconds {
            let metric = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)?;
        }
        let counts = [
            (
                "webhook_queue_messages",
                "Events that wait for webhooks, one for each webhook they go to",
                totals.waiting,
            ),
            (
                "webhook_lanes_held_up",
                "Webhooks in the penalty box",
                totals.held_up,
            ),
        ];
        for (name, help, value) in counts {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)?;
        }
        let help = "Signing keys of all webhooks";
        let mut keys = encoder.encode_descriptor("webhook_keys", help, None, MetricType::Gauge)?;
        for (state, count) in [("current", totals.current_keys), ("retired", totals.retired_keys)] {
            ConstGauge::new(count).encode(keys.encode_family(&[("state", state)])?)?;
        }
        let help = "Rotations of all platforms";
        let mut rotations = encoder.encode_descriptor("webhook_rotations", help, None, MetricType::Gauge)?;
        let RotationCounts {
            running,
            stopped,
            done,
        } = totals.rotations;
        for (state, count) in [("running", running), ("stopped", stopped), ("done", done)] {
            ConstGauge::new(count).encode(rotations.encode_family(&[("state", state)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_long_ago_is_not_shown() {
        let last = LastTotals::default();
        assert!(last.shown().is_none());
        let counted = |ago| Counted {
            totals: Totals::default(),
            ages: [0.0; 3],
            at: Instant::now().checked_sub(ago).unwrap(),
            took: Duration::ZERO,
        };
        last.keep(Some(counted(SHOWN_FOR / 2)));
        assert!(last.shown().is_some());
        last.keep(Some(counted(SHOWN_FOR + Duration::from_secs(1))));
        assert!(last.shown().is_none());
    }
}
