//! The rows that lead from a fingerprint to a key's webhooks, and to what it signed: also for what was there before there were such rows,
//! and until there is nothing left that they lead to.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use webhook_domain::ports::EventStore as _;
use webhook_domain::time::Instant;

use crate::opening::{execute, postgres_connection, sqlite_connection};
use crate::place::{Place, on_each_database};

on_each_database! {
    what_was_recorded_before_is_found_too
    what_leads_to_a_keys_deliveries_goes_with_them
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    text: String,
}

/// The use of each key, as text.
fn uses(place: &Place) -> BTreeSet<String> {
    let query = sql_query(
        "SELECT platform || ' ' || fingerprint || ' ' || webhook_id || ' ' || first_position AS text FROM key_uses",
    );
    let rows: Vec<Row> = match place {
        Place::Sqlite(_) => query.load(&mut sqlite_connection(place)).unwrap(),
        Place::Postgres(_) => query.load(&mut postgres_connection(place)).unwrap(),
    };
    rows.into_iter().map(|row| row.text).collect()
}

async fn what_was_recorded_before_is_found_too(place: Place) {
    place.open().close();
    let key = |letter: char| format!("sha256:{}", letter.to_string().repeat(16));
    let line = |keys: &[char], answer: &str| {
        let keys: Vec<_> = keys
            .iter()
            .map(|letter| format!("\"{}\"", key(*letter)))
            .collect();
        format!(
            "{{\"at\":1,\"key_fingerprints\":[{}],\"response_body\":\"{answer}\"}}\n",
            keys.join(",")
        )
    };
    // A receiver may repeat what looks like a fingerprint: its quotes are escaped.
    let repeated = format!("\\\"{}\\\"", key('c'));
    let near = "\\\"sha256:0123456789abcdeX\\\" \\\"sha256:";
    for (position, platform, webhook, attempts) in [
        (1, "p", "whk_1", String::new()),
        (2, "p", "whk_1", line(&['a'], "")),
        (
            3,
            "p",
            "whk_1",
            line(&['a', 'b'], &repeated) + &line(&['b', 'd'], near),
        ),
        (4, "p", "whk_2", line(&[], "") + &line(&['e'], "")),
        (5, "q", "whk_3", line(&['a'], "")),
    ] {
        execute(
            &place,
            &format!(
                "INSERT INTO deliveries (position, id, event_id, webhook_id, platform, action, include_previous_data, \
                 created_at, status, attempts, tried) VALUES ({position}, 'whe_{position}', 'evt_1', '{webhook}', \
                 '{platform}', 'A.B', FALSE, 1, 'SUCCEEDED', '{attempts}', 1)"
            ),
        );
    }
    let migration = match place {
        Place::Sqlite(_) => include_str!("../../migrations/sqlite/2026-11-29-000032_key_uses/up.sql"),
        Place::Postgres(_) => include_str!("../../migrations/postgres/2026-11-29-000032_key_uses/up.sql"),
    };
    execute(&place, &format!("DROP TABLE key_uses; {migration}"));
    let expected = [
        ("p", 'a', "whk_1", 2),
        ("p", 'b', "whk_1", 3),
        ("p", 'd', "whk_1", 3),
        ("p", 'e', "whk_2", 4),
        ("q", 'a', "whk_3", 5),
    ];
    let expected = expected
        .map(|(platform, letter, webhook, first)| format!("{platform} {} {webhook} {first}", key(letter)));
    assert_eq!(uses(&place), expected.into_iter().collect());
}

/// Of a key that has ended, once no event is left that was published before: nobody writes such a row again. Other rows are remembered by
/// those who have written them, and stay.
async fn what_leads_to_a_keys_deliveries_goes_with_them(place: Place) {
    let store = place.open();
    let (early, late) = ("sha256:000000000000000a", "sha256:000000000000000b");
    for (key, ended_at, last) in [
        (early, "5000", "1"),
        (late, "12000", "1"),
        ("sha256:000000000000000c", "NULL", "NULL"),
        // Promised to end, and not known to be in no ring.
        ("sha256:000000000000000d", "5000", "NULL"),
    ] {
        execute(
            &place,
            &format!(
                "INSERT INTO key_uses VALUES ('p', '{key}', 'whk_1', 1); INSERT INTO signing_keys (platform, fingerprint, webhook_id, \
                 ended_at, last_position) VALUES ('p', '{key}', 'whk_1', {ended_at}, {last})"
            ),
        );
    }
    for created_at in [3000, 4000, 10000, 20000] {
        let data = match place {
            Place::Sqlite(_) => "x''",
            Place::Postgres(_) => "''",
        };
        execute(
            &place,
            &format!(
                "INSERT INTO events (id, platform, action, created_at, data) VALUES ('evt_{created_at}', 'p', 'A.B', {created_at}, {data})"
            ),
        );
    }
    let mut left = Vec::new();
    for before in [3500, 4500, 10500, 30000] {
        store
            .forget_events(Instant::from_milliseconds(before), 10)
            .await
            .unwrap();
        left.push(uses(&place).len());
    }
    assert_eq!(left, [4, 3, 2, 2]);
}
