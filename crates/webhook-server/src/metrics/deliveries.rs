//! Attempts to deliver, what came of them, and the leases under which they are made.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause};
use webhook_domain::ports::{Parcel, Response, Sender, Shortage, Turn};
use webhook_domain::services::Made;
use webhook_domain::signing::receipt::ReceiptOutcome;

use super::buckets;

/// One label and its value.
type Label = [(&'static str, &'static str); 1];

/// What is counted of deliveries. Clones count the same; one that was never registered counts for nobody.
#[derive(Clone)]
pub(crate) struct DeliveryMetrics(Arc<Counted>);

struct Counted {
    outcomes: Family<Label, Counter>,
    succeeded: Counter,
    retried: Counter,
    given_up: Counter,
    given_up_on_request: Counter,
    /// Of a lane that was somebody else's by then.
    lost: Counter,
    lag: Histogram,
    signed: Family<Label, Counter>,
    by_current: Counter,
    by_retired: Counter,
    unsigned: Counter,
    receipts: Family<Label, Counter>,
    receipts_of_current: Counter,
    receipts_of_retired: Counter,
    receipts_ignored: Counter,
    repaired: Counter,
    leases: Family<Label, Counter>,
    lease_taken: Counter,
    lease_lost: Counter,
    lease_given_up: Counter,
    attempts: Family<Vec<(&'static str, &'static str)>, Histogram>,
    answered: Histogram,
    /// By the names of the causes.
    failed: Vec<(&'static str, Histogram)>,
    short: Counter,
    under_way: Gauge,
}

impl Default for DeliveryMetrics {
    fn default() -> Self {
        let outcomes = Family::<Label, Counter>::default();
        let outcome = |name| outcomes.get_or_create_owned(&[("outcome", name)]);
        let signed = Family::<Label, Counter>::default();
        let role = |name| signed.get_or_create_owned(&[("role", name)]);
        let receipts = Family::<Label, Counter>::default();
        let receipt = |name| receipts.get_or_create_owned(&[("outcome", name)]);
        let leases = Family::<Label, Counter>::default();
        let lease = |name| leases.get_or_create_owned(&[("event", name)]);
        let attempts = Family::<Vec<_>, Histogram>::new_with_constructor(|| Histogram::new(buckets::ATTEMPT));
        let failed =
            FailureCause::NAMES.map(|name| (name, attempts.get_or_create_owned(&vec![("error_type", name)])));
        Self(Arc::new(Counted {
            succeeded: outcome("succeeded"),
            retried: outcome("retried"),
            given_up: outcome("given_up"),
            given_up_on_request: outcome("given_up_on_request"),
            lost: outcome("lost"),
            lag: Histogram::new(buckets::LAG),
            by_current: role("current"),
            by_retired: role("retired"),
            unsigned: role("none"),
            receipts_of_current: receipt("current"),
            receipts_of_retired: receipt("retired"),
            receipts_ignored: receipt("ignored"),
            repaired: Counter::default(),
            lease_taken: lease("taken"),
            lease_lost: lease("lost"),
            lease_given_up: lease("given_up"),
            answered: attempts.get_or_create_owned(&Vec::new()),
            failed: failed.into(),
            short: Counter::default(),
            under_way: Gauge::default(),
            outcomes,
            signed,
            receipts,
            leases,
            attempts,
        }))
    }
}

impl DeliveryMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let counted = &self.0;
        registry.register(
            "webhook_deliveries",
            "Attempts to deliver, by what is recorded of them, and deliveries that were given up on request",
            counted.outcomes.clone(),
        );
        registry.register_with_unit(
            "webhook_delivery_lag",
            "How long after an attempt was due it began",
            Unit::Seconds,
            counted.lag.clone(),
        );
        registry.register_with_unit(
            "http_client_request_duration",
            "How long attempts to deliver took, up to the head of the answer",
            Unit::Seconds,
            counted.attempts.clone(),
        );
        registry.register(
            "webhook_attempts_under_way",
            "Attempts to deliver that are under way",
            counted.under_way.clone(),
        );
        registry.register(
            "webhook_attempts_put_off",
            "Attempts that could not be made for want of something of this machine's own",
            counted.short.clone(),
        );
        registry.register(
            "webhook_signed",
            "Signatures of attempts by the role of the key; none counts attempts without a key",
            counted.signed.clone(),
        );
        registry.register(
            "webhook_receipts",
            "Receipts in answers of receivers, by the role of the key that made them; ignored counts those that no key made",
            counted.receipts.clone(),
        );
        registry.register(
            "webhook_lanes_repaired",
            "Lanes that had something to do and did not say so; there are none unless something is broken",
            counted.repaired.clone(),
        );
        registry.register(
            "webhook_leases",
            "Leases to deliver that this process was given, lost or gave up",
            counted.leases.clone(),
        );
    }

    /// An attempt was made.
    pub(crate) fn made(&self, made: &Made) {
        let counted = &self.0;
        if let Some(lag) = made.lag {
            counted.lag.observe(lag.as_secs_f64());
        }
        if made.by_current {
            counted.by_current.inc();
        }
        counted.by_retired.inc_by(made.by_retired as u64);
        if !made.by_current && made.by_retired == 0 {
            counted.unsigned.inc();
        }
        match made.receipt {
            Some(ReceiptOutcome::Current(_)) => drop(counted.receipts_of_current.inc()),
            Some(ReceiptOutcome::Retired(_)) => drop(counted.receipts_of_retired.inc()),
            Some(ReceiptOutcome::Ignored) => drop(counted.receipts_ignored.inc()),
            None => {}
        }
    }

    /// What a turn left is recorded; or it is not, because the lane is lost.
    pub(crate) fn recorded(&self, turn: &Turn, is_lost: bool) {
        let counted = &self.0;
        match turn.delivery.status {
            _ if is_lost => &counted.lost,
            DeliveryStatus::Pending => &counted.retried,
            DeliveryStatus::Succeeded { .. } => &counted.succeeded,
            DeliveryStatus::Failed { .. } => &counted.given_up,
        }
        .inc();
    }

    /// A delivery was given up because somebody asked for it.
    pub(super) fn given_up_on_request(&self) {
        self.0.given_up_on_request.inc();
    }

    /// So many lanes had something to do and did not say so.
    pub(crate) fn repaired(&self, lanes: u64) {
        self.0.repaired.inc_by(lanes);
    }

    /// The process may deliver.
    pub(crate) fn lease_taken(&self) {
        self.0.lease_taken.inc();
    }

    /// The lease has ended, though the process wanted to go on.
    pub(crate) fn lease_lost(&self) {
        self.0.lease_lost.inc();
    }

    /// The process gave the lease up.
    pub(crate) fn lease_given_up(&self) {
        self.0.lease_given_up.inc();
    }
}

