//! One term: from when the process may own lanes until it stops, or its lease has ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use webhook_domain::ServiceError;
use webhook_domain::id::ProcessId;
use webhook_domain::services::Dispatch;

use super::lanes::Lanes;
use super::lease::Lease;
use super::pulse::Pulse;
use super::{StopWithin, finder, recorder};
use crate::exit::chain;

/// How long the store is waited for when it is told of a lease that has ended.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// A term that has begun.
pub(super) struct Term {
    lanes: Arc<Lanes>,
    pulse: Arc<Pulse>,
    recorder: JoinHandle<()>,
    end: watch::Sender<bool>,
}

/// Begins a term, under an id of its own. None if another process delivers.
pub(super) async fn begin(dispatch: &Dispatch, pulse: Arc<Pulse>) -> Result<Option<Term>, ServiceError> {
    let process = ProcessId::generate(dispatch.clock.now(), dispatch.entropy.as_ref())?;
    let Some(lease) = Lease::begin(dispatch, process, pulse.uptime.clone()).await? else {
        return Ok(None);
    };
    tracing::debug!(process.id = %process, "delivering");
    pulse.metrics.lease_taken();
    let (turns, made) = mpsc::channel(recorder::UNRECORDED);
    let (end, ended) = watch::channel(false);
    let record = recorder::record(dispatch.clone(), process, Arc::clone(&pulse), made);
    let lanes = Lanes::new(
        process,
        dispatch.clone(),
        Arc::new(lease),
        turns,
        ended,
        pulse.metrics.clone(),
    );
    Ok(Some(Term {
        lanes: Arc::new(lanes),
        pulse,
        recorder: tokio::spawn(record),
        end,
    }))
}

impl Term {
    /// Delivers until it is told to stop, or the lease has ended. A stop takes no longer than `within` says.
    pub(super) async fn run(self, stopped: &mut watch::Receiver<bool>, within: StopWithin) {
        let looking = tokio::spawn(finder::look(Arc::clone(&self.lanes), Arc::clone(&self.pulse)));
        let hearing = tokio::spawn(finder::hear(Arc::clone(&self.lanes)));
        let fanning_out = tokio::spawn(finder::fan_out(Arc::clone(&self.lanes)));
        let lease = Arc::clone(&self.lanes.lease);
        let is_lost = tokio::select! {
            biased;
            // A sender that is gone says the same.
            _ = stopped.wait_for(|stopped| *stopped) => false,
            () = lease.keep(&self.lanes.dispatch, &self.pulse) => true,
        };
        for task in [looking, hearing, fanning_out] {
            task.abort();
        }
        if is_lost {
            self.drop_all().await;
            return;
        }
        self.finish(within).await;
    }

    /// Drops everything, attempts under way included: the lanes are somebody else's, and nothing could be recorded. The store is told,
    /// so that the next term of this process is not kept out by this one; if it does not answer in time, it finds out by itself.
    async fn drop_all(self) {
        self.pulse.metrics.lease_lost();
        tracing::error!(
            process.id = %self.lanes.process,
            "the lease has ended; what was under way is dropped, and is sent again by whoever has the lanes now"
        );
        self.end.send_replace(true);
        self.recorder.abort();
        self.pulse.recorder.rest();
        let leaving = self.lanes.dispatch.queue.leave(self.lanes.process);
        if let Ok(Err(error)) = timeout(LEAVE_WITHIN, leaving).await {
            tracing::debug!(
                error = chain(&error),
                "the store cannot be told that the lease has ended"
            );
        }
    }

    /// Finishes the attempts under way, records what they left, and gives up the lease.
    async fn finish(self, within: StopWithin) {
        let Self {
            lanes,
            pulse,
            recorder,
            end,
        } = self;
        lanes.stop();
        let (dispatch, process, lease) = (lanes.dispatch.clone(), lanes.process, Arc::clone(&lanes.lease));
        let finishing = async {
            if timeout(within.attempts, lanes.until_idle()).await.is_err() {
                tracing::warn!("attempts are still under way; they are made again by whoever delivers next");
                end.send_replace(true);
                lanes.until_idle().await;
            }
            drop(lanes);
            // Ends once the lanes' tasks are gone, and what they left is recorded.
            if timeout(within.recording, recorder).await.is_err() {
                tracing::warn!(
                    "not all that was delivered is recorded; it is sent again by whoever delivers next"
                );
            }
        };
        tokio::select! {
            biased;
            () = finishing => {}
            () = keep_beating(&lease, &dispatch, &pulse) => {}
        }
        pulse.metrics.lease_given_up();
        if let Err(error) = dispatch.queue.leave(process).await {
            tracing::warn!(
                error = chain(&error),
                "the lease could not be given up; the lanes are taken over when it ends"
            );
        }
    }
}

/// Keeps the lease while attempts come to their end, though nobody looks for lanes any more.
async fn keep_beating(lease: &Lease, dispatch: &Dispatch, pulse: &Pulse) {
    let beating = async {
        loop {
            pulse.finder.beat();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        biased;
        () = lease.keep(dispatch, pulse) => {}
        () = beating => {}
    }
}
