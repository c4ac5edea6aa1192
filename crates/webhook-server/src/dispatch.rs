//! Delivering: a thread with a runtime of its own, on which each lane with something queued has a task.
//!
//! The process says every [`BEAT`] that it lives, and sends nothing once that was too long ago: its lanes may be another's
//! by then. It hears of what arrives in its lanes, and looks every [`ADOPT_EVERY`] for lanes that nobody alive has. A lane's
//! task steps from one attempt to the next, and ends with its queue. At most [`IN_FLIGHT`] attempts are
//! under way at a time, one in each lane, and at most [`hosts::PER_HOST`] at one host.
//!
//! Turns are recorded in batches while deliveries go on. On a stop attempts under way come to their end, what they left is
//! recorded, and the lanes are given up for the next process.

mod hosts;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::{Lease, Turn};
use webhook_domain::services::{Dispatch, LEASE, LaneWorker, Next};
use webhook_domain::webhook::TargetUrl;

use self::hosts::{Admitted, Hosts};
use crate::exit::{Failure, chain};

/// How often the process says that it lives.
const BEAT: Duration = Duration::from_secs(2);
/// How long before the end of its lease the process stops sending.
const MARGIN: Duration = Duration::from_secs(1);
/// How often is looked for lanes that nobody alive has.
const ADOPT_EVERY: Duration = Duration::from_secs(1);
/// How many lanes are adopted at a time.
const ADOPT_LIMIT: u32 = 512;
/// How long until a lane is looked at again that could not be, or to which nothing may be sent.
const PARKED: Duration = Duration::from_secs(2);
/// The longest sleep of a lane that waits for its time: a webhook may have changed meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
/// How many attempts are under way at a time.
const IN_FLIGHT: usize = 512;
/// How many turns wait to be recorded before lanes wait for them.
const UNRECORDED: usize = 4096;
/// How many turns are recorded at a time.
const RECORD_AT_ONCE: usize = 256;
/// How long attempts under way may take on a stop.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// The thread that delivers.
pub(crate) struct Dispatcher {
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

impl Dispatcher {
    /// Starts delivering.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be started.
    pub(crate) fn start(dispatch: Dispatch) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| Failure::cannot("start delivering", &error);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(cannot)?;
        let process = ProcessId::generate(dispatch.clock.now(), dispatch.entropy.as_ref())
            .map_err(|error| Failure::cannot("start delivering", &error))?;
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("dispatch".into())
            .spawn(move || runtime.block_on(deliver(dispatch, process, &stopped)))
            .map_err(cannot)?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Finishes the attempts under way, and gives up the lanes. Blocks while it does.
    pub(crate) fn stop(mut self) {
        self.stop.notify_one();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the dispatcher ended in a panic");
        }
    }
}

async fn deliver(dispatch: Dispatch, process: ProcessId, stop: &Notify) {
    let (turns, recorded) = mpsc::channel(UNRECORDED);
    let house = Arc::new(House {
        process,
        dispatch,
        lanes: Mutex::default(),
        alive_until: AtomicI64::new(0),
        stopping: AtomicBool::new(false),
        in_flight: Semaphore::new(IN_FLIGHT),
        hosts: Hosts::default(),
        turns,
    });
    let recorder = tokio::spawn(record(Arc::clone(&house), recorded));
    let beating = tokio::spawn(beat(Arc::clone(&house)));
    let adopting = tokio::spawn(adopt(Arc::clone(&house)));
    let hearing = tokio::spawn(hear(Arc::clone(&house)));
    stop.notified().await;
    house.stopping.store(true, Ordering::Release);
    for task in [&adopting, &hearing] {
        task.abort();
    }
    house.wake_all();
    if timeout(STOP_WITHIN, house.until_idle()).await.is_err() {
        tracing::warn!("attempts are still under way; they are made again by whoever delivers next");
    }
    beating.abort();
    let (dispatch, process) = (house.dispatch.clone(), house.process);
    drop(house);
    // Ends once the lanes' tasks are gone, and what they left is recorded.
    if timeout(STOP_WITHIN, recorder).await.is_err() {
        tracing::warn!("not all that was delivered is recorded; it is sent again by whoever delivers next");
    }
    if let Err(error) = dispatch.queue.leave(process).await {
        tracing::warn!(
            error = chain(&error),
            "the lanes could not be given up; they are taken over when the lease ends"
        );
    }
}

/// What the tasks share.
struct House {
    process: ProcessId,
    dispatch: Dispatch,
    lanes: Mutex<HashMap<WebhookId, Arc<Wake>>>,
    /// Until when, in milliseconds since the Unix epoch, the process is taken to live.
    alive_until: AtomicI64,
    stopping: AtomicBool,
    in_flight: Semaphore,
    hosts: Hosts,
    turns: mpsc::Sender<(Turn, Arc<Wake>)>,
}

/// What others tell a lane's task.
#[derive(Default)]
struct Wake {
    bell: Notify,
    /// Whether something has arrived.
    arrived: AtomicBool,
    /// How many of its turns are not recorded yet: until they are, only the task itself knows how far its lane is done.
    unrecorded: AtomicUsize,
}

