//! The one thread that writes.
//!
//! It owns its connection. Changes queue up while the last group commits; the thread takes them all, runs
//! them as one [group](crate::group), and answers every member after the commit. What is not a change of a
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
use webhook_domain::{Refusal, StoreError};

use crate::DatabaseUrl;
use crate::connection::AnyConnection;
use crate::failure::{Failure, transact};
use crate::group::{Member, Reply, Work, attempt};
use crate::queue::{Patience, Queue};
use crate::sealing::Vault;

/// How many changes may wait. More means that the database is far too slow for what is asked of it.
const QUEUE_CAPACITY: usize = 4096;
/// How many changes one group has at the most.
const GROUP_LIMIT: usize = 256;
/// The longest wait for a group to fill up.
const LONGEST_WAIT: Duration = Duration::from_millis(2);
/// A shorter wait than this costs more in waking up than it gains.
const SHORTEST_WAIT: Duration = Duration::from_micros(100);
/// How often a group that failed before its commit is run again, on a new connection if need be.
const ATTEMPTS: u32 = 3;
/// After a connection could not be opened, how long callers are refused without trying again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// Something to be done on the writer's connection, in a transaction of its own or none at all.
type Errand = Box<dyn FnOnce(Result<&mut AnyConnection, StoreError>) + Send>;

enum Job {
    Change(Member),
    Errand(Errand),
}

/// The way to the writer.
pub(crate) struct Writer {
    queue: Arc<Queue<Job>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread, with a connection that is already open.
    pub(crate) fn start(
        url: DatabaseUrl,
        connection: AnyConnection,
        vault: Arc<Vault>,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(QUEUE_CAPACITY));
        let worker = Worker {
            queue: Arc::clone(&queue),
            url,
            vault,
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
        self.queue
            .push(Job::Change(Member { work, reply }))
            .map_err(|_| StoreError::Overloaded)?;
        answer
            .await
            .unwrap_or_else(|gone| Err(StoreError::OutcomeUnknown(gone.into()).into()))
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
            // A caller who has stopped waiting needs no answer.
            let _ = reply.send(result);
        });
        self.queue
            .push(Job::Errand(errand))
            .map_err(|_| StoreError::Overloaded)?;
        answer
            .await
            .unwrap_or_else(|gone| Err(StoreError::OutcomeUnknown(gone.into())))
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
    queue: Arc<Queue<Job>>,
    url: DatabaseUrl,
    vault: Arc<Vault>,
    connection: Option<AnyConnection>,
    refused_at: Option<Instant>,
}

impl Worker {
    fn run(mut self) {
        let mut patience = Patience::default();
        while let Some(jobs) = self.queue.take(GROUP_LIMIT, patience) {
            let started = Instant::now();
            let mut members = Vec::with_capacity(jobs.len());
            let mut errands = Vec::new();
            for job in jobs {
                match job {
                    Job::Change(member) => members.push(member),
                    Job::Errand(errand) => errands.push(errand),
                }
            }
            let size = members.len();
            self.guarded(|worker| worker.run_group(members));
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
        errand(self.connection());
    }

    fn run_group(&mut self, members: Vec<Member>) {
        if members.is_empty() {
            return;
        }
        match self.attempt(&members) {
            Ok(replies) => {
                for (member, reply) in members.into_iter().zip(replies) {
                    // A caller who has stopped waiting needs no answer.
                    let _ = member.reply.send(reply);
                }
            }
            Err(Broken::Constraint) if members.len() > 1 => self.run_halves(members),
            Err(broken) => answer_all(members, broken),
        }
    }

    fn run_halves(&mut self, mut members: Vec<Member>) {
        let second = members.split_off(members.len() / 2);
        self.run_group(members);
        self.run_group(second);
    }

    /// Runs the group until it is committed, refused by a constraint, or cannot be.
    fn attempt(&mut self, members: &[Member]) -> Result<Vec<Reply>, Broken> {
        let vault = Arc::clone(&self.vault);
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let connection = match self.connection() {
                Ok(connection) => connection,
                Err(error) => return Err(Broken::Unavailable(last.unwrap_or_else(|| error.into()))),
            };
            match attempt(connection, &vault, members) {
                Ok(replies) => return Ok(replies),
                // A member alone is run again: if another process gave the answer to this very request in the
                // meantime, it is there now. If not, the constraint is the reference's.
                Err(Failure::Constraint(error)) if members.len() == 1 && last.is_none() => {
                    last = Some(error.into())
                }
                Err(Failure::Constraint(_)) => return Err(Broken::Constraint),
                Err(Failure::Before(error)) => {
                    self.connection = None;
                    last = Some(error.into());
                }
                Err(Failure::Row(error)) => return Err(Broken::Row(error.to_string())),
                Err(Failure::Commit(error)) => {
                    self.connection = None;
                    return Err(Broken::Commit(error.to_string()));
                }
            }
        }
        Err(Broken::Unavailable(
            last.unwrap_or_else(|| "no attempt succeeded".into()),
        ))
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
            match AnyConnection::open(&self.url) {
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

/// Why a whole group was not done, in a form that each member can be told.
enum Broken {
    Constraint,
    Unavailable(webhook_domain::error::Cause),
    Row(String),
    Commit(String),
}

fn answer_all(members: Vec<Member>, broken: Broken) {
    let text = match &broken {
        Broken::Constraint => String::new(),
        Broken::Unavailable(cause) => cause.to_string(),
        Broken::Row(text) | Broken::Commit(text) => text.clone(),
    };
    for member in members {
        let error = match &broken {
            Broken::Constraint => Refusal::ReferenceTaken.into(),
            Broken::Unavailable(_) => StoreError::Unavailable(text.clone().into()).into(),
            Broken::Row(_) => StoreError::Corrupt(text.clone().into()).into(),
            Broken::Commit(_) => StoreError::OutcomeUnknown(text.clone().into()).into(),
        };
        let _ = member.reply.send(Err(error));
    }
}

fn patience_after(size: usize, took: Duration) -> Patience {
    let at_most = (took / 10).min(LONGEST_WAIT);
    if at_most < SHORTEST_WAIT {
        Patience::default()
    } else {
        Patience { worth: size, at_most }
    }
}
