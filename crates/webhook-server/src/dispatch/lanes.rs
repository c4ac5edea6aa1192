//! The tasks at lanes: each steps from one attempt to the next, and ends when nothing is to be done in its lane now.
//!
//! A lane that waits longer than a moment has no task: its `ready_at` says when it has something to do, and the [finder](super::finder)
//! finds it then. In memory there is only a small entry for a lane whose `ready_at` is still to be put right, or that cannot be read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use webhook_domain::id::{PlatformId, ProcessId, WebhookId};
use webhook_domain::services::{Dispatch, LaneWorker, Next};
use webhook_domain::webhook::{TargetUrl, Webhook};
use webhook_domain::{ServiceError, StoreError};

use super::clock_steps::ClockSteps;
use super::lane_signal::LaneSignal;
use super::lease::Lease;
use super::recorder::Unrecorded;
use super::shares::{Place, Shares};
use super::shortage::{InARow, Shortages};
use crate::exit::chain;
use crate::logging::queues;
use crate::metrics::DeliveryMetrics;

/// How many lanes have tasks at a time. Others that are ready come when one of these has ended.
const TASKS: usize = 8192;
/// How long until a lane is looked at again that could not be.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest wait for which a task stays: a lane without one is found by the next look for ready lanes, which may be a second late.
const SHORT_WAIT: Duration = Duration::from_secs(2);
/// How long a lane is left alone that cannot be read, unless somebody changes it.
const UNREADABLE_FOR: Duration = Duration::from_secs(60);

/// What the tasks of a term share.
pub(super) struct Lanes {
    pub(super) process: ProcessId,
    pub(super) dispatch: Dispatch,
    pub(super) lease: Arc<Lease>,
    pub(super) turns: mpsc::Sender<Unrecorded>,
    shares: Shares,
    shortages: Shortages,
    /// A clock that is ahead may have put off what failed by it.
    pub(super) clock_steps: ClockSteps,
    pub(super) metrics: DeliveryMetrics,
    stopping: AtomicBool,
    ended: watch::Receiver<bool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The lanes with a task.
    working: BTreeMap<WebhookId, Arc<LaneSignal>>,
    /// Those that had nothing to do when their task ended, and since when: what they say of it is to be put right.
    idle: BTreeMap<WebhookId, Instant>,
    /// Those that cannot be read, and until when they are left alone.
    unreadable: BTreeMap<WebhookId, Instant>,
}

/// Whether a lane's task ends.
enum Leaving {
    /// It has ended.
    Left,
    /// The lane may have changed since it was looked at.
    LookAgain,
    /// Something that it did is not recorded yet.
    Unrecorded,
}

/// Takes a task's lane from the list of those worked at, however the task ends.
struct AtWork {
    lanes: Arc<Lanes>,
    webhook: WebhookId,
    signal: Arc<LaneSignal>,
}

