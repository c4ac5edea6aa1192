//! What the migrations say of the levels, and which releases may run on which.

use std::collections::BTreeSet;

use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::MigrationHarness;
use webhook_tests::postgres::Cluster;

use super::super::{POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS, Standing, judge};
use crate::database::connection::AnyConnection;
use crate::database::levels::{Levels, OLDEST_LEVEL, SCHEMA_LEVEL};
use crate::database::open_error::OpenError;

/// The migration from which on a schema says both levels.
const SINCE: &str = "20261129000036";
/// A database that a process has opened before that.
const OPENED: &str = "INSERT INTO audit_chain (id, chain_key, position, mac, seal, sealed_under, schema_level) \
     VALUES (1, '', 0, '', '', '', 21)";

fn sorted<DB: Backend>(source: &impl MigrationSource<DB>) -> Vec<Box<dyn Migration<DB>>> {
    let mut migrations = source.migrations().unwrap();
    migrations.sort_unstable_by(|a, b| a.name().version().cmp(&b.name().version()));
    migrations
}

/// The migrations that build an index while others write. Each is one statement, and so raises no level: a release runs as well without.
fn index_builds() -> BTreeSet<String> {
    let all = sorted::<Pg>(&POSTGRES_MIGRATIONS).into_iter();
    let builds = all.filter(|migration| !migration.metadata().run_in_transaction());
    builds
        .map(|migration| migration.name().version().to_string())
        .collect()
}

/// Applies the migrations one by one. Gives what the schema says after each, from the first on that says it.
fn levels_of_each<DB: Backend, C: MigrationHarness<DB> + SimpleConnection>(
    mut connection: C,
    source: &impl MigrationSource<DB>,
    wrap: impl Fn(C) -> AnyConnection,
    unwrap: impl Fn(AnyConnection) -> C,
) -> Vec<Levels> {
    let index_builds = index_builds();
    let mut found = Vec::new();
    connection.applied_migrations().unwrap();
    for migration in sorted(source) {
        let version = migration.name().version().to_string();
        if version == SINCE {
            connection.batch_execute(OPENED).unwrap();
        }
        connection.run_migration(migration.as_ref()).unwrap();
        if version.as_str() >= SINCE && !index_builds.contains(&version) {
            let mut any = wrap(connection);
            found.push(Levels::read(&mut any).unwrap().unwrap());
            connection = unwrap(any);
        }
    }
    found
}

#[test]
fn each_migration_raises_the_level_and_the_last_one_to_that_of_this_release() {
    let sqlite = levels_of_each::<Sqlite, _>(
        SqliteConnection::establish(":memory:").unwrap(),
        &SQLITE_MIGRATIONS,
        AnyConnection::Sqlite,
        |any| match any {
            AnyConnection::Sqlite(sqlite) => sqlite,
            AnyConnection::Postgres(_) => unreachable!(),
        },
    );
    let database = Cluster::shared().create_database();
    let postgres = levels_of_each::<Pg, _>(
        PgConnection::establish(database.url()).unwrap(),
        &POSTGRES_MIGRATIONS,
        AnyConnection::Postgres,
        |any| match any {
            AnyConnection::Postgres(postgres) => postgres,
            AnyConnection::Sqlite(_) => unreachable!(),
        },
    );
    assert_eq!(sqlite, postgres);
    let expected: Vec<i64> = (22..=SCHEMA_LEVEL).collect();
    let newest: Vec<i64> = sqlite.iter().map(|levels| levels.newest).collect();
    assert_eq!(
        newest, expected,
        "each migration adds 1 to audit_chain.newest_level, but those that build an index"
    );
    assert_eq!(sqlite.last().unwrap().oldest, OLDEST_LEVEL);
}

fn judged(
    unknown: Option<&str>,
    lacking: &[&str],
    levels: Option<(i64, i64)>,
) -> Result<Standing, OpenError> {
    let lacking = lacking.iter().map(ToString::to_string).collect();
    let levels = levels.map(|(newest, oldest)| Levels { newest, oldest });
    judge(unknown.map(str::to_owned), lacking, levels, "own".to_owned())
}

#[test]
fn a_release_runs_on_a_newer_schema_down_to_the_oldest_level_that_it_names() {
    let own = SCHEMA_LEVEL;
    let current = Standing::Current("own".to_owned());
    assert_eq!(judged(None, &[], Some((own, OLDEST_LEVEL))).unwrap(), current);
    assert_eq!(
        judged(None, &[], None).unwrap(),
        current,
        "nobody has opened it yet"
    );
    for oldest in [OLDEST_LEVEL, own] {
        assert_eq!(
            judged(Some("x"), &[], Some((own + 3, oldest))).unwrap(),
            Standing::Ahead {
                migration: "x".to_owned(),
                level: own + 3
            }
        );
    }
    for (unknown, named) in [(Some("x"), "x"), (None, "own")] {
        let refused = judged(unknown, &[], Some((own + 3, own + 1))).unwrap_err();
        let text = refused.to_string();
        assert!(matches!(refused, OpenError::NewerSchema { .. }), "{refused:?}");
        for told in [
            named,
            &format!("level {}", own + 3),
            &format!("level {} and above", own + 1),
            &format!("this one has level {own}"),
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
    }
}

#[test]
fn a_schema_of_another_line_or_without_levels_is_refused() {
    let own = SCHEMA_LEVEL;
    assert_eq!(
        judged(None, &["a", "b"], None).unwrap(),
        Standing::Lacking(vec!["a".to_owned(), "b".to_owned()])
    );
    let refused = judged(Some("x"), &["a"], Some((own, own))).unwrap_err();
    assert!(matches!(refused, OpenError::OtherSchema { .. }), "{refused:?}");
    let refused = judged(Some("x"), &[], None).unwrap_err();
    assert!(
        matches!(refused, OpenError::UnfinishedSchema { .. }),
        "{refused:?}"
    );
}
