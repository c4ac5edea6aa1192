//! A place where `webhook-server` can run: a directory, a database, an environment.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    binary,
    postgres::{self, Cluster},
    server::{Ended, Server, run, run_with_input},
};

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The default: a file, with everything made on the first start.
    Sqlite,
    /// A fresh database of a cluster.
    Postgres,
}

/// A directory to run in, settings, and a database; all removed when dropped.
#[derive(Debug)]
pub struct Deployment {
    directory: tempfile::TempDir,
    settings: Vec<(String, String)>,
    database: Option<postgres::Database>,
    /// Instead of the binary under test.
    binary: Option<PathBuf>,
    /// How many files it may have open.
    open_files: Option<u32>,
}

impl Deployment {
    /// A deployment as its first start finds it, with no more settings than `backend` needs.
    pub fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::on(None),
            Backend::Postgres => Self::on_cluster(Cluster::shared()),
        }
    }

    /// A deployment on a fresh database of `cluster`.
    pub fn on_cluster(cluster: &Cluster) -> Self {
        let database = cluster.create_database();
        let url = database.url().to_owned();
        let master_key = data_encoding::BASE64.encode(&postgres::random_bytes(32));
        Self::on(Some(database))
            .with("WEBHOOK_DATABASE_URL", &url)
            .with("WEBHOOK_MASTER_KEY", &master_key)
    }

    fn on(database: Option<postgres::Database>) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("webhook-test-")
            .tempdir()
            .expect("a temporary directory");
        Self {
            directory,
            settings: Vec::new(),
            database,
            binary: None,
            open_files: None,
        }
        .with("WEBHOOK_LISTEN", "127.0.0.1:0")
        // Many servers of tests run at a time.
        .with("WEBHOOK_METRICS_LISTEN", "")
    }

    /// The same deployment with environment variable `name` set.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// The same deployment of another binary than the one under test.
    pub fn with_binary(mut self, binary: &Path) -> Self {
        self.binary = Some(binary.to_owned());
        self
    }

    /// The same deployment that may have `count` files open.
    pub fn with_open_files(mut self, count: u32) -> Self {
        self.open_files = Some(count);
        self
    }

    /// The same deployment with its master key in a file, if it was given one in the environment.
    pub fn with_master_key_in_a_file(mut self) -> Self {
        if let Some(key) = self.setting("WEBHOOK_MASTER_KEY").map(str::to_owned) {
            let file = self.directory().join("the.key");
            fs::write(&file, key).expect("a file can be written");
            self.unset("WEBHOOK_MASTER_KEY");
            self.set("WEBHOOK_MASTER_KEY_FILE", &file.to_string_lossy());
        }
        self
    }

    /// The file of its master key: the one that is named, or else the one a first start makes.
    pub fn master_key_file(&self) -> PathBuf {
        match self.setting("WEBHOOK_MASTER_KEY_FILE") {
            Some(file) => file.into(),
            None => self.data().join("master.key"),
        }
    }

    /// The same deployment with the URL of its database in the settings file, if it was given one in the environment.
    pub fn with_database_url_in_a_file(mut self) -> Self {
        if let Some(url) = self.setting("WEBHOOK_DATABASE_URL").map(str::to_owned) {
            let file = self.directory().join("webhook.toml");
            fs::write(&file, format!("database_url = '{url}'\n")).expect("a file can be written");
            self.unset("WEBHOOK_DATABASE_URL");
        }
        self
    }

    /// Sets environment variable `name`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Takes environment variable `name` away.
    pub fn unset(&mut self, name: &str) {
        self.settings.retain(|(set, _)| set != name);
    }

    /// The value of environment variable `name`.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|(set, _)| set == name)
            .map(|(_, value)| value.as_str())
    }

    /// The PostgreSQL database, if it runs on one.
    pub fn database(&self) -> Option<&postgres::Database> {
        self.database.as_ref()
    }

    /// The directory the server runs in.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where the zero-configuration server keeps its SQLite database and what belongs to it.
    pub fn data(&self) -> PathBuf {
        self.directory().join("webhook-data")
    }

    /// The binary with `arguments`, in this directory and environment and no other.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let binary = self.binary.as_deref().unwrap_or_else(|| binary::path());
        let mut command = match self.open_files {
            None => Command::new(binary),
            Some(count) => {
                let mut limited = Command::new("prlimit");
                limited.arg(format!("--nofile={count}:{count}")).arg(binary);
                limited
            }
        };
        command.args(arguments).current_dir(self.directory());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("WEBHOOK_") || text.starts_with("PG") || text == "RUST_LOG" {
                command.env_remove(&name);
            }
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a subcommand to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ended {
        run(self.command(arguments), Duration::from_secs(30))
    }

    /// Starts the server, which must come up.
    #[track_caller]
    pub fn serve(&self) -> Server {
        Server::start(self.command(&[]))
    }

    /// Starts the server, which must not come up.
    #[track_caller]
    pub fn serve_in_vain(&self) -> Ended {
        match Server::try_start(self.command(&[])) {
            Err(ended) => ended,
            Ok(server) => panic!(
                "the server started, though it should not have:\n{}",
                server.output()
            ),
        }
    }

    /// Makes an API key with the command line, and gives its text.
    #[track_caller]
    pub fn create_key(&self, platform: &str, permissions: &[&str], more: &[&str]) -> String {
        let mut arguments = vec!["api-key", "create", "--platform", platform];
        for permission in permissions {
            arguments.extend(["--permission", permission]);
        }
        arguments.extend(more);
        let ended = self.run(&arguments);
        let key = ended.expect_success();
        assert!(
            !key.is_empty() && !key.contains(char::is_whitespace),
            "the key alone is on stdout, not {key:?}"
        );
        key.to_owned()
    }

    /// Runs one statement in the database, behind the service's back.
    pub fn execute(&self, statement: &str) {
        match &self.database {
            Some(database) => database.execute(statement),
            None => crate::sqlite::execute(&self.data().join("webhook.db"), statement),
        }
    }

    /// Runs a subcommand to its end, with `input` as its standard input.
    #[track_caller]
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        let file = self.directory().join("standard-input");
        fs::write(&file, input).expect("a file can be written");
        let input = fs::File::open(&file).expect("a file can be read");
        run_with_input(self.command(arguments), input.into(), Duration::from_secs(30))
    }

    /// How many bytes the values in all tables of the database have.
    pub fn stored_bytes(&self) -> u64 {
        match &self.database {
            Some(database) => database.dump().len() as u64,
            None => crate::sqlite::stored_bytes(&self.data().join("webhook.db")),
        }
    }

    /// The bytes of every file in the directory, by path: what a start that fails must leave as it was.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        files_below(self.directory())
    }
}

/// The bytes of every file below `directory`, by path. One that goes away meanwhile is empty.
pub fn files_below(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory)
            .expect("a directory can be read")
            .flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let bytes = fs::read(&path).unwrap_or_default();
                found.push((path, bytes));
            }
        }
    }
    found.sort();
    found
}
