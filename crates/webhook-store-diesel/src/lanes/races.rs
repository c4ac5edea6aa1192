//! Races between the transactions of several processes: two connections to a real PostgreSQL, stepped one statement at a time.
//!
//! One side goes as far as it is told. The other begins a step that must wait for it, and `pg_stat_activity` says that it does
//! ([`Ground::while_waiting`]). Then the first side commits, and the other goes on with what it finds. A step that is called
//! directly must not wait: the only one it could wait for is its own caller, so it fails when `lock_timeout` is over.
//!
//! Whatever a race is about, at its end nothing sleeps, nothing is lost, and PostgreSQL has met no deadlock: see [`race`].

mod activating;
mod clearing;
mod clocks;
mod deleting;
mod leases;
mod looking;
mod noticing;
mod resending;
mod retargeting;
mod steps;
mod storm;
mod subscribing;
mod taking;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Moment};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Integer};
use webhook_domain::id::PlatformId;
use webhook_domain::signing::secret::SecretText;
use webhook_domain::testing::fixtures;
use webhook_domain::time::Instant;
use webhook_tests::postgres::{Cluster, Database};

use crate::audit::chain::ChainKey;
use crate::audit::head::Keys;
use crate::database::connection::AnyConnection;
use crate::database::dialect::lanes::POSTGRES_NOW;
use crate::database::opening::{open, open_for_writing};
use crate::sealing::Vault;
use crate::{DatabaseUrl, MasterKey, SystemEntropy};

/// How long anything is waited for that must come about.
const LONG: Duration = Duration::from_secs(20);
/// A step that waits longer than this for a lock waits for its own caller. And a side may pause for as long as the other works.
const STEPPED: &str = "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = 0";

/// A webhook that may be sent to says that there is something to do in its lane, now, if there is. Of one that is held up the
/// time may be later.
const SLEEPING: &str = "SELECT count(*) AS number FROM lanes JOIN webhooks ON webhooks.id = lanes.webhook_id \
     WHERE webhooks.active AND webhooks.url IS NOT NULL AND EXISTS (SELECT 1 FROM deliveries \
     WHERE deliveries.webhook_id = lanes.webhook_id AND deliveries.status = 'PENDING') \
     AND (lanes.ready_at IS NULL OR (lanes.penalty_box IS NULL AND lanes.ready_at > (extract(epoch FROM clock_timestamp()) * 1000)::bigint))";
/// What waits stands where it is looked for, and its event is there.
const LOST: &str = "SELECT count(*) AS number FROM deliveries JOIN lanes ON lanes.webhook_id = deliveries.webhook_id \
     WHERE deliveries.status = 'PENDING' AND (deliveries.position <= lanes.done \
     OR NOT EXISTS (SELECT 1 FROM events WHERE events.id = deliveries.event_id))";
const OTHERS: &str = "SELECT count(*) AS number FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
const DEADLOCKS: &str = "SELECT deadlocks AS number FROM pg_stat_database WHERE datname = current_database()";

/// A database of its own for one race.
pub(super) struct Ground {
    url: DatabaseUrl,
    vault: Vault,
    chain: ChainKey,
    entropy: Arc<SystemEntropy>,
    platform: PlatformId,
    observer: Mutex<AnyConnection>,
    /// Dropped last, with its connections gone.
    _database: Database,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Backend {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = Bool)]
    waits: bool,
}

/// Runs a race between two connections. At its end nothing may sleep or be lost, and there must have been no deadlock.
fn race(run: impl FnOnce(&Ground, &mut AnyConnection, &mut AnyConnection)) {
    let ground = Ground::new();
    let (mut one, mut other) = (ground.connect(), ground.connect());
    run(&ground, &mut one, &mut other);
    drop((one, other));
    ground.assert_that_all_is_well();
}

