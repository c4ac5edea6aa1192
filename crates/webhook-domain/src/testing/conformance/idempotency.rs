//! A request that is sent again is answered again, and does nothing.

use std::time::Duration;

use super::Ports;
use super::scene::{Scene, answered, done, held, refused, replayed};
use crate::Refusal;
use crate::access::permission::PermissionSet;
use crate::concurrently::concurrently;
use crate::idempotency::RETENTION;
use crate::ports::{Change, Outcome};
use crate::signing::key_ring::Overlap;
use crate::signing::secret::SecretBytes;
use crate::testing::fixtures;
use crate::webhook::{Version, Webhook};

fn rendered(scene: &Scene, webhook: &Webhook) -> SecretBytes {
    fixtures::answer()(webhook, scene.now())
}

/// The answer is made of the webhook as saved and of the instant of the request, and kept byte for byte.
pub async fn the_same_request_is_answered_with_the_same_bytes(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let request = || fixtures::request("k", "roll");
    let first = answered(scene.roll_as(&scene.acting, webhook.id, request()).await);
    let rolled = scene.stored(webhook.id).await;
    assert_eq!(first, rendered(&scene, &rolled));

    scene.clock.advance_seconds(60);
    let again = replayed(scene.roll_as(&scene.acting, webhook.id, request()).await);
    assert_eq!(again, first);
    assert_eq!(
        scene.stored(webhook.id).await,
        rolled,
        "the replay changed something"
    );
    assert_eq!(scene.records(webhook.id).await.len(), 2);

    let another = fixtures::request("another", "roll");
    answered(scene.roll_as(&scene.acting, webhook.id, another).await);
    assert_eq!(scene.stored(webhook.id).await.version, Version(3));
}

/// The second time there is an answer and no second webhook.
pub async fn the_same_creation_makes_one_webhook(ports: &Ports) {
    let scene = Scene::new(ports);
    let mut answers = Vec::new();
    for _ in 0..2 {
        // As a service does it: an id and a key are drawn each time.
        let webhook = scene.new_webhook(fixtures::full_settings());
        let request = fixtures::request("k", "create");
        answers.push(
            ports
                .webhooks()
                .create(scene.creation(&webhook, Some(request)))
                .await,
        );
    }
    let second = replayed(held(answers.pop().ok_or("two answers")));
    let (webhook, first) = done(held(answers.pop().ok_or("two answers")));
    assert_eq!(Some(second), first);
    assert_eq!(first, Some(rendered(&scene, &webhook)));
    assert_eq!(scene.list().await, [webhook]);
}

/// One name for two requests is a mistake of the client's, and nothing is done.
pub async fn a_key_used_for_another_request_is_refused(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    answered(
        scene
            .roll_as(&scene.acting, webhook.id, fixtures::request("k", "a"))
            .await,
    );
    let before = scene.stored(webhook.id).await;
    let refusal = refused(
        scene
            .roll_as(&scene.acting, webhook.id, fixtures::request("k", "b"))
            .await,
    );
    assert_eq!(refusal, Refusal::IdempotencyKeyReused);
    assert_eq!(scene.stored(webhook.id).await, before);
    assert_eq!(scene.records(webhook.id).await.len(), 2);
}

/// Also when the other request was a creation, or is one.
pub async fn a_key_used_for_another_creation_is_refused(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.new_webhook(fixtures::bare_settings());
    let creation = scene.creation(&webhook, Some(fixtures::request("k", "create")));
    answered(ports.webhooks().create(creation).await);

    let other = scene.new_webhook(fixtures::bare_settings());
    let creation = scene.creation(&other, Some(fixtures::request("k", "create another")));
    assert_eq!(
        refused(ports.webhooks().create(creation).await),
        Refusal::IdempotencyKeyReused
    );
    assert_eq!(scene.find(other.id).await, None);
    assert_eq!(scene.records(other.id).await, []);

    let roll = fixtures::request("k", "roll");
    assert_eq!(
        refused(scene.roll_as(&scene.acting, webhook.id, roll).await),
        Refusal::IdempotencyKeyReused
    );
    assert_eq!(scene.stored(webhook.id).await, webhook);
}