impl House {
    fn is_alive(&self) -> bool {
        let margin = i64::try_from(MARGIN.as_millis()).unwrap_or(i64::MAX);
        self.dispatch.clock.now().as_milliseconds() < self.alive_until.load(Ordering::Acquire) - margin
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Has a task work at the lane.
    fn work_at(self: &Arc<Self>, webhook: WebhookId) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wake) = lanes.get(&webhook) {
            wake.arrived.store(true, Ordering::Release);
            wake.bell.notify_one();
            return;
        }
        let wake = Arc::new(Wake::default());
        lanes.insert(webhook, Arc::clone(&wake));
        tokio::spawn(work(Arc::clone(self), webhook, wake));
    }

    /// Whether the lane's task may end: nothing has arrived since it looked, and all it did is recorded.
    fn leaves(&self, webhook: WebhookId, wake: &Wake) -> bool {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let arrived = wake.arrived.swap(false, Ordering::AcqRel);
        let leaves = !arrived && wake.unrecorded.load(Ordering::Acquire) == 0;
        if leaves {
            lanes.remove(&webhook);
        }
        leaves
    }

    fn wake_all(&self) {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.values().for_each(|wake| wake.bell.notify_one());
    }

    async fn until_idle(&self) {
        while !self
            .lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
        {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn beat(house: Arc<House>) {
    loop {
        let until = house.dispatch.clock.now().plus(LEASE);
        let process = house.process;
        match house.dispatch.queue.live(Lease { process, until }).await {
            Ok(()) => house
                .alive_until
                .store(until.as_milliseconds(), Ordering::Release),
            Err(error) => tracing::warn!(
                error = chain(&error),
                "cannot say that this process lives; it will be tried again"
            ),
        }
        sleep(BEAT).await;
    }
}

async fn adopt(house: Arc<House>) {
    loop {
        if house.is_alive() {
            let now = house.dispatch.clock.now();
            match house.dispatch.queue.adopt(house.process, now, ADOPT_LIMIT).await {
                Ok(lanes) => lanes.into_iter().for_each(|webhook| house.work_at(webhook)),
                Err(error) => tracing::warn!(
                    error = chain(&error),
                    "cannot look for lanes; it will be tried again"
                ),
            }
        }
        sleep(ADOPT_EVERY).await;
    }
}

async fn hear(house: Arc<House>) {
    loop {
        for webhook in house.dispatch.queue.arrivals(house.process).await {
            house.work_at(webhook);
        }
    }
}

/// Works at a lane until nothing is queued in it.
async fn work(house: Arc<House>, webhook: WebhookId, wake: Arc<Wake>) {
    let mut worker = LaneWorker::new(house.process, webhook);
    let mut place = Place::default();
    loop {
        if house.is_stopping() {
            house
                .lanes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&webhook);
            return;
        }
        let next = if house.is_alive() {
            step(&house, &mut worker, &wake, &mut place).await
        } else {
            Next::Park
        };
        let pause = match next {
            Next::Step => continue,
            Next::Empty | Next::Lost if house.leaves(webhook, &wake) => return,
            Next::Empty | Next::Lost if wake.arrived.load(Ordering::Acquire) => continue,
            Next::Empty | Next::Lost => PARKED,
            Next::Wait(until) => until.since(house.dispatch.clock.now()).min(LONGEST_SLEEP),
            Next::Busy => {
                // Without a share of all attempts meanwhile: those are for others.
                tokio::select! {
                    admitted = house.hosts.admit(&place.wanted) => place.admitted = admitted,
                    () = wake.bell.notified() => {}
                }
                continue;
            }
            Next::Park => PARKED,
        };
        // Whether woken or not, the lane says what there is to do.
        let _ = timeout(pause, wake.bell.notified()).await;
    }
}

/// A lane's place at the host of its receiver.
#[derive(Default)]
struct Place {
    /// Had by waiting for it, for the next attempt.
    admitted: Option<Admitted>,
    /// Where there was none.
    wanted: String,
}

async fn step(house: &House, worker: &mut LaneWorker, wake: &Arc<Wake>, place: &mut Place) -> Next {
    // Given up when the attempt is over.
    let mut admitted = place.admitted.take();
    let wanted = &mut place.wanted;
    let admit = |url: &TargetUrl| {
        let host = url.host();
        admitted = admitted
            .take()
            .filter(|admitted| admitted.is_of(&host))
            .or_else(|| house.hosts.try_admit(&host));
        *wanted = host;
        admitted.is_some()
    };
    let Ok(_permit) = house.in_flight.acquire().await else {
        return Next::Park;
    };
    if wake.unrecorded.load(Ordering::Acquire) == 0 {
        worker.recorded();
    }
    match worker.step(&house.dispatch, admit).await {
        Ok((next, turn)) => {
            if let Some(turn) = turn {
                wake.unrecorded.fetch_add(1, Ordering::AcqRel);
                if house.turns.send((turn, Arc::clone(wake))).await.is_err() {
                    return Next::Park;
                }
            }
            next
        }
        Err(error) => {
            tracing::warn!(error = chain(&error), webhook.id = %worker.webhook(), "a lane cannot be worked at; it will be tried again");
            Next::Park
        }
    }
}

/// Records turns as they come, as many at a time as have come while the last ones were recorded.
async fn record(house: Arc<House>, mut turns: mpsc::Receiver<(Turn, Arc<Wake>)>) {
    let (queue, process) = (Arc::clone(&house.dispatch.queue), house.process);
    drop(house);
    let mut batch = Vec::with_capacity(RECORD_AT_ONCE);
    while turns.recv_many(&mut batch, RECORD_AT_ONCE).await > 0 {
        let (recorded, wakes): (Vec<Turn>, Vec<_>) = batch.drain(..).unzip();
        while let Err(error) = queue.record(process, recorded.clone()).await {
            tracing::warn!(
                error = chain(&error),
                "what was delivered cannot be recorded; it will be tried again"
            );
            sleep(PARKED).await;
        }
        for wake in wakes {
            // The last of a lane's: its task may be waiting for this to end.
            if wake.unrecorded.fetch_sub(1, Ordering::AcqRel) == 1 {
                wake.bell.notify_one();
            }
        }
    }
}
