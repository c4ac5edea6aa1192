//! The keys of a webhook that have ended are found by an index of the webhook's, and not by reading those of others.

use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use webhook_domain::signing::secret::SecretText;
use webhook_domain::time::Instant;
use webhook_tests::postgres::Cluster;

use super::past;
use crate::database::connection::AnyConnection;
use crate::database::opening::open;
use crate::database::plan;
use crate::sealing::Vault;
use crate::{DatabaseUrl, MasterKey, SystemEntropy};

/// A thousand webhooks, each with keys that have ended at the same times.
const MANY: &str = "WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < 9999) \
     INSERT INTO signing_keys (platform, fingerprint, webhook_id, ended_at) \
     SELECT 'acme', 'sha256:' || n, 'whk_' || (n % 1000), n / 1000 FROM number; ANALYZE signing_keys";

fn plan_on(url: &DatabaseUrl) -> String {
    let key = SecretText::new(data_encoding::BASE64.encode(&[7; 32]));
    let vault = Vault::new(MasterKey::parse(&key).unwrap(), Arc::new(SystemEntropy::new())).unwrap();
    let mut connection = open(url, &vault).unwrap().connection;
    match &mut connection {
        AnyConnection::Sqlite(sqlite) => sqlite.batch_execute(MANY),
        AnyConnection::Postgres(postgres) => postgres.batch_execute(MANY),
    }
    .unwrap();
    let at = Instant::from_milliseconds;
    plan::of(&mut connection, |connection| {
        let found = past(connection, ("acme", "whk_7"), (at(3), at(6)), 9).unwrap();
        assert_eq!(found.len(), 4);
    })
}

#[test]
fn sqlite_finds_past_keys_by_their_webhook_and_their_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("webhook.db");
    std::fs::write(&path, "").unwrap();
    let plan = plan_on(&DatabaseUrl::Sqlite(path));
    assert!(
        plan.contains(
            "SEARCH signing_keys USING INDEX signing_keys_of_webhook (webhook_id=? AND ended_at>? AND ended_at<?)"
        ),
        "{plan}"
    );
}

#[test]
fn postgresql_finds_past_keys_by_their_webhook_and_their_end() {
    let database = Cluster::shared().create_database();
    let plan = plan_on(&database.url().parse().unwrap());
    let (_, scan) = plan
        .split_once("using signing_keys_of_webhook on signing_keys")
        .unwrap_or_else(|| panic!("{plan}"));
    let (_, condition) = scan.split_once("Index Cond: ").unwrap();
    let condition = condition.lines().next().unwrap();
    assert!(
        condition.contains("webhook_id =") && condition.contains("ended_at >="),
        "{plan}"
    );
}
