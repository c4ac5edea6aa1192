//! Recording turns as they come, as many at a time as have come while the last ones were recorded.
//!
//! Turns at a lane that somebody keeps locked are put off: they, and what else is done in that lane, are tried again after a pause, in their
//! order. Those at other lanes do not wait for them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::{Recorded, Turn};
use webhook_domain::services::Dispatch;

use super::lane_signal::LaneSignal;
use super::pulse::Pulse;
use crate::exit::chain;

/// How many turns wait to be recorded before lanes wait for them; and how many are put off at the most.
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
    process: ProcessId,
    pulse: Arc<Pulse>,
    mut turns: mpsc::Receiver<Unrecorded>,
) {
    let mut recorder = Recorder {
        dispatch,
        process,
        pulse,
        put_off: VecDeque::new(),
        again_at: Instant::now(),
    };
    let mut more_may_come = true;
    loop {
        if recorder.put_off.is_empty() {
            recorder.pulse.recorder.rest();
        }
        let mut made = Vec::with_capacity(RECORD_AT_ONCE);
        let has_room = more_may_come && recorder.put_off.len() < UNRECORDED;
        tokio::select! {
            biased;
            () = sleep_until(recorder.again_at), if !recorder.put_off.is_empty() => {}
            count = turns.recv_many(&mut made, RECORD_AT_ONCE), if has_room => more_may_come = count > 0,
            else => return,
        }
        recorder.pulse.recorder.beat();
        match made.is_empty() {
            true => recorder.try_again().await,
            false => recorder.take(made).await,
        }
    }
}

struct Recorder {
    dispatch: Dispatch,
    process: ProcessId,
    pulse: Arc<Pulse>,
    /// At lanes that somebody keeps locked, in the order in which they were made.
    put_off: VecDeque<Unrecorded>,
    /// When these are tried again.
    again_at: Instant,
}

impl Recorder {
    /// Tries all turns again that were put off.
    async fn try_again(&mut self) {
        let mut all = std::mem::take(&mut self.put_off);
        while !all.is_empty() {
            let some = all.drain(..all.len().min(RECORD_AT_ONCE)).collect();
            self.take(some).await;
        }
        self.again_at = Instant::now() + PAUSE;
    }

    /// Records turns, and puts off those at lanes that somebody keeps locked, or that have earlier ones put off.
    async fn take(&mut self, made: Vec<Unrecorded>) {
        let behind: BTreeSet<WebhookId> = self.put_off.iter().map(lane_of).collect();
        let (behind, made): (Vec<_>, Vec<_>) =
            made.into_iter().partition(|made| behind.contains(&lane_of(made)));
        self.put_off.extend(behind);
        if made.is_empty() {
            return;
        }
        let Recorded { lost, locked } = self.record(&made).await;
        for made in made {
            if locked.contains(&lane_of(&made)) {
                if self.put_off.is_empty() {
                    self.again_at = Instant::now() + PAUSE;
                }
                self.put_off.push_back(made);
                continue;
            }
            let is_lost = lost.contains(&lane_of(&made));
            let (turn, signal) = made;
            self.pulse.metrics.recorded(&turn, is_lost);
            signal.recorded(is_lost);
        }
    }

    /// Records turns, as often as it takes.
    async fn record(&self, made: &[Unrecorded]) -> Recorded {
        let turns: Vec<Turn> = made.iter().map(|(turn, _)| turn.clone()).collect();
        loop {
            match self.dispatch.queue.record(self.process, turns.clone()).await {
                Ok(recorded) => return recorded,
                Err(error) => tracing::warn!(
                    error = chain(&error),
                    "what was delivered cannot be recorded; it will be tried again"
                ),
            }
            sleep(PAUSE).await;
        }
    }
}

fn lane_of((turn, _): &Unrecorded) -> WebhookId {
    turn.delivery.webhook
}

#[cfg(test)]
mod tests;
