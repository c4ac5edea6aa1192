//! Tables that others use while a migration wants to change them, and several processes that migrate.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;

use super::super::turn;
use super::ground::{Ground, LONG, number};
use crate::database::open_error::OpenError;

const ADD: &str = "ALTER TABLE things ADD COLUMN colour TEXT";
/// How many sessions wait for a table.
const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' \
     AND relation = 'things'::regclass";
const COLOURS: &str =
    "SELECT count(*) FROM pg_attribute WHERE attrelid = 'things'::regclass AND attname = 'colour'";
const APPLIED: &str = "SELECT count(*) FROM __diesel_schema_migrations";

#[test]
fn readers_wait_no_longer_than_one_attempt_while_somebody_holds_the_table() {
    let ground = Ground::new().with_change("2026-12-01-000001_colour", ADD);
    let mut backup = ground.session("backup");
    backup
        .batch_execute("BEGIN; SELECT count(*) FROM things")
        .unwrap();
    let done = AtomicBool::new(false);
    let (migrated, longest) = std::thread::scope(|scope| {
        let migrating = scope.spawn(|| ground.migrate());
        let reading = scope.spawn(|| {
            let mut reader = ground.session("reader");
            let mut longest = Duration::ZERO;
            while !done.load(Ordering::Relaxed) {
                let began = Instant::now();
                number(&mut reader, "SELECT count(*) FROM things");
                longest = longest.max(began.elapsed());
            }
            longest
        });
        for _ in 0..3 {
            ground.wait_for(WAITING, 1);
            ground.wait_for(WAITING, 0);
        }
        assert_eq!(ground.count(COLOURS), 0);
        backup.batch_execute("COMMIT").unwrap();
        let migrated = migrating.join().unwrap();
        done.store(true, Ordering::Relaxed);
        (migrated, reading.join().unwrap())
    });
    assert_eq!(migrated.unwrap(), ["20261201000001"]);
    assert_eq!(ground.count(COLOURS), 1);
    // Ten times the time limit of a lock: the machine may be busy.
    assert!(longest < ground.patience.lock * 10, "{longest:?}");
}

#[test]
fn after_its_limit_a_migration_fails_says_who_is_in_the_way_and_leaves_nothing() {
    let first = "CREATE TABLE colours (id BIGINT PRIMARY KEY);";
    let mut ground = Ground::new().with_change("2026-12-01-000001_colour", &format!("{first} {ADD}"));
    ground.patience.tables = Duration::from_secs(1);
    let mut backup = ground.session("nightly backup");
    backup
        .batch_execute("BEGIN; SELECT count(*) FROM things")
        .unwrap();
    let pid = number(&mut backup, "SELECT pg_backend_pid()");
    let began = Instant::now();
    let refused = ground.migrate().unwrap_err();
    assert!(began.elapsed() < LONG);
    let text = refused.to_string();
    assert!(matches!(refused, OpenError::TablesInUse { .. }), "{refused:?}");
    for told in [
        "migration 2026-12-01-000001_colour",
        "within 1 seconds",
        &format!("session {pid} (nightly backup, idle in transaction, its transaction is"),
        "on things",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert_eq!(
        ground.count("SELECT (to_regclass('colours') IS NOT NULL)::int"),
        0
    );
    assert_eq!(ground.count(APPLIED), 0);
    backup.batch_execute("COMMIT").unwrap();
    assert_eq!(ground.migrate().unwrap().len(), 1);
}

#[test]
fn a_mistake_in_a_migration_is_told_at_once() {
    let ground =
        Ground::new().with_change("2026-12-01-000001_wrong", "ALTER TABLE nothing ADD COLUMN a TEXT");
    let refused = ground.migrate().unwrap_err();
    assert!(matches!(refused, OpenError::Migration(_)), "{refused:?}");
}

#[test]
fn time_limits_of_the_database_do_not_end_a_migration() {
    let ground = Ground::new().with_change("2026-12-01-000001_slow", "SELECT pg_sleep(0.5)");
    for setting in ["statement_timeout = '100ms'", "lock_timeout = '1ms'"] {
        ground
            .database
            .execute(&format!("ALTER DATABASE {{database}} SET {setting}"));
    }
    assert_eq!(ground.migrate().unwrap().len(), 1);
}

#[test]
fn of_several_processes_one_migrates_and_the_others_find_it_done() {
    let ground = Ground::new()
        .with_change("2026-12-01-000001_colour", ADD)
        .with_index(
            "2026-12-01-000002_things_kind",
            "CREATE INDEX CONCURRENTLY things_kind ON things (kind)",
        )
        .with_change(
            "2026-12-01-000003_size",
            "ALTER TABLE things ADD COLUMN size BIGINT",
        );
    let applied: Vec<_> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..4).map(|_| scope.spawn(|| ground.migrate())).collect();
        started
            .into_iter()
            .map(|migrating| migrating.join().unwrap().unwrap().len())
            .collect()
    });
    let mut sorted = applied.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 0, 0, 3], "{applied:?}");
}

#[test]
fn whoever_migrates_for_too_long_is_named() {
    let mut ground = Ground::new().with_change("2026-12-01-000001_colour", ADD);
    ground.patience.turn = Duration::from_millis(300);
    let mut other = ground.session("other");
    sql_query("SELECT pg_advisory_lock(x'776562686F6F6B'::bigint)")
        .execute(&mut other)
        .unwrap();
    let pid = number(&mut other, "SELECT pg_backend_pid()");
    let refused = ground.migrate().unwrap_err();
    assert!(
        matches!(refused, OpenError::AlreadyMigrating { session, .. } if i64::from(session) == pid),
        "{refused:?}"
    );
    drop(other);
    ground.patience.turn = LONG;
    assert_eq!(ground.migrate().unwrap().len(), 1);
}

#[test]
fn a_session_that_has_lost_its_turn_is_told_from_one_that_has_it() {
    let ground = Ground::new();
    let mut session = ground.session("migrating");
    turn::take(&mut session, LONG).unwrap();
    turn::check(&mut session).unwrap();
    let mut another = ground.session("what a pooler gives next");
    let refused = turn::check(&mut another);
    assert!(matches!(refused, Err(OpenError::Pooler)), "{refused:?}");
}
