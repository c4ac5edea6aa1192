//! A thread with a connection of its own, for what must not wait behind other work: leases, and looks for lanes.
//!
//! What is queued here is done one after the other, each in a transaction of its own. On SQLite, where there is one writer at a
//! time anyway, the [writer](super::writer) does it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use webhook_domain::StoreError;

use crate::DatabaseUrl;
use crate::database::connection::AnyConnection;
use crate::database::opening::OpenError;
use crate::engine::failure::{Failure, transact};
use crate::engine::queue::{Patience, Queue};
use crate::engine::waiting::answer_within;

/// How many errands may wait. They are a process's own, so there are few.
const QUEUE_CAPACITY: usize = 256;
/// How long a caller waits for its answer.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);

/// Something to be done on a connection, in a transaction of its own, or why there is no connection. Says whether the connection is
/// as good as before.
pub(crate) type Errand = Box<dyn FnOnce(Result<&mut AnyConnection, StoreError>) -> bool + Send>;

/// `work` as an errand, and where its outcome will be.
pub(crate) fn errand<T: Send + 'static>(
    work: impl FnOnce(&mut AnyConnection) -> Result<T, Failure> + Send + 'static,
) -> (Errand, oneshot::Receiver<Result<T, StoreError>>) {
    let (reply, answer) = oneshot::channel();
    let errand: Errand = Box::new(move |connection| {
        let result = connection.and_then(|connection| transact(connection, work).map_err(StoreError::from));
        let sound = result.is_ok();
        // A caller who has stopped waiting needs no answer.
        let _ = reply.send(result);
        sound
    });
    (errand, answer)
}

/// How a thread for errands connects.
pub(crate) type Connect = fn(&DatabaseUrl) -> Result<AnyConnection, OpenError>;

/// The way to the thread.
pub(crate) struct Errands {
    queue: Arc<Queue<Errand>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Errands {
    /// Starts the thread. It connects when there is something to do.
    pub(crate) fn start(url: DatabaseUrl, name: &str, connect: Connect) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(QUEUE_CAPACITY));
        let errands = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || run_all(&errands, || connect(&url)))?;
        Ok(Self {
            queue,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Runs `work` in a transaction of its own.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (errand, answer) = errand(work);
        self.queue.push(errand).map_err(|_| StoreError::Overloaded)?;
        answer_within(LONGEST_ANSWER, answer)
            .await
            .unwrap_or_else(|silence| Err(StoreError::OutcomeUnknown(silence.into())))
    }

    /// Does what is queued and ends the thread.
    pub(crate) fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a thread of the store's ended in a panic");
        }
    }
}

fn run_all(queue: &Queue<Errand>, connect: impl Fn() -> Result<AnyConnection, OpenError>) {
    let mut connection: Option<AnyConnection> = None;
    while let Some(errands) = queue.take(1, Patience::default()) {
        for errand in errands {
            let run = AssertUnwindSafe(|| run_one(errand, &mut connection, &connect));
            if catch_unwind(run).is_err() {
                tracing::error!("an errand panicked; the thread goes on with a new connection");
                connection = None;
            }
        }
    }
}

fn run_one(
    errand: Errand,
    connection: &mut Option<AnyConnection>,
    connect: impl Fn() -> Result<AnyConnection, OpenError>,
) {
    // A connection that broke while idle is found out here rather than by the errand.
    if connection
        .as_mut()
        .is_some_and(|connection| connection.ping().is_err())
    {
        *connection = None;
    }
    if connection.is_none() {
        match connect() {
            Ok(opened) => *connection = Some(opened),
            Err(error) => {
                errand(Err(StoreError::Unavailable(error.into())));
                return;
            }
        }
    }
    let sound = match connection.as_mut() {
        Some(connection) => errand(Ok(connection)),
        None => false,
    };
    if !sound {
        *connection = None;
    }
}
