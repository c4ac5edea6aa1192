//! The webhook domain's stores on SQLite and PostgreSQL.
//!
//! | where | what |
//! |---|---|
//! | `engine` | one writer that commits in groups, the threads that reads run on, and the bounded queues and timeouts between callers and these threads |
//! | `database` | its URL, connections, schema, the differences of the two dialects, how it is opened and migrated |
//! | `webhooks` | changes in groups, saving, lists page by page |
//! | `events` | publishing, announcements, queries, deletion |
//! | `key_checks` | the checks of keys of the last hour, so that there are not too many |
//! | `rotations` | the rolls of many webhooks, and what became of each |
//! | `lanes` | ownership, reading, recording of attempts |
//! | `audit` | records in a chain that shows every change |
//! | `sealing` | secrets at rest: AES-256-GCM, a subkey for every value; replacing the master key while processes run |
//! | `backup` | copying a database while it is in use, and verifying everything in it |
//! | `checkup` | a database examined, read-only, to find what is wrong with it |
//! | `answers` | stored responses of idempotent requests |
//! | `observer` | what the store tells of its work to whoever counts it |
//! | `sample` | the readiness check |
//! | `totals` | what waits and what there is, counted for operators |
//! | `api_keys` | look-ups in batches, never cached |
//! | `sessions` | the sessions of browsers |
//!
//! A module that implements a port of the domain does so in its `port.rs`, and has its rows beside it.
//!
//! Invariants: a change is acknowledged after it is durable, never before; a decision sees the row as the change before it
//! left it; a secret is sealed before it reaches a statement; no transaction is open across an `.await`.

mod answers;
mod api_keys;
mod audit;
pub mod backup;
pub mod checkup;
mod database;
mod engine;
mod events;
mod key_checks;
mod lanes;
mod observer;
mod rotations;
mod sample;
pub mod sealing;
mod sessions;
mod totals;
mod webhooks;

use std::sync::{Arc, Mutex, PoisonError};

pub use database::identity::refuse_lost;
pub use database::in_use::InUse;
pub use database::opening::OpenError;
pub use database::url::DatabaseUrl;
pub use observer::{Audited, StoreObserver, StoreReadings};
pub use sealing::entropy::SystemEntropy;
pub use sealing::{MasterKey, rekeying};
pub use totals::{MOST_COUNTED, RotationCounts, Totals};
use webhook_domain::StoreError;
pub use webhook_domain::access::audit_chain::{AuditFlaw, AuditHead, AuditVerdict};
use webhook_domain::entropy::Entropy;
use webhook_domain::webhook::RotationDays;

use crate::api_keys::lookup::{ApiKeyLookup, KeysById};
use crate::audit::chain::ChainKey;
use crate::database::connection::AnyConnection;
use crate::database::opening::{open_for_writing, open_to_queue};
use crate::database::write_back::WriteBack;
use crate::engine::errands::Errands;
use crate::engine::executor::Executor;
use crate::engine::writer::Writer;
use crate::events::moving::Moving;
use crate::lanes::delivering::DeliveringLock;
use crate::lanes::look::{LaneReader, LooksAtLanes};
use crate::lanes::notify::{Delivering, Messengers};
use crate::sealing::Vault;

/// How much a store may use.
#[derive(Debug, Clone, Copy)]
pub struct StoreLimits {
    /// Threads for reads, each with a connection while it has something to do.
    pub readers: u32,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { readers: 4 }
    }
}

/// The stores of the domain on one database. Holds its threads and connections until it is
/// [closed](Self::close).
pub struct DieselStore {
    vault: Arc<Vault>,
    chain: Arc<ChainKey>,
    writer: Writer,
    readers: Executor,
    api_keys: ApiKeyLookup,
    delivering: Arc<Delivering>,
    lanes: LaneReader,
    messengers: Messengers,
    /// What leases and looks for lanes run on, where the database is a server: neither waits behind the other or the writer.
    leases: Option<Errands>,
    scans: Option<Errands>,
    /// What tells which process delivers, where the database is a file.
    delivering_lock: Option<DeliveringLock>,
    write_back: Option<Arc<WriteBack>>,
    /// From when on there are lanes that are ready, in milliseconds since the Unix epoch.
    ready_since: Mutex<i64>,
    /// Whose turn it is to have something moved into lanes.
    moving: Arc<Mutex<Moving>>,
    url: DatabaseUrl,
    /// Says that the database is open, where it is a file.
    in_use: Mutex<Option<InUse>>,
}

