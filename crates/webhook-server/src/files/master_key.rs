//! Where the master key comes from, and the one case in which it is made: the first start on SQLite.
//!
//! Without its key a database is worth nothing, so a key is never made for a database that exists, and a
//! missing, empty or garbled key stops the start before anything is written.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use webhook_domain::entropy::Entropy;
use webhook_domain::signing::secret::SecretText;
use webhook_store_diesel::{DatabaseUrl, MasterKey};

use crate::exit::{Failure, chain};
use crate::files::private_file::{StagedFile, create_directory_of, directory_of, open_to_others};

/// The key's file beside a database that is a file.
const FILE_NAME: &str = "master.key";
/// What a key's file is called that the operator has named.
const NAMED: &str = "WEBHOOK_MASTER_KEY_FILE: the master key";
/// A key's file has 45 bytes. What is much longer is another file.
const MAX_FILE_BYTES: u64 = 1024;

/// Where the master key is to be had.
#[derive(Clone)]
pub(crate) enum MasterKeySource {
    /// It was given.
    Given(MasterKey),
    /// In a file that the operator named.
    File(PathBuf),
    /// Nothing was said: beside the database, if the database is a file.
    BesideDatabase,
}

/// Gets the master key, making it if this is the first start on a database that is a file.
pub(crate) fn obtain(
    source: MasterKeySource,
    database: &DatabaseUrl,
    entropy: &dyn Entropy,
) -> Result<MasterKey, Failure> {
    match (source, database) {
        (MasterKeySource::Given(key), _) => Ok(key),
        (MasterKeySource::File(path), _) => read(&path, NAMED),
        (MasterKeySource::BesideDatabase, DatabaseUrl::Sqlite(database)) => beside(database, entropy),
        (MasterKeySource::BesideDatabase, DatabaseUrl::Postgres(_)) => Err(must_be_given()),
    }
}

/// Where the key of a database that is a file is, unless it is said to be elsewhere.
pub(crate) fn beside_path(database: &Path) -> PathBuf {
    directory_of(database).join(FILE_NAME)
}

/// Whether the key is one that lies beside a database that is a file.
pub(crate) fn is_beside(source: &MasterKeySource, database: &DatabaseUrl) -> bool {
    match (source, database) {
        (MasterKeySource::BesideDatabase, DatabaseUrl::Sqlite(database)) => beside_path(database).exists(),
        _ => false,
    }
}

/// The key that there is, for whoever only looks: none where the first start would make it.
pub(crate) fn existing(
    source: &MasterKeySource,
    database: &DatabaseUrl,
) -> Result<Option<MasterKey>, Failure> {
    match (source, database) {
        (MasterKeySource::Given(key), _) => Ok(Some(key.clone())),
        (MasterKeySource::File(path), _) => read(path, NAMED).map(Some),
        (MasterKeySource::BesideDatabase, DatabaseUrl::Sqlite(database)) => existing_beside(database),
        (MasterKeySource::BesideDatabase, DatabaseUrl::Postgres(_)) => Err(must_be_given()),
    }
}

fn must_be_given() -> Failure {
    Failure::configuration(
        "WEBHOOK_MASTER_KEY or WEBHOOK_MASTER_KEY_FILE must be set with PostgreSQL: base64 of 32 random \
         bytes, as `openssl rand -base64 32` makes them",
    )
}

fn existing_beside(database: &Path) -> Result<Option<MasterKey>, Failure> {
    let path = beside_path(database);
    match (is_there(&path)?, is_there(database)?) {
        (true, _) => read(&path, "the master key").map(Some),
        (false, true) => Err(Failure::configuration(format!(
            "the database {} is there, but its master key {} is not; put the key back, or name it with \
             WEBHOOK_MASTER_KEY_FILE. Nothing was changed",
            database.display(),
            path.display()
        ))),
        (false, false) => Ok(None),
    }
}

fn beside(database: &Path, entropy: &dyn Entropy) -> Result<MasterKey, Failure> {
    match existing_beside(database)? {
        Some(key) => Ok(key),
        None => make(&beside_path(database), entropy),
    }
}

fn is_there(path: &Path) -> Result<bool, Failure> {
    path.try_exists()
        .map_err(|error| Failure::cannot(&format!("look for {}", path.display()), &error))
}

fn make(path: &Path, entropy: &dyn Entropy) -> Result<MasterKey, Failure> {
    let doing = format!("make the master key {}", path.display());
    let key = MasterKey::generate(entropy).map_err(|error| Failure::cannot(&doing, &error))?;
    match write(path, &key, entropy) {
        Ok(()) => {
            tracing::info!(file.path = %path.display(), "made the master key; keep a copy of it apart from the database");
            Ok(key)
        }
        // Another process made one in the meantime: that one counts.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path, "the master key"),
        Err(error) => Err(Failure::cannot(&doing, &error)),
    }
}

