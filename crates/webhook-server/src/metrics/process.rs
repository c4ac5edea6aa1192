//! What the machine says of this process, under the names that Prometheus's own libraries use. It is asked every few seconds, not at a
//! scrape.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use actix_web::rt;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use webhook_domain::time::Instant;

/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// Where the descriptors of the process are listed.
const DESCRIPTORS: &str = "/proc/self/fd";
/// Where its memory is told, in KiB.
const STATUS: &str = "/proc/self/status";

/// What is known of the process. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct ProcessMetrics {
    open_descriptors: Gauge,
    most_descriptors: Gauge,
    memory: Gauge,
    cpu: Counter<f64, AtomicU64>,
    started_at: Gauge<f64, AtomicU64>,
}

impl ProcessMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "process_open_fds",
            "File descriptors that the process has open",
            metrics.open_descriptors.clone(),
        );
        registry.register(
            "process_max_fds",
            "File descriptors that the process may have open",
            metrics.most_descriptors.clone(),
        );
        registry.register_with_unit(
            "process_resident_memory",
            "Memory that the process has in RAM",
            Unit::Bytes,
            metrics.memory.clone(),
        );
        registry.register_with_unit(
            "process_cpu",
            "CPU time that the process has used",
            Unit::Seconds,
            metrics.cpu.clone(),
        );
        registry.register_with_unit(
            "process_start_time",
            "When the process was started, since the Unix epoch",
            Unit::Seconds,
            metrics.started_at.clone(),
        );
        metrics
    }

    /// Asks now and every few seconds, for ever. The process was started at `started_at`.
    pub(crate) async fn keep_asking(self, started_at: Instant) {
        self.started_at.set(started_at.as_milliseconds() as f64 / 1000.0);
        loop {
            self.ask();
            rt::time::sleep(ASK_EVERY).await;
        }
    }

    fn ask(&self) {
        if let Ok(listed) = std::fs::read_dir(DESCRIPTORS) {
            // The listing itself takes one.
            let open = listed.count().saturating_sub(1);
            self.open_descriptors.set(i64::try_from(open).unwrap_or(i64::MAX));
        }
        let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        self.most_descriptors.set(i64::try_from(most).unwrap_or(i64::MAX));
        if let Some(bytes) = resident_bytes() {
            self.memory.set(bytes);
        }
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let used = used.tv_sec as f64 + used.tv_nsec as f64 / 1e9;
        let more = used - self.cpu.get();
        if more > 0.0 {
            self.cpu.inc_by(more);
        }
    }
}

fn resident_bytes() -> Option<i64> {
    let told = std::fs::read_to_string(STATUS).ok()?;
    let resident = told.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}
