//! How long migrations keep others waiting: a PostgreSQL with a million rows in each large table, migrated by `webhook-server migrate`
//! while other sessions read and write.
//!
//! ```text
//! cargo run --release -p webhook-tests --bin migration-locks -- --help
//! ```
//!
//! The database is made by the migrations up to `--from`, filled, and migrated from there. What is printed is a table: how long each
//! migration took, which strong locks it held on tables that were there before, for how long, and the longest that one row took to be read and to be
//! written meanwhile. `docs/operating/upgrade.md` has the numbers.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use diesel::{
    Connection as _, PgConnection, QueryableByName, RunQueryDsl as _,
    connection::SimpleConnection as _,
    sql_query,
    sql_types::{BigInt, Text},
};
use webhook_tests::{Deployment, postgres::Cluster, server::run};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(3_600);
/// How often the locks are looked at, and a row read or written.
const STEP: Duration = Duration::from_millis(2);
/// What others read, and what they write, while it is migrated.
const READ: [&str; 5] = ["webhooks", "lanes", "deliveries", "events", "audit_chain"];
const WRITTEN: [&str; 3] = [
    "UPDATE webhooks SET version = version WHERE id = 'whk_1'",
    "UPDATE lanes SET done = done WHERE webhook_id = 'whk_1'",
    "UPDATE deliveries SET status = status WHERE webhook_id = 'whk_1' AND position = 1",
];
/// The tables of migration 21, each with so many rows.
const FILL: [&str; 6] = [
    "INSERT INTO webhooks (id, platform, name, active, include_previous_data, authentication_type, url, signing_protocol, key_ring, \
     created_at, updated_at, version) SELECT 'whk_' || n, 'p' || n % 100, 'w' || n, true, false, 'NONE', \
     'https://receiver.example/' || n, 'HmacSHA256', convert_to('{\"current\":{\"key\":\"' || repeat('x', 120) || '\"},\"rolled_at\":' || \
     1700000000000 + n || ',\"retired\":[{\"expires_at\":1800000000000}]}', 'UTF8'), 1700000000000 + n, 1700000000000 + n, 1 \
     FROM generate_series(1, {rows}) AS n",
    "INSERT INTO lanes (webhook_id, owner, done, epoch) SELECT 'whk_' || n, '', 0, 1 FROM generate_series(1, {rows}) AS n",
    "INSERT INTO subscriptions SELECT 'p' || n % 100, '*', 'whk_' || n, false, false FROM generate_series(1, {rows}) AS n",
    "INSERT INTO events SELECT 'evt_' || n, 'p' || n % 100, 'INVOICE.CREATED', 1700000000000 + n, NULL, \
     convert_to('{\"n\":' || n || '}', 'UTF8'), NULL FROM generate_series(1, {rows}) AS n",
    "INSERT INTO deliveries (position, id, event_id, webhook_id, platform, action, include_previous_data, created_at, status, ended_at, \
     attempts, tried) SELECT n, 'whe_' || n, 'evt_' || n, 'whk_' || n, 'p' || n % 100, 'INVOICE.CREATED', false, 1700000000000 + n, \
     'SUCCEEDED', 1700000000000 + n, '{\"at\":1700000000000,\"status\":204,\"keys\":[\"sha256:' || lpad(to_hex(n % 5000), 16, '0') || \
     '\"]}' || chr(10), 1 FROM generate_series(1, {rows}) AS n",
    "INSERT INTO platforms (platform, webhooks, routing) SELECT 'p' || n, {rows} / 100, 0 FROM generate_series(0, 99) AS n",
];

/// Measures for how long migrations keep others waiting.
#[derive(Debug, Parser)]
struct Options {
    /// Rows in each of webhooks, lanes, subscriptions, events and deliveries
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// The migration that the database has before: the part of its name behind the date, such as 000021
    #[arg(long, default_value = "000021")]
    from: String,
}

