//! Keys past their instant are found and erased, and no others.
//!
//! Each rule has a year of its own: a sweep takes in every platform, and must not do away with what another
//! rule looks at.

use std::time::Duration;

use super::Ports;
use super::scene::{Scene, answered, done, held, replayed};
use crate::services::Upkeep;
use crate::signing::key_ring::Overlap;
use crate::testing::fixtures;
use crate::webhook::Webhook;

/// More than any run leaves behind.
const MANY: u32 = 100_000;

async fn webhook_with_keys_for(scene: &Scene, overlaps: &[u64]) -> Webhook {
    let mut webhook = scene.create(fixtures::bare_settings()).await;
    for overlap in overlaps {
        (webhook, _) = done(
            scene
                .roll(webhook.id, held(Overlap::from_seconds(*overlap)))
                .await,
        );
    }
    webhook
}

/// At the instant itself a key is past it. A webhook is named once, however many of its keys are.
pub async fn webhooks_with_expired_keys_are_those_past_the_instant(ports: &Ports) {
    let scene = Scene::at(ports, held("2002-01-01T00:00:00Z".parse()));
    let early = webhook_with_keys_for(&scene, &[100, 200, 100]).await;
    let late = webhook_with_keys_for(&scene, &[101]).await;
    webhook_with_keys_for(&scene, &[]).await;
    let start = scene.now();
    let due = async |seconds| {
        let at = start.plus(std::time::Duration::from_secs(seconds));
        let mut due = held(ports.webhooks().with_expired_keys(at, MANY).await);
        due.retain(|(platform, _)| *platform == scene.platform);
        due.sort_by_key(|(_, webhook)| *webhook);
        due.into_iter().map(|(_, webhook)| webhook).collect::<Vec<_>>()
    };
    assert_eq!(due(99).await, []);
    assert_eq!(due(100).await, [early.id]);
    let mut both = [early.id, late.id];
    both.sort();
    assert_eq!(due(101).await, both);
    let at = start.plus(std::time::Duration::from_secs(101));
    assert_eq!(held(ports.webhooks().with_expired_keys(at, 1).await).len(), 1);
}

/// What has expired is out of the store, what has not is as it was, and a second round finds nothing of it.
pub async fn a_sweep_erases_expired_keys_alone(ports: &Ports) {
    let scene = Scene::at(ports, held("2003-01-01T00:00:00Z".parse()));
    let webhook = webhook_with_keys_for(&scene, &[100, 300, 200, 100]).await;
    let untouched = webhook_with_keys_for(&scene, &[300]).await;
    scene.clock.advance_seconds(200);
    let expected = webhook.clone().without_expired_keys(scene.now());
    assert_eq!(expected.key_ring.retired().len(), 1);
    assert_eq!(
        scene.stored(webhook.id).await,
        webhook,
        "an expired key is in the store until it is swept"
    );
    let upkeep = Upkeep::new(ports.webhooks().clone(), scene.clock.clone());
    assert!(held(upkeep.run().await).webhooks_swept >= 1);
    assert_eq!(scene.stored(webhook.id).await, expected);
    assert_eq!(scene.stored(untouched.id).await, untouched);
    let mut due = held(ports.webhooks().with_expired_keys(scene.now(), MANY).await);
    due.retain(|(platform, _)| *platform == scene.platform);
    assert_eq!(due, []);
}

