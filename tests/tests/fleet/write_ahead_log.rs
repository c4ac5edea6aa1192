//! A key that was retired at once is gone from the files of SQLite, its sealed form too: its pages are not left in the
//! write-ahead log, however much is written after it.

use std::{fs, time::Duration};

use serde_json::json;
use webhook_tests::{
    Backend, Deployment, Service,
    clock::wait_for,
    fixtures::{Webhook, create, roll_with},
};

use crate::sql;

/// How many commits follow the roll.
const COMMITS: usize = 50;
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// How much of a sealed key is looked for: its end, which is the encrypted key and no name or version.
const SLICE: usize = 48;

#[test]
fn a_sealed_key_retired_at_once_is_in_no_file_after_ten_seconds() {
    let service = Service::start(Backend::Sqlite);
    let client = service.client();
    let (webhook, busy) = (create(&client), create(&client));
    let sealed = sealed_key(service.deployment(), &webhook);
    assert_ne!(files_with(service.deployment(), &sealed), Vec::<&str>::new());
    let at_once = json!({"previous_secret_expires_in": 0});
    roll_with(&client, &webhook, at_once.clone());
    assert_ne!(sealed_key(service.deployment(), &webhook), sealed);
    for _ in 0..COMMITS {
        roll_with(&client, &busy, at_once.clone());
    }
    wait_for("the sealed key is in no file", GONE_WITHIN, || {
        files_with(service.deployment(), &sealed).is_empty().then_some(())
    });
}

/// The end of the only key in the ring of `webhook`, sealed, as it is stored.
#[track_caller]
fn sealed_key(deployment: &Deployment, webhook: &Webhook) -> String {
    let query = format!(
        "SELECT CAST(key_ring AS TEXT) AS value FROM webhooks WHERE id = '{}'",
        webhook.id()
    );
    let ring = sql::sqlite_text(deployment, &query);
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=-_".contains(c);
    let longest = ring
        .split(|c| !base64(c))
        .max_by_key(|text| text.len())
        .expect("a split gives something");
    assert!(longest.len() > 2 * SLICE, "a sealed key is long: {ring}");
    longest[longest.len() - SLICE..].to_owned()
}

/// Which of the database's files have `text` in them.
fn files_with(deployment: &Deployment, text: &str) -> Vec<&'static str> {
    let mut found = vec!["webhook.db", "webhook.db-wal", "webhook.db-shm"];
    found.retain(|name| {
        let bytes = fs::read(deployment.data().join(name)).expect("the server has its files open");
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    });
    found
}
