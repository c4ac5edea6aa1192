//! Receipts in the answers to deliveries: what each is good for, and what is recorded of it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use webhook_domain::StoreError;
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::ports::{DeliveryQueue as _, MockWebhookStore, Parcel, WebhookStore as _};
use webhook_domain::services::{Dispatch, LaneWorker, Next, RollSecret, SecretKeyService};
use webhook_domain::signing::key_ring::{Evidence, Overlap, SigningKey};
use webhook_domain::signing::receipt::ReceiptOutcome;
use webhook_domain::time::{Clock as _, Instant};
use webhook_domain::webhook::Webhook;
use webhook_verify::Secret;

use super::scene::*;

/// A receipt made with `key` for the delivery.
fn by(key: &SigningKey) -> impl Fn(&Parcel) -> String + Send + use<> {
    let secret = Secret::parse(key.expose_shared().unwrap()).unwrap();
    move |parcel| secret.sign_receipt(header(parcel, "webhook-id"), header(parcel, "webhook-timestamp"))
}

fn current(webhook: &Webhook) -> SigningKey {
    webhook.key_ring.current().unwrap().clone()
}

impl Scene {
    fn responding_with(&self, make: impl Fn(&Parcel) -> String + Send + 'static) {
        *self.receiver.receipt.lock().unwrap() = Some(Box::new(make));
    }

    fn secrets(&self) -> SecretKeyService {
        let (store, clock, entropy) = (self.store.clone(), self.clock.clone(), self.entropy.clone());
        SecretKeyService::new(store, clock, entropy, Overlap::DAY)
    }

    async fn roll(&self, webhook: &Webhook) -> SigningKey {
        let roll = RollSecret::default();
        self.secrets().roll(&self.acting, webhook.id, roll).await.unwrap();
        current(&self.stored(webhook.id).await)
    }

    /// How and when it was shown that the receiver has the current key.
    async fn adoption(&self, webhook: &Webhook) -> Option<(Evidence, Instant)> {
        let adoption = self.stored(webhook.id).await.key_ring.adoption();
        adoption.map(|adoption| (adoption.evidence, adoption.adopted_at))
    }

    /// Delivers one event, and gives what the receipt in its answer was good for.
    async fn deliver(&self, worker: &mut LaneWorker) -> Option<ReceiptOutcome> {
        self.publish().await;
        let before = self.sent();
        assert_eq!(self.work(worker).await, Next::Empty);
        assert_eq!(self.sent(), before + 1, "a receipt never has a delivery repeated");
        worker.last_made().unwrap().receipt
    }
}

#[tokio::test]
async fn a_receipt_is_told_by_the_role_of_the_key_that_made_it() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    let mut worker = scene.worker(webhook.id);
    assert_eq!(scene.deliver(&mut worker).await, None);
    let old = current(&webhook);
    scene.responding_with(by(&old));
    assert_eq!(
        scene.deliver(&mut worker).await,
        Some(ReceiptOutcome::Current(old.id))
    );
    let new = scene.roll(&webhook).await;
    assert_eq!(
        scene.deliver(&mut worker).await,
        Some(ReceiptOutcome::Retired(old.id))
    );
    scene.responding_with(by(&new));
    assert_eq!(
        scene.deliver(&mut worker).await,
        Some(ReceiptOutcome::Current(new.id))
    );
    let last = scene.receiver.got.lock().unwrap().pop().unwrap();
    let stale = by(&new)(&last);
    scene.clock.advance(Duration::from_secs(1));
    scene.responding_with(move |_| stale.clone());
    assert_eq!(scene.deliver(&mut worker).await, Some(ReceiptOutcome::Ignored));
}

#[tokio::test]
async fn a_receipt_is_recorded_once_and_one_of_an_older_key_takes_that_back() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    let mut worker = scene.worker(webhook.id);
    let old = current(&webhook);
    scene.responding_with(by(&old));
    let adopted_at = scene.clock.now();
    for _ in 0..2 {
        scene.deliver(&mut worker).await;
        assert_eq!(
            scene.adoption(&webhook).await,
            Some((Evidence::Receipt, adopted_at))
        );
        scene.clock.advance(Duration::from_secs(60));
    }
    let new = scene.roll(&webhook).await;
    assert_eq!(scene.adoption(&webhook).await, None);
    scene.deliver(&mut worker).await;
    assert_eq!(scene.adoption(&webhook).await, None);
    scene.responding_with(by(&new));
    scene.deliver(&mut worker).await;
    let adopted_at = scene.clock.now();
    assert_eq!(
        scene.adoption(&webhook).await,
        Some((Evidence::Receipt, adopted_at))
    );
    scene.responding_with(by(&old));
    scene.deliver(&mut worker).await;
    assert_eq!(scene.adoption(&webhook).await, None);
}

