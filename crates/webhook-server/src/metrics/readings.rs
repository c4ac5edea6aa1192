//! What is read at the moment of a scrape, from memory.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use webhook_domain::services::ProbePlaces;
use webhook_store_diesel::DieselStore;

use crate::dispatch::Pulse;
use crate::logging;
use crate::serve::readiness::Readiness;

/// Where it is read.
#[derive(Clone)]
pub(crate) struct Readings {
    pub(crate) store: Arc<DieselStore>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) pulse: Arc<Pulse>,
    /// How many attempts may be under way at a time.
    pub(crate) attempts: usize,
    /// The places for what is sent on request.
    pub(crate) probes: ProbePlaces,
}

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readings")
    }
}

/// A gauge that has its value only while it is written.
fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: usize,
) -> Result<(), fmt::Error> {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value as u64).encode(metric)
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(metric)
}

impl Collector for Readings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let encoder = &mut encoder;
        let store = self.store.readings();
        gauge(
            encoder,
            "webhook_store_queue",
            "Changes that wait for the store's writer",
            store.queued,
        )?;
        gauge(
            encoder,
            "webhook_store_readers_in_use",
            "Reads of the store that are under way, each on a connection of the pool",
            store.readers_in_use,
        )?;
        gauge(
            encoder,
            "webhook_store_readers",
            "Reads of the store that may be under way at a time",
            store.readers,
        )?;
        gauge(
            encoder,
            "webhook_attempts_limit",
            "Attempts to deliver that may be under way at a time",
            self.attempts,
        )?;
        let (taken, places) = self.probes.taken();
        gauge(
            encoder,
            "webhook_probes_under_way",
            "Test events and other attempts on request that are under way",
            taken,
        )?;
        gauge(
            encoder,
            "webhook_probes_limit",
            "Attempts on request that may be under way at a time",
            places,
        )?;
        gauge(
            encoder,
            "webhook_ready",
            "Whether the process can do its work, as /health/ready says: 1 or 0",
            usize::from(self.pulse.moves() && self.readiness.check().is_ok()),
        )?;
        gauge(
            encoder,
            "webhook_deliveries_paused",
            "Whether an operator has paused all deliveries: 1 or 0",
            usize::from(self.pulse.is_paused()),
        )?;
        counter(
            encoder,
            "webhook_log_lines_dropped",
            "Log lines that could not be written, or not in time",
            logging::dropped(),
        )
    }
}
