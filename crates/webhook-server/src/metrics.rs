//! Metrics: what is counted, in a registry that belongs to the serving process and to nobody else, and how it is written.
//!
//! | where | what |
//! |---|---|
//! | `buckets` | the buckets of all histograms |
//! | `requests` | requests that the API has answered |
//! | `deliveries` | attempts, what came of them, leases |
//! | `store` | commits, rolls, checks of keys, and what is given up on request |
//! | `readings` | what is read at the moment of a scrape: queues, pools, dropped log lines, descriptors |
//! | `totals` | what one process of a fleet counts in the database every 30 seconds |
//! | `process` | what the machine says of this process |
//! | `running` | the listener, and what keeps fresh what is not counted on the way |
//! | `listener` | the address at which all of it is to be had |
//!
//! Who counts on the way of a request or an attempt holds the metric itself, so nothing is looked up by name there. A scrape
//! reads memory alone. No label comes from outside: each has its values from a closed list. `docs/operating/metrics.md` names all of
//! them; a test compares.

mod buckets;
mod deliveries;
mod listener;
mod process;
mod readings;
mod requests;
mod running;
mod store;
mod totals;

use std::sync::Arc;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use webhook_http_actix::{MetricsText, Monitoring, WriteMetrics};
use webhook_store_diesel::StoreObserver;

pub(crate) use deliveries::{DeliveryMetrics, MeasuredSender};
pub(crate) use listener::bind;
pub(crate) use readings::Readings;
pub(crate) use running::RunningMetrics;

use self::process::ProcessMetrics;
use self::requests::RequestMetrics;
use self::store::StoreMetrics;
use self::totals::LastTotals;

/// The media type of the OpenMetrics text format.
const OPENMETRICS: &str = "application/openmetrics-text";
const OPENMETRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All that a process counts.
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    requests: Arc<RequestMetrics>,
    store: Arc<StoreMetrics>,
    process: ProcessMetrics,
    totals: LastTotals,
}

impl Metrics {
    /// The metrics of a process on this kind of database that counts what it delivers by `deliveries`.
    pub(crate) fn new(database: &'static str, deliveries: &DeliveryMetrics, readings: Readings) -> Self {
        let mut registry = Registry::default();
        let build = Info::new([("version", env!("CARGO_PKG_VERSION")), ("database", database)]);
        registry.register(
            "webhook_build",
            "Version and kind of database of this process",
            build,
        );
        let requests = RequestMetrics::register(&mut registry);
        deliveries.register(&mut registry);
        let store = StoreMetrics::register(&mut registry, deliveries.clone());
        let process = ProcessMetrics::register(&mut registry);
        let totals = LastTotals::default();
        registry.register_collector(Box::new(totals.clone()));
        registry.register_collector(Box::new(readings));
        Self {
            registry: Arc::new(registry),
            requests: Arc::new(requests),
            store: Arc::new(store),
            process,
            totals,
        }
    }

    /// What the API takes of it: who counts requests, and, if they are `on_api`, the metrics themselves.
    pub(crate) fn monitoring(&self, on_api: bool) -> Monitoring {
        Monitoring {
            requests: vec![self.requests.clone()],
            metrics: on_api.then(|| self.writer()),
        }
    }

    /// Who counts commits.
    pub(crate) fn store(&self) -> Arc<dyn StoreObserver> {
        self.store.clone()
    }

    /// Writes the metrics.
    fn writer(&self) -> WriteMetrics {
        let registry = Arc::clone(&self.registry);
        Arc::new(move |accept| write(&registry, accept))
    }
}

fn write(registry: &Registry, accept: &str) -> MetricsText {
    let mut written = String::new();
    let (content_type, outcome) = match wants_openmetrics(accept) {
        true => (OPENMETRICS_TYPE, text::encode(&mut written, registry)),
        false => (
            prometheus_text::CONTENT_TYPE,
            prometheus_text::encode(&mut written, registry),
        ),
    };
    if let Err(error) = outcome {
        // A text takes all that is written to it.
        tracing::error!(error = %error, "the metrics could not be written");
    }
    MetricsText {
        content_type,
        text: written,
    }
}

/// Whether the value of an `Accept` header names OpenMetrics, and names no other text with a higher weight (RFC 9110 §12.5.1).
/// Whoever says nothing gets the older format, which every tool reads.
fn wants_openmetrics(accept: &str) -> bool {
    let weight_of = |wanted: &str| {
        let ranges = accept.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_wanted = parts.next()?.eq_ignore_ascii_case(wanted);
            let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
            is_wanted.then(|| weight.map_or(1.0, |weight| weight.parse::<f32>().unwrap_or(0.0)))
        });
        ranges.fold(0.0, f32::max)
    };
    let openmetrics = weight_of(OPENMETRICS);
    openmetrics > 0.0 && openmetrics >= weight_of("text/plain")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_for_those_who_name_it() {
        for wants in [
            "application/openmetrics-text",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "Application/OpenMetrics-Text; Q=0.1, */*",
        ] {
            assert!(wants_openmetrics(wants), "{wants}");
        }
        for does_not in [
            "",
            "*/*",
            "text/plain",
            "text/html, */*;q=0.8",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.2, text/plain;q=0.5",
            "application/openmetrics-texts",
        ] {
            assert!(!wants_openmetrics(does_not), "{does_not}");
        }
    }
}