/// Those whose keys expire within a time are listed by that, then by their ids, from a place in that order on. A kept key counts with the
/// day to which it is kept.
pub async fn webhooks_with_expiring_keys_are_listed_in_their_order(ports: &Ports) {
    let scene = Scene::at(ports, held("2005-01-01T00:00:00Z".parse()));
    let mut both = [
        webhook_with_keys_for(&scene, &[100]).await.id,
        webhook_with_keys_for(&scene, &[100]).await.id,
    ];
    both.sort();
    let later = webhook_with_keys_for(&scene, &[101, 300]).await.id;
    let kept = scene.create(fixtures::bare_settings()).await.id;
    done(scene.roll_keeping(kept, held(Overlap::from_seconds(102))).await);
    scene.end_checks(kept).await;
    let start = scene.now();
    let at = |seconds| start.plus(Duration::from_secs(seconds));
    let listed = async |after, until, limit| {
        let mut listed = held(ports.webhooks().with_expiring_keys(after, until, limit).await);
        listed.retain(|key| key.platform == scene.platform);
        listed
            .into_iter()
            .map(|key| (key.at, key.webhook))
            .collect::<Vec<_>>()
    };
    let all = [
        (at(100), both[0]),
        (at(100), both[1]),
        (at(101), later),
        (at(102), kept),
    ];
    assert_eq!(listed((start, None), at(102), MANY).await, all);
    assert_eq!(listed((start, None), at(101), MANY).await, all[..3]);
    assert_eq!(listed((at(100), Some(both[0])), at(101), MANY).await, all[1..3]);
    assert_eq!(listed((at(100), None), at(101), 1).await, all[..1]);
    scene.clock.advance_seconds(102);
    let upkeep = Upkeep::new(ports.webhooks().clone(), scene.clock.clone());
    held(upkeep.run().await);
    assert_eq!(
        listed((at(103), None), at(102 + 86_400), MANY).await,
        [(at(300), later), (at(102 + 86_400), kept)]
    );
}

/// Nobody is told of a sweep, and nobody's `If-Match` breaks by it.
pub async fn a_sweep_leaves_version_and_records_as_they_are(ports: &Ports) {
    let scene = Scene::at(ports, held("2004-01-01T00:00:00Z".parse()));
    let webhook = webhook_with_keys_for(&scene, &[100]).await;
    let records = scene.records(webhook.id).await;
    scene.clock.advance_seconds(100);
    held(
        Upkeep::new(ports.webhooks().clone(), scene.clock.clone())
            .run()
            .await,
    );
    let swept = scene.stored(webhook.id).await;
    assert_eq!(swept.key_ring.retired(), []);
    assert_eq!(
        (swept.version, swept.updated_at),
        (webhook.version, webhook.updated_at)
    );
    assert_eq!(scene.records(webhook.id).await, records);
}

const TEN_YEARS: Duration = Duration::from_secs(315_360_000);

/// What was answered by a clock ten years ahead is answered again for 48 hours after the clock came back, and then forgotten.
pub async fn an_answer_of_a_clock_that_was_ahead_counts_from_now(ports: &Ports) {
    let scene = Scene::new(ports);
    let start = scene.now();
    let webhook = scene.create(fixtures::bare_settings()).await;
    let ask = |name: &'static str| scene.roll_as(&scene.acting, webhook.id, fixtures::request(name, "a"));
    answered(ask("right").await);
    scene.clock.set(start.plus(TEN_YEARS));
    let answer = answered(ask("ahead").await);
    scene.clock.set(start.plus(Duration::from_secs(60)));
    let store = ports.webhooks();
    assert_eq!(
        held(store.bring_back_answers(scene.now(), scene.now(), 0).await),
        0
    );
    assert_eq!(
        held(store.bring_back_answers(scene.now(), scene.now(), 10).await),
        1
    );
    assert_eq!(
        held(store.bring_back_answers(scene.now(), scene.now(), 10).await),
        0
    );
    assert_eq!(replayed(ask("ahead").await).expose(), answer.expose());
    scene.clock.set(start.plus(Duration::from_secs(48 * 3_600 + 59)));
    replayed(ask("ahead").await);
    scene.clock.advance_seconds(1);
    let before = scene.now().minus(Duration::from_secs(48 * 3_600 - 1));
    assert_eq!(held(store.forget_answers(before, 10).await), 2);
    answered(ask("ahead").await);
}
