//! The one thread that writes.
//!
//! It owns its connection. Changes queue up while the last group commits; the thread takes them all, runs
//! them as one [group](crate::webhooks::change), and answers every member after the commit. What is not a change of a
//! webhook (an API key, an old answer to forget) runs alone, in a transaction of its own, on the same
//! connection: so within one process nobody ever waits for a lock of SQLite's.
//!
//! When callers come back in step, half of them would arrive just after the thread has gone to commit the
//! other half. So it waits for as many as it had last time, for a tenth of what that commit took.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use webhook_domain::error::Cause;
use webhook_domain::id::ProcessId;
use webhook_domain::{Refusal, ServiceError, StoreError};

use crate::DatabaseUrl;
use crate::audit::chain::ChainKey;
use crate::audit::head::Keys;
use crate::database::connection::AnyConnection;
use crate::database::dialect::TakenRows;
use crate::database::opening::open_for_writing;
use crate::engine::failure::{Failure, PANICKED, is_of_reference, transact};
use crate::engine::lane_group;
use crate::engine::lane_group::{LaneMember, LaneReply, LaneWork};
use crate::engine::queue::{Patience, Queue};
use crate::engine::waiting::answer_within;
use crate::lanes::notify::Delivering;
use crate::sealing::Vault;
use crate::webhooks::change::{Member, Reply, Work, attempt};

/// How many changes may wait. More means that the database is far too slow for what is asked of it.
const QUEUE_CAPACITY: usize = 4096;
/// How many changes one group has at the most.
const GROUP_LIMIT: usize = 256;
/// The longest wait for a group to fill up.
const LONGEST_WAIT: Duration = Duration::from_millis(2);
/// A shorter wait than this costs more in waking up than it gains.
const SHORTEST_WAIT: Duration = Duration::from_micros(100);
/// How long a change may wait for its turn; after that it is refused, so that a database that was out of reach for a
/// while is not met with all that was asked of it meanwhile.
const LONGEST_TURN: Duration = Duration::from_secs(3);
/// How long a caller waits for its answer, whatever the database does. Longer than a turn and its attempts take.
const LONGEST_ANSWER: Duration = Duration::from_secs(20);
/// How often a group that failed before its commit is run again, on a new connection if need be.
const ATTEMPTS: u32 = 3;
/// How long after it began a group is run again at all: what has failed slowly fails slowly again.
const RETRY_WITHIN: Duration = Duration::from_secs(4);
/// An attempt that took this long and failed has waited for somebody's lock, and the next one does not.
const SLOW_ATTEMPT: Duration = Duration::from_millis(1500);
/// After a connection could not be opened, how long callers are refused without trying again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// Something to be done on the writer's connection, in a transaction of its own or none at all.
/// Says whether the connection is as good as before.
type Errand = Box<dyn FnOnce(Result<&mut AnyConnection, StoreError>) -> bool + Send>;

enum Job {
    Change(Member),
    Lane(LaneMember),
    Errand(Errand),
}

/// A job, and since when it waits for its turn.
struct Queued {
    job: Job,
    since: Instant,
}

/// The way to the writer.
pub(crate) struct Writer {
    queue: Arc<Queue<Queued>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread, with a connection that is already open.
    pub(crate) fn start(
        url: DatabaseUrl,
        connection: AnyConnection,
        vault: Arc<Vault>,
        chain: Arc<ChainKey>,
        delivering: Arc<Delivering>,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(QUEUE_CAPACITY));
        let worker = Worker {
            queue: Arc::clone(&queue),
            url,
            vault,
            chain,
            delivering,
            connection: Some(connection),
            refused_at: None,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || worker.run())?;
        Ok(Self {
            queue,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues a change and waits for what comes of it. If the caller stops waiting, the change is made all
    /// the same.
    pub(crate) async fn change(&self, work: Work) -> Reply {
        let (reply, answer) = oneshot::channel();
        self.push(Job::Change(Member { work, reply }))?;
        answer_within(LONGEST_ANSWER, answer)
            .await
            .unwrap_or_else(|silence| Err(StoreError::OutcomeUnknown(silence.into()).into()))
    }

    /// Queues a publication or turns at lanes, and waits for what comes of it. If the caller stops waiting, it is done
    /// all the same.
    pub(crate) async fn lane(&self, work: LaneWork) -> LaneReply {
        let (reply, answer) = oneshot::channel();
        self.push(Job::Lane(LaneMember { work, reply }))?;
        answer_within(LONGEST_ANSWER, answer)
            .await
            .unwrap_or_else(|silence| Err(StoreError::OutcomeUnknown(silence.into()).into()))
    }

    /// Runs `work` alone, in a transaction of its own.
    pub(crate) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let errand: Errand = Box::new(move |connection| {
            let result =
                connection.and_then(|connection| transact(connection, work).map_err(StoreError::from));
            let sound = result.is_ok();
            // A caller who has stopped waiting needs no answer.
            let _ = reply.send(result);
            sound
        });
        self.push(Job::Errand(errand))?;
        answer_within(LONGEST_ANSWER, answer)
            .await
            .unwrap_or_else(|silence| Err(StoreError::OutcomeUnknown(silence.into())))
    }

    fn push(&self, job: Job) -> Result<(), StoreError> {
        let since = Instant::now();
        self.queue
            .push(Queued { job, since })
            .map_err(|_| StoreError::Overloaded)
    }

    /// Finishes what is queued and ends the thread.
    pub(crate) fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's writer ended in a panic");
        }
    }
}