impl AtWork {
    /// Waits so long whatever is told meanwhile, unless the lane's process stops.
    async fn pause(&self, long: Duration) {
        let until = Instant::now() + long;
        while !self.lanes.stopping.load(Ordering::Acquire) {
            if timeout_at(until, self.signal.told.notified()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut state = self.lanes.state();
        let is_own = |signal: &Arc<LaneSignal>| Arc::ptr_eq(signal, &self.signal);
        if state.working.get(&self.webhook).is_some_and(is_own) {
            state.working.remove(&self.webhook);
        }
    }
}

impl Lanes {
    pub(super) fn new(
        process: ProcessId,
        dispatch: Dispatch,
        lease: Arc<Lease>,
        turns: mpsc::Sender<Unrecorded>,
        ended: watch::Receiver<bool>,
        metrics: DeliveryMetrics,
    ) -> Self {
        let shares = Shares::new(dispatch.attempts_at_once);
        let clock_steps = ClockSteps::since(dispatch.clock.now(), lease.uptime().clone());
        Self {
            process,
            dispatch,
            lease,
            turns,
            shares,
            shortages: Shortages::default(),
            clock_steps,
            metrics,
            stopping: AtomicBool::new(false),
            ended,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a task work at a lane that was found to be ready.
    pub(super) fn work_at(self: &Arc<Self>, webhook: WebhookId) {
        let mut state = self.state();
        if state.working.contains_key(&webhook) || self.stopping.load(Ordering::Acquire) {
            return;
        }
        if state
            .unreadable
            .get(&webhook)
            .is_some_and(|until| *until > Instant::now())
            || state.working.len() >= TASKS
        {
            return;
        }
        let signal = Arc::new(LaneSignal::default());
        state.idle.remove(&webhook);
        state.working.insert(webhook, Arc::clone(&signal));
        drop(state);
        let lanes = Arc::clone(self);
        let at_work = AtWork {
            lanes,
            webhook,
            signal,
        };
        tokio::spawn(work(at_work));
    }

    /// As [`work_at`](Self::work_at), of a lane in which something has arrived.
    pub(super) fn arrived_in(self: &Arc<Self>, webhook: WebhookId) {
        {
            let mut state = self.state();
            state.unreadable.remove(&webhook);
            if let Some(signal) = state.working.get(&webhook) {
                signal.arrived.store(true, Ordering::Release);
                signal.told.notify_one();
                return;
            }
        }
        self.work_at(webhook);
    }

    /// Up to `limit` lanes that have had nothing to do for so long. They are taken from the list.
    pub(super) fn idle_for(&self, long: Duration, limit: usize) -> Vec<WebhookId> {
        let mut state = self.state();
        let idle = state.idle.iter().filter(|(_, since)| since.elapsed() >= long);
        let idle: Vec<WebhookId> = idle.map(|(webhook, _)| *webhook).take(limit).collect();
        for webhook in &idle {
            state.idle.remove(webhook);
        }
        idle
    }

    /// Puts lanes on that list that could not be put right.
    pub(super) fn are_idle(&self, webhooks: Vec<WebhookId>) {
        let mut state = self.state();
        for webhook in webhooks {
            state.idle.entry(webhook).or_insert_with(Instant::now);
        }
    }

    /// Has the tasks end once their attempts are over.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        let state = self.state();
        state.working.values().for_each(|signal| signal.told.notify_one());
    }

    /// Waits until no lane has a task.
    pub(super) async fn until_idle(&self) {
        while !self.state().working.is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends the lane's task, unless something has arrived since it looked, or not all it did is recorded.
    fn leave(&self, at_work: &AtWork, idle: bool) -> Leaving {
        let mut state = self.state();
        let signal = &at_work.signal;
        if signal.arrived.swap(false, Ordering::AcqRel) || signal.lost.load(Ordering::Acquire) {
            return Leaving::LookAgain;
        }
        if !signal.is_recorded() {
            return Leaving::Unrecorded;
        }
        state.working.remove(&at_work.webhook);
        if idle {
            state.idle.insert(at_work.webhook, Instant::now());
        }
        Leaving::Left
    }

    fn is_unreadable(&self, webhook: WebhookId) {
        let mut state = self.state();
        let now = Instant::now();
        state.unreadable.retain(|_, until| *until > now);
        state.unreadable.insert(webhook, now + UNREADABLE_FOR);
    }
}

async fn work(at_work: AtWork) {
    let mut ended = at_work.lanes.ended.clone();
    tokio::select! {
        biased;
        // The term is over: nothing of it is to be sent or recorded any more.
        _ = ended.wait_for(|ended| *ended) => {}
        () = work_off(&at_work) => {}
    }
}

/// Works at a lane until nothing is to be done in it now.
async fn work_off(at_work: &AtWork) {
    let (lanes, webhook, signal) = (&at_work.lanes, at_work.webhook, &at_work.signal);
    let mut worker = LaneWorker::new(lanes.process, webhook);
    let mut wanted = Wanted::default();
    // Whether what the lane says of having something to do is as its last turn has left it.
    let mut is_said = false;
    let mut short = InARow::default();
    while !lanes.stopping.load(Ordering::Acquire) {
        if !lanes.lease.holds() {
            // It may be renewed yet. Until its turns are recorded, this task alone knows how far its lane is done.
            if signal.is_recorded() {
                return;
            }
            signal.told.notified().await;
            continue;
        }
        if signal.is_far_behind() {
            signal.told.notified().await;
            continue;
        }
        let next = match step(at_work, &mut worker, &mut wanted).await {
            Ok((next, made_turn)) => {
                is_said |= made_turn;
                next
            }
            Err(error) => {
                if is_unreadable(&error) && signal.is_recorded() {
                    tracing::error!(
                        error = chain(&error),
                        webhook.id = %webhook,
                        "a lane cannot be worked at; nothing is delivered along it until it is put right"
                    );
                    lanes.is_unreadable(webhook);
                    return;
                }
                tracing::warn!(
                    error = chain(&error),
                    webhook.id = %webhook,
                    "a lane cannot be worked at; it will be tried again"
                );
                let _ = timeout(PAUSE, signal.told.notified()).await;
                continue;
            }
        };
        match next {
            Next::Step => short.over(),
            Next::Short(shortage) => {
                lanes.shortages.saw(shortage);
                at_work.pause(short.pause(lanes.dispatch.entropy.as_ref())).await;
            }
            Next::Busy => {
                // Told or not, what there is to do is looked at anew, with the keys of that moment.
                tokio::select! {
                    biased;
                    place = lanes.shares.take(&wanted.platform, &wanted.host) => wanted.place = place,
                    () = signal.told.notified() => {}
                }
            }
            Next::Wait(until) if until.since(lanes.dispatch.clock.now()) <= SHORT_WAIT => {
                let pause = until.since(lanes.dispatch.clock.now());
                let _ = timeout(pause, signal.told.notified()).await;
            }
            Next::Wait(_) | Next::Empty | Next::Park | Next::Lost => loop {
                let is_right = match next {
                    // The turn that failed has said until when.
                    Next::Wait(_) => is_said,
                    _ => next == Next::Lost,
                };
                match lanes.leave(at_work, !is_right) {
                    Leaving::Left => return,
                    Leaving::LookAgain => break,
                    Leaving::Unrecorded => {
                        signal.told.notified().await;
                        // An empty lane is none the less so once its turns are recorded. What else holds one up may be gone.
                        if next != Next::Empty || lanes.stopping.load(Ordering::Acquire) {
                            break;
                        }
                    }
                }
            },
        }
    }
    // Its last turns are recorded all the same.
}

/// Where a lane's next attempt goes.
struct Wanted {
    platform: PlatformId,
    host: String,
    /// A place there that was had by waiting for it.
    place: Option<Place>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            platform: PlatformId::default_platform(),
            host: String::new(),
            place: None,
        }
    }
}

/// What is to be done next, and whether a turn was made.
async fn step(
    at_work: &AtWork,
    worker: &mut LaneWorker,
    wanted: &mut Wanted,
) -> Result<(Next, bool), ServiceError> {
    let AtWork { lanes, signal, .. } = at_work;
    if signal.lost.swap(false, Ordering::AcqRel) {
        worker.forget();
    }
    if signal.is_recorded() {
        worker.recorded();
    }
    // Given back when the attempt is over.
    let mut place = wanted.place.take();
    let mut is_second = false;
    let admit = |webhook: &Webhook, url: &TargetUrl| {
        let host = url.host();
        place = place
            .take()
            .filter(|place| place.is_for(&webhook.platform, &host))
            .or_else(|| lanes.shares.try_take(&webhook.platform, &host));
        wanted.platform = webhook.platform.clone();
        wanted.host = host;
        // The last moment to ask: the look may have taken its time. A stop and a pause wait for no second request of an attempt.
        let is_over = std::mem::replace(&mut is_second, true) && lanes.stopping.load(Ordering::Acquire);
        place.is_some() && lanes.lease.holds() && !is_over
    };
    let (next, turn) = worker.step(&lanes.dispatch, admit).await?;
    let made_turn = turn.is_some();
    if let Some(turn) = turn {
        if let Some(made) = worker.last_made() {
            lanes.metrics.made(made);
            queues::made(made, &turn);
        }
        if let Some(cause) = turn.attempt.cause() {
            lanes.clock_steps.saw(turn.attempt.ended_at());
            // What it means for the webhook the store tells, once it is recorded.
            tracing::debug!(
                webhook.id = %at_work.webhook,
                server.address = wanted.host,
                cause = cause.name(),
                "an attempt to deliver failed: {cause}"
            );
        }
        signal.unrecorded.fetch_add(1, Ordering::AcqRel);
        if lanes.turns.send((turn, Arc::clone(signal))).await.is_err() {
            return Err(StoreError::Unavailable("nobody records turns any more".into()).into());
        }
    }
    Ok((next, made_turn))
}

fn is_unreadable(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Store(StoreError::Corrupt(_)))
}
