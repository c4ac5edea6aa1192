//! PostgreSQL for the tests: a throwaway cluster with default durability, and a fresh database per test.
//!
//! The cluster is shared by every test process of a run (nextest makes one process per test) and belongs to none of
//! them: the first process that needs it starts a *keeper* ([`keeper`]), which runs PostgreSQL for as long as anybody
//! holds a shared lock on a file. A lock goes with its process however that dies, so the cluster never outlives the
//! tests by more than a few seconds. A keeper that was itself killed is cleared up after by the next.
//!
//! `WEBHOOK_TEST_DATABASE_URL` points the tests elsewhere: a `postgres://` URL of a role that may create databases.

pub mod keeper;
pub mod pooler;
pub mod programs;
pub mod standby;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use diesel::{
    Connection as _, PgConnection, QueryResult, RunQueryDsl as _, connection::SimpleConnection as _,
    sql_query,
};
use url::Url;

use crate::{binary, clock::wait_for};

/// A running cluster, kept running for as long as this value lives.
#[derive(Debug)]
pub struct Cluster {
    admin: Url,
    server: Url,
    meeting: Option<PathBuf>,
    /// The lock is what keeps the keeper.
    _lease: Option<fs::File>,
    _directory: Option<tempfile::TempDir>,
}

impl Cluster {
    /// The cluster all tests share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| match env::var("WEBHOOK_TEST_DATABASE_URL") {
            Ok(text) => {
                let url = Url::parse(&text).expect("WEBHOOK_TEST_DATABASE_URL is a postgres:// URL");
                Self {
                    admin: url.clone(),
                    server: url,
                    meeting: None,
                    _lease: None,
                    _directory: None,
                }
            }
            Err(_) => {
                let meeting = binary::meeting_place().join("postgres");
                fs::create_dir_all(&meeting).expect("the meeting place can be made");
                join(&meeting, &[], &[])
            }
        })
    }

    /// A cluster of one's own, with `settings` (`fsync=off`) on top of the defaults.
    pub fn private(settings: &[&str]) -> Self {
        Self::private_with(settings, &[])
    }

    /// As [`private`](Self::private), with `environment` for its server.
    pub fn private_with(settings: &[&str], environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cluster = join(directory.path(), settings, environment);
        Self {
            _directory: Some(directory),
            ..cluster
        }
    }

    /// The URL of its administrator.
    pub fn admin(&self) -> &Url {
        &self.admin
    }

    /// Where PostgreSQL keeps its files, if it is the tests' own.
    #[track_caller]
    pub fn data(&self) -> PathBuf {
        let note = self.meeting().join(keeper::DIRECTORY);
        let directory = fs::read_to_string(note).expect("the keeper notes where the cluster is");
        Path::new(&directory).join("data")
    }

    /// Ends it as a crash does, if it is the tests' own.
    pub fn crash(&self) {
        keeper::stop_cluster(
            self.data()
                .parent()
                .expect("it is in the directory of the cluster"),
            "immediate",
        );
    }

    /// What PostgreSQL has logged, if it is the tests' own.
    #[track_caller]
    pub fn log(&self) -> Vec<u8> {
        fs::read(self.meeting().join(keeper::LOG)).expect("the log can be read")
    }

    fn meeting(&self) -> &Path {
        let meeting = self.meeting.as_deref();
        meeting.expect("the files of a PostgreSQL that is somebody else's are out of reach")
    }

    /// Makes an empty database, dropped with the value.
    pub fn create_database(&self) -> Database {
        let name = format!("webhook_test_{}", random_hex(8));
        let owner = self.server.username();
        self.execute(&format!(
            "CREATE DATABASE {name} OWNER \"{owner}\" TEMPLATE template0"
        ));
        Database {
            url: with_path(&self.server, &name),
            admin: with_path(&self.admin, &name),
            maintenance: self.admin.clone(),
            name,
        }
    }

    fn execute(&self, statement: &str) {
        execute(&self.admin, statement);
    }
}

/// A database of one test.
#[derive(Debug)]
pub struct Database {
    url: Url,
    admin: Url,
    maintenance: Url,
    name: String,
}

impl Database {
    /// The URL for `WEBHOOK_DATABASE_URL`: of a role that owns the database and is no superuser.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The URL of an administrator's way in.
    pub fn admin_url(&self) -> &str {
        self.admin.as_str()
    }

    /// The password in [`Self::url`], which no log may show.
    pub fn password(&self) -> &str {
        self.url.password().unwrap_or_default()
    }

    /// Holds a transaction open in the database that has seen it as it is now, until what this gives is dropped.
    pub fn hold_open(&self) -> HeldOpen {
        HeldOpen::begin(&self.admin)
    }

