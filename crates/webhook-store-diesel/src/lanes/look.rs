//! Looking at lanes, many at a time.
//!
//! Every attempt to deliver asks for its webhook as it is stored at that moment: a key that was retired signs nothing from
//! the instant that was answered, in any process. As with [API keys](crate::api_keys::lookup) nothing is cached; one thread takes
//! all the questions that have come up while it answered the last ones, and puts them as one.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::QueryResult;
use tokio::sync::oneshot;
use webhook_domain::StoreError;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::lane::{Epoch, Position};
use webhook_domain::ports::{Lane, QueuedDelivery};

use crate::DatabaseUrl;
use crate::database::connection::AnyConnection;
use crate::database::row::RowError;
use crate::engine::queue::{Patience, Queue};
use crate::engine::waiting::answer_within;
use crate::events::row::EventRow;
use crate::lanes::delivery::DeliveryRow;
use crate::lanes::row::LaneRow;
use crate::sealing::Vault;
use crate::sealing::handover;
use crate::webhooks::row::{LoadedWebhook, WebhookRow};

/// How many questions may wait.
const QUEUE_CAPACITY: usize = 8192;
/// How many are put as one.
const BATCH_LIMIT: usize = 256;
/// How long a caller waits for its answer.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);

/// Which part of which lane.
pub(crate) struct Wanted {
    pub(crate) process: ProcessId,
    pub(crate) webhook: WebhookId,
    pub(crate) after: Option<Position>,
    pub(crate) limit: u32,
}

struct Question {
    wanted: Wanted,
    reply: oneshot::Sender<Result<Option<Lane>, StoreError>>,
}

/// The way to the thread that looks at lanes.
pub(crate) struct LaneReader {
    queue: Arc<Queue<Question>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl LaneReader {
    pub(crate) fn start(url: DatabaseUrl, vault: Arc<Vault>) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(QUEUE_CAPACITY));
        let questions = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("store-lanes".into())
            .spawn(move || answer_all(&questions, &url, &vault))?;
        Ok(Self {
            queue,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) async fn look(&self, wanted: Wanted) -> Result<Option<Lane>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .push(Question { wanted, reply })
            .map_err(|_| StoreError::Overloaded)?;
        answer_within(LONGEST_ANSWER, answer)
            .await
            .unwrap_or_else(|silence| Err(StoreError::Unavailable(silence.into())))
    }

    pub(crate) fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's reader of lanes ended in a panic");
        }
    }
}

fn answer_all(queue: &Queue<Question>, url: &DatabaseUrl, vault: &Vault) {
    let mut connection = None;
    while let Some(mut questions) = queue.take(BATCH_LIMIT, Patience::default()) {
        questions.retain(|question| !question.reply.is_closed());
        let batch = AssertUnwindSafe(|| answer_batch(&mut connection, url, vault, questions));
        if catch_unwind(batch).is_err() {
            tracing::error!("looking at lanes panicked; it goes on with a new connection");
            connection = None;
        }
    }
}

fn answer_batch(
    connection: &mut Option<AnyConnection>,
    url: &DatabaseUrl,
    vault: &Vault,
    questions: Vec<Question>,
) {
    let wanted: Vec<&Wanted> = questions.iter().map(|question| &question.wanted).collect();
    let was_open = connection.is_some();
    let mut found = load(connection, url, &wanted);
    if was_open && found.is_err() {
        // A connection that broke while idle is replaced once before anybody is told.
        found = load(connection, url, &wanted);
    }
    let answers: Vec<_> = match (&found, connection) {
        (Ok(found), Some(connection)) => wanted
            .iter()
            .map(|wanted| answer(connection, vault, found, wanted))
            .collect(),
        (Err(error), _) => {
            let unavailable = || Err(StoreError::Unavailable(error.clone().into()));
            wanted.iter().map(|_| unavailable()).collect()
        }
        (Ok(_), None) => Vec::new(),
    };
    for (question, answer) in questions.into_iter().zip(answers) {
        // A caller who has stopped waiting needs no answer.
        let _ = question.reply.send(answer);
    }
}

/// What was read for a batch of questions.
#[derive(Default)]
struct Found {
    webhooks: BTreeMap<String, (WebhookRow, LaneRow)>,
    queued: BTreeMap<String, Vec<(DeliveryRow, EventRow)>>,
    /// Whether a lane changed hands while it was read.
    torn: bool,
}

/// How many bytes of events are read of a lane at a time, unless the first one alone is longer: what waits in many lanes must not
/// fill the memory.
const READ_BYTES: i64 = 128 * 1024;

