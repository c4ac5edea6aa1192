//! The rows that say what became of each key, made of the audit records some time after the change: all of them, in their order, whatever
//! else is in the records, and settled when the key is in no ring any more.

use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text};
use webhook_domain::ports::AuditLog as _;
use webhook_domain::services::Upkeep;
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::testing::ManualClock;
use webhook_domain::time::Instant;

use crate::opening::{execute, postgres_connection, sqlite_connection};
use crate::place::{Place, Services, on_each_database};

on_each_database! {
    keys_of_before_are_known_by_the_audit_records
    every_record_is_read_however_many_there_are
    a_record_that_cannot_be_read_keeps_nothing_from_being_read
    what_is_promised_to_end_is_settled_once_it_is_in_no_ring
}

#[derive(QueryableByName, Debug, Clone, PartialEq, Eq)]
struct Row {
    #[diesel(sql_type = Text)]
    fingerprint: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    made_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    ended_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_position: Option<i64>,
}

fn rows(place: &Place) -> Vec<Row> {
    let query = sql_query(
        "SELECT fingerprint, made_at, ended_at, last_position FROM signing_keys ORDER BY webhook_id, fingerprint",
    );
    match place {
        Place::Sqlite(_) => query.load(&mut sqlite_connection(place)).unwrap(),
        Place::Postgres(_) => query.load(&mut postgres_connection(place)).unwrap(),
    }
}

fn later(seconds: u64) -> Instant {
    ManualClock::START
        .whole_seconds()
        .plus(Duration::from_secs(seconds))
}

async fn keys_of_before_are_known_by_the_audit_records(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let (one, other) = (services.create().await, services.create().await);
    for (id, overlap) in [
        (one.id, Overlap::DAY),
        (one.id, Overlap::NONE),
        (other.id, Overlap::DAY),
    ] {
        services.roll(id, overlap).await.unwrap();
    }
    store.note_keys(later(0)).await.unwrap();
    let expected = rows(&place);
    assert_eq!(expected.len(), 5, "{expected:?}");
    let migration = match place {
        Place::Sqlite(_) => include_str!("../../migrations/sqlite/2026-11-29-000047_signing_keys/up.sql"),
        Place::Postgres(_) => include_str!("../../migrations/postgres/2026-11-29-000047_signing_keys/up.sql"),
    };
    execute(&place, &format!("DROP TABLE signing_keys; {migration}"));
    let made = |rows: Vec<Row>| rows.into_iter().map(|row| (row.fingerprint, row.made_at));
    assert!(made(rows(&place)).eq(made(expected.clone())));
    // As after the migration that has the records read.
    execute(&place, "UPDATE key_reading SET position = 0");
    store.note_keys(later(0)).await.unwrap();
    assert_eq!(rows(&place), expected);
}

/// More than are read in one transaction: by somebody who asks for a key, and by two processes at once.
async fn every_record_is_read_however_many_there_are(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let webhook = services.create().await;
    let mut keys = Vec::new();
    for _ in 0..300 {
        let rolled = services.roll(webhook.id, Overlap::NONE).await.unwrap();
        keys.push(rolled.key_ring.current().unwrap().fingerprint());
    }
    let newest = keys.last().unwrap();
    let platform = services.acting.platform();
    let asked = store.known_keys(platform, newest, None, 10).await.unwrap();
    assert_eq!(asked.len(), 1);
    execute(&place, "DELETE FROM signing_keys");
    execute(&place, "UPDATE key_reading SET position = 0");
    let other = place.open();
    let (first, second) = tokio::join!(store.note_keys(later(0)), other.note_keys(later(0)));
    first.and(second).unwrap();
    let rows = rows(&place);
    assert_eq!(rows.len(), 301);
    let current: Vec<_> = rows.iter().filter(|row| row.ended_at.is_none()).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0].fingerprint, newest.as_str());
    assert!(
        rows.iter()
            .all(|row| row.last_position.is_none() == row.ended_at.is_none())
    );
}

async fn a_record_that_cannot_be_read_keeps_nothing_from_being_read(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let (one, other) = (services.create().await, services.create().await);
    execute(
        &place,
        &format!(
            "UPDATE audit_records SET details = '{{' WHERE resource_id = '{}'",
            one.id
        ),
    );
    store.note_keys(later(0)).await.unwrap();
    let key = other.key_ring.current().unwrap().fingerprint();
    let known = rows(&place);
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].fingerprint, key.as_str());
}

/// Not before: by a clock that is ahead, a key ends that still signs by others.
async fn what_is_promised_to_end_is_settled_once_it_is_in_no_ring(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let webhook = services.create().await;
    services.roll(webhook.id, Overlap::DAY).await.unwrap();
    let day = 86_400;
    let ended = || {
        let rows = rows(&place).into_iter();
        let mut ended = rows.filter(|row| row.ended_at.is_some());
        let row = ended.next().unwrap();
        assert_eq!(row.ended_at, Some(later(day).as_milliseconds()));
        assert!(ended.next().is_none());
        row.last_position
    };
    for seconds in [0, 2 * day] {
        store.note_keys(later(seconds)).await.unwrap();
        assert_eq!(ended(), None, "after {seconds} s");
    }
    let clock = Arc::new(ManualClock::at(later(2 * day)));
    let swept = Upkeep::new(store.clone(), clock).run().await.unwrap();
    assert_eq!(swept.webhooks_swept, 1);
    assert_eq!(ended(), None);
    store.note_keys(later(day - 1)).await.unwrap();
    assert_eq!(ended(), None);
    store.note_keys(later(2 * day)).await.unwrap();
    assert!(ended().is_some());
}
