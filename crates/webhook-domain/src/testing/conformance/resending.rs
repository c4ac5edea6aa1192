//! What is sent again: once for each request, and found by those who deliver.

use std::sync::Arc;

use super::Ports;
use super::lane_scene::of;
use super::scene::{Scene, answered, done, held, refused, replayed};
use crate::error::Refusal;
use crate::idempotency::{IdempotencyKey, IdempotentRequest, RequestFingerprint};
use crate::ports::{DeliveryQuery, Publication, Published, Resend, TrackedDelivery};
use crate::signing::secret::SecretBytes;
use crate::testing::fixtures;
use crate::webhook::{Settings, TargetUrl};

fn named<T: 'static>(asks: &str) -> IdempotentRequest<T> {
    IdempotentRequest {
        key: held(IdempotencyKey::parse("k")),
        fingerprint: RequestFingerprint::of(&[asks.as_bytes()]),
        render: Arc::new(|_, at| SecretBytes::new(format!("{at:?}").into_bytes())),
    }
}

/// A request to send again that is itself sent again queues nothing more.
pub async fn a_resend_is_answered_again(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let event = scene.published("INVOICE.CREATED").await;
    scene.deliver(process, &webhook).await;
    let resend = |asks: &str| {
        let request: IdempotentRequest<TrackedDelivery> = named(asks);
        let (events, resend) = (
            ports.events(),
            Resend {
                platform: scene.platform.clone(),
                delivery: of(&event, &webhook),
                at: scene.now(),
                quota: None,
                idempotency: Some(request.by(&scene.acting, scene.now())),
            },
        );
        async move { events.resend(resend).await }
    };
    let answer = answered(resend("one").await);
    scene.deliver(process, &webhook).await;
    scene.clock.advance_seconds(1);
    assert_eq!(replayed(resend("one").await), answer);
    assert_eq!(scene.queued(process, &webhook).await, []);
    assert_eq!(refused(resend("two").await), Refusal::IdempotencyKeyReused);
    assert_eq!(scene.queued(process, &webhook).await, []);
}

/// An idempotency key that was used for a change of a webhook is not free for a publication.
pub async fn a_key_used_for_a_change_is_refused_for_a_publication(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let roll = fixtures::request("k", "roll");
    answered(scene.roll_as(&scene.acting, webhook.id, roll).await);
    let request: IdempotentRequest<Published> = named("publish");
    let publication = Publication {
        event: scene.event("INVOICE.CREATED"),
        quota: None,
        idempotency: Some(request.by(&scene.acting, scene.now())),
    };
    assert_eq!(
        refused(ports.events().publish(publication).await),
        Refusal::IdempotencyKeyReused
    );
}

/// What is sent again is found by looking, and stands at the top of the list: it was queued last.
pub async fn what_is_resent_is_found(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let settings = Settings {
        url: Some(TargetUrl::restore("https://example.com/one".to_owned())),
        ..fixtures::bare_settings()
    };
    let webhook = scene.create(settings).await;
    let (first, second) = (
        scene.published("INVOICE.CREATED").await,
        scene.published("INVOICE.PAID").await,
    );
    scene.deliver(process, &webhook).await;
    scene.deliver(process, &webhook).await;
    assert_eq!(scene.settle(&webhook).await, []);
    assert_eq!(scene.ready(process).await, []);
    let resend = Resend {
        platform: scene.platform.clone(),
        delivery: of(&first, &webhook),
        at: scene.now(),
        quota: None,
        idempotency: None,
    };
    done(ports.events().resend(resend).await);
    assert_eq!(scene.ready(process).await, [webhook.id]);
    let query = DeliveryQuery {
        limit: 10,
        ..DeliveryQuery::default()
    };
    let expected = [of(&first, &webhook), of(&second, &webhook)];
    assert_eq!(scene.listed(query).await, expected);
}
