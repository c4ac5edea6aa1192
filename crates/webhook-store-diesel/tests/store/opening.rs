//! Opening: the wrong key, the wrong server, the wrong release; and that both databases get one schema.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::{PgConnection, SqliteConnection, sql_query};
use webhook_store_diesel::{DatabaseUrl, OpenError};

use crate::place::{Place, Services, master_key, on_each_database};

on_each_database! {
    what_was_stored_is_there_after_reopening
    another_master_key_is_refused_at_once
    a_schema_of_a_newer_release_is_refused_unless_it_takes_this_one
    a_database_that_has_the_indexes_of_missing_migrations_is_opened
}

async fn what_was_stored_is_there_after_reopening(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let webhook = services.create().await;
    store.close();
    drop((services, store));
    assert_eq!(
        Services::over(&place.open()).read(webhook.id).await.unwrap(),
        webhook
    );
}

async fn another_master_key_is_refused_at_once(place: Place) {
    place.open().close();
    let before = contents(&place);
    let started = Instant::now();
    let refused = place.open_with(&master_key(8)).err();
    assert!(matches!(refused, Some(OpenError::WrongMasterKey)), "{refused:?}");
    assert!(refused.is_some_and(|error| error.is_configuration()));
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(contents(&place), before, "nothing was written");
}

async fn a_schema_of_a_newer_release_is_refused_unless_it_takes_this_one(place: Place) {
    place.open().close();
    execute(
        &place,
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')",
    );
    execute(&place, "UPDATE audit_chain SET newest_level = 99");
    place.open().close();
    execute(&place, "UPDATE audit_chain SET schema_level = 98");
    let refused = place.open_with(&master_key(7)).err();
    assert!(
        matches!(
            refused,
            Some(OpenError::NewerSchema {
                level: 99,
                oldest: 98,
                ..
            })
        ),
        "{refused:?}"
    );
}

/// As one that has them from a migration that made them with their columns.
async fn a_database_that_has_the_indexes_of_missing_migrations_is_opened(place: Place) {
    place.open().close();
    let before = contents(&place);
    execute(
        &place,
        "DELETE FROM __diesel_schema_migrations WHERE version IN ('20261130000055', '20261130000056', '20261130000057')",
    );
    place.open().close();
    if matches!(place, Place::Postgres(_)) {
        // But for when migrations were noted.
        let at = |dump: &[u8]| {
            String::from_utf8_lossy(dump)
                .lines()
                .filter(|line| !line.starts_with("20261130"))
                .count()
        };
        assert_eq!(at(&contents(&place)), at(&before));
    }
}

#[test]
fn a_crashed_databases_log_is_not_written_back_under_another_master_key() {
    let place = Place::sqlite();
    let DatabaseUrl::Sqlite(path) = place.url() else {
        unreachable!()
    };
    // What a killed process leaves: a log that was never written back.
    let store = place.open();
    let services = Services::over(&store);
    crate::place::block_on(services.create());
    let copy = Place::sqlite();
    let DatabaseUrl::Sqlite(copied) = copy.url() else {
        unreachable!()
    };
    for suffix in ["", "-wal"] {
        let name = |path: &std::path::Path| format!("{}{suffix}", path.display());
        std::fs::copy(name(&path), name(&copied)).unwrap();
    }
    let before = contents(&copy);
    assert!(matches!(
        copy.open_with(&master_key(8)).err(),
        Some(OpenError::WrongMasterKey)
    ));
    assert_eq!(contents(&copy), before, "nothing was written");
    assert!(copy.open_with(&master_key(7)).is_ok());
}

#[test]
fn a_postgresql_that_may_forget_is_refused() {
    let place = Place::postgres();
    let Place::Postgres(database) = &place else {
        unreachable!()
    };
    database.execute("ALTER DATABASE {database} SET synchronous_commit = off");
    let refused = place.open_with(&master_key(7)).err();
    assert!(
        matches!(
            refused,
            Some(OpenError::NotDurable {
                setting: "synchronous_commit",
                ..
            })
        ),
        "{refused:?}"
    );
}

#[test]
fn a_database_that_is_not_there_is_said_without_its_password() {
    let url: DatabaseUrl = "postgres://webhook:hunter2@127.0.0.1:1/webhook".parse().unwrap();
    let entropy = std::sync::Arc::new(webhook_store_diesel::SystemEntropy::new());
    let opened = webhook_store_diesel::DieselStore::open(&url, master_key(7), entropy, Default::default());
    let Err(refused) = opened else {
        panic!("it was opened")
    };
    let text = format!(
        "{refused} {refused:?} {:?}",
        std::error::Error::source(&refused).map(ToString::to_string)
    );
    assert!(
        text.contains("127.0.0.1:1") && !text.contains("hunter2"),
        "{text}"
    );
    assert!(!refused.is_configuration());
}