/// Measures what another sender sends.
pub(crate) struct MeasuredSender<S> {
    sender: S,
    metrics: DeliveryMetrics,
}

impl<S: Sender> MeasuredSender<S> {
    pub(crate) const fn new(sender: S, metrics: DeliveryMetrics) -> Self {
        Self { sender, metrics }
    }
}

/// An attempt that is under way, until this is dropped.
struct UnderWay<'a>(&'a Gauge);

impl<'a> UnderWay<'a> {
    fn begin(attempts: &'a Gauge) -> Self {
        attempts.inc();
        Self(attempts)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[async_trait]
impl<S: Sender> Sender for MeasuredSender<S> {
    async fn send(&self, parcel: Parcel) -> Result<Response, Shortage> {
        let counted = &self.metrics.0;
        let _under_way = UnderWay::begin(&counted.under_way);
        let begun = Instant::now();
        let sent = self.sender.send(parcel).await;
        let took = begun.elapsed().as_secs_f64();
        match &sent {
            Ok(response) => {
                let durations = match response.outcome {
                    AttemptOutcome::Failed { cause, .. } => {
                        let of_cause = counted.failed.iter().find(|(name, _)| *name == cause.name());
                        of_cause.map(|(_, durations)| durations)
                    }
                    _ => Some(&counted.answered),
                };
                if let Some(durations) = durations {
                    durations.observe(took);
                }
            }
            Err(_) => drop(counted.short.inc()),
        }
        sent
    }
}
