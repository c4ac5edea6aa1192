//! What the databases can do at all, with nothing in between: what rolls are held against.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use diesel::{
    Connection as _, ExpressionMethods as _, PgConnection, QueryDsl as _, QueryResult, QueryableByName,
    RunQueryDsl as _, SqliteConnection, connection::SimpleConnection as _, insert_into, sql_query,
    sql_types::Text, update,
};
use webhook_tests::postgres::{Cluster, Database, programs};

/// Rows to update, as many as webhooks are rolled.
const ROWS: i64 = 1_000;

/// A roll writes about this much: a webhook with its keys, and an audit record.
const HALF_A_ROLL: usize = 512;

diesel::table! {
    rows (id) {
        id -> BigInt,
        payload -> Binary,
    }
}

diesel::table! {
    log (id) {
        id -> BigInt,
        payload -> Binary,
    }
}

/// Durable commits per second of SQLite, one after another on one connection: WAL, `synchronous=FULL`, one row updated
/// and one inserted in each.
pub(crate) fn sqlite_commits_per_second(duration: Duration) -> f64 {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("limit.db");
    let mut connection =
        SqliteConnection::establish(path.to_str().expect("a path is text")).expect("SQLite opens");
    let setup = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
        CREATE TABLE rows (id INTEGER PRIMARY KEY, payload BLOB NOT NULL);
        CREATE TABLE log (id INTEGER PRIMARY KEY, payload BLOB NOT NULL);";
    connection.batch_execute(setup).expect("the tables can be made");
    let payload = vec![7; HALF_A_ROLL];
    let filled: QueryResult<()> = connection.immediate_transaction(|connection| {
        (0..ROWS).try_for_each(|id| insert(connection, true, id, &payload))
    });
    filled.expect("rows can be inserted");
    let (began, mut commits) = (Instant::now(), 0);
    while began.elapsed() < duration {
        let committed: QueryResult<()> = connection.immediate_transaction(|connection| {
            update(rows::table.find(commits % ROWS))
                .set(rows::payload.eq(&payload))
                .execute(connection)?;
            insert(connection, false, commits, &payload)
        });
        committed.expect("a commit");
        commits += 1;
    }
    commits as f64 / began.elapsed().as_secs_f64()
}

fn insert(connection: &mut SqliteConnection, row: bool, id: i64, payload: &Vec<u8>) -> QueryResult<()> {
    if row {
        insert_into(rows::table)
            .values((rows::id.eq(id), rows::payload.eq(payload)))
            .execute(connection)?;
    } else {
        insert_into(log::table)
            .values((log::id.eq(id), log::payload.eq(payload)))
            .execute(connection)?;
    }
    Ok(())
}

/// Asks PostgreSQL for the one webhook there is, with its queue, as whoever signs an attempt with the keys of that moment must.
pub(crate) fn look_at_the_webhook(database: &Database) -> impl FnMut() {
    let mut connection = PgConnection::establish(database.url()).expect("PostgreSQL answers");
    let only: Only = sql_query("SELECT webhook_id FROM lanes")
        .get_result(&mut connection)
        .expect("there is a webhook");
    let prepare = "PREPARE look (text) AS SELECT * FROM webhooks JOIN lanes ON lanes.webhook_id = webhooks.id WHERE id = $1";
    connection
        .batch_execute(prepare)
        .expect("a statement can be prepared");
    let look = format!("EXECUTE look ('{}')", only.webhook_id);
    move || connection.batch_execute(&look).expect("it can be read")
}

#[derive(QueryableByName)]
struct Only {
    #[diesel(sql_type = Text)]
    webhook_id: String,
}

/// Updates of one row per second that pgbench makes with 32 clients on `cluster`.
pub(crate) fn pgbench_updates_per_second(cluster: &Cluster, duration: Duration) -> f64 {
    let database = cluster.create_database();
    database.execute("CREATE TABLE rows (id bigint PRIMARY KEY, payload bytea NOT NULL)");
    let fill = format!(
        "INSERT INTO rows SELECT id, decode(repeat('07', {HALF_A_ROLL}), 'hex') FROM generate_series(1, {ROWS}) AS id"
    );
    database.execute(&fill);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let script = directory.path().join("update.sql");
    let update = format!("\\set id random(1, {ROWS})\nUPDATE rows SET payload = payload WHERE id = :id;\n");
    std::fs::write(&script, update).expect("a file can be written");
    let output = pgbench(duration)
        .arg("-f")
        .arg(&script)
        .arg(database.admin_url())
        .output()
        .expect("pgbench runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let tps = said.lines().find_map(|line| {
        line.strip_prefix("tps = ")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    tps.unwrap_or_else(|| panic!("pgbench: {said}{}", String::from_utf8_lossy(&output.stderr)))
}

fn pgbench(duration: Duration) -> Command {
    let mut command = Command::new(programs::find("pgbench"));
    command
        .args(["-n", "-c", "32", "-j", "2", "-M", "prepared", "-T"])
        .arg(duration.as_secs().max(1).to_string());
    command
}
