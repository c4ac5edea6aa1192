//! Reading for many callers at once.
//!
//! Some questions come with every request or attempt, and their answer must be what is stored now. So nothing is cached. Instead
//! one thread with a connection of its own takes all the questions that have come up while it answered the last ones, and puts
//! them as one: what fifty callers ask is read once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::QueryResult;
use tokio::sync::oneshot;
use webhook_domain::StoreError;

use crate::DatabaseUrl;
use crate::database::connection::AnyConnection;
use crate::engine::queue::{Patience, Queue};
use crate::engine::waiting::answer_within;

/// How many questions may wait.
const QUEUE_CAPACITY: usize = 8192;
/// How many are put as one.
const BATCH_LIMIT: usize = 256;
/// How long a caller waits for its answer. A question that nobody waits for any more is not put.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);

/// A kind of question.
pub(crate) trait Batch: Send + 'static {
    /// What is asked.
    type Question: Send;
    /// What is answered.
    type Answer: Send;

    /// What the thread is called.
    const NAME: &'static str;

    /// Sets up a connection that was just opened.
    fn set_up(&self, connection: &mut AnyConnection) -> QueryResult<()>;

    /// Answers questions in their order.
    ///
    /// # Errors
    /// The database's. Then nothing is known of any of them.
    fn answer(
        &self,
        connection: &mut AnyConnection,
        questions: &[&Self::Question],
    ) -> QueryResult<Vec<Result<Self::Answer, StoreError>>>;
}

struct Asked<B: Batch> {
    question: B::Question,
    reply: oneshot::Sender<Result<B::Answer, StoreError>>,
}

/// The way to the thread that answers.
pub(crate) struct BatchReader<B: Batch> {
    queue: Arc<Queue<Asked<B>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<B: Batch> BatchReader<B> {
    /// Starts the thread. It connects when something is asked.
    pub(crate) fn start(url: DatabaseUrl, batch: B) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(QUEUE_CAPACITY));
        let asked = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name(B::NAME.into())
            .spawn(move || answer_all(&asked, &url, &batch))?;
        Ok(Self {
            queue,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask(&self, question: B::Question) -> Result<B::Answer, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .push(Asked { question, reply })
            .map_err(|_| StoreError::Overloaded)?;
        answer_within(LONGEST_ANSWER, answer)
            .await
            .unwrap_or_else(|silence| Err(StoreError::Unavailable(silence.into())))
    }

    /// Answers what is queued and ends the thread.
    pub(crate) fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(thread = B::NAME, "a reader of the store ended in a panic");
        }
    }
}

fn answer_all<B: Batch>(queue: &Queue<Asked<B>>, url: &DatabaseUrl, batch: &B) {
    let mut connection = None;
    while let Some(mut asked) = queue.take(BATCH_LIMIT, Patience::default()) {
        asked.retain(|asked| !asked.reply.is_closed());
        let run = AssertUnwindSafe(|| answer_batch(&mut connection, url, batch, asked));
        if catch_unwind(run).is_err() {
            tracing::error!(
                thread = B::NAME,
                "a read panicked; it goes on with a new connection"
            );
            connection = None;
        }
    }
}

fn answer_batch<B: Batch>(
    connection: &mut Option<AnyConnection>,
    url: &DatabaseUrl,
    batch: &B,
    asked: Vec<Asked<B>>,
) {
    let questions: Vec<&B::Question> = asked.iter().map(|asked| &asked.question).collect();
    let was_open = connection.is_some();
    let mut answers = put(connection, url, batch, &questions);
    if was_open && answers.is_err() {
        // A connection that broke while idle is replaced once before anybody is told.
        answers = put(connection, url, batch, &questions);
    }
    let answers: Vec<_> = match answers {
        Ok(answers) => answers,
        Err(error) => {
            let unavailable = || Err(StoreError::Unavailable(error.clone().into()));
            questions.iter().map(|_| unavailable()).collect()
        }
    };
    for (asked, answer) in asked.into_iter().zip(answers) {
        // A caller who has stopped waiting needs no answer.
        let _ = asked.reply.send(answer);
    }
}

fn put<B: Batch>(
    connection: &mut Option<AnyConnection>,
    url: &DatabaseUrl,
    batch: &B,
    questions: &[&B::Question],
) -> Result<Vec<Result<B::Answer, StoreError>>, String> {
    let open = match connection {
        Some(open) => open,
        None => {
            let mut opened = AnyConnection::open(url).map_err(|error| error.to_string())?;
            batch.set_up(&mut opened).map_err(|error| error.to_string())?;
            connection.insert(opened)
        }
    };
    let answers = batch.answer(open, questions).map_err(|error| error.to_string());
    if answers.is_err() {
        *connection = None;
    }
    answers
}
