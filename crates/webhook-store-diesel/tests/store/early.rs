//! Queues that are let go of before a commit is on disk: only by a writer that others wait for, and nothing is answered or sent before it is on disk.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel::connection::{InstrumentationEvent, SimpleConnection as _, set_default_instrumentation};
use diesel::pg::PgConnection;
use diesel::sql_types::{Bool, Integer};
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _};
use webhook_domain::id::{EventId, ProcessId};
use webhook_domain::idempotency::{IdempotencyKey, IdempotentRequest, RequestFingerprint};
use webhook_domain::ports::{DeliveryQueue as _, EventStore as _, Publication, Published};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::secret::SecretBytes;
use webhook_domain::testing::ManualClock;
use webhook_domain::webhook::Webhook;
use webhook_store_diesel::{DatabaseUrl, DieselStore};
use webhook_tests::clock::wait_for;
use webhook_tests::postgres::Cluster;

use crate::fan_out::{event, joined};
use crate::held::asked::waiting_for_locks;
use crate::opening::postgres_connection;
use crate::place::{Place, Services, block_on};
use crate::turns::arrived;

/// These tests count what all connections of their process do.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often something was waited for to be on disk, beside commits.
static FLUSHES: AtomicUsize = AtomicUsize::new(0);

fn count(event: InstrumentationEvent<'_>) {
    if let InstrumentationEvent::StartQuery { query, .. } = event
        && query.to_string().starts_with("SELECT pg_logical_emit_message")
    {
        FLUSHES.fetch_add(1, Ordering::SeqCst);
    }
}

/// How many flushes there were since this was asked last.
fn flushes() -> usize {
    FLUSHES.swap(0, Ordering::SeqCst)
}

struct Scene {
    store: Arc<DieselStore>,
    services: Services,
    process: ProcessId,
    webhook: Webhook,
    operator: PgConnection,
    place: Place,
}

#[derive(QueryableByName)]
struct Early {
    #[diesel(sql_type = Bool)]
    early: bool,
}

impl Scene {
    async fn new() -> Self {
        Self::on(Place::postgres()).await
    }

    async fn on(place: Place) -> Self {
        set_default_instrumentation(|| Some(Box::new(count))).unwrap();
        let store = place.open();
        let services = Services::over(&store);
        let process = joined(&store).await;
        Self {
            webhook: services.create().await,
            operator: postgres_connection(&place),
            place,
            store,
            services,
            process,
        }
    }

    /// Publishes, and says whether that let go of its queue early.
    async fn publishes_early(&mut self, name: Option<&str>) -> bool {
        let event = event(&self.webhook.platform, "INVOICE.PAID");
        let id = event.id;
        let request = name.map(|name| IdempotentRequest::<Published> {
            key: IdempotencyKey::parse(name).unwrap(),
            fingerprint: RequestFingerprint::of(&[b"one"]),
            render: Arc::new(|_, _| SecretBytes::new(Vec::new())),
        });
        let publication = Publication {
            event,
            quota: None,
            idempotency: request.map(|request| request.by(&self.services.acting, ManualClock::START)),
        };
        self.store.publish(publication).await.unwrap();
        self.is_early(id)
    }

    fn is_early(&mut self, event: EventId) -> bool {
        let found =
            format!("SELECT early_at IS NOT NULL AS early FROM deliveries WHERE event_id = '{event}'");
        let found: Early = diesel::sql_query(found).get_result(&mut self.operator).unwrap();
        found.early
    }

