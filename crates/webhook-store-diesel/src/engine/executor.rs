//! The one door for blocking reads.
//!
//! A read runs on a thread of the executor's, on a connection from the pool. As many are admitted as there
//! are threads; a caller that is not admitted within [`ADMISSION_WAIT`] is told that the store is overloaded,
//! rather than queued without end.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use r2d2::{ManageConnection, Pool};
use tokio::sync::{Semaphore, oneshot};
use webhook_domain::StoreError;

use crate::DatabaseUrl;
use crate::database::connection::AnyConnection;
use crate::engine::waiting::answer_within;

/// How long a caller waits to be admitted.
const ADMISSION_WAIT: Duration = Duration::from_secs(1);
/// How long a caller that was admitted waits for its answer.
const LONGEST_READ: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// The threads and their connections.
pub(crate) struct Executor {
    admission: Arc<Semaphore>,
    places: usize,
    jobs: Mutex<Option<Sender<Job>>>,
    pool: Mutex<Option<Pool<Opener>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Executor {
    pub(crate) fn start(url: DatabaseUrl, threads: u32) -> std::io::Result<Self> {
        let pool = Pool::builder()
            .max_size(threads)
            .min_idle(Some(0))
            .connection_timeout(Duration::from_secs(5))
            .error_handler(Box::new(LogPoolErrors))
            .thread_pool(Arc::new(
                scheduled_thread_pool::ScheduledThreadPool::builder()
                    .num_threads(1)
                    .thread_name_pattern("store-pool")
                    .build(),
            ))
            .build_unchecked(Opener(url));
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let threads_started = (0..threads)
            .map(|number| {
                let receiver = Arc::clone(&receiver);
                let name = format!("store-reader-{number}");
                std::thread::Builder::new()
                    .name(name)
                    .spawn(move || work_off(&receiver))
            })
            .collect::<std::io::Result<_>>()?;
        Ok(Self {
            admission: Arc::new(Semaphore::new(threads as usize)),
            places: threads as usize,
            jobs: Mutex::new(Some(sender)),
            pool: Mutex::new(Some(pool)),
            threads: Mutex::new(threads_started),
        })
    }

    /// Runs `work` on a connection of the pool's.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = self.admit(work).await?;
        answer_within(LONGEST_READ, answer)
            .await
            .unwrap_or_else(|silence| Err(StoreError::Unavailable(silence.into())))
    }

    /// As [`run`](Self::run), for what may take as long as it takes.
    pub(crate) async fn run_long<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = self.admit(work).await?;
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("the store's thread gave up on it".into())))
    }

    /// Has `work` begun on a connection of the pool's as soon as a thread is free.
    async fn admit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let admitted =
            tokio::time::timeout(ADMISSION_WAIT, Arc::clone(&self.admission).acquire_owned()).await;
        let permit = admitted
            .map_err(|_| StoreError::Overloaded)?
            .map_err(|_| StoreError::Overloaded)?;
        let (reply, answer) = oneshot::channel();
        let pool = self
            .pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(StoreError::Overloaded)?;
        let job: Job = Box::new(move || {
            let result = match pool.get() {
                Ok(mut connection) => work(&mut connection),
                Err(error) => Err(StoreError::Unavailable(error.into())),
            };
            drop(permit);
            // A caller who has stopped waiting needs no answer.
            let _ = reply.send(result);
        });
        let sender = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sender
            .and_then(|jobs| jobs.send(job).ok())
            .ok_or(StoreError::Overloaded)?;
        Ok(answer)
    }

    /// How many reads are under way, and how many may be.
    pub(crate) fn in_use(&self) -> (usize, usize) {
        let free = self.admission.available_permits();
        (self.places.saturating_sub(free), self.places)
    }

    /// Finishes what was admitted, ends the threads and closes their connections.
    pub(crate) fn close(&self) {
        self.admission.close();
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        for thread in self
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            if thread.join().is_err() {
                tracing::error!("a reader of the store ended in a panic");
            }
        }
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn work_off(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // The caller learns of a panic because its answer never comes.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
            tracing::error!("a read panicked");
        }
    }
}

/// Opens connections for the pool.
struct Opener(DatabaseUrl);

impl ManageConnection for Opener {
    type Connection = AnyConnection;
    type Error = PoolError;

    fn connect(&self) -> Result<AnyConnection, PoolError> {
        AnyConnection::open(&self.0).map_err(PoolError::Connect)
    }

    fn is_valid(&self, connection: &mut AnyConnection) -> Result<(), PoolError> {
        connection.ping().map_err(PoolError::Ping)
    }

    fn has_broken(&self, _: &mut AnyConnection) -> bool {
        // Found out by `is_valid` before the next use.
        std::thread::panicking()
    }
}

/// A connection for the pool could not be opened, or no longer answers.
#[derive(Debug, thiserror::Error)]
enum PoolError {
    #[error(transparent)]
    Connect(diesel::ConnectionError),
    #[error(transparent)]
    Ping(diesel::result::Error),
}

#[derive(Debug)]
struct LogPoolErrors;

impl r2d2::HandleError<PoolError> for LogPoolErrors {
    fn handle_error(&self, error: PoolError) {
        tracing::warn!(error = %error, "a database connection could not be opened or was lost");
    }
}