struct Worker {
    queue: Arc<Queue<Queued>>,
    url: DatabaseUrl,
    vault: Arc<Vault>,
    chain: Arc<ChainKey>,
    delivering: Arc<Delivering>,
    connection: Option<AnyConnection>,
    refused_at: Option<Instant>,
}

impl Worker {
    fn run(mut self) {
        let mut patience = Patience::default();
        while let Some(jobs) = self.queue.take(GROUP_LIMIT, patience) {
            let started = Instant::now();
            let mut members = Vec::with_capacity(jobs.len());
            let mut at_lanes = Vec::new();
            let mut errands = Vec::new();
            for Queued { job, since } in jobs {
                let too_late = started.duration_since(since) > LONGEST_TURN;
                match job {
                    Job::Change(member) if too_late => member.answer(Err(StoreError::Overloaded.into())),
                    Job::Change(member) => members.push(member),
                    Job::Lane(member) if too_late => member.answer(Err(StoreError::Overloaded.into())),
                    Job::Lane(member) => at_lanes.push(member),
                    Job::Errand(errand) if too_late => drop(errand(Err(StoreError::Overloaded))),
                    Job::Errand(errand) => errands.push(errand),
                }
            }
            let size = members.len() + at_lanes.len();
            self.guarded(|worker| worker.run_group(members));
            self.guarded(|worker| worker.run_lanes(at_lanes));
            patience = patience_after(size, started.elapsed());
            for errand in errands {
                self.guarded(|worker| worker.run_errand(errand));
            }
        }
    }

