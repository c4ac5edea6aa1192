//! `rekey`: a new master key in the place of the one there is.
//!
//! If the key is in a file, the new one is made beside it, as `<file>.new`. Once nothing is sealed under the old key, the
//! old one is kept as `<file>.<its id>`, for the sake of backups, and the new one takes its name; only then does the
//! database forget the old key. Cut short anywhere, it is called again and goes on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use webhook_domain::access::audit::{AuditAction, AuditDetails, AuditRecord, AuditStamp};
use webhook_domain::access::caller::Caller;
use webhook_domain::entropy::Entropy;
use webhook_domain::id::RequestId;
use webhook_domain::time::Clock as _;
use webhook_store_diesel::rekeying::{GRACE, RekeyError, Rekeying};
use webhook_store_diesel::{DatabaseUrl, MasterKey, SystemEntropy, refuse_lost};

use super::local::{answer, remark};
use crate::clock::SystemClock;
use crate::exit::Failure;
use crate::files::master_key::{self, MasterKeySource};
use crate::files::private_file::{StagedFile, staging_path};
use crate::settings::Settings;

const DOING: &str = "replace the master key";
/// How many rows are resealed between two remarks.
const REMARK_EVERY: u64 = 10_000;

/// The new key.
#[derive(Args)]
pub(crate) struct RekeyArguments {
    /// File that holds the new master key; if not given, one is made, and its file replaces that of the old one
    #[arg(long, value_name = "FILE")]
    new_master_key_file: Option<PathBuf>,
}

/// Replaces the master key.
pub(crate) fn run(settings: Settings, arguments: RekeyArguments) -> Result<(), Failure> {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
    let file = own_file(&settings, arguments.new_master_key_file.as_deref())?;
    if let Some(database) = settings.database_file().filter(|database| !database.exists()) {
        refuse_lost(database).map_err(|error| Failure::opening(&error))?;
        let problem = format!("there is no database {}", database.display());
        return Err(Failure::configuration(problem));
    }
    let key = master_key::obtain(settings.master_key, &settings.database_url, entropy.as_ref())?;
    let mut rekeying = Rekeying::open(&settings.database_url, key, entropy.clone()).map_err(failed)?;
    let new = match (rekeying.pending_key(), &arguments.new_master_key_file, &file) {
        (_, Some(named), _) => master_key::read(named, "--new-master-key-file: the master key")?,
        (Some(pending), None, _) => pending,
        (None, None, Some(file)) => staged_key(file, entropy.as_ref())?,
        (None, None, None) => return Err(nowhere_to_go()),
    };
    rekeying.begin(&new).map_err(failed)?;
    reseal(&mut rekeying)?;
    let old_id = rekeying.old_key_id().unwrap_or_default().to_owned();
    let new_id = rekeying.new_key_id().unwrap_or_default().to_owned();
    if let Some(file) = &file {
        swap(file, &old_id, &new)
            .map_err(|error| Failure::cannot("put the new master key in its place", &error))?;
    }
    remark(&format!(
        "nothing is sealed under the old key any more; waiting {} s for servers to learn the new one",
        GRACE.as_secs()
    ));
    std::thread::sleep(GRACE);
    // What was under way in a server when it learnt the new key.
    reseal(&mut rekeying)?;
    rekeying.finish(&record(entropy.as_ref())?).map_err(failed)?;
    match &file {
        Some(file) => remark(&format!(
            "the new master key is in {}; the old one is kept in {}, for backups made before",
            file.display(),
            kept(file, &old_id).display()
        )),
        None => remark(
            "give every server the new master key before it is started again; keep the old one for backups made before",
        ),
    }
    answer(&format!("{new_id}\n"))
}

/// The file of the key there is, if the new key is to take its place.
fn own_file(settings: &Settings, named: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    if named.is_some() {
        return Ok(None);
    }
    match (&settings.master_key, &settings.database_url) {
        (MasterKeySource::File(file), _) => Ok(Some(file.clone())),
        (MasterKeySource::BesideDatabase, DatabaseUrl::Sqlite(database)) => {
            Ok(Some(master_key::beside_path(database)))
        }
        _ => Err(nowhere_to_go()),
    }
}

fn nowhere_to_go() -> Failure {
    Failure::configuration(
        "the master key is not in a file, so the new one cannot take its place; make one with \
         `openssl rand -base64 32`, and name its file with --new-master-key-file",
    )
}

/// The key in `<file>.new`, made if it is not there.
fn staged_key(file: &Path, entropy: &dyn Entropy) -> Result<MasterKey, Failure> {
    let path = staging_path(file, "new");
    if path.exists() {
        return master_key::read(&path, "the new master key");
    }
    let doing = format!("make the new master key {}", path.display());
    let key = MasterKey::generate(entropy).map_err(|error| Failure::cannot(&doing, &error))?;
    write(&path, &key).map_err(|error| Failure::cannot(&doing, &error))?;
    Ok(key)
}

fn write(path: &Path, key: &MasterKey) -> io::Result<()> {
    let mut staged = StagedFile::stage(path, "part")?;
    staged.write_line(key.to_base64().expose())?;
    staged.publish()
}

fn kept(file: &Path, old_id: &str) -> PathBuf {
    staging_path(file, old_id)
}

/// Keeps the old key's file under another name and gives its own to the new one. Done already, it changes nothing.
fn swap(file: &Path, old_id: &str, new: &MasterKey) -> io::Result<()> {
    let holds_new = std::fs::read_to_string(file)?.trim() == new.to_base64().expose();
    if !holds_new {
        match std::fs::hard_link(file, kept(file, old_id)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => write(file, new)?,
        }
    }
    match std::fs::remove_file(staging_path(file, "new")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn reseal(rekeying: &mut Rekeying) -> Result<(), Failure> {
    let mut remarked = 0;
    let mut progress = |resealed: u64| {
        if resealed >= remarked + REMARK_EVERY {
            remarked = resealed;
            remark(&format!("{resealed} rows sealed under the new key"));
        }
        true
    };
    let resealed = rekeying.reseal(&mut progress).map_err(failed)?;
    remark(&format!(
        "{resealed} rows were sealed under the old key and are now under the new one"
    ));
    Ok(())
}

fn record(entropy: &dyn Entropy) -> Result<AuditRecord, Failure> {
    let request = RequestId::generate(entropy).map_err(|error| Failure::cannot(DOING, &error))?;
    let acting = Arc::new(Caller::command_line())
        .acting_on(None, request)
        .map_err(|refusal| Failure::cannot(DOING, &refusal))?;
    let stamp = AuditStamp::new(&acting, SystemClock.now(), entropy)
        .map_err(|error| Failure::cannot(DOING, &error))?;
    Ok(stamp.record(
        AuditAction::MasterKeyChanged,
        "master-key".to_owned(),
        AuditDetails::default(),
    ))
}

fn failed(error: RekeyError) -> Failure {
    match error {
        RekeyError::Open(error) => Failure::opening(&error),
        RekeyError::SameKey | RekeyError::OtherKeyPending { .. } => Failure::configuration(error.to_string()),
        error => Failure::cannot(DOING, &error),
    }
}
