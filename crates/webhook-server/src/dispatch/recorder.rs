//! Recording turns as they come, as many at a time as have come while the last ones were recorded.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use webhook_domain::ports::Turn;
use webhook_domain::services::Dispatch;

use super::lane_signal::LaneSignal;
use super::pulse::Pulse;
use crate::exit::chain;

/// How many turns wait to be recorded before lanes wait for them.
pub(super) const UNRECORDED: usize = 4096;
/// How many turns are recorded at a time.
const RECORD_AT_ONCE: usize = 256;
/// How long until turns are tried again that could not be recorded.
const PAUSE: Duration = Duration::from_secs(1);

/// A turn, and whom to tell once it is recorded.
pub(super) type Unrecorded = (Turn, Arc<LaneSignal>);

/// Records what comes until nobody is left who could send something.
pub(super) async fn record(
    dispatch: Dispatch,
    process: webhook_domain::id::ProcessId,
    pulse: Arc<Pulse>,
    mut turns: mpsc::Receiver<Unrecorded>,
) {
    let mut batch = Vec::with_capacity(RECORD_AT_ONCE);
    loop {
        pulse.recorder.rest();
        if turns.recv_many(&mut batch, RECORD_AT_ONCE).await == 0 {
            return;
        }
        pulse.recorder.beat();
        let (made, signals): (Vec<Turn>, Vec<Arc<LaneSignal>>) = batch.drain(..).unzip();
        let lost = loop {
            match dispatch.queue.record(process, made.clone()).await {
                Ok(lost) => break lost,
                Err(error) => tracing::warn!(
                    error = chain(&error),
                    "what was delivered cannot be recorded; it will be tried again"
                ),
            }
            tokio::time::sleep(PAUSE).await;
        };
        for (turn, signal) in made.iter().zip(signals) {
            let is_lost = lost.contains(&turn.delivery.webhook);
            pulse.metrics.recorded(turn, is_lost);
            signal.recorded(is_lost);
        }
    }
}