/// A key is the client's own word: others may use the same for what they like.
pub async fn keys_of_another_credential_or_platform_are_others(ports: &Ports) {
    let (scene, elsewhere) = (Scene::new(ports), Scene::new(ports));
    let webhook = scene.create(fixtures::bare_settings()).await;
    let far_away = elsewhere.create(fixtures::bare_settings()).await;
    let somebody_else = fixtures::acting_as(&scene.platform, fixtures::OTHER_API_KEY, PermissionSet::all());
    answered(
        scene
            .roll_as(&scene.acting, webhook.id, fixtures::request("k", "a"))
            .await,
    );
    answered(
        scene
            .roll_as(&somebody_else, webhook.id, fixtures::request("k", "b"))
            .await,
    );
    answered(
        elsewhere
            .roll_as(&elsewhere.acting, far_away.id, fixtures::request("k", "c"))
            .await,
    );
    replayed(
        scene
            .roll_as(&scene.acting, webhook.id, fixtures::request("k", "a"))
            .await,
    );
    replayed(
        scene
            .roll_as(&somebody_else, webhook.id, fixtures::request("k", "b"))
            .await,
    );
    assert_eq!(scene.stored(webhook.id).await.version, Version(3));
    // To the letter: keys that differ by case are two.
    answered(
        scene
            .roll_as(&scene.acting, webhook.id, fixtures::request("K", "d"))
            .await,
    );
}

/// What was true when the request was answered need not be so any more.
pub async fn a_replay_decides_nothing(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let request = || Some(fixtures::request("k", "a"));
    let unchanged = |_: &Webhook| Ok(Change::default());
    let first = answered(scene.change(webhook.id, request(), unchanged).await);
    let refuse = |_: &Webhook| Err(Refusal::VersionMismatch);
    assert_eq!(replayed(scene.change(webhook.id, request(), refuse).await), first);
}

/// To have found nothing to do is a success like any other.
pub async fn a_change_of_nothing_is_answered_again_too(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let (removed, _) = done(scene.remove(webhook.id, Overlap::DAY, None).await);
    let request = || Some(fixtures::request("k", "remove"));
    let first = answered(scene.remove(webhook.id, Overlap::DAY, request()).await);
    assert_eq!(first, rendered(&scene, &removed));
    done(scene.roll(webhook.id, Overlap::DAY).await);
    let before = scene.stored(webhook.id).await;
    let again = replayed(scene.remove(webhook.id, Overlap::DAY, request()).await);
    assert_eq!(again, first);
    assert_eq!(scene.stored(webhook.id).await, before);
}

/// A request that was refused may be sent again under its key, and the next time succeed. Even as another.
pub async fn a_refusal_is_not_an_answer(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let refuse = |_: &Webhook| Err(Refusal::VersionMismatch);
    refused(
        scene
            .change(webhook.id, Some(fixtures::request("k", "a")), refuse)
            .await,
    );
    let unknown = scene.new_webhook(fixtures::bare_settings()).id;
    refused(
        scene
            .roll_as(&scene.acting, unknown, fixtures::request("k", "b"))
            .await,
    );
    answered(
        scene
            .roll_as(&scene.acting, webhook.id, fixtures::request("k", "c"))
            .await,
    );
    assert_eq!(scene.stored(webhook.id).await.version, Version(2));
}

