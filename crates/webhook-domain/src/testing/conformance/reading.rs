//! What was stored is what is read.

use super::Ports;
use super::scene::{Scene, done, held};
use crate::testing::fixtures;
use crate::webhook::{Authentication, AuthenticationType};

/// All settings, passwords and lists included, and the key come back as they were saved.
pub async fn a_created_webhook_reads_back_equal_in_every_field(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.new_webhook(fixtures::full_settings());
    let (answered, answer) = done(ports.webhooks.create(scene.creation(&webhook, None)).await);
    assert_eq!(answered, webhook);
    assert_eq!(answer, None, "an answer to a request that has no idempotency key");
    assert_eq!(scene.stored(webhook.id).await, webhook);
    assert_eq!(scene.records(webhook.id).await.len(), 1);
}

/// Null stays null, and an empty list or text stays one. So do credentials that are not in use.
pub async fn a_webhook_with_nothing_set_reads_back_equal(ports: &Ports) {
    let scene = Scene::new(ports);
    let bare = scene.create(fixtures::bare_settings()).await;
    assert_eq!(scene.stored(bare.id).await, bare);

    let mut settings = fixtures::full_settings();
    let credentials = settings.authentication.credentials().clone();
    settings.authentication = held(Authentication::new(AuthenticationType::None, credentials));
    settings.included_actions = Some(fixtures::actions(&[]));
    settings.reference = Some(fixtures::reference(""));
    let empty = scene.create(settings).await;
    assert_eq!(scene.stored(empty.id).await, empty);
}

/// What belongs to another platform does not exist.
pub async fn a_webhook_of_another_platform_is_not_found(ports: &Ports) {
    let (scene, other) = (Scene::new(ports), Scene::new(ports));
    let webhook = scene.create(fixtures::bare_settings()).await;
    assert_eq!(other.find(webhook.id).await, None);
    assert_eq!(other.list().await, []);
    let unknown = scene.new_webhook(fixtures::bare_settings());
    assert_eq!(scene.find(unknown.id).await, None);
}

/// Every page begins after the webhook named, and the last one is shorter.
pub async fn webhooks_are_listed_in_pages_in_the_order_of_their_ids(ports: &Ports) {
    let scene = Scene::new(ports);
    let mut webhooks = Vec::new();
    for settings in [
        fixtures::full_settings(),
        fixtures::bare_settings(),
        fixtures::bare_settings(),
    ] {
        webhooks.push(scene.create(settings).await);
        scene.clock.advance_seconds(1);
    }
    // The oldest last, so that the order of insertion is not that of the ids.
    scene
        .clock
        .set(crate::testing::ManualClock::START.minus(std::time::Duration::from_secs(1)));
    webhooks.insert(0, scene.create(fixtures::bare_settings()).await);

    let page = async |after, limit| held(ports.webhooks.list(&scene.platform, after, limit).await);
    assert_eq!(page(None, 100).await, webhooks);
    assert_eq!(page(None, 3).await, webhooks[..3]);
    assert_eq!(page(Some(webhooks[0].id), 2).await, webhooks[1..3]);
    assert_eq!(page(Some(webhooks[2].id), 2).await, webhooks[3..]);
    assert_eq!(page(Some(webhooks[3].id), 2).await, []);
}

/// A store that works says so.
pub async fn the_store_can_be_reached(ports: &Ports) {
    held(ports.webhooks.check().await);
}