    /// Runs one statement in the database, as the administrator; `{database}` stands for its name.
    pub fn execute(&self, statement: &str) {
        execute(&self.admin, &statement.replace("{database}", &self.name));
    }

    /// Everything in the database, as `pg_dump` writes it.
    pub fn dump(&self) -> Vec<u8> {
        let output = Command::new(programs::find("pg_dump"))
            .arg(self.admin.as_str())
            .output()
            .expect("pg_dump runs");
        assert!(
            output.status.success(),
            "pg_dump: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        // `\restrict TOKEN` guards whoever restores the dump, and differs in each.
        let is_token = |line: &&[u8]| line.starts_with(b"\\restrict") || line.starts_with(b"\\unrestrict");
        output
            .stdout
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| !is_token(line))
            .flatten()
            .copied()
            .collect()
    }
}

/// A transaction that is held open: nothing that ended after it began can be cleared away.
pub struct HeldOpen {
    _connection: PgConnection,
}

impl HeldOpen {
    fn begin(url: &Url) -> Self {
        let mut connection = PgConnection::establish(url.as_str())
            .unwrap_or_else(|error| panic!("PostgreSQL for tests: {error}"));
        connection
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
            .expect("a transaction can be begun");
        Self {
            _connection: connection,
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A cluster that is already gone took the database with it.
        if let Ok(mut connection) = PgConnection::establish(self.maintenance.as_str()) {
            let _ = sql_query(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name))
                .execute(&mut connection);
        }
    }
}

fn execute(url: &Url, statement: &str) {
    try_execute(url, statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
}

fn try_execute(url: &Url, statement: &str) -> QueryResult<usize> {
    let mut connection =
        PgConnection::establish(url.as_str()).unwrap_or_else(|error| panic!("PostgreSQL for tests: {error}"));
    sql_query(statement).execute(&mut connection)
}

fn with_path(base: &Url, database: &str) -> Url {
    let mut url = base.clone();
    url.set_path(database);
    url
}

/// Uses the cluster of `meeting`, starting a keeper when there is none alive.
fn join(meeting: &Path, settings: &[&str], environment: &[(&str, &str)]) -> Cluster {
    let start = binary::lock_file(&meeting.join(keeper::START_LOCK));
    start.lock().expect("a lock file can be locked");
    let lease = binary::lock_file(&meeting.join(keeper::USERS_LOCK));
    lease.lock_shared().expect("a lock file can be locked");
    if !keeper::is_alive(meeting) {
        keeper::clear_up(meeting);
        start_keeper(meeting, settings, environment);
    }
    let urls = fs::read_to_string(meeting.join(keeper::URLS)).expect("the keeper wrote the cluster's URLs");
    let (admin, server) = urls.split_once('\n').expect("two URLs");
    let parse = |text: &str| Url::parse(text.trim()).expect("the keeper's URLs are URLs");
    Cluster {
        admin: parse(admin),
        server: parse(server),
        meeting: Some(meeting.to_owned()),
        _lease: Some(lease),
        _directory: None,
    }
}

fn start_keeper(meeting: &Path, settings: &[&str], environment: &[(&str, &str)]) {
    use std::os::unix::process::CommandExt as _;
    let log = fs::File::create(meeting.join(keeper::LOG)).expect("the keeper's log can be made");
    let mut keeper = Command::new(keeper_program())
        .arg(meeting)
        .args(settings)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file has many handles"))
        .stderr(log)
        // Its own group: a Ctrl-C meant for the tests must leave it time to clear up.
        .process_group(0)
        .spawn()
        .expect("the keeper starts");
    wait_for(
        "PostgreSQL for the tests starts",
        Duration::from_secs(120),
        || {
            if let Some(status) = keeper.try_wait().expect("a child can be waited for") {
                let said = fs::read_to_string(meeting.join(keeper::LOG)).unwrap_or_default();
                panic!("PostgreSQL for the tests did not start ({status}):\n{said}");
            }
            meeting.join(keeper::URLS).exists().then_some(())
        },
    );
}

/// The keeper, built if need be: `cargo test` builds it with the tests, `cargo run` does not.
fn keeper_program() -> PathBuf {
    let program = binary::profile_directory().join("postgres-keeper");
    if !program.exists() {
        binary::build(&["--package", "webhook-tests", "--bin", "postgres-keeper"]);
    }
    program
}

/// `bytes` random bytes in hex, from the operating system.
pub fn random_hex(bytes: usize) -> String {
    data_encoding::HEXLOWER.encode(&random_bytes(bytes))
}

/// `count` random bytes from the operating system.
pub fn random_bytes(count: usize) -> Vec<u8> {
    use std::io::Read as _;
    let mut bytes = vec![0; count];
    let mut source = fs::File::open("/dev/urandom").expect("the system has randomness");
    source
        .read_exact(&mut bytes)
        .expect("the system's randomness never ends");
    bytes
}
