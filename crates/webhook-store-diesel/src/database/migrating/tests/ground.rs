//! A database with one table, folders of migrations, and sessions of others.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;
use diesel_migrations::FileBasedMigrations;
use tempfile::TempDir;
use webhook_tests::postgres::{Cluster, Database};

use super::super::postgres::{Patience, migrate};
use crate::DatabaseUrl;
use crate::database::connection::AnyConnection;
use crate::database::open_error::OpenError;

/// How long anything is waited for that must come about.
pub(super) const LONG: Duration = Duration::from_secs(30);

/// What a test waits for at the most, and the table `things` with a thousand rows.
pub(super) struct Ground {
    pub(super) patience: Patience,
    folder: TempDir,
    pub(super) database: Database,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

impl Ground {
    pub(super) fn new() -> Self {
        let ground = Self {
            patience: Patience {
                lock: Duration::from_millis(200),
                tables: LONG,
                index: LONG,
                turn: LONG,
            },
            folder: tempfile::tempdir().unwrap(),
            database: Cluster::shared().create_database(),
        };
        ground
            .session("setting up")
            .batch_execute(
                "CREATE TABLE things (id BIGINT PRIMARY KEY, kind BIGINT NOT NULL); \
                 INSERT INTO things SELECT id, id % 7 FROM generate_series(1, 1000) AS id",
            )
            .unwrap();
        ground
    }

    /// Adds a migration that runs in a transaction.
    pub(super) fn with_change(self, name: &str, statements: &str) -> Self {
        write(&self.folder.path().join(name), statements, None);
        self
    }

    /// Adds a migration that builds an index.
    pub(super) fn with_index(self, name: &str, statement: &str) -> Self {
        let metadata = "run_in_transaction = false\n";
        write(&self.folder.path().join(name), statement, Some(metadata));
        self
    }

    /// A session of somebody else.
    pub(super) fn session(&self, application: &str) -> PgConnection {
        let mut session = PgConnection::establish(self.database.url()).unwrap();
        session
            .batch_execute(&format!("SET application_name = '{application}'"))
            .unwrap();
        session
    }

    /// Migrates as a start does.
    pub(super) fn migrate(&self) -> Result<Vec<String>, OpenError> {
        let url: DatabaseUrl = self.database.url().parse().unwrap();
        let Ok(AnyConnection::Postgres(mut postgres)) = AnyConnection::open(&url) else {
            panic!("it is PostgreSQL")
        };
        let source = FileBasedMigrations::from_path(self.folder.path()).unwrap();
        migrate(&mut postgres, &source, self.patience)
    }

    /// What a question is answered with.
    pub(super) fn count(&self, question: &str) -> i64 {
        number(&mut self.session("counting"), question)
    }

    /// Waits until the question is answered with so many.
    #[track_caller]
    pub(super) fn wait_for(&self, question: &str, wanted: i64) {
        let mut session = self.session("waiting");
        let began = Instant::now();
        while number(&mut session, question) != wanted {
            assert!(began.elapsed() < LONG, "not {wanted}: {question}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub(super) fn number(session: &mut PgConnection, question: &str) -> i64 {
    let question = format!("SELECT ({question})::bigint AS number");
    let row: Number = sql_query(question).get_result(session).unwrap();
    row.number
}

fn write(folder: &Path, up: &str, metadata: Option<&str>) {
    std::fs::create_dir(folder).unwrap();
    std::fs::write(folder.join("up.sql"), up).unwrap();
    if let Some(metadata) = metadata {
        std::fs::write(folder.join("metadata.toml"), metadata).unwrap();
    }
}
