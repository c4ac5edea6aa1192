//! `restore`: a backup in the place of the database, and what that brings back.
//!
//! A backup knows nothing of what was done after it: a key that was revoked since signs again. So deliveries are paused in the
//! restored database before it can be served, and stay paused until an operator lets them go on. The database that was replaced is
//! kept, and compared with the backup where it can be read: the webhooks whose keys differ are named, and rolled if that is wanted.
//!
//! | where | what |
//! |---|---|
//! | `place` | the backup verified, paused, and put in place of an SQLite database |
//! | `compare` | what differs from the database that was replaced |
//! | `report` | that, for people and programs |
//! | `mend` | differing webhooks rolled, API keys revoked |
//!
//! PostgreSQL's own tool puts a backup of PostgreSQL's in place; the rest is the same.

mod compare;
mod mend;
mod place;
mod report;

use std::io::{IsTerminal as _, stdin};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use webhook_domain::InvalidValue;
use webhook_domain::entropy::Entropy;
use webhook_domain::ports::{DeliveryPause as _, Pause, PauseReason};
use webhook_domain::time::Clock as _;
use webhook_store_diesel::{DatabaseUrl, MasterKey, SystemEntropy};

use self::compare::{Compared, Differences};
use self::place::Placed;
use super::local::{Local, confirmed};
use super::{Format, counted};
use crate::clock::SystemClock;
use crate::exit::Failure;
use crate::files::master_key::{self, MasterKeySource};
use crate::settings::Settings;

const DOING: &str = "restore the database";

/// The backup, and what to do about what it brings back.
#[derive(Args)]
pub(crate) struct RestoreArguments {
    /// The backup of an SQLite database, to be put in the place of the database; servers must be stopped
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Compare with this database, the one that was replaced; `none` if it is lost. With PostgreSQL, where `pg_restore` has
    /// put the backup in place already
    #[arg(long, value_name = "URL|none")]
    replaced: Option<ReplacedArgument>,
    /// File that holds the master key of the database that was replaced, if it had another
    #[arg(long, value_name = "FILE")]
    replaced_master_key_file: Option<PathBuf>,
    /// Roll the webhooks whose keys differ, without asking
    #[arg(long)]
    roll_differing: bool,
    /// Revoke the API keys that were revoked since the backup, without asking
    #[arg(long)]
    revoke_api_keys: bool,
    /// The same as --roll-differing --revoke-api-keys
    #[arg(long)]
    yes: bool,
}

/// The database that was replaced.
#[derive(Debug, Clone)]
enum ReplacedArgument {
    Lost,
    At(DatabaseUrl),
}

impl FromStr for ReplacedArgument {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "none" => Ok(Self::Lost),
            url => url.parse().map(Self::At),
        }
    }
}

/// What a restore works with.
struct Restore {
    database: DatabaseUrl,
    key: MasterKey,
    entropy: Arc<dyn Entropy>,
}

