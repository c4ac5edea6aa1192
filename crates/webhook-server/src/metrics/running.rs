//! The metrics of a serving process: the listener, and the tasks that keep fresh what is not counted on the way.

use std::net::TcpListener;

use actix_web::rt;
use tokio::task::JoinHandle;

use super::Metrics;
use super::listener::MetricsListener;
use super::totals::keep_counting;
use crate::exit::Failure;
use crate::store::OpenStore;

/// What runs for the metrics' sake.
pub(crate) struct RunningMetrics {
    listener: Option<MetricsListener>,
    tasks: Vec<JoinHandle<()>>,
}

impl RunningMetrics {
    /// Serves `metrics` at `listener`, if there is one, and keeps them fresh. Nothing runs if nobody can read them: neither there
    /// nor on the API's address.
    ///
    /// # Errors
    /// When the listener cannot be taken over.
    pub(crate) fn start(
        metrics: &Metrics,
        listener: Option<TcpListener>,
        is_on_api: bool,
        open: &OpenStore,
    ) -> Result<Self, Failure> {
        let mut running = Self {
            listener: None,
            tasks: Vec::new(),
        };
        if listener.is_none() && !is_on_api {
            return Ok(running);
        }
        let started_at = open.clock.now();
        running
            .tasks
            .push(rt::spawn(metrics.process.clone().keep_asking(started_at)));
        let counting = keep_counting(open.store.clone(), open.clock.clone(), metrics.totals.clone());
        running.tasks.push(rt::spawn(counting));
        if let Some(listener) = listener {
            let started = MetricsListener::start(listener, metrics.writer(), open.entropy.clone());
            let (listener, address) =
                started.map_err(|error| Failure::cannot("start serving metrics", &error))?;
            tracing::info!(metrics.address = %address, "metrics are at /metrics");
            running.listener = Some(listener);
        }
        Ok(running)
    }

    /// Ends all of it.
    pub(crate) async fn stop(self) {
        for task in self.tasks {
            task.abort();
        }
        if let Some(listener) = self.listener {
            listener.stop().await;
        }
    }
}
