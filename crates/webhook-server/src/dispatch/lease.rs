//! The lease of a term: until when the process may send.
//!
//! It is renewed only while delivering [moves](super::pulse). What counts is the time since the renewal was *sent*, by
//! [a clock](super::uptime) that goes on while the machine sleeps: the store's own count began later, so a lease never seems longer
//! here than it is there.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use webhook_domain::delivery::lane::LEASE;
use webhook_domain::id::ProcessId;
use webhook_domain::services::Dispatch;

use super::pulse::Pulse;
use super::uptime::{Uptime, milliseconds};
use crate::exit::chain;

/// How often it is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(2);
/// How long before the end of its lease the process stops sending.
const MARGIN: Duration = Duration::from_secs(1);

/// Until when the process may send.
pub(super) struct Lease {
    process: ProcessId,
    uptime: Uptime,
    /// In milliseconds of `uptime`.
    ends_at: AtomicI64,
}

impl Lease {
    /// Asks the store for one. None if it lets another process deliver.
    pub(super) async fn begin(
        dispatch: &Dispatch,
        process: ProcessId,
        uptime: Uptime,
    ) -> Result<Option<Self>, webhook_domain::StoreError> {
        let before = uptime.now();
        let joined = dispatch.queue.join(process, LEASE, dispatch.clock.now()).await?;
        Ok(joined.then(|| Self {
            process,
            uptime,
            ends_at: AtomicI64::new(before + milliseconds(LEASE)),
        }))
    }

    /// The clock that it goes by.
    pub(super) const fn uptime(&self) -> &Uptime {
        &self.uptime
    }

    /// Whether the process may send now.
    pub(super) fn holds(&self) -> bool {
        self.uptime.now() < self.ends_at.load(Ordering::Acquire) - milliseconds(MARGIN)
    }

    /// Renews it for as long as that can be done. Returns when it has ended.
    pub(super) async fn keep(&self, dispatch: &Dispatch, pulse: &Pulse) {
        let mut still = false;
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            if self.uptime.now() >= self.ends_at.load(Ordering::Acquire) {
                return;
            }
            if !pulse.moves() {
                if !std::mem::replace(&mut still, true) {
                    tracing::error!(
                        "delivering stands still; the lease is not renewed, so that others take over"
                    );
                }
                continue;
            }
            still = false;
            let before = self.uptime.now();
            match dispatch
                .queue
                .renew(self.process, LEASE, dispatch.clock.now())
                .await
            {
                Ok(true) => self
                    .ends_at
                    .store(before + milliseconds(LEASE), Ordering::Release),
                Ok(false) => return,
                Err(error) => tracing::warn!(
                    error = chain(&error),
                    "the lease cannot be renewed; it will be tried again"
                ),
            }
        }
    }
}