/// Restores the database, says what that brings back, and does something about it if that is wanted.
pub(crate) fn run(
    mut settings: Settings,
    arguments: RestoreArguments,
    format: Format,
) -> Result<(), Failure> {
    check(&settings.database_url, &arguments)?;
    let restore = Restore::prepare(&mut settings)?;
    let replaced_key = match &arguments.replaced_master_key_file {
        Some(file) => master_key::read(file, "--replaced-master-key-file: the master key")?,
        None => restore.key.clone(),
    };
    let placed = match (&restore.database, &arguments.file) {
        (DatabaseUrl::Sqlite(database), Some(file)) => Some(place::place(&restore, database, file)?),
        _ => None,
    };
    let local = Local::open(settings)?;
    // Placed, it is paused already. It is not recorded: the records end where those of the backup do, so that a head that was kept
    // says how many are missing.
    let pause = local.open.store.pause(restored_now(), None);
    let pause = local.wait_for_store("pause deliveries", pause)?;
    let replaced = match (arguments.replaced, &placed) {
        (Some(ReplacedArgument::At(url)), _) => Some(url),
        (Some(ReplacedArgument::Lost), _) => None,
        (None, placed) => placed.as_ref().and_then(Placed::replaced),
    };
    let compared = compare::compare(&restore, replaced.as_ref(), replaced_key)?;
    report::show(placed.as_ref(), pause, &compared, format)?;
    let Compared::Differences(differences) = &compared else {
        return Ok(());
    };
    let wanted = |flag: bool, count: usize, question: &str| -> Result<bool, Failure> {
        if count == 0 || flag || arguments.yes {
            return Ok(count > 0);
        }
        match stdin().is_terminal() {
            true => confirmed(question),
            false => Ok(false),
        }
    };
    let rolls = differences.webhooks.differing.len();
    let revocations = differences.revived.len();
    let roll = wanted(
        arguments.roll_differing,
        rolls,
        &format!("roll {} whose keys differ?", counted(rolls as u64, "webhook")),
    )?;
    let revoke = wanted(
        arguments.revoke_api_keys,
        revocations,
        &format!(
            "revoke {} in force again?",
            counted(revocations as u64, "API key")
        ),
    )?;
    mend(&local, differences, (roll, revoke), format)
}

fn mend(
    local: &Local,
    differences: &Differences,
    (roll, revoke): (bool, bool),
    format: Format,
) -> Result<(), Failure> {
    let mended = mend::Mended {
        rolled: match roll {
            true => mend::roll(local, &differences.webhooks.differing)?,
            false => Vec::new(),
        },
        revoked: match revoke {
            true => mend::revoke(local, &differences.revived)?,
            false => Vec::new(),
        },
    };
    report::show_mended(differences, &mended, format)
}

/// Refuses what cannot be meant.
fn check(database: &DatabaseUrl, arguments: &RestoreArguments) -> Result<(), Failure> {
    let problem = match (database, &arguments.file, &arguments.replaced) {
        (DatabaseUrl::Postgres(_), Some(_), _) => {
            "a backup of PostgreSQL's is put in place with PostgreSQL's own tool: \
             `pg_restore --dbname \"$WEBHOOK_DATABASE_URL\" FILE` into a new database, and then \
             `webhook-server restore --replaced URL-OF-THE-OLD-DATABASE` before any server is started; see \
             docs/backup-and-restore.md"
        }
        (DatabaseUrl::Postgres(_), None, None) => {
            "name the database that was replaced with --replaced URL, or say --replaced none if it is lost"
        }
        (DatabaseUrl::Sqlite(_), None, None) => "name the backup to restore",
        (database, None, Some(ReplacedArgument::At(replaced))) if replaced == database => {
            "--replaced names the database itself; set WEBHOOK_DATABASE_URL to the restored one, and name the old one here"
        }
        _ => return Ok(()),
    };
    Err(Failure::configuration(problem))
}

fn restored_now() -> Pause {
    Pause {
        since: SystemClock.now(),
        reason: PauseReason::Restored,
    }
}

impl Restore {
    /// Gets the master key, which is never made here: a backup has one.
    fn prepare(settings: &mut Settings) -> Result<Self, Failure> {
        if let (MasterKeySource::BesideDatabase, DatabaseUrl::Sqlite(path)) =
            (&settings.master_key, &settings.database_url)
        {
            let file = master_key::beside_path(path);
            if !file.exists() {
                return Err(Failure::configuration(format!(
                    "the master key {} is not there; put the key of the backup there, or name it with \
                     --master-key-file. Nothing was changed",
                    file.display()
                )));
            }
        }
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
        let source = std::mem::replace(&mut settings.master_key, MasterKeySource::BesideDatabase);
        let key = master_key::obtain(source, &settings.database_url, entropy.as_ref())?;
        settings.master_key = MasterKeySource::Given(key.clone());
        Ok(Self {
            database: settings.database_url.clone(),
            key,
            entropy,
        })
    }
}
