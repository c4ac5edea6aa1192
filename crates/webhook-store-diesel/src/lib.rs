//! The webhook domain's stores on SQLite and PostgreSQL.
//!
//! | where | what |
//! |---|---|
//! | `opening` | the master key proved, durability checked, migrations applied |
//! | `writer`, `group` | one thread that decides and commits changes in groups |
//! | `executor` | the threads and the pool that reads run on, with bounded admission |
//! | `queue`, `waiting` | between callers and threads: bounded, and never for ever |
//! | `lookup` | API keys, read for many requests at once and never cached |
//! | `lane_group`, `lane_reader`, `arrivals` | publications and deliveries: committed in groups, read for many lanes at once |
//! | `sealing` | secrets at rest: AES-256-GCM, a subkey for every value |
//! | `rekeying`, `key_handover` | a new master key while processes go on serving |
//! | `rows`, `schema` | tables and rows, and how they become the domain's values |
//! | `listing` | webhooks page by page, in any order |
//! | `audit_chain`, `chain_head`, `chain_opening`, `chain_verification` | audit records that cannot be changed unseen |
//! | `dialect` | all that the two databases do not do alike |
//! | `ports` | the domain's ports on top of these |
//!
//! Invariants: a change is answered after it is durable and never before; a decision sees the row as the
//! change before it left it; a secret is sealed before it reaches a statement; no transaction is open while
//! anybody awaits.

mod announcing;
mod answers;
mod arrivals;
mod audit_chain;
mod chain_head;
mod chain_opening;
mod chain_verification;
mod connection;
mod database_url;
mod dialect;
mod entropy;
mod executor;
mod failure;
mod group;
mod held_up;
mod key_handover;
mod lane_group;
mod lane_reader;
mod listing;
mod lookup;
mod opening;
mod ports;
mod queue;
pub mod rekeying;
mod rows;
mod schema;
pub mod sealing;
mod waiting;
mod writer;

use std::sync::Arc;

pub use audit_chain::AuditHead;
pub use chain_verification::AuditVerdict;
pub use database_url::DatabaseUrl;
pub use entropy::SystemEntropy;
pub use opening::OpenError;
pub use sealing::MasterKey;
use webhook_domain::StoreError;
use webhook_domain::entropy::Entropy;

use crate::arrivals::{Delivering, Listener};
use crate::audit_chain::ChainKey;
use crate::connection::AnyConnection;
use crate::executor::Executor;
use crate::lane_reader::LaneReader;
use crate::lookup::ApiKeyLookup;
use crate::sealing::Vault;
use crate::writer::Writer;

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
    listener: Listener,
    url: DatabaseUrl,
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
        let opened = opening::open(url, &vault)?;
        if !opened.applied.is_empty() {
            tracing::info!(migrations = opened.applied.join(" "), "migrated the database");
        }
        let chain = Arc::new(opened.chain);
        let delivering = Arc::new(Delivering::default());
        Ok(Arc::new(Self {
            writer: Writer::start(
                url.clone(),
                opened.connection,
                vault.clone(),
                chain.clone(),
                delivering.clone(),
            )?,
            delivering,
            lanes: LaneReader::start(url.clone(), vault.clone())?,
            listener: Listener::default(),
            url: url.clone(),
            chain,
            readers: Executor::start(url.clone(), limits.readers.max(1))?,
            api_keys: ApiKeyLookup::start(url.clone())?,
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
            chain_verification::verify(connection, &chain, kept.as_ref())
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
        let follow = move |connection: &mut AnyConnection| Ok(key_handover::follow(connection, &vault)?);
        self.writer.alone(follow).await
    }

    /// Finishes what was begun, refuses what comes after, and closes the connections. Blocks while it does.
    pub fn close(&self) {
        self.writer.close();
        self.listener.close();
        self.lanes.close();
        self.api_keys.close();
        self.readers.close();
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
    opening::open(url, &vault).map(|opened| opened.applied)
}