impl DieselStore {
    /// Opens a database, making or migrating its schema. Blocks while it does.
    ///
    /// # Errors
    /// See [`OpenError`]. With a master key that is not the database's, nothing is written.
    pub fn open(
        url: &DatabaseUrl,
        key: MasterKey,
        entropy: Arc<dyn Entropy>,
        limits: StoreLimits,
    ) -> Result<Arc<Self>, OpenError> {
        let vault = Arc::new(Vault::new(key, entropy).map_err(|error| OpenError::Sealing(error.into()))?);
        let opened = database::opening::open(url, &vault)?;
        if !opened.applied.is_empty() {
            tracing::info!(migrations = opened.applied.join(" "), "migrated the database");
        }
        let chain = Arc::new(opened.chain);
        let delivering = Arc::new(Delivering::default());
        let messengers = Messengers::default();
        messengers.start_telling(url, &delivering)?;
        let (leases, scans, delivering_lock) = match url {
            DatabaseUrl::Sqlite(path) => (None, None, Some(DeliveringLock::beside(path))),
            DatabaseUrl::Postgres(_) => (
                Some(Errands::start(url.clone(), "store-leases", open_for_writing)?),
                Some(Errands::start(url.clone(), "store-scans", open_to_queue)?),
                None,
            ),
        };
        let write_back = match url {
            DatabaseUrl::Sqlite(path) => Some(Arc::new(WriteBack::start(path.clone())?)),
            DatabaseUrl::Postgres(_) => None,
        };
        Ok(Arc::new(Self {
            write_back: write_back.clone(),
            messengers,
            leases,
            scans,
            delivering_lock,
            ready_since: Mutex::new(0),
            moving: Arc::default(),
            writer: Writer::start(
                url.clone(),
                opened.may_write.then_some(opened.connection),
                vault.clone(),
                chain.clone(),
                delivering.clone(),
                write_back,
                opened.file,
            )?,
            delivering,
            lanes: LaneReader::start(url.clone(), LooksAtLanes { vault: vault.clone() })?,
            url: url.clone(),
            in_use: Mutex::new(opened.in_use),
            chain,
            readers: Executor::start(url.clone(), limits.readers.max(1))?,
            api_keys: ApiKeyLookup::start(url.clone(), KeysById)?,
            vault,
        }))
    }

    /// Verifies every audit record up to this moment. `kept` is a head that an earlier verification gave, and that was
    /// kept where the database's keeper cannot change it.
    ///
    /// # Errors
    /// The store's.
    pub async fn verify_audit_records(&self, kept: Option<AuditHead>) -> Result<AuditVerdict, StoreError> {
        let chain = self.chain.clone();
        let verify = move |connection: &mut AnyConnection| {
            audit::verification::verify(connection, &chain, kept.as_ref())
        };
        self.readers.run_long(verify).await
    }

    /// Seals under the master key that the database names from now on, if another has taken the place of this one. To be
    /// called every 5 seconds: [`rekeying`] counts on it.
    ///
    /// # Errors
    /// The store's.
    pub async fn follow_master_key(&self) -> Result<(), StoreError> {
        let vault = self.vault.clone();
        let follow = move |connection: &mut AnyConnection| Ok(sealing::handover::follow(connection, &vault)?);
        self.writer.alone(follow).await
    }

    /// Tells `observers` of every commit from now on. Only the first call has an effect.
    pub fn observe(&self, observers: Vec<Arc<dyn StoreObserver>>) {
        self.writer.observed.set(observers);
    }

    /// Has keys due for a roll after so many days from now on, unless a webhook says otherwise.
    pub fn rotate_after(&self, days: Option<RotationDays>) {
        self.writer.default_rotation.set(days);
    }

    /// How busy the store is at this moment, from memory.
    #[must_use]
    pub fn readings(&self) -> StoreReadings {
        let (readers_in_use, readers) = self.readers.in_use();
        StoreReadings {
            queued: self.writer.queued(),
            readers_in_use,
            readers,
        }
    }

    /// Finishes what was begun, refuses what comes after, and closes the connections. Blocks while it does.
    pub fn close(&self) {
        self.writer.close();
        self.messengers.close(&self.delivering);
        if let Some(write_back) = &self.write_back {
            write_back.close();
        }
        for errands in [&self.leases, &self.scans].into_iter().flatten() {
            errands.close();
        }
        self.lanes.close();
        self.api_keys.close();
        self.readers.close();
        // The last thing: from now on another database may take the place of this one.
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Drop for DieselStore {
    fn drop(&mut self) {
        self.close();
    }
}

/// Brings a database's schema up to date without serving it, and names the migrations that were applied.
///
/// # Errors
/// See [`OpenError`].
pub fn migrate(
    url: &DatabaseUrl,
    key: MasterKey,
    entropy: Arc<dyn Entropy>,
) -> Result<Vec<String>, OpenError> {
    let vault = Vault::new(key, entropy).map_err(|error| OpenError::Sealing(error.into()))?;
    database::opening::open(url, &vault).map(|opened| opened.applied)
}