#[derive(QueryableByName)]
struct Lock {
    #[diesel(sql_type = Text)]
    relname: String,
    #[diesel(sql_type = Text)]
    mode: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// What was seen while a migration was the next one to be done.
#[derive(Default)]
struct Seen {
    began: Option<Instant>,
    took: Duration,
    /// By table and mode.
    held: BTreeMap<(String, String), Duration>,
    longest_read: Duration,
    longest_write: Duration,
}

struct Watch {
    url: String,
    /// How many migrations there were before.
    before: usize,
    /// Which of those that are missing is the next one to be done.
    current: AtomicUsize,
    seen: Vec<Mutex<Seen>>,
    done: AtomicBool,
}

fn main() {
    let options = Options::parse();
    let cluster = Cluster::private(&[]);
    let deployment = Deployment::on_cluster(&cluster);
    let url = deployment
        .database()
        .expect("it is on PostgreSQL")
        .admin_url()
        .to_owned();
    let owner = deployment
        .database()
        .expect("it is on PostgreSQL")
        .url()
        .to_owned();
    let migrations = migrations();
    let split = migrations
        .iter()
        .position(|(name, _)| {
            name.split('-')
                .nth(3)
                .is_some_and(|rest| rest.starts_with(&options.from))
        })
        .expect("--from is a migration")
        + 1;
    let (there, missing) = migrations.split_at(split);
    prepare(&owner, there);
    let began = Instant::now();
    for statement in FILL {
        connect(&owner)
            .batch_execute(&statement.replace("{rows}", &options.rows.to_string()))
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    connect(&url)
        .batch_execute("VACUUM ANALYZE")
        .expect("it is vacuumed");
    eprintln!(
        "{} rows in each table, made in {:.0?}",
        options.rows,
        began.elapsed()
    );

    let watch = Watch {
        url,
        before: there.len(),
        current: AtomicUsize::new(0),
        seen: (0..=missing.len()).map(|_| Mutex::default()).collect(),
        done: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        scope.spawn(|| watch.locks());
        let watch = &watch;
        for table in READ {
            let statement = format!("SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT 1) AS one");
            scope.spawn(move || watch.exchange(&statement, false));
        }
        for statement in WRITTEN {
            scope.spawn(move || watch.exchange(statement, true));
        }
        let ended = run(deployment.command(&["migrate"]), LIMIT);
        watch.done.store(true, Ordering::Relaxed);
        ended.expect_success();
    });
    println!(
        "| migration | took | locks on tables that were there, held for | longest read | longest write |"
    );
    println!("|---|---|---|---|---|");
    for ((name, _), seen) in missing.iter().zip(&watch.seen) {
        println!("{}", line(name, &seen.lock().expect("no thread has panicked")));
    }
}

/// The names of the migrations and what each does, in their order.
fn migrations() -> Vec<(String, String)> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/webhook-store-diesel/migrations/postgres");
    let entries = fs::read_dir(&folder).expect("the migrations are there").flatten();
    let mut migrations: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().expect("names are text");
            let up = fs::read_to_string(entry.path().join("up.sql")).expect("a migration");
            (name, up)
        })
        .collect();
    migrations.sort();
    migrations
}

fn prepare(url: &str, migrations: &[(String, String)]) {
    let mut connection = connect(url);
    connection
        .batch_execute(
            "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
             run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
        )
        .expect("a table");
    for (name, up) in migrations {
        let version = name.split('_').next().unwrap_or_default().replace('-', "");
        // Apart: an index that is built while others write cannot be built together with anything else.
        let note = format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')");
        for statements in [up, &note] {
            connection
                .batch_execute(statements)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

fn connect(url: &str) -> PgConnection {
    PgConnection::establish(url).unwrap_or_else(|error| panic!("PostgreSQL: {error}"))
}

impl Watch {
    /// Notes which strong locks the migrating session holds, and which migration is under way.
    fn locks(&self) {
        let mut connection = connect(&self.url);
        connection
            .batch_execute(
                "CREATE TEMPORARY TABLE there AS SELECT oid, relname::text FROM pg_class WHERE relkind = 'r' \
                 AND relnamespace = 'public'::regnamespace",
            )
            .expect("a table");
        let question = "SELECT DISTINCT relname, mode FROM pg_locks JOIN there ON there.oid = relation WHERE granted \
             AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') \
             AND pid IN (SELECT pid FROM pg_stat_activity WHERE application_name = 'webhook')";
        let mut last = Instant::now();
        while !self.done.load(Ordering::Relaxed) {
            let applied: Number = sql_query("SELECT count(*) AS number FROM __diesel_schema_migrations")
                .get_result(&mut connection)
                .expect("it can be asked");
            let applied = usize::try_from(applied.number).expect("a small number");
            let current = (applied - self.before).min(self.seen.len() - 1);
            self.current.store(current, Ordering::Relaxed);
            let held: Vec<Lock> = sql_query(question)
                .load(&mut connection)
                .expect("it can be asked");
            let (now, mut seen) = (
                Instant::now(),
                self.seen[current].lock().expect("no thread has panicked"),
            );
            seen.took = now - *seen.began.get_or_insert(now);
            for lock in held {
                *seen.held.entry((lock.relname, lock.mode)).or_default() += now - last;
            }
            drop(seen);
            last = now;
            thread::sleep(STEP);
        }
    }

    /// Reads or writes one row again and again, and notes the longest that it took.
    fn exchange(&self, statement: &str, writes: bool) {
        let mut connection = connect(&self.url);
        while !self.done.load(Ordering::Relaxed) {
            let (current, began) = (self.current.load(Ordering::Relaxed), Instant::now());
            sql_query(statement)
                .execute(&mut connection)
                .expect("it succeeds");
            let took = began.elapsed();
            let mut seen = self.seen[current].lock().expect("no thread has panicked");
            match writes {
                true => seen.longest_write = seen.longest_write.max(took),
                false => seen.longest_read = seen.longest_read.max(took),
            }
            drop(seen);
            thread::sleep(STEP);
        }
    }
}

fn line(name: &str, seen: &Seen) -> String {
    let milliseconds = |duration: Duration| format!("{} ms", duration.as_millis());
    let held = seen.held.iter().map(|((table, mode), duration)| {
        format!(
            "{table}: {} {}",
            mode.trim_end_matches("Lock"),
            milliseconds(*duration)
        )
    });
    let held: Vec<_> = held.collect();
    let held = if held.is_empty() {
        "none seen".to_owned()
    } else {
        held.join("; ")
    };
    format!(
        "| `{}` | {} | {held} | {} | {} |",
        name.split_once('_').map_or(name, |(_, name)| name),
        milliseconds(seen.took),
        milliseconds(seen.longest_read),
        milliseconds(seen.longest_write)
    )
}