fn write(path: &Path, key: &MasterKey, entropy: &dyn Entropy) -> io::Result<()> {
    create_directory_of(path)?;
    // Two processes at their first start must not build the same file.
    let mut random = [0; 8];
    entropy.fill(&mut random).map_err(io::Error::other)?;
    let mut staged = StagedFile::stage(path, &format!("{:016x}.new", u64::from_ne_bytes(random)))?;
    staged.write_line(key.to_base64().expose())?;
    staged.publish_new()
}

/// Reads a key's file. `key` begins the sentence that says what is wrong with it.
pub(crate) fn read(path: &Path, key: &str) -> Result<MasterKey, Failure> {
    let unreadable = |problem: String| {
        Failure::configuration(format!("{key} {} cannot be read: {problem}", path.display()))
    };
    let (text, mode) = read_text(path).map_err(|error| unreadable(chain(&error)))?;
    if let Some(mode) = mode {
        tracing::warn!(
            file.path = %path.display(),
            file.mode = format!("{mode:o}"),
            "the master key is open to others than its owner; run `chmod 600` on it"
        );
    }
    let text = SecretText::new(text.expose().trim().to_owned());
    MasterKey::parse(&text)
        .map_err(|problem| Failure::configuration(format!("{key} in {} {problem}", path.display())))
}

/// The text of the file, and its mode if that is open to others.
fn read_text(path: &Path) -> io::Result<(SecretText, Option<u32>)> {
    let file = File::open(path)?;
    let mode = open_to_others(&file.metadata()?);
    let mut text = String::with_capacity(MAX_FILE_BYTES as usize);
    file.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    Ok((SecretText::new(text), mode))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;
    use webhook_store_diesel::SystemEntropy;

    use super::*;

    fn obtain_beside(directory: &TempDir) -> Result<MasterKey, Failure> {
        let database = DatabaseUrl::Sqlite(directory.path().join("sub/webhook.db"));
        obtain(MasterKeySource::BesideDatabase, &database, &SystemEntropy::new())
    }

    fn key_file(directory: &TempDir) -> PathBuf {
        directory.path().join("sub/master.key")
    }

    fn refusal(result: Result<MasterKey, Failure>) -> String {
        let failure = result.err().unwrap();
        assert_eq!(failure.status(), 2);
        failure.message().to_owned()
    }

    #[test]
    fn a_first_start_makes_the_key_and_the_next_one_reads_it() {
        let directory = TempDir::new().unwrap();
        let made = obtain_beside(&directory).unwrap();
        let written = std::fs::read_to_string(key_file(&directory)).unwrap();
        assert_eq!(written, format!("{}\n", made.to_base64().expose()));
        let mode = std::fs::metadata(key_file(&directory))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(directory.path().join("sub/webhook.db"), "").unwrap();
        let read = obtain_beside(&directory).unwrap();
        assert_eq!(read.to_base64(), made.to_base64());
    }

    #[test]
    fn a_database_without_its_key_gets_no_other() {
        let directory = TempDir::new().unwrap();
        std::fs::create_dir(directory.path().join("sub")).unwrap();
        std::fs::write(directory.path().join("sub/webhook.db"), "").unwrap();
        let refusal = refusal(obtain_beside(&directory));
        assert!(refusal.contains("master.key"), "{refusal}");
        assert!(!key_file(&directory).exists());
    }

    #[test]
    fn a_garbled_key_is_refused_and_not_repeated() {
        let directory = TempDir::new().unwrap();
        std::fs::create_dir(directory.path().join("sub")).unwrap();
        for garbage in ["", "\n", "hunter2\n", "AAAA"] {
            std::fs::write(key_file(&directory), garbage).unwrap();
            let refusal = refusal(obtain_beside(&directory));
            assert!(refusal.contains("master.key"), "{refusal}");
            assert!(!refusal.contains("hunter2"), "{refusal}");
            assert_eq!(std::fs::read_to_string(key_file(&directory)).unwrap(), garbage);
        }
    }

    #[test]
    fn a_key_file_that_is_named_must_be_there() {
        let directory = TempDir::new().unwrap();
        let database = DatabaseUrl::Sqlite(directory.path().join("webhook.db"));
        let source = MasterKeySource::File(directory.path().join("elsewhere"));
        let refusal = refusal(obtain(source, &database, &SystemEntropy::new()));
        assert!(refusal.contains("elsewhere"), "{refusal}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn postgresql_needs_a_key_to_be_given() {
        let database = "postgres://localhost/webhook".parse().unwrap();
        let refusal = refusal(obtain(
            MasterKeySource::BesideDatabase,
            &database,
            &SystemEntropy::new(),
        ));
        assert!(refusal.contains("WEBHOOK_MASTER_KEY"), "{refusal}");
    }
}
