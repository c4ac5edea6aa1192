//! Receipts in the answers to deliveries: what each is good for.

use webhook_domain::ports::Parcel;
use webhook_domain::services::{LaneWorker, Next, RollSecret, SecretKeyService};
use webhook_domain::signing::key_ring::{Overlap, SigningKey};
use webhook_domain::signing::receipt::ReceiptOutcome;
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

    async fn roll(&self, webhook: &Webhook) -> SigningKey {
        let secrets = SecretKeyService::new(
            self.store.clone(),
            self.clock.clone(),
            self.entropy.clone(),
            Overlap::DAY,
        );
        let roll = RollSecret::default();
        secrets.roll(&self.acting, webhook.id, roll).await.unwrap();
        current(&self.stored(webhook.id).await)
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
    scene.clock.advance(std::time::Duration::from_secs(1));
    scene.responding_with(move |_| stale.clone());
    assert_eq!(scene.deliver(&mut worker).await, Some(ReceiptOutcome::Ignored));
}
