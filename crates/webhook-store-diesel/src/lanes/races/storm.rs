//! Five lanes that two processes publish into, while one delivers along them and they are put right all the time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant as Moment};

use tokio::runtime::{Builder, Runtime};
use webhook_domain::delivery::lane::LEASE;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::{DeliveryQueue, EventStore, Publication};
use webhook_domain::testing::fixtures;
use webhook_domain::webhook::{Action, Settings};

use super::steps::{succeeded, turn_at};
use super::{Ground, SLEEPING, number};
use crate::DieselStore;

/// How long it lasts.
const STORM: Duration = Duration::from_secs(3);
/// What each of the lanes is for. The first is for all of them.
const ACTIONS: [&str; 6] = [
    "INVOICE.CREATED",
    "INVOICE.UPDATED",
    "INVOICE.DELETED",
    "INVOICE.PAID",
    "COUPON.CREATED",
    "COUPON.DELETED",
];

#[test]
fn a_lane_into_which_something_is_published_is_never_cleared() {
    let ground = Ground::new();
    let webhooks = ground.webhooks_of_one_action_each();
    let stores = [ground.store(), ground.store()];
    let process = ground.new_process();
    assert!(block_on(stores[0].join(process, LEASE * 5, ground.now())).unwrap());
    let all = webhooks.clone();
    let taken = block_on(stores[0].take(process, all, ground.now()));
    assert_eq!(taken.unwrap().len(), webhooks.len());

    let (over, delivering) = (AtomicBool::new(false), AtomicBool::new(true));
    let (published, delivered, cleared, asked) = Default::default();
    std::thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| ground.publish_until(&over, store, &published));
        }
        scope.spawn(|| ground.deliver_while(&delivering, &stores[0], process, &webhooks, &delivered));
        scope.spawn(|| ground.settle_until(&over, &stores[1], &webhooks, &cleared));
        scope.spawn(|| ground.ask_until(&over, &asked));
        let began = Moment::now();
        while began.elapsed() < STORM && !over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
        }
        // What is published last stays where it is.
        delivering.store(false, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(50));
        over.store(true, Ordering::Relaxed);
    });
    println!(
        "published {published:?}, delivered {delivered:?}, cleared {cleared:?} lanes, asked {asked:?} times"
    );
    let count = |counted: &AtomicU64| counted.load(Ordering::Relaxed);
    assert!(
        count(&delivered) > 0 && count(&cleared) > 0,
        "no lane was ever empty"
    );
    assert_eq!(block_on(stores[0].repair(ground.now())).unwrap(), 0);
    drop(stores);
    ground.assert_that_all_is_well();
}

impl Ground {
    fn webhooks_of_one_action_each(&self) -> Vec<WebhookId> {
        let own = ACTIONS[1..].iter().map(|action| {
            self.creation_with(Settings {
                included_actions: Some(fixtures::actions(&[ACTIONS[0], action])),
                ..fixtures::bare_settings()
            })
        });
        let (webhooks, creations): (Vec<_>, Vec<_>) = own.unzip();
        self.changed(&mut self.connect(), &creations);
        webhooks.iter().map(|webhook| webhook.id).collect()
    }

    fn publish_until(&self, over: &AtomicBool, store: &DieselStore, published: &AtomicU64) {
        let runtime = runtime();
        for action in ACTIONS.iter().cycle() {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let mut event = self.event();
            event.action = Action::parse((*action).to_owned()).unwrap();
            let publication = Publication {
                event,
                quota: None,
                idempotency: None,
            };
            runtime.block_on(store.publish(publication)).unwrap();
            published.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn deliver_while(
        &self,
        delivering: &AtomicBool,
        store: &DieselStore,
        process: ProcessId,
        webhooks: &[WebhookId],
        delivered: &AtomicU64,
    ) {
        let runtime = runtime();
        while delivering.load(Ordering::Relaxed) {
            let mut turns = Vec::new();
            for webhook in webhooks {
                let lane = runtime.block_on(store.look(process, *webhook, None, 100));
                let lane = lane.unwrap().unwrap();
                let now = self.now();
                turns.extend(
                    lane.queued
                        .iter()
                        .map(|queued| turn_at(&lane, queued, succeeded(), now)),
                );
            }
            delivered.fetch_add(turns.len() as u64, Ordering::Relaxed);
            assert_eq!(runtime.block_on(store.record(process, turns)).unwrap().lost, []);
        }
    }

    fn settle_until(
        &self,
        over: &AtomicBool,
        store: &DieselStore,
        webhooks: &[WebhookId],
        cleared: &AtomicU64,
    ) {
        let runtime = runtime();
        while !over.load(Ordering::Relaxed) {
            let due = runtime
                .block_on(store.settle(webhooks.to_vec(), self.now()))
                .unwrap();
            cleared.fetch_add((webhooks.len() - due.len()) as u64, Ordering::Relaxed);
        }
    }

    /// At no moment that can be seen a lane may sleep: the next publication would wake it, and nobody would know.
    fn ask_until(&self, over: &AtomicBool, asked: &AtomicU64) {
        let mut connection = self.connect();
        while !over.load(Ordering::Relaxed) {
            let sleeping = number(&mut connection, SLEEPING);
            if sleeping > 0 {
                over.store(true, Ordering::Relaxed);
            }
            assert_eq!(sleeping, 0, "lanes that sleep");
            asked.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn block_on<T>(done: impl Future<Output = T>) -> T {
    runtime().block_on(done)
}