/// A dispatch whose webhooks nobody may change: any attempt to is answered with this, or fails the test if there is nothing.
fn with_store(scene: &Scene, fails: Option<fn() -> StoreError>) -> Dispatch {
    let mut webhooks = MockWebhookStore::new();
    if let Some(fails) = fails {
        webhooks
            .expect_change()
            .times(1)
            .returning(move |_| Err(fails().into()));
    }
    Dispatch {
        webhooks: Arc::new(webhooks),
        ..scene.dispatch()
    }
}

#[tokio::test]
async fn a_store_that_fails_costs_the_receipt_and_not_the_delivery_and_what_is_known_is_not_stored_again() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    let mut worker = scene.worker(webhook.id);
    scene.responding_with(by(&current(&webhook)));
    scene.publish().await;
    let failing = with_store(&scene, Some(|| StoreError::Unavailable("gone".into())));
    let (next, turn) = worker.step(&failing, |_, _| true).await.unwrap();
    let turn = turn.unwrap();
    assert_eq!(next, Next::Step);
    assert!(matches!(turn.delivery.status, DeliveryStatus::Succeeded { .. }));
    assert_eq!(
        scene.store.record(scene.process, vec![turn]).await.unwrap().lost,
        []
    );
    worker.recorded();
    assert_eq!(scene.adoption(&webhook).await, None);
    scene.deliver(&mut worker).await;
    assert!(
        scene.adoption(&webhook).await.is_some(),
        "the next one says the same"
    );

    scene.publish().await;
    let idle = with_store(&scene, None);
    let (_, turn) = worker.step(&idle, |_, _| true).await.unwrap();
    assert!(matches!(
        turn.unwrap().delivery.status,
        DeliveryStatus::Succeeded { .. }
    ));
}

#[tokio::test]
async fn a_crash_before_the_turn_is_recorded_leaves_what_was_shown() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    scene.responding_with(by(&current(&webhook)));
    scene.publish().await;
    let (_, turn) = scene
        .worker(webhook.id)
        .step(&scene.dispatch(), |_, _| true)
        .await
        .unwrap();
    drop(turn);
    let shown = scene.adoption(&webhook).await;
    assert!(shown.is_some());
    scene.clock.advance(Duration::from_secs(5));
    assert_eq!(scene.work(&mut scene.worker(webhook.id)).await, Next::Empty);
    assert_eq!((scene.sent(), scene.adoption(&webhook).await), (2, shown));
}

#[tokio::test]
async fn a_key_that_is_rolled_while_the_answer_is_under_way_is_not_adopted_and_says_nothing_against_the_new_one()
 {
    let scene = Arc::new(Scene::new().await);
    let webhook = scene.webhook().await;
    let mut worker = scene.worker(webhook.id);
    scene.responding_with(by(&current(&webhook)));
    for check in [false, true] {
        let meanwhile = Arc::clone(&scene);
        let rolled = webhook.clone();
        scene.receiver.meanwhile(Box::new(move || {
            at_once(async {
                let new = meanwhile.roll(&rolled).await;
                if check {
                    meanwhile.prove(&rolled, new).await;
                }
            });
        }));
        scene.responding_with(by(&current(&scene.stored(webhook.id).await)));
        let made = scene.deliver(&mut worker).await;
        assert!(matches!(made, Some(ReceiptOutcome::Current(_))));
        let expected = check.then_some((Evidence::Check, scene.clock.now()));
        assert_eq!(scene.adoption(&webhook).await, expected);
    }
}

/// Runs what waits for nothing but the memory.
fn at_once(future: impl Future<Output = ()>) {
    let done = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(done.is_ready(), "the memory does not wait");
}

impl Scene {
    /// Has a check show that the receiver verifies with `key`.
    async fn prove(&self, webhook: &Webhook, key: SigningKey) {
        use webhook_domain::ports::{Change, ChangeOrder, Effect};
        let now = self.clock.now();
        let order = ChangeOrder {
            announcement: None,
            platform: webhook.platform.clone(),
            webhook: webhook.id,
            decide: Box::new(move |stored| {
                let proved = stored.clone().proved(key.id, Evidence::Check, now);
                Ok(Change {
                    effect: Effect::Save(Box::new(proved)),
                    ..Change::default()
                })
            }),
            settles: None,
            idempotency: None,
        };
        self.store.change(order).await.unwrap();
    }
}
