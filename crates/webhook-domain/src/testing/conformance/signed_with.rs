//! Deliveries are found by the key that signed them.

use std::time::Duration;

use super::Ports;
use super::lane_scene::of;
use super::scene::{Scene, done, held};
use crate::delivery::attempt::{AttemptOutcome, FailureCause};
use crate::delivery::key_use::KeyUse;
use crate::id::{DeliveryId, WebhookId};
use crate::ports::DeliveryQuery;
use crate::signing::key_ring::Overlap;
use crate::signing::secret::Fingerprint;
use crate::testing::fixtures;

async fn signed_with(scene: &Scene, key: &Fingerprint, webhook: Option<WebhookId>) -> Vec<DeliveryId> {
    let query = DeliveryQuery {
        signed_with: Some(key.clone()),
        webhook,
        limit: 10,
        ..DeliveryQuery::default()
    };
    scene.listed(query).await
}

async fn used(scene: &Scene, webhook: WebhookId, key: &Fingerprint) -> KeyUse {
    let store = scene.ports.events();
    held(store.use_of_key(&scene.platform, webhook, key).await)
}

async fn current(scene: &Scene, webhook: WebhookId) -> Fingerprint {
    let ring = scene.stored(webhook).await.key_ring;
    held(ring.current().ok_or("it has a key")).fingerprint()
}

/// Of every key what it has signed is found, newest first: through rolls, failures, another webhook's deliveries of the same events, and
/// when it is sent again and signed anew. It is there after a restart, and goes on.
pub async fn what_a_key_has_signed_is_found(ports: &Ports) {
    let (scene, stranger) = (Scene::new(ports), Scene::new(ports));
    let process = scene.process().await;
    let other = scene.create(fixtures::bare_settings()).await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    stranger.create(fixtures::bare_settings()).await;
    let mut keys = vec![current(&scene, webhook.id).await];
    let mut ids = Vec::new();
    for overlap in [Overlap::DAY, Overlap::NONE] {
        let event = scene.published("INVOICE.CREATED").await;
        ids.push(of(&event, &webhook));
        scene.deliver(process, &webhook).await;
        scene.deliver(process, &other).await;
        scene.clock.advance_seconds(1);
        done(scene.roll(webhook.id, overlap).await);
        keys.push(current(&scene, webhook.id).await);
    }
    let event = scene.published("INVOICE.CREATED").await;
    ids.push(of(&event, &webhook));
    let lane = scene.lane(process, &webhook).await;
    let failed = scene.turn(
        &lane,
        &lane.queued[0],
        AttemptOutcome::failed(FailureCause::Timeout),
    );
    assert_eq!(held(ports.lanes().record(process, vec![failed]).await).lost, []);
    let of_keys = async |expected: [&[usize]; 3]| {
        for (key, expected) in keys.iter().zip(expected) {
            let expected: Vec<_> = expected.iter().map(|place| ids[*place]).collect();
            assert_eq!(signed_with(&scene, key, None).await, expected);
            assert_eq!(signed_with(&scene, key, Some(webhook.id)).await, expected);
            assert_eq!(signed_with(&scene, key, Some(other.id)).await, []);
            assert_eq!(signed_with(&stranger, key, None).await, []);
            assert_eq!(
                used(&scene, webhook.id, key).await.deliveries,
                expected.len() as u64
            );
            assert_eq!(used(&scene, other.id, key).await, KeyUse::default());
            assert_eq!(used(&stranger, webhook.id, key).await, KeyUse::default());
        }
    };
    of_keys([&[1, 0], &[1], &[2]]).await;
    let others = signed_with(&scene, &current(&scene, other.id).await, None).await;
    assert_eq!(others.len(), 2);
    // What is sent again goes to the end, with the attempts that it has, and is then signed anew.
    done(ports.events().resend(scene.resend(ids[0])).await);
    of_keys([&[0, 1], &[1], &[2]]).await;
    scene.deliver(process, &webhook).await;
    scene.deliver(process, &webhook).await;
    of_keys([&[0, 1], &[1], &[0, 2]]).await;
    // Keys that have ended are followed wherever their deliveries go.
    done(
        ports
            .events()
            .resend_many(scene.part(webhook.id, &[ids[1], ids[0]]))
            .await,
    );
    of_keys([&[0, 1], &[1], &[0, 2]]).await;
    scene.deliver(process, &webhook).await;
    scene.deliver(process, &webhook).await;
    of_keys([&[0, 1], &[1], &[0, 1, 2]]).await;
    let last = used(&scene, webhook.id, &keys[2]).await;
    let hosts = [("receiver.example".to_owned(), 5)].into();
    let expected = KeyUse {
        attempts: 5,
        deliveries: 3,
        first_at: Some(scene.now()),
        last_at: Some(scene.now()),
        hosts,
    };
    assert_eq!(last, expected);
    let first = used(&scene, webhook.id, &keys[0]).await;
    let begun = scene.now().minus(Duration::from_secs(2));
    assert_eq!((first.attempts, first.first_at), (2, Some(begun)));
    assert_eq!(first.last_at, Some(begun.plus(Duration::from_secs(1))));
    ports.reopen().await;
    of_keys([&[0, 1], &[1], &[0, 1, 2]]).await;
    held(ports.lanes().leave(process).await);
    let process = scene.process().await;
    let event = scene.published("INVOICE.CREATED").await;
    scene.deliver(process, &webhook).await;
    let mut expected = vec![of(&event, &webhook), ids[0], ids[1], ids[2]];
    assert_eq!(signed_with(&scene, &keys[2], None).await, expected);
    // A key that comes after what it has not signed.
    done(scene.roll(webhook.id, Overlap::NONE).await);
    let event = scene.published("INVOICE.CREATED").await;
    scene.deliver(process, &webhook).await;
    expected = vec![of(&event, &webhook)];
    assert_eq!(
        signed_with(&scene, &current(&scene, webhook.id).await, None).await,
        expected
    );
}