    /// Until so many sessions wait for locks.
    async fn waits_for_locks(&self, sessions: i64) {
        let mut observer = postgres_connection(&self.place);
        while waiting_for_locks(&mut observer) < sessions {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Has all deliveries be of transactions that were early so long ago, or of none that was.
    fn call_early(&mut self, ago: Option<&str>) {
        let early_at = match ago {
            Some(ago) => format!("extract(epoch FROM now() - interval '{ago}') * 1000"),
            None => "NULL".to_owned(),
        };
        let all = format!("UPDATE deliveries SET early_at = {early_at}");
        self.operator.batch_execute(&all).unwrap();
    }

    /// The events that wait, as they are read in order to be sent.
    async fn queued(&self) -> Vec<EventId> {
        let lane = self.store.look(self.process, self.webhook.id, None, 100).await;
        let queued = lane.unwrap().unwrap().queued;
        queued.iter().map(|queued| queued.event.id).collect()
    }
}

#[test]
fn a_writer_that_others_wait_for_lets_go_of_the_next_queues_early_and_answers_when_all_is_on_disk() {
    let _alone = alone();
    block_on(async {
        // A disk on which each commit takes long.
        let cluster = Cluster::private(&["commit_delay=10000", "commit_siblings=0"]);
        let mut scene = Scene::on(Place::Postgres(cluster.create_database())).await;
        assert!(!scene.publishes_early(None).await);
        assert_eq!(flushes(), 0);

        let lock = "BEGIN; SELECT * FROM lanes FOR UPDATE";
        scene.operator.batch_execute(lock).unwrap();
        let publication = Publication {
            event: event(&scene.webhook.platform, "INVOICE.PAID"),
            quota: None,
            idempotency: None,
        };
        let waiting = tokio::spawn({
            let store = Arc::clone(&scene.store);
            async move { store.publish(publication).await }
        });
        scene.waits_for_locks(1).await;
        // Waits behind the writer, and then for it.
        let mut next = postgres_connection(&scene.place);
        let next = std::thread::spawn(move || next.batch_execute(lock).unwrap());
        scene.waits_for_locks(2).await;
        scene.operator.batch_execute("ROLLBACK").unwrap();
        waiting.await.unwrap().unwrap();
        next.join().unwrap();
        assert_eq!(flushes(), 0, "it found out by this one");

        assert!(scene.publishes_early(None).await);
        assert_eq!(flushes(), 1);
        let lane = scene.store.look(scene.process, scene.webhook.id, None, 100).await;
        let turn = arrived(&lane.unwrap().unwrap());
        assert_eq!(flushes(), 1, "one that was early is among them");
        let recorded = scene.store.record(scene.process, vec![turn]).await.unwrap();
        assert_eq!((recorded.lost, recorded.locked), (vec![], vec![]));
        assert_eq!(flushes(), 1);
        assert!(!scene.publishes_early(Some("k")).await, "it is answered again");
        scene
            .services
            .roll(scene.webhook.id, Overlap::NONE)
            .await
            .unwrap();
        assert_eq!(flushes(), 0, "a change lets go of nothing early");

        tokio::time::sleep(Duration::from_millis(2_100)).await;
        assert!(!scene.publishes_early(None).await, "nobody has waited of late");
        assert_eq!(flushes(), 0);
        assert_eq!(scene.queued().await.len(), 4);
    });
}

#[test]
fn what_was_let_go_of_early_is_on_disk_before_it_is_sent() {
    let _alone = alone();
    block_on(async {
        let mut scene = Scene::new().await;
        assert!(!scene.publishes_early(None).await);
        assert_eq!(scene.queued().await.len(), 1);
        assert_eq!(flushes(), 0);
        scene.call_early(Some("1 second"));
        assert_eq!(scene.queued().await.len(), 1);
        assert_eq!(flushes(), 1);
        scene.call_early(Some("2 minutes"));
        assert_eq!(scene.queued().await.len(), 1);
        assert_eq!(flushes(), 0, "it has been on disk for long");
        scene.call_early(None);
        assert_eq!(scene.queued().await.len(), 1);
        assert_eq!(flushes(), 0);
    });
}

#[derive(QueryableByName)]
struct Backend {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

/// Kills one of PostgreSQL's processes. All others end with it, and what is not on disk is lost.
fn crash(place: &Place) {
    let mut killed = postgres_connection(place);
    let backend: Backend = diesel::sql_query("SELECT pg_backend_pid() AS pid")
        .get_result(&mut killed)
        .unwrap();
    let kill = Command::new("kill")
        .args(["-9", &backend.pid.to_string()])
        .status();
    assert!(kill.unwrap().success());
    let DatabaseUrl::Postgres(url) = place.url() else {
        panic!("not PostgreSQL")
    };
    wait_for("PostgreSQL has recovered", Duration::from_secs(30), || {
        PgConnection::establish(url.expose()).ok()
    });
}

#[test]
fn what_was_let_go_of_early_and_was_read_in_order_to_be_sent_survives_a_crash_of_postgresql() {
    let _alone = alone();
    block_on(async {
        // What nobody waits for is not written to disk meanwhile.
        let cluster = Cluster::private(&["wal_writer_delay=10s"]);
        let mut scene = Scene::on(Place::Postgres(cluster.create_database())).await;
        for is_read in [false, true] {
            scene.publishes_early(None).await;
            scene
                .operator
                .batch_execute("SET synchronous_commit = off")
                .unwrap();
            scene.call_early(Some("1 second"));
            if is_read {
                scene.queued().await;
            }
            crash(&scene.place);
            scene.operator = postgres_connection(&scene.place);
            let early = "SELECT coalesce(bool_and(early_at IS NOT NULL), FALSE) AS early FROM deliveries";
            let early: Early = diesel::sql_query(early).get_result(&mut scene.operator).unwrap();
            assert_eq!(early.early, is_read);
        }
    });
}
