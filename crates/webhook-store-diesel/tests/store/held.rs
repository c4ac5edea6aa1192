//! A queue that somebody keeps locked, as in a session that was forgotten. It is the trouble of those alone who need it.

pub(crate) mod asked;

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl as _};
use webhook_domain::delivery::event::Event;
use webhook_domain::id::{EventId, PlatformId, ProcessId, WebhookId};
use webhook_domain::ports::{
    Change, ChangeOrder, DeliveryQueue as _, Effect, EventStore as _, Publication, Turn, WebhookStore as _,
};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::webhook::Webhook;
use webhook_domain::{ServiceError, StoreError};
use webhook_store_diesel::{DieselStore, SystemEntropy};

use crate::fan_out::{MANY, create_many_on};
use crate::opening::postgres_connection;
use crate::place::{Place, Services, block_on};
use crate::turns::arrived;

/// Longer than a test takes.
const LONG_LEASE: Duration = Duration::from_secs(50);

/// A store with a webhook on each of two platforms, whose queues are one process's.
struct Scene {
    place: Place,
    store: Arc<DieselStore>,
    process: ProcessId,
    locked: Webhook,
    free: Webhook,
}

impl Scene {
    async fn new() -> Self {
        let place = Place::postgres();
        let store = place.open();
        let (locked, free) = (create_on("locked", &store).await, create_on("free", &store).await);
        let process = ProcessId::generate(ManualClock::START, &SystemEntropy::new()).unwrap();
        assert!(store.join(process, LONG_LEASE, ManualClock::START).await.unwrap());
        let all = vec![locked.id, free.id];
        assert_eq!(
            store.take(process, all, ManualClock::START).await.unwrap().len(),
            2
        );
        Self {
            place,
            store,
            process,
            locked,
            free,
        }
    }

    /// A session that keeps the queue of the one webhook locked until it ends.
    fn lock(&self) -> PgConnection {
        self.lock_between("", "")
    }

    /// The same, with statements before and after the one that locks.
    fn lock_between(&self, before: &str, after: &str) -> PgConnection {
        let mut somebody = postgres_connection(&self.place);
        let lock = format!(
            "BEGIN; {before}; SELECT * FROM lanes WHERE webhook_id = '{}' FOR UPDATE; {after}",
            self.locked.id
        );
        somebody.batch_execute(&lock).unwrap();
        somebody
    }

    async fn publish(&self, platform: &PlatformId) -> Result<EventId, ServiceError> {
        let id = EventId::generate(ManualClock::START, &SystemEntropy::new()).unwrap();
        let publication = Publication {
            event: Event {
                id,
                ..fixtures::event(platform, "INVOICE.PAID", ManualClock::START)
            },
            quota: None,
            idempotency: None,
        };
        self.store.publish(publication).await.map(|_| id)
    }

    /// The events that wait in the queue of a webhook.
    async fn queued(&self, webhook: WebhookId) -> Vec<EventId> {
        let lane = self.store.look(self.process, webhook, None, 100).await;
        let queued = lane.unwrap().unwrap().queued;
        queued.iter().map(|queued| queued.event.id).collect()
    }

    /// A turn in which what stands at the head of the webhook's queue arrives.
    async fn delivered(&self, webhook: &Webhook) -> Turn {
        let lane = self.store.look(self.process, webhook.id, None, 1).await;
        arrived(&lane.unwrap().unwrap())
    }
}

async fn create_on(platform: &str, store: &Arc<DieselStore>) -> Webhook {
    let services = Services {
        acting: fixtures::operator(&fixtures::platform(platform)),
        ..Services::over(store)
    };
    services.create().await
}

fn is_unavailable<T>(answer: &Result<T, ServiceError>) -> bool {
    matches!(answer, Err(ServiceError::Store(StoreError::Unavailable(_))))
}

#[test]
fn a_queue_that_somebody_keeps_locked_refuses_what_needs_it_and_nothing_else() {
    block_on(async {
        let scene = Arc::new(Scene::new().await);
        let mut somebody = scene.lock();
        let mut accepted = Vec::new();
        for round in 0..3 {
            let started = Instant::now();
            let publishing: Vec<_> = (0..24)
                .map(|number| {
                    let scene = Arc::clone(&scene);
                    let is_locked = number % 3 == 0;
                    tokio::spawn(async move {
                        let webhook = if is_locked { &scene.locked } else { &scene.free };
                        (is_locked, scene.publish(&webhook.platform).await)
                    })
                })
                .collect();
            for published in publishing {
                let (is_locked, published) = published.await.unwrap();
                match is_locked {
                    true => {
                        let error = published.unwrap_err().to_string();
                        assert!(error.contains("unavailable"), "round {round}: {error}");
                    }
                    false => accepted.push(published.unwrap()),
                }
            }
            let took = started.elapsed();
            let limit = if round == 0 { 4 } else { 1 };
            assert!(
                took < Duration::from_secs(limit),
                "round {round} took {took:?}: a queue that is known to be locked is not waited for"
            );
        }
        let mut queued = scene.queued(scene.free.id).await;
        queued.sort_unstable();
        accepted.sort_unstable();
        assert_eq!(queued, accepted);
        assert_eq!(scene.queued(scene.locked.id).await, []);
        somebody.batch_execute("ROLLBACK").unwrap();
        let event = scene.publish(&scene.locked.platform).await.unwrap();
        assert_eq!(scene.queued(scene.locked.id).await, [event], "it is free at once");
    });
}