impl Ground {
    fn new() -> Self {
        let database = Cluster::shared().create_database();
        let url: DatabaseUrl = database.url().parse().unwrap();
        let entropy = Arc::new(SystemEntropy::new());
        let vault = Vault::new(Self::master_key(), entropy.clone()).unwrap();
        let opened = open(&url, &vault).unwrap();
        Self {
            url,
            vault,
            chain: opened.chain,
            entropy,
            platform: fixtures::acme(),
            observer: Mutex::new(opened.connection),
            _database: database,
        }
    }

    fn master_key() -> MasterKey {
        MasterKey::parse(&SecretText::new(data_encoding::BASE64.encode(&[7; 32]))).unwrap()
    }

    fn keys(&self) -> Keys<'_> {
        Keys {
            vault: &self.vault,
            chain: &self.chain,
        }
    }

    /// A connection as the writer's.
    fn connect(&self) -> AnyConnection {
        let mut connection = open_for_writing(&self.url).unwrap();
        execute(&mut connection, STEPPED);
        connection
    }

    /// PostgreSQL's time.
    fn now(&self) -> Instant {
        Instant::from_milliseconds(self.number(&format!("SELECT {POSTGRES_NOW} AS number")))
    }

    /// Waits until PostgreSQL's clock has passed this.
    fn wait_until(&self, instant: Instant) {
        eventually("the time comes", || self.now() > instant);
    }

    /// Runs statements that are nobody's.
    fn execute(&self, statements: &str) {
        execute(&mut self.observe(), statements);
    }

    fn number(&self, question: &str) -> i64 {
        number(&mut self.observe(), question)
    }

    fn observe(&self) -> std::sync::MutexGuard<'_, AnyConnection> {
        self.observer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a step that must wait for a lock. Once it waits, `meanwhile` is done, which must let it go on.
    fn while_waiting<T: Send>(
        &self,
        waiting: &mut AnyConnection,
        step: impl FnOnce(&mut AnyConnection) -> T + Send,
        meanwhile: impl FnOnce(),
    ) -> T {
        let backend: Backend = sql_query("SELECT pg_backend_pid() AS pid")
            .get_result(waiting)
            .unwrap();
        std::thread::scope(|scope| {
            let step = scope.spawn(move || step(waiting));
            eventually("the step waits for a lock", || {
                assert!(!step.is_finished(), "the step did not wait");
                self.waits_for_a_lock(backend.pid)
            });
            meanwhile();
            step.join().unwrap()
        })
    }

    fn waits_for_a_lock(&self, pid: i32) -> bool {
        let question =
            "SELECT coalesce(wait_event_type = 'Lock', FALSE) AS waits FROM pg_stat_activity WHERE pid = $1";
        let waiting: Waiting = sql_query(question)
            .bind::<Integer, _>(pid)
            .get_result(&mut *self.observe())
            .unwrap();
        waiting.waits
    }

    /// Whether somebody on this database waits for a lock.
    fn somebody_waits(&self) -> bool {
        let question = "SELECT count(*) AS number FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'";
        self.number(question) > 0
    }

    /// To be called when nobody else is connected any more.
    fn assert_that_all_is_well(&self) {
        // A backend that ends says how many deadlocks it has met.
        eventually("all others have left", || self.number(OTHERS) == 0);
        assert_eq!(self.number(DEADLOCKS), 0, "deadlocks");
        assert_eq!(self.number(SLEEPING), 0, "lanes that sleep");
        assert_eq!(self.number(LOST), 0, "deliveries that are lost");
    }
}

fn execute(connection: &mut AnyConnection, statements: &str) {
    let AnyConnection::Postgres(postgres) = connection else {
        unreachable!("a race is one of PostgreSQL's");
    };
    postgres.batch_execute(statements).unwrap();
}

fn number(connection: &mut AnyConnection, question: &str) -> i64 {
    let number: Number = sql_query(question).get_result(connection).unwrap();
    number.number
}

/// Asks until it is so.
#[track_caller]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Moment::now();
    while !is_so() {
        assert!(began.elapsed() < LONG, "in vain was it waited that {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
