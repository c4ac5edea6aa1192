//! Hints that something is to be done in a lane: told by the writer of this process, and on PostgreSQL by those of others.
//!
//! A hint only makes it happen sooner. What is told to other processes goes out after the commit, on a connection of its own: in
//! the transaction it would serialise the commits of the whole server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::RunQueryDsl as _;
use tokio::sync::Notify;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::Arrival;

use crate::DatabaseUrl;
use crate::database::connection::AnyConnection;
use crate::engine::queue::{Patience, Queue};
use crate::lanes::locked::Hints;

/// How often is looked whether other processes have said something.
const LISTENING_PAUSE: Duration = Duration::from_millis(20);
/// After the connection broke, how long until another is tried.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// How many hints to other processes may wait. Beyond that they are dropped.
const QUEUE_CAPACITY: usize = 65_536;
/// How many webhooks are named in one notification, which PostgreSQL bounds at 8,000 bytes.
const NAMED_AT_ONCE: usize = 200;

/// Where lanes are named that are to be looked at, and waited for.
#[derive(Default)]
pub(crate) struct Arrivals {
    lanes: Mutex<BTreeSet<Arrival>>,
    told: Notify,
}

impl Arrivals {
    pub(crate) fn tell(&self, arrived: impl IntoIterator<Item = Arrival>) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = lanes.len();
        lanes.extend(arrived);
        if lanes.len() > before {
            self.told.notify_one();
        }
    }

    /// Waits until there is one.
    pub(crate) async fn next(&self) -> Vec<Arrival> {
        loop {
            let told = self.told.notified();
            let lanes = std::mem::take(&mut *self.lanes.lock().unwrap_or_else(PoisonError::into_inner));
            if !lanes.is_empty() {
                return lanes.into_iter().collect();
            }
            told.await;
        }
    }
}

/// Where a process that delivers is told what it delivers, and tells others.
pub(crate) struct Delivering {
    /// The process, while it may own lanes.
    pub(crate) own: Mutex<Option<ProcessId>>,
    pub(crate) arrivals: Arc<Arrivals>,
    outgoing: Arc<Queue<(ProcessId, WebhookId)>>,
    /// Whether a newer release has migrated the database so that this process must not go on.
    superseded: AtomicBool,
}

impl Default for Delivering {
    fn default() -> Self {
        Self {
            own: Mutex::default(),
            arrivals: Arc::default(),
            outgoing: Arc::new(Queue::new(QUEUE_CAPACITY)),
            superseded: AtomicBool::new(false),
        }
    }
}

impl Delivering {
    /// The process that this store delivers for, if it does.
    pub(crate) fn own(&self) -> Option<ProcessId> {
        *self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a newer release has migrated the database so that this process must not go on.
    pub(crate) fn is_superseded(&self) -> bool {
        self.superseded.load(Ordering::Relaxed)
    }

    /// Says whether it has.
    pub(crate) fn supersede(&self, superseded: bool) {
        self.superseded.store(superseded, Ordering::Relaxed);
    }

    /// Passes hints on, now that what they are about is committed.
    pub(crate) fn tell(&self, hints: Hints) {
        self.arrivals.tell(hints.here);
        for hint in hints.elsewhere {
            // If the queue is full or nobody empties it, whoever owns the lane finds it by looking.
            if self.outgoing.push(hint).is_err() {
                break;
            }
        }
    }
}

/// The threads that hear what other processes say, and tell them.
#[derive(Default)]
pub(crate) struct Messengers {
    listener: Mutex<Option<JoinHandle<()>>>,
    teller: Mutex<Option<JoinHandle<()>>>,
    stopped: Arc<AtomicBool>,
}

impl Messengers {
    /// Starts to hear what others say to the process that delivers, from the first call on.
    pub(crate) fn start(&self, url: &DatabaseUrl, delivering: &Arc<Delivering>) -> std::io::Result<()> {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if listener.is_some() || matches!(url, DatabaseUrl::Sqlite(_)) {
            return Ok(());
        }
        let (url, heard, stopped) = (url.clone(), Arc::clone(delivering), Arc::clone(&self.stopped));
        let listen = move || listen(&url, &heard, &stopped);
        let thread = std::thread::Builder::new().name("store-listener".into());
        *listener = Some(thread.spawn(listen)?);
        Ok(())
    }