#[test]
fn a_queue_that_somebody_keeps_locked_refuses_a_change_that_needs_it_and_no_other() {
    block_on(async {
        let scene = Scene::new().await;
        let mut somebody = scene.lock();
        let services = |webhook: &Webhook| Services {
            acting: fixtures::operator(&webhook.platform),
            ..Services::over(&scene.store)
        };
        let delete = || ChangeOrder {
            announcement: None,
            platform: scene.locked.platform.clone(),
            webhook: scene.locked.id,
            decide: Box::new(|_| {
                Ok(Change {
                    effect: Effect::Delete,
                    ..Change::default()
                })
            }),
            settles: None,
            idempotency: None,
        };
        let (of_free, of_locked) = (services(&scene.free), services(&scene.locked));
        let (deleted, rolled, published) = tokio::join!(
            scene.store.change(delete()),
            of_free.roll(scene.free.id, Overlap::NONE),
            scene.publish(&scene.free.platform),
        );
        assert!(is_unavailable(&deleted), "{deleted:?}");
        assert_eq!(rolled.unwrap().version.0, 2);
        assert!(published.is_ok(), "{published:?}");
        // A roll changes no queue.
        let rolled = of_locked.roll(scene.locked.id, Overlap::NONE).await;
        assert_eq!(rolled.unwrap().version.0, 2);
        somebody.batch_execute("ROLLBACK").unwrap();
        assert!(scene.store.change(delete()).await.is_ok());
    });
}

#[test]
fn what_was_delivered_along_a_queue_that_somebody_keeps_locked_is_recorded_later_and_the_rest_at_once() {
    block_on(async {
        let scene = Scene::new().await;
        for webhook in [&scene.locked, &scene.free] {
            scene.publish(&webhook.platform).await.unwrap();
        }
        let (locked, free) = (
            scene.delivered(&scene.locked).await,
            scene.delivered(&scene.free).await,
        );
        let mut somebody = scene.lock();
        let turns = vec![locked.clone(), free];
        let recorded = scene.store.record(scene.process, turns).await.unwrap();
        assert_eq!((recorded.lost, recorded.locked), (vec![], vec![scene.locked.id]));
        assert_eq!(scene.queued(scene.free.id).await, []);
        assert_eq!(scene.queued(scene.locked.id).await.len(), 1);
        somebody.batch_execute("ROLLBACK").unwrap();
        let recorded = scene.store.record(scene.process, vec![locked]).await.unwrap();
        assert_eq!((recorded.lost, recorded.locked), (vec![], vec![]));
        assert_eq!(scene.queued(scene.locked.id).await, []);
    });
}

/// How many parts of events for many wait to be moved on the platform "free".
fn parts_left(operator: &mut PgConnection) -> i64 {
    let left = "SELECT chunks FROM fan_out_heads WHERE platform = 'free'";
    diesel::sql_query(left)
        .get_result::<Parts>(operator)
        .unwrap()
        .chunks
}

#[derive(QueryableByName)]
struct Parts {
    #[diesel(sql_type = BigInt)]
    chunks: i64,
}

#[test]
fn what_was_published_for_many_goes_on_but_on_the_platform_with_a_queue_that_somebody_keeps_locked() {
    block_on(async {
        let scene = Scene::new().await;
        let (untold, told) = (
            create_on("untold", &scene.store).await,
            create_on("told", &scene.store).await,
        );
        for webhook in [&scene.locked, &scene.free] {
            create_many_on(&webhook.platform, &scene.store, MANY).await;
            scene.publish(&webhook.platform).await.unwrap();
        }
        let mut somebody = scene.lock();
        // Whichever part of the event comes first.
        let lock_all = "SELECT * FROM lanes WHERE platform IN ('locked', 'untold') FOR UPDATE";
        somebody.batch_execute(lock_all).unwrap();
        let mut operator = postgres_connection(&scene.place);
        let write_down = format!(
            "INSERT INTO untold_events (id, platform, action, created_at, data) \
             VALUES ('{}', 'untold', 'INVOICE.PAID', 0, '1'), ('{}', 'told', 'INVOICE.PAID', 0, '1')",
            EventId::generate(ManualClock::START, &SystemEntropy::new()).unwrap(),
            EventId::generate(ManualClock::START, &SystemEntropy::new()).unwrap()
        );
        operator.batch_execute(&write_down).unwrap();
        let before = parts_left(&mut operator);
        // What is told waits for "untold" in vain, twice until that is known; and "free" comes before "locked".
        let first = scene.store.fan_out().await;
        assert!(
            matches!(first, Err(StoreError::Unavailable(_))),
            "of \"untold\": {first:?}"
        );
        assert_eq!(before - parts_left(&mut operator), 1, "\"free\" has its turn");
        let second = scene.store.fan_out().await;
        assert!(
            matches!(second, Err(StoreError::Unavailable(_))),
            "of \"locked\": {second:?}"
        );
        // Nobody is waited for again so soon.
        while scene.store.fan_out().await.unwrap() {}
        assert_eq!(parts_left(&mut operator), 0);
        assert_eq!(scene.queued(told.id).await.len(), 1);
        for webhook in [&scene.locked, &untold] {
            assert_eq!(scene.queued(webhook.id).await, []);
        }
        somebody.batch_execute("ROLLBACK").unwrap();
        let began = Instant::now();
        let has_come = async |webhook: &Webhook| scene.queued(webhook.id).await.len() == 1;
        while !(has_come(&scene.locked).await && has_come(&untold).await) {
            assert!(began.elapsed() < LONG_LEASE, "they are tried again");
            scene.store.fan_out().await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        while scene.store.fan_out().await.unwrap() {}
        for webhook in [&scene.locked, &scene.free, &untold] {
            assert_eq!(scene.queued(webhook.id).await.len(), 1);
        }
    });
}
