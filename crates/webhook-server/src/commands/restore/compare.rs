//! What differs between the database that was restored and the one that was replaced.

use std::path::Path;
use std::sync::Arc;

use webhook_domain::access::api_key::ApiKey;
use webhook_domain::entropy::Entropy;
use webhook_domain::restored::{WebhooksCompared, compare_webhooks, revived_api_keys};
use webhook_domain::time::Clock as _;
use webhook_store_diesel::backup::{self, BackupError, EventsCompared, Examination, compare_events};
use webhook_store_diesel::{DatabaseUrl, MasterKey, OpenError};

use super::{DOING, Restore};
use crate::clock::SystemClock;
use crate::commands::backup::{MIGRATED, remove_database};
use crate::exit::{Failure, chain};
use crate::files::private_file::{create_empty, staging_path};

/// What came of the comparison.
pub(super) enum Compared {
    /// There is nothing to compare with.
    NothingReplaced,
    /// The database that was replaced cannot be read, and why.
    Unreadable(String),
    /// Both can be read.
    Differences(Box<Differences>),
}

/// What differs.
pub(super) struct Differences {
    pub(super) webhooks: WebhooksCompared,
    /// API keys that were revoked since the backup, and are in force again.
    pub(super) revived: Vec<ApiKey>,
    pub(super) events: EventsCompared,
}

/// Compares the restored database with `replaced`.
pub(super) fn compare(
    restore: &Restore,
    replaced: Option<&DatabaseUrl>,
    replaced_key: MasterKey,
) -> Result<Compared, Failure> {
    let Some(replaced) = replaced else {
        return Ok(Compared::NothingReplaced);
    };
    let mut restored = Examination::open(&restore.database, restore.key.clone(), restore.entropy.clone())
        .map_err(|error| Failure::of_backup(DOING, &error))?;
    let open = |url: &DatabaseUrl| Examination::open(url, replaced_key.clone(), restore.entropy.clone());
    let mut compare = |url: &DatabaseUrl| differences(&mut restored, &mut open(url)?);
    let compared = match (compare(replaced), replaced) {
        (Err(BackupError::OlderSchema { .. }), DatabaseUrl::Sqlite(path)) => {
            let copy = staging_path(path, MIGRATED);
            let migrated = migrated_copy(path, &copy, replaced_key.clone(), restore.entropy.clone());
            let compared = migrated.and_then(|()| compare(&DatabaseUrl::Sqlite(copy.clone())));
            remove_database(&copy);
            compared
        }
        (compared, _) => compared,
    };
    Ok(match compared {
        Ok(differences) => Compared::Differences(Box::new(differences)),
        Err(error) => Compared::Unreadable(chain(&error)),
    })
}

/// Makes a copy of a database of an older release, and migrates that.
fn migrated_copy(
    database: &Path,
    copy: &Path,
    key: MasterKey,
    entropy: Arc<dyn Entropy>,
) -> Result<(), BackupError> {
    remove_database(copy);
    create_empty(copy).map_err(OpenError::File)?;
    backup::copy(database, copy)?;
    webhook_store_diesel::migrate(&DatabaseUrl::Sqlite(copy.to_owned()), key, entropy)?;
    Ok(())
}

fn differences(restored: &mut Examination, replaced: &mut Examination) -> Result<Differences, BackupError> {
    let now = SystemClock.now();
    Ok(Differences {
        webhooks: compare_webhooks(&restored.webhooks()?, &replaced.webhooks()?, now),
        revived: revived_api_keys(&restored.api_keys()?, &replaced.api_keys()?, now),
        events: compare_events(restored, replaced)?,
    })
}
