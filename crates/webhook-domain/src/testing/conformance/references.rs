//! A reference names one webhook of its platform.

use super::Ports;
use super::scene::{Scene, answered, done, refused};
use crate::Refusal;
use crate::concurrently::concurrently;
use crate::error::ServiceError;
use crate::id::WebhookId;
use crate::ports::Outcome;
use crate::testing::fixtures;
use crate::webhook::{Settings, Webhook};

fn settings(reference: &str) -> Settings {
    Settings {
        reference: Some(fixtures::reference(reference)),
        ..fixtures::bare_settings()
    }
}

async fn rename(scene: &Scene, webhook: WebhookId, reference: Option<&str>) -> Result<Outcome, ServiceError> {
    let reference = reference.map(fixtures::reference);
    let edit = move |settings: &mut Settings| settings.reference = reference.clone();
    scene.set(webhook, edit).await
}

fn count_done(results: Vec<Result<Outcome, ServiceError>>) -> usize {
    let (done, taken): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    for result in taken {
        assert_eq!(refused(result), Refusal::ReferenceTaken);
    }
    done.len()
}

/// Refused without a trace: no webhook, no record, no answer under the idempotency key.
pub async fn a_taken_reference_is_refused_at_creation(ports: &Ports) {
    let scene = Scene::new(ports);
    let first = scene.create(settings("r")).await;
    let second = scene.new_webhook(settings("r"));
    let creation = scene.creation(&second, Some(fixtures::request("k", "a")));
    assert_eq!(
        refused(ports.webhooks().create(creation).await),
        Refusal::ReferenceTaken
    );
    assert_eq!(scene.list().await, [first]);
    assert_eq!(scene.records(second.id).await, []);
    let third = scene.new_webhook(settings("another"));
    let creation = scene.creation(&third, Some(fixtures::request("k", "b")));
    answered(ports.webhooks().create(creation).await);
}

/// The webhook stays as it was.
pub async fn a_taken_reference_is_refused_at_a_change(ports: &Ports) {
    let scene = Scene::new(ports);
    scene.create(settings("r")).await;
    let second = scene.create(settings("s")).await;
    assert_eq!(
        refused(rename(&scene, second.id, Some("r")).await),
        Refusal::ReferenceTaken
    );
    assert_eq!(scene.stored(second.id).await, second);
}

/// A change that leaves the reference alone does not collide with itself.
pub async fn a_webhook_keeps_its_own_reference(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(settings("r")).await;
    done(rename(&scene, webhook.id, Some("r")).await);
    done(
        scene
            .roll(webhook.id, crate::signing::key_ring::Overlap::DAY)
            .await,
    );
}

/// Another may have it from then on.
pub async fn a_reference_given_up_is_free(ports: &Ports) {
    let scene = Scene::new(ports);
    let first = scene.create(settings("r")).await;
    done(rename(&scene, first.id, None).await);
    let second = scene.create(settings("r")).await;
    assert_eq!(
        refused(rename(&scene, first.id, Some("r")).await),
        Refusal::ReferenceTaken
    );
    done(rename(&scene, second.id, Some("s")).await);
    done(rename(&scene, first.id, Some("r")).await);
}

/// Null is no reference. An empty text is one.
pub async fn webhooks_without_a_reference_do_not_collide(ports: &Ports) {
    let scene = Scene::new(ports);
    scene.create(fixtures::bare_settings()).await;
    let second = scene.create(fixtures::bare_settings()).await;
    let third = scene.create(settings("")).await;
    assert_eq!(
        refused(rename(&scene, second.id, Some("")).await),
        Refusal::ReferenceTaken
    );
    done(rename(&scene, third.id, None).await);
    assert_eq!(scene.list().await.len(), 3);
}

/// Platforms know nothing of each other, not even by a refusal.
pub async fn a_reference_is_taken_on_its_own_platform_alone(ports: &Ports) {
    let (scene, other) = (Scene::new(ports), Scene::new(ports));
    scene.create(settings("r")).await;
    let webhook = other.create(settings("r")).await;
    assert_eq!(other.stored(webhook.id).await, webhook);
}

/// References are equal to the letter, whatever the database thinks of text.
pub async fn references_differ_by_case_and_by_spaces(ports: &Ports) {
    let scene = Scene::new(ports);
    let mut webhooks: Vec<Webhook> = Vec::new();
    // The last two look the same: one letter, and a letter with a combining accent.
    for reference in ["ref", "REF", "ref ", " ref", "r\u{e9}f", "re\u{301}f"] {
        webhooks.push(scene.create(settings(reference)).await);
    }
    for webhook in webhooks {
        assert_eq!(scene.stored(webhook.id).await, webhook);
    }
}

/// Eight at once, and none of the losers leaves anything.
pub async fn of_concurrent_creations_with_one_reference_one_wins(ports: &Ports) {
    let scene = Scene::new(ports);
    let store = ports.webhooks();
    let creations = (0..8).map(|_| {
        let webhook = scene.new_webhook(settings("r"));
        store.create(scene.creation(&webhook, None))
    });
    assert_eq!(count_done(concurrently(creations).await), 1);
    let stored = scene.list().await;
    assert_eq!(stored.len(), 1);
    assert_eq!(scene.records(stored[0].id).await.len(), 1);
}

/// And those of other webhooks that are changed at the same time are not carried off with the losers.
pub async fn of_concurrent_changes_to_one_reference_one_wins(ports: &Ports) {
    let scene = Scene::new(ports);
    let mut webhooks = Vec::new();
    for n in 0..8 {
        webhooks.push(scene.create(settings(&n.to_string())).await);
    }
    let (contended, free) = webhooks.split_at(4);
    let changes = webhooks.iter().map(|webhook| {
        let wanted = if contended.contains(webhook) {
            "r".to_owned()
        } else {
            format!("free {}", webhook.id)
        };
        let scene = &scene;
        async move { rename(scene, webhook.id, Some(&wanted)).await }
    });
    assert_eq!(count_done(concurrently(changes).await), 1 + free.len());
    let wanted = Some(fixtures::reference("r"));
    let stored = scene.list().await;
    let winners = stored
        .iter()
        .filter(|webhook| webhook.settings.reference == wanted);
    assert_eq!(winners.count(), 1);
    for webhook in free {
        let expected = Some(fixtures::reference(&format!("free {}", webhook.id)));
        assert_eq!(scene.stored(webhook.id).await.settings.reference, expected);
    }
}