    /// Survives a panic: whoever waited is told that the outcome is unknown, and the connection is replaced.
    fn guarded(&mut self, work: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            tracing::error!("a change panicked; the writer goes on with a new connection");
            self.connection = None;
        }
    }

    fn run_errand(&mut self, errand: Errand) {
        // A connection that broke while idle is found out here rather than by the errand.
        if self
            .connection
            .as_mut()
            .is_some_and(|connection| connection.ping().is_err())
        {
            self.connection = None;
        }
        if !errand(self.connection()) {
            self.connection = None;
        }
    }

    fn run_group(&mut self, members: Vec<Member>) {
        if members.is_empty() {
            return;
        }
        let own = self.own();
        let run = |connection: &mut AnyConnection, keys: Keys<'_>, taken| {
            attempt(connection, keys, own, &members, taken)
        };
        match self.attempt(members.len(), run) {
            Ok((replies, arrived)) => {
                self.delivering.arrivals.tell(arrived);
                for (member, reply) in members.into_iter().zip(replies) {
                    member.answer(reply);
                }
            }
            Err(Broken::ByOne(error)) => match <[Member; 1]>::try_from(members) {
                Ok([alone]) => alone.answer(Err(error)),
                Err(members) => self.run_halves(members),
            },
            Err(Broken::ForAll(error, text)) => {
                for member in members {
                    member.answer(Err(error(text.clone().into()).into()));
                }
            }
        }
    }

    fn run_halves(&mut self, mut members: Vec<Member>) {
        let second = members.split_off(members.len() / 2);
        self.run_group(members);
        self.run_group(second);
    }

    fn run_lanes(&mut self, mut members: Vec<LaneMember>) {
        if members.is_empty() {
            return;
        }
        let own = self.own();
        let works: Vec<_> = members.iter().map(|member| &member.work).collect();
        let run = |connection: &mut AnyConnection, keys: Keys<'_>, _| {
            lane_group::attempt(connection, keys, own, &works)
        };
        match self.attempt(members.len(), run) {
            Ok((replies, arrived)) => {
                self.delivering.arrivals.tell(arrived);
                for (member, reply) in members.into_iter().zip(replies) {
                    member.answer(reply);
                }
            }
            Err(Broken::ByOne(error)) => match <[LaneMember; 1]>::try_from(members) {
                Ok([alone]) => alone.answer(Err(error)),
                Err(whole) => {
                    members = whole;
                    let second = members.split_off(members.len() / 2);
                    self.run_lanes(members);
                    self.run_lanes(second);
                }
            },
            Err(Broken::ForAll(error, text)) => {
                for member in members {
                    member.answer(Err(error(text.clone().into()).into()));
                }
            }
        }
    }

    /// The process that is told of what arrives, once it delivers.
    fn own(&self) -> Option<ProcessId> {
        *self.delivering.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a group of `size` until it is committed, refused for what one member wants, or cannot be.
    fn attempt<R>(
        &mut self,
        size: usize,
        run: impl Fn(&mut AnyConnection, Keys<'_>, TakenRows) -> Result<R, Failure>,
    ) -> Result<R, Broken> {
        let (vault, chain) = (Arc::clone(&self.vault), Arc::clone(&self.chain));
        let keys = Keys {
            vault: &vault,
            chain: &chain,
        };
        let began = Instant::now();
        let mut taken = TakenRows::Await;
        let mut broke_constraint = false;
        let mut last: Option<Cause> = None;
        for _ in 0..ATTEMPTS {
            if began.elapsed() > RETRY_WITHIN {
                break;
            }
            let connection = match self.connection() {
                Ok(connection) => connection,
                Err(error) => return Err(unavailable(last.unwrap_or_else(|| error.into()))),
            };
            let attempted_at = Instant::now();
            match run(connection, keys, taken) {
                Ok(replies) => return Ok(replies),
                // A member alone is run again: if another process gave the answer to this very request in the
                // meantime, it is there now.
                Err(Failure::Constraint(_)) if size == 1 && !broke_constraint => {
                    broke_constraint = true;
                }
                Err(Failure::Constraint(error)) if is_of_reference(&error) => {
                    return Err(Broken::ByOne(Refusal::ReferenceTaken.into()));
                }
                Err(Failure::Constraint(error)) => {
                    return Err(Broken::ByOne(StoreError::Unavailable(error.into()).into()));
                }
                Err(Failure::NotAsOne | Failure::Panicked) => {
                    return Err(Broken::ByOne(StoreError::Corrupt(PANICKED.into()).into()));
                }
                Err(Failure::Before(error)) => {
                    self.connection = None;
                    last = Some(error.into());
                    if attempted_at.elapsed() > SLOW_ATTEMPT {
                        taken = TakenRows::Skip;
                    }
                }
                Err(Failure::Row(error)) => {
                    return Err(Broken::ForAll(StoreError::Corrupt, error.to_string()));
                }
                Err(Failure::Commit(error)) => {
                    self.connection = None;
                    return Err(Broken::ForAll(StoreError::OutcomeUnknown, error.to_string()));
                }
            }
        }
        Err(unavailable(last.unwrap_or_else(|| "no attempt succeeded".into())))
    }

    fn connection(&mut self) -> Result<&mut AnyConnection, StoreError> {
        if self.connection.is_none() {
            if self
                .refused_at
                .is_some_and(|refused| refused.elapsed() < RECONNECT_PAUSE)
            {
                return Err(StoreError::Unavailable(
                    "the database could not be reached a moment ago".into(),
                ));
            }
            match open_for_writing(&self.url) {
                Ok(connection) => self.connection = Some(connection),
                Err(error) => {
                    self.refused_at = Some(Instant::now());
                    return Err(StoreError::Unavailable(error.into()));
                }
            }
        }
        self.connection
            .as_mut()
            .ok_or_else(|| StoreError::Unavailable("no connection".into()))
    }
}

/// Why a group was not done.
enum Broken {
    /// For what one of its members wants: this is what that one is told, once it stands alone.
    ByOne(ServiceError),
    /// For what has nothing to do with what is wanted: this is what all are told.
    ForAll(fn(Cause) -> StoreError, String),
}

fn unavailable(cause: Cause) -> Broken {
    Broken::ForAll(StoreError::Unavailable, cause.to_string())
}

fn patience_after(size: usize, took: Duration) -> Patience {
    let at_most = (took / 10).min(LONGEST_WAIT);
    if at_most < SHORTEST_WAIT {
        Patience::default()
    } else {
        Patience { worth: size, at_most }
    }
}