#[test]
fn both_databases_have_the_same_columns() {
    let (sqlite, postgres) = (Place::sqlite(), Place::postgres());
    sqlite.open().close();
    postgres.open().close();
    let of_sqlite = columns(
        &mut sqlite_connection(&sqlite),
        "SELECT t.name || '.' || c.name || ' ' || c.type || ' ' || (c.\"notnull\" = 1) AS text \
         FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE '\\_\\_%' \
         ESCAPE '\\' AND t.name NOT LIKE 'sqlite%'",
    );
    let of_postgres = columns(
        &mut postgres_connection(&postgres),
        "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || (is_nullable = 'NO')::int AS text \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'",
    );
    let in_sqlites_words = of_postgres
        .iter()
        .map(|column| {
            column
                .replace(" bytea ", " BLOB ")
                .replace(" text ", " TEXT ")
                .replace(" boolean ", " BOOLEAN ")
                .replace(
                    " bigint ",
                    if ["audit_records.position ", "deliveries.position "]
                        .iter()
                        .any(|rowid| column.starts_with(rowid))
                    {
                        " INTEGER "
                    } else {
                        " BIGINT "
                    },
                )
        })
        .collect::<BTreeSet<_>>();
    // PostgreSQL has a sequence instead.
    let of_sqlite: BTreeSet<_> = of_sqlite
        .into_iter()
        .filter(|column| !column.starts_with("delivery_positions."))
        .collect();
    assert!(of_sqlite.len() > 30);
    assert_eq!(of_sqlite, in_sqlites_words);
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    text: String,
}

fn columns<C: Connection + diesel::connection::LoadConnection>(
    connection: &mut C,
    query: &str,
) -> BTreeSet<String>
where
    diesel::query_builder::SqlQuery: for<'q> diesel::query_dsl::LoadQuery<'q, C, Column>,
{
    let columns: Vec<Column> = sql_query(query).load(connection).unwrap();
    columns.into_iter().map(|column| column.text).collect()
}

/// The columns that indexes of this table have in PostgreSQL, each as its place in the index and its name.
fn indexed(table: &str) -> BTreeSet<String> {
    let place = Place::postgres();
    place.open().close();
    let query = format!(
        "SELECT key.place || ' ' || attname AS text FROM pg_index, unnest(indkey) WITH ORDINALITY AS key (number, place), \
         pg_attribute WHERE indrelid = '{table}'::regclass AND attrelid = indrelid AND attnum = key.number"
    );
    columns(&mut postgres_connection(&place), &query)
}

#[test]
fn a_roll_changes_nothing_that_postgresql_has_in_an_index_of_the_webhooks() {
    let indexed = indexed("webhooks");
    assert!(indexed.contains("1 id"), "{indexed:?}");
    for column in ["key_ring", "updated_at", "version", "last_audit"] {
        assert!(!indexed.iter().any(|name| name.ends_with(column)), "{indexed:?}");
    }
}

#[test]
fn a_delivery_changes_nothing_that_postgresql_has_in_an_index_of_the_deliveries() {
    let indexed = indexed("deliveries");
    for column in ["status", "ended_at", "attempts", "tried"] {
        assert!(!indexed.iter().any(|name| name.ends_with(column)), "{indexed:?}");
    }
}

#[test]
fn the_order_of_a_lane_is_not_to_be_had_by_reading_those_of_others() {
    let indexed = indexed("deliveries");
    assert!(
        indexed.contains("1 webhook_id") && indexed.contains("2 position"),
        "{indexed:?}"
    );
    assert!(!indexed.contains("1 position"), "{indexed:?}");
}

pub(crate) fn sqlite_connection(place: &Place) -> SqliteConnection {
    let DatabaseUrl::Sqlite(path) = place.url() else {
        panic!("not SQLite")
    };
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    // The store writes its log back now and then.
    connection.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    connection
}

pub(crate) fn postgres_connection(place: &Place) -> PgConnection {
    let DatabaseUrl::Postgres(url) = place.url() else {
        panic!("not PostgreSQL")
    };
    PgConnection::establish(url.expose()).unwrap()
}

pub(crate) fn execute(place: &Place, statement: &str) {
    match place {
        Place::Sqlite(_) => sqlite_connection(place).batch_execute(statement).unwrap(),
        Place::Postgres(_) => postgres_connection(place).batch_execute(statement).unwrap(),
    }
}

/// All that is in the database: SQLite's file and its log, or PostgreSQL's dump.
fn contents(place: &Place) -> Vec<u8> {
    match place {
        Place::Sqlite(directory) => ["webhook.db", "webhook.db-wal"]
            .iter()
            .flat_map(|name| std::fs::read(directory.path().join(name)).unwrap_or_default())
            .collect(),
        Place::Postgres(database) => {
            // A dump begins and ends with a word that is another each time.
            let dump = String::from_utf8(database.dump()).unwrap();
            dump.lines()
                .filter(|line| !line.contains("restrict"))
                .collect::<Vec<_>>()
                .join("\n")
                .into_bytes()
        }
    }
}
