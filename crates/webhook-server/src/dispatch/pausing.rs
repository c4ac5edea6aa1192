//! Whether deliveries are paused: asked before a term begins, and every second while it lasts.
//!
//! If that cannot be asked, no term begins; one that has begun goes on, because its lease proves that it may.

use std::sync::Arc;

use webhook_domain::StoreError;
use webhook_domain::ports::DeliveryPause;

use super::TRY_EVERY;
use super::pulse::Pulse;
use crate::exit::chain;

/// The pause as this process last saw it.
pub(super) struct Pausing {
    pause: Arc<dyn DeliveryPause>,
    pulse: Arc<Pulse>,
}

impl Pausing {
    pub(super) fn new(pause: Arc<dyn DeliveryPause>, pulse: Arc<Pulse>) -> Self {
        Self { pause, pulse }
    }

    /// Whether deliveries are paused now. Says so in the log when that has changed.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn is_paused(&self) -> Result<bool, StoreError> {
        let pause = self.pause.current().await?;
        let was_paused = self.pulse.set_paused(pause.is_some());
        match pause {
            Some(pause) if !was_paused => tracing::warn!(
                pause.since = %pause.since,
                pause.reason = pause.reason.name(),
                "deliveries are paused; `webhook-server deliveries resume` lets them go on"
            ),
            None if was_paused => tracing::info!("deliveries go on"),
            _ => {}
        }
        Ok(pause.is_some())
    }

    /// Waits until deliveries are paused.
    pub(super) async fn until_paused(&self) {
        loop {
            tokio::time::sleep(TRY_EVERY).await;
            match self.is_paused().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::debug!(
                    error = chain(&error),
                    "cannot ask whether deliveries are paused; it will be tried again"
                ),
            }
        }
    }
}
