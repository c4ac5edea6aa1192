//! Indexes that are built while others write.

use diesel::connection::SimpleConnection as _;

use super::ground::{Ground, number};
use crate::database::open_error::OpenError;

const MIGRATION: &str = "2026-12-01-000001_things_kind";
const BUILD: &str = "CREATE INDEX CONCURRENTLY things_kind ON things (kind)";
/// Of the index: 0 if it is not there, 1 if it was not finished, 2 if it is valid.
const STATE: &str = "SELECT coalesce((SELECT 1 + indisvalid::int FROM pg_index WHERE indexrelid = to_regclass('things_kind')), 0)";
const APPLIED: &str = "SELECT count(*) FROM __diesel_schema_migrations";

#[test]
fn an_index_that_a_crash_has_left_unfinished_is_built_again() {
    let ground = Ground::new().with_index(MIGRATION, BUILD);
    let mut writer = ground.session("writer");
    writer
        .batch_execute("BEGIN; INSERT INTO things VALUES (2001, 1)")
        .unwrap();
    std::thread::scope(|scope| {
        let migrating = scope.spawn(|| ground.migrate());
        ground.wait_for(STATE, 1);
        // Others write while it is built.
        ground
            .session("another writer")
            .batch_execute("SET statement_timeout = '10s'; INSERT INTO things VALUES (2002, 1)")
            .unwrap();
        end_builder(&ground);
        migrating.join().unwrap().unwrap_err();
    });
    assert_eq!(ground.count(STATE), 1, "it is left unfinished");
    assert_eq!(ground.count(APPLIED), 0);
    writer.batch_execute("COMMIT").unwrap();
    assert_eq!(ground.migrate().unwrap(), ["20261201000001"]);
    assert_eq!((ground.count(STATE), ground.count(APPLIED)), (2, 1));
    assert_eq!(ground.migrate().unwrap(), [""; 0]);
}

/// Ends the session that builds the index, as a crash would.
fn end_builder(ground: &Ground) {
    let mut session = ground.session("killer");
    let builder = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE INDEX%' \
         AND pid <> pg_backend_pid()";
    let ended = number(
        &mut session,
        &format!("SELECT pg_terminate_backend(({builder}))::int"),
    );
    assert_eq!(ended, 1);
}

#[test]
fn an_index_that_cannot_be_built_is_removed_and_the_migration_fails() {
    let build = "CREATE UNIQUE INDEX CONCURRENTLY things_kind ON things (kind)";
    let ground = Ground::new().with_index(MIGRATION, build);
    let refused = ground.migrate().unwrap_err();
    assert!(matches!(refused, OpenError::Migration(_)), "{refused:?}");
    assert_eq!((ground.count(STATE), ground.count(APPLIED)), (0, 0));
    let free_kinds = "UPDATE things SET kind = id";
    ground.session("mending").batch_execute(free_kinds).unwrap();
    assert_eq!(ground.migrate().unwrap().len(), 1);
    assert_eq!(ground.count(STATE), 2);
}

#[test]
fn an_index_that_was_built_but_not_noted_is_kept() {
    let ground = Ground::new().with_index(MIGRATION, BUILD);
    ground.session("before the crash").batch_execute(BUILD).unwrap();
    let file = "SELECT relfilenode FROM pg_class WHERE relname = 'things_kind'";
    let before = ground.count(file);
    assert_eq!(ground.migrate().unwrap().len(), 1);
    assert_eq!((ground.count(file), ground.count(STATE)), (before, 2));
}

#[test]
fn a_migration_that_builds_another_index_than_its_name_says_fails() {
    let ground = Ground::new().with_index("2026-12-01-000001_other", BUILD);
    let refused = ground.migrate().unwrap_err();
    assert!(
        std::error::Error::source(&refused).is_some_and(|why| why.to_string().contains("index other")),
        "{refused:?}"
    );
}

#[test]
fn an_index_outlasts_transactions_that_a_change_would_not_wait_for() {
    let ground = Ground::new().with_index(MIGRATION, BUILD);
    let mut reader = ground.session("report");
    reader
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM things")
        .unwrap();
    std::thread::scope(|scope| {
        let migrating = scope.spawn(|| ground.migrate());
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'virtualxid' \
             AND clock_timestamp() - query_start > interval '0.6 seconds'";
        ground.wait_for(waits, 1);
        assert!(!migrating.is_finished());
        reader.batch_execute("COMMIT").unwrap();
        assert_eq!(migrating.join().unwrap().unwrap().len(), 1);
    });
    assert_eq!(ground.count(STATE), 2);
}