/// After the time that answers are kept the key is free, forgotten or not, and takes a new answer.
pub async fn an_outlived_answer_is_replaced(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let start = scene.now();
    let first = answered(
        scene
            .roll_as(&scene.acting, webhook.id, fixtures::request("k", "a"))
            .await,
    );
    scene.clock.set(start.plus(RETENTION - Duration::from_millis(1)));
    assert_eq!(
        replayed(
            scene
                .roll_as(&scene.acting, webhook.id, fixtures::request("k", "a"))
                .await
        ),
        first
    );
    scene.clock.set(start.plus(RETENTION));
    let second = answered(
        scene
            .roll_as(&scene.acting, webhook.id, fixtures::request("k", "b"))
            .await,
    );
    assert_ne!(second, first);
    scene.clock.advance(RETENTION - Duration::from_millis(1));
    assert_eq!(
        replayed(
            scene
                .roll_as(&scene.acting, webhook.id, fixtures::request("k", "b"))
                .await
        ),
        second
    );
    assert_eq!(scene.stored(webhook.id).await.version, Version(3));
}

/// Sixteen clients that lost patience: one roll, and the same bytes for all.
pub async fn concurrent_requests_with_one_key_change_once(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let rolls = (0..16).map(|_| scene.roll_as(&scene.acting, webhook.id, fixtures::request("k", "a")));
    let answers = concurrently(rolls).await;
    let done = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Outcome::Done { .. })));
    assert_eq!(done.count(), 1);
    let stored = scene.stored(webhook.id).await;
    assert_eq!(stored.version, Version(2));
    let expected = rendered(&scene, &stored);
    for answer in answers {
        match held(answer) {
            Outcome::Done { answer, .. } => assert_eq!(answer.as_ref(), Some(&expected)),
            Outcome::Replayed(answer) => assert_eq!(answer, expected),
        }
    }
    assert_eq!(scene.records(webhook.id).await.len(), 2);
}

/// The same, where there is no webhook yet that could be locked.
pub async fn concurrent_creations_with_one_key_make_one_webhook(ports: &Ports) {
    let scene = Scene::new(ports);
    let store = ports.webhooks();
    let creations = (0..16).map(|_| {
        let webhook = scene.new_webhook(fixtures::full_settings());
        let request = fixtures::request("k", "create");
        store.create(scene.creation(&webhook, Some(request)))
    });
    let answers = concurrently(creations).await;
    let stored = scene.list().await;
    assert_eq!(stored.len(), 1);
    let expected = rendered(&scene, &stored[0]);
    let mut made = 0;
    for answer in answers {
        match held(answer) {
            Outcome::Done { answer, .. } => {
                made += 1;
                assert_eq!(answer.as_ref(), Some(&expected));
            }
            Outcome::Replayed(answer) => assert_eq!(answer, expected),
        }
    }
    assert_eq!(made, 1);
}

/// What is forgotten can be done again; what is not, cannot.
pub async fn forgotten_answers_are_those_before_the_instant(ports: &Ports) {
    // A year of its own: forgetting takes in every platform.
    let scene = Scene::at(ports, held("2001-01-01T00:00:00Z".parse()));
    let webhook = scene.create(fixtures::bare_settings()).await;
    answered(
        scene
            .roll_as(&scene.acting, webhook.id, fixtures::request("old", "a"))
            .await,
    );
    scene.clock.advance_seconds(10);
    let before = scene.now();
    answered(
        scene
            .roll_as(&scene.acting, webhook.id, fixtures::request("young", "a"))
            .await,
    );
    assert_eq!(held(ports.webhooks().forget_answers(before, 0).await), 0);
    replayed(
        scene
            .roll_as(&scene.acting, webhook.id, fixtures::request("old", "a"))
            .await,
    );
    let mut forgotten = 0;
    while held(ports.webhooks().forget_answers(before, 1).await) == 1 {
        forgotten += 1;
    }
    assert!(forgotten >= 1, "nothing was forgotten");
    replayed(
        scene
            .roll_as(&scene.acting, webhook.id, fixtures::request("young", "a"))
            .await,
    );
    answered(
        scene
            .roll_as(&scene.acting, webhook.id, fixtures::request("old", "a"))
            .await,
    );
}
