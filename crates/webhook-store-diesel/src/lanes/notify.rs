//! Lanes in which something has arrived: told by the writer of this process, and on PostgreSQL by those of others.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::RunQueryDsl as _;
use tokio::sync::Notify;
use webhook_domain::id::{ProcessId, WebhookId};

use crate::DatabaseUrl;
use crate::database::connection::AnyConnection;

/// How often is looked whether other processes have said something.
const LISTENING_PAUSE: Duration = Duration::from_millis(20);
/// After the connection broke, how long until another is tried.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// Something has arrived in the lane of this webhook.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived(pub(crate) WebhookId);

/// Where it is told, and waited for.
#[derive(Default)]
pub(crate) struct Arrivals {
    lanes: Mutex<BTreeSet<WebhookId>>,
    bell: Notify,
}

impl Arrivals {
    pub(crate) fn tell(&self, arrived: impl IntoIterator<Item = Arrived>) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = lanes.len();
        lanes.extend(arrived.into_iter().map(|Arrived(webhook)| webhook));
        if lanes.len() > before {
            self.bell.notify_one();
        }
    }

    /// Waits until something has arrived.
    pub(crate) async fn next(&self) -> Vec<WebhookId> {
        loop {
            let rung = self.bell.notified();
            let lanes = std::mem::take(&mut *self.lanes.lock().unwrap_or_else(PoisonError::into_inner));
            if !lanes.is_empty() {
                return lanes.into_iter().collect();
            }
            rung.await;
        }
    }
}

/// Where a process that delivers is told what it delivers.
#[derive(Default)]
pub(crate) struct Delivering {
    /// The process, from its first lease on.
    pub(crate) own: Mutex<Option<ProcessId>>,
    pub(crate) arrivals: Arc<Arrivals>,
}

/// The thread that hears what other processes say.
#[derive(Default)]
pub(crate) struct Listener {
    thread: Mutex<Option<JoinHandle<()>>>,
    stopped: Arc<AtomicBool>,
}

impl Listener {
    /// Listens for `own`, from the first call on.
    pub(crate) fn start(
        &self,
        url: &DatabaseUrl,
        own: ProcessId,
        arrivals: &Arc<Arrivals>,
    ) -> std::io::Result<()> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_some() || matches!(url, DatabaseUrl::Sqlite(_)) {
            return Ok(());
        }
        let (url, own) = (url.clone(), own.to_string());
        let (arrivals, stopped) = (Arc::clone(arrivals), Arc::clone(&self.stopped));
        let listening = std::thread::Builder::new()
            .name("store-listener".into())
            .spawn(move || listen(&url, &own, &arrivals, &stopped))?;
        *thread = Some(listening);
        Ok(())
    }

    /// Ends the thread.
    pub(crate) fn close(&self) {
        self.stopped.store(true, Ordering::Release);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's listener ended in a panic");
        }
    }
}

fn listen(url: &DatabaseUrl, own: &str, arrivals: &Arrivals, stopped: &AtomicBool) {
    while !stopped.load(Ordering::Acquire) {
        if let Err(error) = listen_once(url, own, arrivals, stopped) {
            tracing::warn!(
                error,
                "does not hear what other processes publish; lanes are looked at again meanwhile"
            );
            std::thread::sleep(RECONNECT_PAUSE);
        }
    }
}

fn listen_once(
    url: &DatabaseUrl,
    own: &str,
    arrivals: &Arrivals,
    stopped: &AtomicBool,
) -> Result<(), String> {
    let connection = AnyConnection::open(url).map_err(|error| error.to_string())?;
    let AnyConnection::Postgres(mut postgres) = connection else {
        return Ok(());
    };
    diesel::sql_query("LISTEN webhook_lanes")
        .execute(&mut postgres)
        .map_err(|error| error.to_string())?;
    while !stopped.load(Ordering::Acquire) {
        let mut heard = Vec::new();
        for notification in postgres.notifications_iter() {
            let payload = notification.map_err(|error| error.to_string())?.payload;
            let lane = payload.split_once(' ').filter(|(process, _)| *process == own);
            heard.extend(lane.and_then(|(_, webhook)| webhook.parse().ok()).map(Arrived));
        }
        arrivals.tell(heard);
        std::thread::sleep(LISTENING_PAUSE);
    }
    Ok(())
}
