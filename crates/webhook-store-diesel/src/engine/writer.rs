//! The one thread that writes.
//!
//! It owns its connection. Changes, publications and turns queue up while the last group commits; the thread takes them all, runs
//! them as one [group](super::group), and answers every member after the commit. What is neither (an API key, an old answer to
//! forget) runs alone, in a transaction of its own, on the same connection: so within one process nobody ever waits for a lock of
//! SQLite's.
//!
//! A group that cannot be done because of one of its members is split, first by kind and then in halves, until that member
//! stands alone.
//!
//! When callers come back in step, half of them would arrive just after the thread has gone to commit the
//! other half. So it waits for as many as it had last time, for a tenth of what that commit took.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use webhook_domain::StoreError;
use webhook_domain::error::Cause;
use webhook_domain::ports::Publication;

use crate::DatabaseUrl;
use crate::audit::chain::ChainKey;
use crate::audit::head::Keys;
use crate::database::connection::AnyConnection;
use crate::database::dialect::TakenRows;
use crate::database::file::DatabaseFile;
use crate::database::levels::SUPERSEDED;
use crate::database::write_back::WriteBack;
use crate::engine::early::EarlyRelease;
use crate::engine::errands::{Errand, errand};
use crate::engine::failure::{Broken, Failure, PANICKED, unavailable};
use crate::engine::group::{Changed, Done, Group, Member, PublicationReply, Terms, TurnsReply, attempt};
use crate::engine::job::{self, Job, Queued};
use crate::engine::queue::{Patience, Queue};
use crate::engine::seen::Seen;
use crate::engine::waiting::answer_within;
use crate::events::pending::Counts;
use crate::lanes::held::HeldLanes;
use crate::lanes::notify::Delivering;
use crate::lanes::record::Turns;
use crate::observer::Observed;
use crate::sealing::Vault;
use crate::webhooks::change::Work;
use crate::webhooks::roll_due_row::DefaultRotation;

/// How many changes one group has at the most.
const GROUP_LIMIT: usize = 256;
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

