//! Opening the store: database, master key, clock and randomness, as every command needs them.

use std::sync::Arc;

use webhook_domain::entropy::Entropy;
use webhook_domain::services::ApiKeyService;
use webhook_domain::time::Clock;
use webhook_store_diesel::{DatabaseUrl, DieselStore, MasterKey, StoreLimits, SystemEntropy};

use crate::clock::SystemClock;
use crate::exit::Failure;
use crate::master_key::{self, MasterKeySource};
use crate::private_file::{create_directory_of, create_empty};

/// An open store with the clock and the randomness that services on it take.
pub(crate) struct OpenStore {
    /// The store.
    pub(crate) store: Arc<DieselStore>,
    /// The machine's clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// The machine's randomness.
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl OpenStore {
    /// Opens the database. Blocks.
    pub(crate) fn open(database: &DatabaseUrl, master_key: MasterKeySource) -> Result<Self, Failure> {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
        let key = prepare(database, master_key, entropy.as_ref())?;
        let limits = StoreLimits::default();
        let store = DieselStore::open(database, key, Arc::clone(&entropy), limits)
            .map_err(|error| Failure::opening(&error))?;
        Ok(Self {
            store,
            clock: Arc::new(SystemClock),
            entropy,
        })
    }

    /// The service for API keys on this store.
    pub(crate) fn api_keys(&self) -> ApiKeyService {
        ApiKeyService::new(
            self.store.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
        )
    }
}

/// Gets the master key, and makes a database that is a missing file: empty, and for its owner alone, as the
/// files are that SQLite makes beside it. Blocks.
pub(crate) fn prepare(
    database: &DatabaseUrl,
    master_key: MasterKeySource,
    entropy: &dyn Entropy,
) -> Result<MasterKey, Failure> {
    let key = master_key::obtain(master_key, database, entropy)?;
    if let DatabaseUrl::Sqlite(path) = database {
        create_directory_of(path)
            .and_then(|()| create_empty(path))
            .map_err(|error| Failure::cannot(&format!("make the database {}", path.display()), &error))?;
    }
    Ok(key)
}
