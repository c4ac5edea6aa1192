//! What waits in a lane is read in its order from an index: then nothing is read behind the first delivery that does not fit.

use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use webhook_domain::signing::secret::SecretText;

use crate::database::connection::AnyConnection;
use crate::database::dialect::lanes::ReadRow;
use crate::database::opening::open;
use crate::database::plan;
use crate::sealing::Vault;
use crate::{DatabaseUrl, MasterKey, SystemEntropy};

/// A lane with a thousand deliveries among a hundred thousand, and what the database knows of that.
const MANY: &str = "PRAGMA foreign_keys = OFF; \
     INSERT INTO lanes (webhook_id, platform, owner, done, epoch) VALUES ('whk_7', 'acme', '', 0, 1); \
     WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 100000) \
     INSERT INTO deliveries (position, id, event_id, webhook_id, platform, action, include_previous_data, created_at, status, attempts, \
     tried) SELECT n, 'dlv_' || n, 'evt_' || n, 'whk_' || (n % 100), 'acme', 'A', 0, 0, 'PENDING', '', 0 FROM number; ANALYZE";

#[test]
fn sqlite_reads_what_waits_in_its_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("webhook.db");
    std::fs::write(&path, "").unwrap();
    let key = SecretText::new(data_encoding::BASE64.encode(&[7; 32]));
    let vault = Vault::new(MasterKey::parse(&key).unwrap(), Arc::new(SystemEntropy::new())).unwrap();
    let mut connection = open(&DatabaseUrl::Sqlite(path), &vault).unwrap().connection;
    let AnyConnection::Sqlite(sqlite) = &mut connection else {
        panic!("a file is SQLite's");
    };
    sqlite.batch_execute(MANY).unwrap();
    let read = ReadRow {
        webhook_id: "whk_7".into(),
        after: 0,
        most: 3,
        bytes: 1,
    };
    let plan = plan::of(&mut connection, |connection| {
        connection.waiting(&[read]).unwrap();
    });
    assert!(
        plan.contains("SEARCH deliveries USING INDEX deliveries_lane (webhook_id=? AND position>?)"),
        "{plan}"
    );
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}