/// The way to the writer.
pub(crate) struct Writer {
    queue: Arc<Queue<Queued>>,
    /// What was counted for quotas.
    pub(crate) counts: Arc<Counts>,
    /// Who is told of commits.
    pub(crate) observed: Observed,
    pub(crate) default_rotation: DefaultRotation,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread, with a connection if one is open on which it may write.
    pub(crate) fn start(
        url: DatabaseUrl,
        mut connection: Option<AnyConnection>,
        vault: Arc<Vault>,
        chain: Arc<ChainKey>,
        delivering: Arc<Delivering>,
        write_back: Option<Arc<WriteBack>>,
        file: Option<DatabaseFile>,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(job::queue(&url));
        let counts = Arc::<Counts>::default();
        let observed = Observed::default();
        let default_rotation = DefaultRotation::default();
        let worker = Worker {
            queue: Arc::clone(&queue),
            url,
            vault,
            chain,
            delivering,
            write_back,
            file,
            seen: connection.as_mut().map(Seen::on).unwrap_or_default(),
            connection,
            refused_at: None,
            held: HeldLanes::default(),
            early: EarlyRelease::default(),
            counts: Arc::clone(&counts),
            observed: observed.clone(),
            default_rotation: default_rotation.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || worker.run())?;
        Ok(Self {
            queue,
            counts,
            observed,
            default_rotation,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues a change and waits for what comes of it. If the caller stops waiting, the change is made all
    /// the same.
    pub(crate) async fn change(&self, work: Work) -> Changed {
        let (reply, answer) = oneshot::channel();
        let is_step = work.is_step();
        let job = Queued::now(Job::Change(Member { work, reply }));
        let pushed = match is_step {
            true => self.queue.push_in_bulk(job),
            false => self.queue.push(job),
        };
        pushed.map_err(|_| StoreError::Overloaded)?;
        answer_within(LONGEST_ANSWER, answer)
            .await
            .unwrap_or_else(|silence| Err(StoreError::OutcomeUnknown(silence.into()).into()))
    }

    /// As [`change`](Self::change), for a publication.
    pub(crate) async fn publish(&self, work: Box<Publication>) -> PublicationReply {
        let (reply, answer) = oneshot::channel();
        self.queue
            .push(Queued::now(Job::Publish(Member { work, reply })))
            .map_err(|_| StoreError::Overloaded)?;
        answer_within(LONGEST_ANSWER, answer)
            .await
            .unwrap_or_else(|silence| Err(StoreError::OutcomeUnknown(silence.into()).into()))
    }

    /// As [`change`](Self::change), for turns at lanes. They come before all that is queued, also when the queue is full: a process
    /// records one batch at a time, and publishers who ask for too much must not keep it from recording what it has delivered.
    pub(crate) async fn record(&self, work: Turns) -> TurnsReply {
        let (reply, answer) = oneshot::channel();
        self.queue
            .push_first(Queued::now(Job::Record(Member { work, reply })))
            .map_err(|_| StoreError::Overloaded)?;
        answer_within(LONGEST_ANSWER, answer)
            .await
            .unwrap_or_else(|silence| Err(StoreError::OutcomeUnknown(silence.into())))
    }

    /// Runs `work` alone, in a transaction of its own. Most of what runs so is what the service does for itself, all the time, so it holds no
    /// rotation back.
    pub(crate) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (errand, answer) = errand(work);
        self.queue
            .push_unnoticed(Queued::now(Job::Errand(errand)))
            .map_err(|_| StoreError::Overloaded)?;
        answer_within(LONGEST_ANSWER, answer)
            .await
            .unwrap_or_else(|silence| Err(StoreError::OutcomeUnknown(silence.into())))
    }

    /// How many changes wait.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
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
    /// Where the database is a file.
    write_back: Option<Arc<WriteBack>>,
    /// Likewise.
    file: Option<DatabaseFile>,
    connection: Option<AnyConnection>,
    refused_at: Option<Instant>,
    seen: Seen,
    held: HeldLanes,
    early: EarlyRelease,
    /// What was counted for quotas.
    counts: Arc<Counts>,
    observed: Observed,
    default_rotation: DefaultRotation,
}

impl Worker {
    fn run(mut self) {
        let mut patience = Patience::default();
        while let Some(jobs) = self.queue.take(GROUP_LIMIT, patience) {
            let started = Instant::now();
            let mut group = Group::default();
            let mut late = Group::default();
            let mut errands = Vec::new();
            for Queued { job, since } in jobs {
                let too_late = started.duration_since(since) > LONGEST_TURN;
                let group = if too_late { &mut late } else { &mut group };
                match job {
                    Job::Change(member) => group.changes.push(member),
                    Job::Publish(member) => group.publications.push(member),
                    Job::Record(member) => group.turns.push(member),
                    Job::Errand(errand) if too_late => drop(errand(Err(StoreError::Overloaded))),
                    Job::Errand(errand) => errands.push(errand),
                }
            }
            late.refuse(|| StoreError::Overloaded.into());
            let size = group.len();
            self.in_turn(|worker| worker.run_group(group));
            patience = Patience::after(size, started.elapsed());
            for errand in errands {
                self.in_turn(|worker| worker.run_errand(errand));
            }
        }
    }

    /// Waits for the writer's turn, and survives a panic: whoever waited is told that the outcome is unknown, and the connection is replaced.
    fn in_turn(&mut self, work: impl FnOnce(&mut Self)) {
        let write_back = self.write_back.clone();
        let _turn = WriteBack::turn(write_back.as_deref());
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            tracing::error!("a change panicked; the writer goes on with a new connection");
            self.connection = None;
        }
    }

    fn run_errand(&mut self, errand: Errand) {
        // A connection that broke while idle is found out here rather than by the errand.
        let is_broken = |connection: &mut AnyConnection| connection.ping().is_err();
        if self.connection.as_mut().is_some_and(is_broken) {
            self.connection = None;
        }
        if !errand(self.connection()) {
            self.connection = None;
        }
        WriteBack::after_commit(self.write_back.as_deref(), false);
    }

    fn run_group(&mut self, group: Group) {
        if group.len() == 0 {
            return;
        }
        if self.delivering.is_superseded() {
            return group.refuse(|| StoreError::Unavailable(SUPERSEDED.into()).into());
        }
        let began = Instant::now();
        let attempted = self.attempt(&group);
        if self.chain.have_others_appended() {
            self.queue.others_came();
        }
        match attempted {
            Ok(done) => {
                self.observed
                    .committed(group.len(), began.elapsed(), &done.audited, &done.notices);
                self.counts.remember(done.counted);
                self.seen.uses.remember(done.used);
                self.early.learn(done.course);
                self.delivering.tell(done.hints);
                group.answer(done.replies);
                WriteBack::after_commit(self.write_back.as_deref(), done.erased);
            }
            Err(Broken::ByOne(error)) if group.len() == 1 => {
                let mut error = Some(error);
                group.refuse(|| {
                    error
                        .take()
                        .unwrap_or_else(|| StoreError::Corrupt(PANICKED.into()).into())
                });
            }
            Err(Broken::ByOne(_)) => {
                for part in group.split() {
                    self.run_group(part);
                }
            }
            Err(Broken::ForAll(error, text)) => group.refuse(|| error(text.clone().into()).into()),
        }
    }

    /// Runs a group until it is committed, refused for what one member wants, or cannot be.
    fn attempt(&mut self, group: &Group) -> Result<Done, Broken> {
        let (vault, chain) = (Arc::clone(&self.vault), Arc::clone(&self.chain));
        let keys = Keys {
            vault: &vault,
            chain: &chain,
        };
        let mut terms = Terms {
            own: self.delivering.own(),
            taken: TakenRows::Await,
            default_rotation: self.default_rotation.get(),
            asks_who_waits: self.early.is_slow(),
            early: self.early.is_due(),
        };
        let began = Instant::now();
        let mut broke_constraint = false;
        let mut last: Option<Cause> = None;
        for _ in 0..ATTEMPTS {
            if began.elapsed() > RETRY_WITHIN {
                break;
            }
            if let Err(error) = self.connection() {
                let reason = match error {
                    StoreError::Unavailable(cause) => cause,
                    error => error.into(),
                };
                return Err(unavailable(last.unwrap_or(reason)));
            }
            let Some(connection) = self.connection.as_mut() else {
                return Err(unavailable("no connection".into()));
            };
            let held = match self.held.ask(connection) {
                Ok(held) => held,
                Err(error) => {
                    self.connection = None;
                    last = Some(error.into());
                    continue;
                }
            };
            let attempted_at = Instant::now();
            let kept = (
                &mut self.seen.audiences,
                self.counts.as_ref(),
                &self.seen.uses,
                held,
            );
            match attempt(connection, keys, kept, group, terms) {
                Ok(done) => return Ok(done),
                // A member alone is run again: if another process gave the answer to this very request in the
                // meantime, it is there now.
                Err(Failure::Constraint(_)) if group.len() == 1 && !broke_constraint => {
                    broke_constraint = true;
                }
                Err(failure) => {
                    if failure.breaks_the_connection() {
                        self.connection = None;
                    }
                    // Nothing is asked or let go of that could be what went wrong.
                    self.early = EarlyRelease::default();
                    (terms.asks_who_waits, terms.early) = (false, false);
                    let (error, lanes) = failure.judged()?;
                    last = Some(error.into());
                    if attempted_at.elapsed() > SLOW_ATTEMPT {
                        terms.taken = TakenRows::Skip;
                        self.held.suspect(lanes);
                    }
                }
            }
        }
        Err(unavailable(last.unwrap_or_else(|| "no attempt succeeded".into())))
    }

    fn connection(&mut self) -> Result<&mut AnyConnection, StoreError> {
        // What is committed to a file that was deleted or replaced is lost.
        if let Some(file) = &mut self.file {
            file.check(self.connection.is_some())
                .map_err(|gone| StoreError::Unavailable(gone.into()))?;
        }
        if self.connection.is_none() {
            let refused = self.refused_at.map(|at| at.elapsed());
            if refused.is_some_and(|since| since < RECONNECT_PAUSE) {
                return Err(StoreError::Unavailable(
                    "the database could not be reached a moment ago".into(),
                ));
            }
            let opened = self.seen.reopen(&self.url, self.delivering.own());
            if opened.is_err() {
                self.refused_at = Some(Instant::now());
            }
            self.connection = Some(opened.map_err(StoreError::Unavailable)?);
            self.counts.forget();
        }
        self.connection
            .as_mut()
            .ok_or_else(|| StoreError::Unavailable("no connection".into()))
    }
}