/// How many of deliveries with these lengths are read.
fn fitting(lengths: &[i64]) -> u32 {
    let mut bytes = 0_i64;
    let fit = lengths.iter().take_while(|length| {
        let first = bytes == 0;
        bytes = bytes.saturating_add(**length);
        first || bytes <= READ_BYTES
    });
    u32::try_from(fit.count()).unwrap_or(u32::MAX)
}

/// How often lanes are read again that change hands meanwhile.
const READ_AGAIN: u32 = 5;

/// Reads until no lane has changed hands between two statements. One that goes on doing so is given with nothing queued.
fn read_of_one_epoch(connection: &mut AnyConnection, wanted: &[&Wanted]) -> QueryResult<Found> {
    let mut found = read(connection, wanted)?;
    for _ in 0..READ_AGAIN {
        if !found.torn {
            break;
        }
        found = read(connection, wanted)?;
    }
    Ok(found)
}

fn load(
    connection: &mut Option<AnyConnection>,
    url: &DatabaseUrl,
    wanted: &[&Wanted],
) -> Result<Found, String> {
    let open = match connection {
        Some(open) => open,
        None => {
            let mut opened = AnyConnection::open(url).map_err(|error| error.to_string())?;
            opened.find_by_key().map_err(|error| error.to_string())?;
            connection.insert(opened)
        }
    };
    let found = read_of_one_epoch(open, wanted).map_err(|error| error.to_string());
    if found.is_err() {
        *connection = None;
    }
    found
}

fn read(connection: &mut AnyConnection, wanted: &[&Wanted]) -> QueryResult<Found> {
    let mut ids: Vec<String> = wanted.iter().map(|wanted| wanted.webhook.to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = Found::default();
    let mut epochs: BTreeMap<String, i64> = BTreeMap::new();
    let mut reading = wanted.iter().filter(|wanted| wanted.limit > 0).peekable();
    if reading.peek().is_some() {
        let lanes = connection.lanes_of(&ids)?;
        for wanted in reading {
            let id = wanted.webhook.to_string();
            let Some(lane) = lanes.iter().find(|lane| lane.webhook_id == id) else {
                continue;
            };
            let after = wanted.after.map_or(lane.done, |after| after.0.max(lane.done));
            let fitting = fitting(&connection.queued_lengths(&id, after, wanted.limit)?);
            let queued = match fitting {
                0 => Vec::new(),
                fitting => connection.queued(&id, after, fitting)?,
            };
            epochs.insert(id.clone(), lane.epoch);
            found.queued.insert(id, queued);
        }
    }
    // Last: a key that was retired before the deliveries were read is not among these.
    for (webhook, lane) in connection.webhooks_with_lanes(&ids)? {
        if epochs
            .get(&lane.webhook_id)
            .is_some_and(|epoch| *epoch != lane.epoch)
        {
            found.torn = true;
            found.queued.remove(&lane.webhook_id);
        }
        found.webhooks.insert(lane.webhook_id.clone(), (webhook, lane));
    }
    Ok(found)
}

fn answer(
    connection: &mut AnyConnection,
    vault: &Vault,
    found: &Found,
    wanted: &Wanted,
) -> Result<Option<Lane>, StoreError> {
    let corrupt = |error: RowError| StoreError::Corrupt(error.into());
    let id = wanted.webhook.to_string();
    let owner = wanted.process.to_string();
    let found_here = found.webhooks.get(&id);
    let Some((row, lane)) = found_here.filter(|(_, lane)| lane.owner == owner) else {
        return Ok(None);
    };
    let webhook = match LoadedWebhook::decode(row.clone(), vault) {
        Err(error) if error.is_of_other_master_key() => {
            handover::learn(connection, vault).map_err(|error| StoreError::Unavailable(error.into()))?;
            LoadedWebhook::decode(row.clone(), vault)
        }
        decoded => decoded,
    };
    let queued = found.queued.get(&id).into_iter().flatten();
    let queued = queued.map(|(delivery, event)| {
        Ok(QueuedDelivery {
            position: Position(delivery.position),
            attempts: u32::try_from(delivery.tried).unwrap_or(u32::MAX),
            delivery: delivery.decode()?,
            event: event.decode()?,
        })
    });
    Ok(Some(Lane {
        webhook: webhook.map_err(corrupt)?.webhook,
        epoch: Epoch(lane.epoch),
        penalty_box: lane.penalty_box().map_err(corrupt)?,
        queued: queued.collect::<Result<_, _>>().map_err(corrupt)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_is_read_as_fits_and_one_in_any_case() {
        assert_eq!(fitting(&[]), 0);
        assert_eq!(fitting(&[10, 20, 30]), 3);
        assert_eq!(fitting(&[READ_BYTES * 4, 1]), 1);
        assert_eq!(fitting(&[READ_BYTES - 1, 1, 1]), 2);
    }
}
