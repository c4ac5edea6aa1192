//! The rows that lead from a key to what it signed, for deliveries that were recorded before there were such rows.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use crate::opening::{execute, postgres_connection, sqlite_connection};
use crate::place::{Place, on_each_database};

on_each_database! {
    what_was_recorded_before_is_found_too
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    text: String,
}

fn rows(place: &Place) -> BTreeSet<String> {
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
    assert_eq!(rows(&place), expected.into_iter().collect());
}