    /// Starts to tell others.
    pub(crate) fn start_telling(&self, url: &DatabaseUrl, delivering: &Delivering) -> std::io::Result<()> {
        if matches!(url, DatabaseUrl::Sqlite(_)) {
            return Ok(());
        }
        let (url, outgoing) = (url.clone(), Arc::clone(&delivering.outgoing));
        let thread = std::thread::Builder::new().name("store-notifier".into());
        let teller = thread.spawn(move || tell_others(&url, &outgoing))?;
        *self.teller.lock().unwrap_or_else(PoisonError::into_inner) = Some(teller);
        Ok(())
    }

    /// Ends the threads.
    pub(crate) fn close(&self, delivering: &Delivering) {
        self.stopped.store(true, Ordering::Release);
        delivering.outgoing.close();
        for thread in [&self.listener, &self.teller] {
            let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            if thread.is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("a messenger of the store ended in a panic");
            }
        }
    }
}

fn tell_others(url: &DatabaseUrl, outgoing: &Queue<(ProcessId, WebhookId)>) {
    let mut connection: Option<AnyConnection> = None;
    while let Some(hints) = outgoing.take(QUEUE_CAPACITY, Patience::default()) {
        if connection.is_none() {
            connection = AnyConnection::open(url).ok();
        }
        let told = connection
            .as_mut()
            .map(|connection| connection.notify(&texts(hints)));
        if !matches!(told, Some(Ok(()))) {
            tracing::debug!("other processes could not be told; they find out by looking");
            connection = None;
        }
    }
}

/// `owner webhook webhook …`, each webhook once.
fn texts(hints: Vec<(ProcessId, WebhookId)>) -> Vec<String> {
    let mut by_owner: BTreeMap<ProcessId, BTreeSet<WebhookId>> = BTreeMap::new();
    for (owner, webhook) in hints {
        by_owner.entry(owner).or_default().insert(webhook);
    }
    let mut texts = Vec::new();
    for (owner, webhooks) in by_owner {
        let webhooks: Vec<String> = webhooks.iter().map(ToString::to_string).collect();
        let named = webhooks.chunks(NAMED_AT_ONCE);
        texts.extend(named.map(|named| format!("{owner} {}", named.join(" "))));
    }
    texts
}

fn listen(url: &DatabaseUrl, delivering: &Delivering, stopped: &AtomicBool) {
    while !stopped.load(Ordering::Acquire) {
        if let Err(error) = listen_once(url, delivering, stopped) {
            tracing::warn!(
                error,
                "cannot hear what other processes publish; it is found by looking, a second later at the most"
            );
            std::thread::sleep(RECONNECT_PAUSE);
        }
    }
}

fn listen_once(url: &DatabaseUrl, delivering: &Delivering, stopped: &AtomicBool) -> Result<(), String> {
    let connection = AnyConnection::open(url).map_err(|error| error.to_string())?;
    let AnyConnection::Postgres(mut postgres) = connection else {
        return Ok(());
    };
    diesel::sql_query("LISTEN webhook_lanes")
        .execute(&mut postgres)
        .map_err(|error| error.to_string())?;
    while !stopped.load(Ordering::Acquire) {
        let own = delivering.own();
        for notification in postgres.notifications_iter() {
            let payload = notification.map_err(|error| error.to_string())?.payload;
            let mut words = payload.split(' ');
            let is_own = words.next().and_then(|owner| owner.parse().ok()) == own && own.is_some();
            let named = words
                .filter(|_| is_own)
                .filter_map(|webhook| webhook.parse().ok());
            let arrived = named.map(|webhook| Arrival { webhook, owned: true });
            delivering.arrivals.tell(arrived);
        }
        std::thread::sleep(LISTENING_PAUSE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use webhook_domain::testing::{ManualClock, SeededEntropy};

    use super::*;

    #[test]
    fn an_owner_is_told_of_each_webhook_once_in_notifications_that_are_not_too_long() {
        let entropy = SeededEntropy::new(1);
        let owner = ProcessId::generate(ManualClock::START, &entropy).unwrap();
        let webhooks: Vec<_> = (0..2 * NAMED_AT_ONCE + 1)
            .map(|_| WebhookId::generate(ManualClock::START, &entropy).unwrap())
            .collect();
        let hints = webhooks.iter().chain(&webhooks).map(|webhook| (owner, *webhook));
        let texts = texts(hints.collect());
        assert_eq!(texts.len(), 3);
        assert!(
            texts
                .iter()
                .all(|text| text.len() < 8000 && text.starts_with(&owner.to_string()))
        );
        let named: usize = texts.iter().map(|text| text.split(' ').count() - 1).sum();
        assert_eq!(named, webhooks.len());
    }
}
