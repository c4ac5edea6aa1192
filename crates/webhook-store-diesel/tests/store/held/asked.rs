//! What is asked of a queue that somebody keeps locked: refused in a moment, with nobody waiting for it who has locked something himself.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl as _};
use webhook_domain::ServiceError;
use webhook_domain::delivery::event::JsonText;
use webhook_domain::ports::{DeliveryQueue as _, EventStore as _, GiveUp, Outcome, Resend, ResendMany};
use webhook_domain::rotation::RotationFilter;
use webhook_domain::services::{RotationService, StartRotation};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::webhook::Settings;
use webhook_store_diesel::SystemEntropy;

use super::{Scene, is_unavailable};
use crate::opening::postgres_connection;
use crate::place::{Services, block_on};

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = BigInt)]
    sessions: i64,
}

/// How many sessions of the database wait for a lock.
pub(crate) fn waiting_for_locks(operator: &mut PgConnection) -> i64 {
    let waiting = "SELECT count(*) AS sessions FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let found: Waiting = diesel::sql_query(waiting).get_result(operator).unwrap();
    found.sessions
}

/// What `asked` comes to, with nobody waiting for a lock meanwhile: whoever does may keep others waiting.
async fn without_waiting<T>(operator: &mut PgConnection, asked: impl Future<Output = T>) -> T {
    let mut asked = std::pin::pin!(asked);
    loop {
        tokio::select! {
            biased;
            answer = &mut asked => return answer,
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
        assert_eq!(waiting_for_locks(operator), 0);
    }
}

#[test]
fn what_is_asked_of_a_queue_that_somebody_keeps_locked_is_refused_and_keeps_nobody_waiting() {
    block_on(async {
        let scene = Scene::new().await;
        for _ in 0..2 {
            scene.publish(&scene.locked.platform).await.unwrap();
        }
        let lane = scene.store.look(scene.process, scene.locked.id, None, 2).await;
        let [sent, waits] =
            [0, 1].map(|place| lane.as_ref().unwrap().as_ref().unwrap().queued[place].delivery.id);
        let turn = scene.delivered(&scene.locked).await;
        scene.store.record(scene.process, vec![turn]).await.unwrap();
        let platform = || scene.locked.platform.clone();
        let at = ManualClock::START;
        let resend = async || {
            let resend = Resend {
                platform: platform(),
                delivery: sent,
                at,
                quota: None,
                idempotency: None,
            };
            scene.store.resend(resend).await.map(drop)
        };
        let resend_many = async || {
            let resend = ResendMany {
                platform: platform(),
                webhook: scene.locked.id,
                deliveries: vec![sent],
                room_for: 1,
                before: 0,
                quota: None,
                is_last: true,
                at,
                idempotency: None,
            };
            scene.store.resend_many(resend).await.map(drop)
        };
        let expedite = async || {
            let expedited = scene.store.expedite(scene.locked.id, at).await;
            expedited.map(drop).map_err(ServiceError::from)
        };
        let give_up = async || {
            let give_up = GiveUp {
                platform: platform(),
                delivery: waits,
                at,
                telling: None,
                idempotency: None,
            };
            scene.store.give_up(give_up).await.map(drop)
        };
        let mut operator = postgres_connection(&scene.place);
        let all = async || tokio::join!(resend(), resend_many(), expedite(), give_up());
        // As tools do that go on after an error: PostgreSQL then names nobody who has locked it.
        for (before, after) in [("", ""), ("SAVEPOINT mine", "RELEASE SAVEPOINT mine")] {
            let mut somebody = scene.lock_between(before, after);
            let answers = without_waiting(&mut operator, all()).await;
            for answer in [answers.0, answers.1, answers.2, answers.3] {
                assert!(is_unavailable(&answer), "{answer:?}");
            }
            somebody.batch_execute("ROLLBACK").unwrap();
        }
        for answer in [
            resend().await,
            resend_many().await,
            expedite().await,
            give_up().await,
        ] {
            answer.unwrap();
        }
        assert_eq!(scene.queued(scene.locked.id).await.len(), 1, "one is sent again");
    });
}

#[test]
fn a_queue_that_others_change_one_after_the_other_is_waited_for() {
    block_on(async {
        let scene = Arc::new(Scene::new().await);
        scene.publish(&scene.locked.platform).await.unwrap();
        let over = Arc::new(AtomicBool::new(false));
        // Each has it locked for a while, and the next waits for it already.
        let others: Vec<_> = (0..2)
            .map(|_| {
                let (scene, over) = (Arc::clone(&scene), Arc::clone(&over));
                std::thread::spawn(move || {
                    while !over.load(Ordering::Acquire) {
                        let mut somebody = scene.lock();
                        std::thread::sleep(Duration::from_millis(100));
                        somebody.batch_execute("ROLLBACK").unwrap();
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let expedited = scene.store.expedite(scene.locked.id, ManualClock::START).await;
        over.store(true, Ordering::Release);
        for other in others {
            other.join().unwrap();
        }
        assert!(expedited.is_ok(), "{expedited:?}");
    });
}

#[test]
fn lanes_are_put_right_but_those_that_somebody_keeps_locked() {
    block_on(async {
        let scene = Scene::new().await;
        let services = Services {
            acting: fixtures::operator(&scene.free.platform),
            ..Services::over(&scene.store)
        };
        let reachable = Settings {
            url: fixtures::full_settings().url,
            ..fixtures::bare_settings()
        };
        let reachable = services.create_with(reachable).await.unwrap();
        scene.publish(&scene.free.platform).await.unwrap();
        let mut somebody = scene.lock();
        let both = vec![scene.locked.id, reachable.id];
        let due = scene.store.settle(both, ManualClock::START).await.unwrap();
        assert_eq!(due, [reachable.id]);
        somebody.batch_execute("ROLLBACK").unwrap();
    });
}

#[test]
fn a_rotation_ends_although_somebody_keeps_the_queue_locked_of_those_who_are_told() {
    block_on(async {
        let scene = Scene::new().await;
        let services = Services {
            acting: fixtures::operator(&scene.locked.platform),
            ..Services::over(&scene.store)
        };
        let hears = Settings {
            included_actions: Some(fixtures::actions(&["ROTATION.FINISHED"])),
            ..fixtures::bare_settings()
        };
        let hears = services.create_with(hears).await.unwrap();
        let clock = Arc::new(ManualClock::at(ManualClock::START));
        let rotations = RotationService::new(
            scene.store.clone(),
            clock,
            Arc::new(SystemEntropy::new()),
            Overlap::DAY,
        )
        .announcing(|_| JsonText::parse(b"1").unwrap());
        let start = StartRotation {
            filter: RotationFilter {
                ids: Some([scene.locked.id].into()),
                ..RotationFilter::default()
            },
            ..StartRotation::default()
        };
        let begun = rotations.start(&services.acting, start).await.unwrap();
        let Outcome::Done { subject: begun, .. } = begun else {
            panic!("it was replayed");
        };
        let mut somebody = postgres_connection(&scene.place);
        let lock = format!(
            "BEGIN; SELECT * FROM lanes WHERE webhook_id = '{}' FOR UPDATE",
            hears.id
        );
        somebody.batch_execute(&lock).unwrap();
        let mut operator = postgres_connection(&scene.place);
        let stopped = without_waiting(&mut operator, rotations.stop(&services.acting, begun.id, None)).await;
        assert!(stopped.is_ok(), "{:?}", stopped.err());
        somebody.batch_execute("ROLLBACK").unwrap();
        while scene.store.fan_out().await.unwrap() {}
        assert_eq!(scene.queued(hears.id).await.len(), 1);
    });
}
