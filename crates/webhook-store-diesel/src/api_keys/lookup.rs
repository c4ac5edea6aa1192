//! Finding API keys, many at a time.
//!
//! Every request asks for the key it was made with, and the answer must be what is stored now: a revoked key
//! is refused from the moment its revocation was answered, in every process. So nothing is cached. Instead
//! one thread with a connection of its own takes all the questions that have come up while it answered the
//! last ones, and puts them as one: a key that fifty requests ask for is read once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use webhook_domain::StoreError;
use webhook_domain::api_key::ApiKey;
use webhook_domain::id::ApiKeyId;

use crate::DatabaseUrl;
use crate::api_keys::row::ApiKeyRow;
use crate::database::connection::AnyConnection;
use crate::engine::queue::{Patience, Queue};
use crate::engine::waiting::answer_within;

/// How many questions may wait.
const QUEUE_CAPACITY: usize = 8192;
/// How many are put as one.
const BATCH_LIMIT: usize = 512;
/// How long a caller waits for its answer. A question that nobody waits for any more is not put.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);

struct Question {
    id: ApiKeyId,
    reply: oneshot::Sender<Result<Option<ApiKey>, StoreError>>,
}

/// The way to the thread that finds API keys.
pub(crate) struct ApiKeyLookup {
    queue: Arc<Queue<Question>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ApiKeyLookup {
    pub(crate) fn start(url: DatabaseUrl) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(QUEUE_CAPACITY));
        let questions = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("store-keys".into())
            .spawn(move || answer_all(&questions, &url))?;
        Ok(Self {
            queue,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) async fn find(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .push(Question { id, reply })
            .map_err(|_| StoreError::Overloaded)?;
        answer_within(LONGEST_ANSWER, answer)
            .await
            .unwrap_or_else(|silence| Err(StoreError::Unavailable(silence.into())))
    }

    pub(crate) fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's key reader ended in a panic");
        }
    }
}

fn answer_all(queue: &Queue<Question>, url: &DatabaseUrl) {
    let mut connection = None;
    while let Some(mut questions) = queue.take(BATCH_LIMIT, Patience::default()) {
        questions.retain(|question| !question.reply.is_closed());
        let batch = AssertUnwindSafe(|| answer_batch(&mut connection, url, questions));
        if catch_unwind(batch).is_err() {
            tracing::error!("looking up API keys panicked; it goes on with a new connection");
            connection = None;
        }
    }
}

fn answer_batch(connection: &mut Option<AnyConnection>, url: &DatabaseUrl, questions: Vec<Question>) {
    let mut ids: Vec<_> = questions.iter().map(|question| question.id.to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    let was_open = connection.is_some();
    let mut rows = load(connection, url, &ids);
    if was_open && rows.is_err() {
        // A connection that broke while idle is replaced once before anybody is told.
        rows = load(connection, url, &ids);
    }
    for question in questions {
        let answer = match &rows {
            Ok(rows) => find(rows, question.id),
            Err(error) => Err(StoreError::Unavailable(error.clone().into())),
        };
        // A caller who has stopped waiting needs no answer.
        let _ = question.reply.send(answer);
    }
}

fn load(
    connection: &mut Option<AnyConnection>,
    url: &DatabaseUrl,
    ids: &[String],
) -> Result<Vec<ApiKeyRow>, String> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(AnyConnection::open(url).map_err(|error| error.to_string())?),
    };
    let rows = open.load_api_keys(ids).map_err(|error| error.to_string());
    if rows.is_err() {
        *connection = None;
    }
    rows
}

fn find(rows: &[ApiKeyRow], id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    let id = id.to_string();
    let row = rows.iter().find(|row| row.id == id);
    row.map(ApiKeyRow::decode)
        .transpose()
        .map_err(|error| StoreError::Corrupt(error.into()))
}
