//! Delivering: a thread with a runtime of its own, on which each lane that has something to do now has a task.
//!
//! The process delivers in [terms](term). It begins one when the store lets it own lanes, and holds it as long as its
//! [lease] lasts; when that ends in spite of it, everything of the term is dropped, attempts under way included, and the
//! process begins another under another id. On a stop attempts under way come to their end, what they left is recorded, and the
//! lease is given up for the next process.
//!
//! | where | what |
//! |---|---|
//! | `term` | one term from its beginning to its end |
//! | `lease` | proves that the process moves, and until when it may send |
//! | `finder` | looks for lanes that have something to do, and puts right what they say of it |
//! | `lanes` | the tasks at lanes |
//! | `recorder` | records what attempts have left, in batches |
//! | `shares` | how many attempts are under way for whom |
//! | `pulse` | whether the parts move |
//! | `pausing` | whether deliveries are paused |
//! | `uptime` | the clock that leases and pulses go by |
//!
//! Several processes are run through deaths, pauses and lost answers by a seeded simulation: see `simulation`, which is built for
//! tests alone. So that a seed gives the same run each time, nothing here chooses at random: maps are ordered, and `select!` is `biased`.

mod clock_steps;
mod finder;
mod lane_signal;
mod lanes;
mod lease;
mod pausing;
mod pulse;
mod recorder;
mod shares;
mod shortage;
#[cfg(test)]
mod simulation;
mod term;
mod uptime;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use webhook_domain::ports::DeliveryPause;
use webhook_domain::services::Dispatch;
use webhook_domain::{ServiceError, StoreError};

use self::pausing::Pausing;
pub(crate) use self::pulse::Pulse;
use self::term::Term;
use crate::exit::{Failure, chain};

/// How often is asked whether the process may deliver, as long as it may not.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// How long a stop may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StopWithin {
    /// The attempts under way.
    pub(crate) attempts: Duration,
    /// What they have left to be recorded, after that.
    pub(crate) recording: Duration,
}

/// The thread that delivers.
pub(crate) struct Dispatcher {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Dispatcher {
    /// Starts delivering, unless that is paused by `pause`; `pulse` tells whether it moves, `stop_within` how long a stop may take.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be started.
    pub(crate) fn start(
        dispatch: Dispatch,
        pause: Arc<dyn DeliveryPause>,
        pulse: Arc<Pulse>,
        stop_within: StopWithin,
    ) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| Failure::cannot("start delivering", &error);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(cannot)?;
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("dispatch".into())
            .spawn(move || runtime.block_on(deliver(dispatch, pause, &pulse, stopped, stop_within)))
            .map_err(cannot)?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Finishes the attempts under way, and gives up the lanes. Blocks while it does.
    pub(crate) fn stop(mut self) {
        self.stop.send_replace(true);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the dispatcher ended in a panic");
        }
    }
}

/// Notes whether deliveries are paused, and says so in the log if they are.
///
/// # Errors
/// The store's.
pub(crate) async fn look_for_pause(
    pause: Arc<dyn DeliveryPause>,
    pulse: &Arc<Pulse>,
) -> Result<(), StoreError> {
    Pausing::new(pause, Arc::clone(pulse)).is_paused().await.map(drop)
}

async fn deliver(
    dispatch: Dispatch,
    pause: Arc<dyn DeliveryPause>,
    pulse: &Arc<Pulse>,
    mut stopped: watch::Receiver<bool>,
    stop_within: StopWithin,
) {
    let pausing = Pausing::new(pause, Arc::clone(pulse));
    let mut waits = false;
    while !*stopped.borrow() {
        pulse.finder.beat();
        match begin(&dispatch, &pausing, pulse).await {
            Ok(Begun::Term(term)) => {
                waits = false;
                // Why it has ended, the next round finds out.
                run(term, &pausing, stopped.clone(), stop_within).await;
                continue;
            }
            Ok(Begun::OtherDelivers) => {
                if !std::mem::replace(&mut waits, true) {
                    tracing::info!("another process delivers; this one does as soon as that one ends");
                }
            }
            Ok(Begun::Paused) => {}
            Err(error) => tracing::warn!(
                error = chain(&error),
                "cannot begin to deliver; it will be tried again"
            ),
        }
        let _ = tokio::time::timeout(TRY_EVERY, stopped.changed()).await;
    }
}

/// What came of beginning a term.
enum Begun {
    Term(Term),
    OtherDelivers,
    Paused,
}

async fn begin(dispatch: &Dispatch, pausing: &Pausing, pulse: &Arc<Pulse>) -> Result<Begun, ServiceError> {
    if pausing.is_paused().await? {
        return Ok(Begun::Paused);
    }
    Ok(match term::begin(dispatch, Arc::clone(pulse)).await? {
        Some(term) => Begun::Term(term),
        None => Begun::OtherDelivers,
    })
}

/// Runs a term until the process stops, deliveries are paused, or the lease has ended.
async fn run(term: Term, pausing: &Pausing, mut stopped: watch::Receiver<bool>, stop_within: StopWithin) {
    let (halt, mut halted) = watch::channel(false);
    let mut running = std::pin::pin!(term.run(&mut halted, stop_within));
    tokio::select! {
        biased;
        () = &mut running => return,
        // A sender that is gone says the same.
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = pausing.until_paused() => {}
    }
    halt.send_replace(true);
    running.await;
}
