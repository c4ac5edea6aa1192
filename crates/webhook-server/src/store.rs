//! Opening the store: database, master key, clock and randomness, as every command needs them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use webhook_domain::access::quota::Quotas;
use webhook_domain::entropy::Entropy;
use webhook_domain::services::ApiKeyService;
use webhook_domain::time::Clock;
use webhook_domain::webhook::RotationDays;
use webhook_store_diesel::{
    DatabaseUrl, DieselStore, MasterKey, OpenError, StoreLimits, SystemEntropy, refuse_lost,
};

use crate::clock::SystemClock;
use crate::exit::{Failure, chain};
use crate::files::master_key::{self, MasterKeySource};
use crate::files::private_file::{create_directory_of, create_empty};

/// An open store with the clock and the randomness that services on it take.
pub(crate) struct OpenStore {
    /// The store.
    pub(crate) store: Arc<DieselStore>,
    /// The machine's clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// The machine's randomness.
    pub(crate) entropy: Arc<dyn Entropy>,
    /// How much each platform may have.
    pub(crate) quotas: Quotas,
}

impl OpenStore {
    /// Opens the database, waiting so long for one that is not up yet, of a deployment that has keys due for a roll after so many days, if it
    /// does. Blocks.
    pub(crate) fn open(
        database: &DatabaseUrl,
        master_key: MasterKeySource,
        wait: Duration,
        quotas: Quotas,
        rotation: Option<RotationDays>,
    ) -> Result<Self, Failure> {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
        let key = prepare(database, master_key, entropy.as_ref())?;
        let limits = StoreLimits::default();
        let open = || DieselStore::open(database, key.clone(), Arc::clone(&entropy), limits);
        let store = when_up(wait, open)?;
        store.rotate_after(rotation);
        Ok(Self {
            store,
            clock: Arc::new(SystemClock),
            entropy,
            quotas,
        })
    }

    /// The service for API keys on this store.
    pub(crate) fn api_keys(&self) -> ApiKeyService {
        ApiKeyService::new(
            self.store.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
        )
        .limited(self.quotas)
    }
}

/// How often a database that is not up is tried again.
const TRY_EVERY: Duration = Duration::from_millis(500);
/// How often that is said.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// Does `open` until it finds the database up, or finds fault with something that waiting does not mend, or so long has passed.
/// Blocks.
pub(crate) fn when_up<T>(wait: Duration, open: impl Fn() -> Result<T, OpenError>) -> Result<T, Failure> {
    let begun = Instant::now();
    let mut said: Option<Instant> = None;
    loop {
        let error = match open() {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        let left = wait.saturating_sub(begun.elapsed());
        if left.is_zero() || !error.may_pass() {
            return Err(Failure::opening(&error));
        }
        if said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            said = Some(Instant::now());
            tracing::warn!(
                error = chain(&error),
                wait.left_seconds = left.as_secs(),
                "the database is not up yet; it is tried again"
            );
        }
        std::thread::sleep(TRY_EVERY.min(left));
    }
}

/// Gets the master key, and makes a database that is a missing file: empty, and for its owner alone, as the
/// files are that SQLite makes beside it. Blocks.
pub(crate) fn prepare(
    database: &DatabaseUrl,
    master_key: MasterKeySource,
    entropy: &dyn Entropy,
) -> Result<MasterKey, Failure> {
    let has_key = master_key::is_beside(&master_key, database);
    if let DatabaseUrl::Sqlite(path) = database {
        refuse_lost(path).map_err(|error| Failure::opening(&error))?;
    }
    let key = master_key::obtain(master_key, database, entropy)?;
    if let DatabaseUrl::Sqlite(path) = database {
        if has_key && !path.metadata().is_ok_and(|file| file.len() > 0) {
            tracing::warn!(
                file.path = %path.display(),
                "a new database is made beside a master key that was there before. If there was a database that the key belongs to, stop, \
                 and put that one here, or a backup of it with `webhook-server restore FILE`"
            );
        }
        create_directory_of(path)
            .and_then(|()| create_empty(path))
            .map_err(|error| Failure::cannot(&format!("make the database {}", path.display()), &error))?;
    }
    Ok(key)
}
