//! What comes of a delivery that was held up, and that somebody has had sent at once: whoever asks waits for it.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use webhook_domain::ServiceError;
use webhook_domain::services::{Expedited, ProbeService, Probed};

/// How long is waited for what comes of it: longer than an attempt takes.
const WITHIN: Duration = Duration::from_secs(15);
/// How often is looked whether something has.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Waits for what comes of a delivery whose time has come. [`Probed::StillWaiting`] if nothing did in time.
///
/// # Errors
/// The service's.
pub async fn outcome_of(probes: &ProbeService, expedited: &Expedited) -> Result<Probed, ServiceError> {
    let ends = Instant::now() + WITHIN;
    loop {
        let probed = probes.since(expedited).await?;
        if probed != Probed::StillWaiting || Instant::now() >= ends {
            return Ok(probed);
        }
        sleep(LOOK_EVERY).await;
    }
}
