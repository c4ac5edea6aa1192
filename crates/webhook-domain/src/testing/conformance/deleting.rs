//! What is deleted is gone, and what it took up is free.

use super::Ports;
use super::scene::{Scene, answered, done, refused, replayed};
use crate::Refusal;
use crate::access::audit::{AuditAction, AuditDetails};
use crate::concurrently::concurrently;
use crate::error::ServiceError;
use crate::idempotency::IdempotentRequest;
use crate::ports::{Change, Effect, Outcome};
use crate::signing::key_ring::Overlap;
use crate::testing::fixtures;
use crate::webhook::{Settings, Webhook, WebhookQuery};

pub(super) async fn delete(
    scene: &Scene,
    webhook: &Webhook,
    request: Option<IdempotentRequest>,
) -> Result<Outcome, ServiceError> {
    let details = AuditDetails::of_end(&webhook.key_ring, scene.now());
    let record = scene.record(AuditAction::WebhookDeleted, &webhook.id.to_string(), details);
    let decide = move |_: &Webhook| {
        Ok(Change {
            effect: Effect::Delete,
            audit: Some(record.clone()),
            ..Change::default()
        })
    };
    scene.change(webhook.id, request, decide).await
}

/// It answers as it was; from then on it is neither found nor listed nor counted nor changed.
pub async fn a_deleted_webhook_is_gone(ports: &Ports) {
    let scene = Scene::new(ports);
    let kept = scene.create(fixtures::bare_settings()).await;
    let webhook = scene.create(fixtures::full_settings()).await;
    let (answered, _) = done(delete(&scene, &webhook, None).await);
    assert_eq!(answered, webhook);
    assert_eq!(scene.find(webhook.id).await, None);
    let page = scene.page(WebhookQuery::default()).await;
    assert_eq!((page.webhooks, page.total), (vec![kept], 1));
    for again in [
        delete(&scene, &webhook, None).await,
        scene.roll(webhook.id, Overlap::DAY).await,
    ] {
        assert_eq!(refused(again), Refusal::NO_SUCH_WEBHOOK);
    }
}

/// Who deleted it is known after it is gone, and what was done before.
pub async fn the_records_of_a_deleted_webhook_stay(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    scene.clock.advance_seconds(1);
    done(delete(&scene, &webhook, None).await);
    let records = scene.records(webhook.id).await;
    let actions: Vec<_> = records.iter().map(|record| record.action).collect();
    assert_eq!(
        actions,
        [AuditAction::WebhookDeleted, AuditAction::WebhookCreated]
    );
    let key = webhook
        .key_ring
        .current()
        .map(|key| key.fingerprint().as_str().to_owned());
    assert_eq!(records[0].details.ended_keys, Vec::from_iter(key));
}

/// The next webhook may have its reference.
pub async fn the_reference_of_a_deleted_webhook_is_free(ports: &Ports) {
    let scene = Scene::new(ports);
    let settings = Settings {
        reference: Some(fixtures::reference("r")),
        ..fixtures::bare_settings()
    };
    let first = scene.create(settings.clone()).await;
    done(delete(&scene, &first, None).await);
    let second = scene.create(settings).await;
    assert_eq!(scene.list().await, [second]);
}

/// A deletion whose answer was lost is answered again, though there is nothing left to delete.
pub async fn a_deletion_is_answered_again(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let request = || Some(fixtures::request("delete", ""));
    let first = answered(delete(&scene, &webhook, request()).await);
    let again = replayed(delete(&scene, &webhook, request()).await);
    assert_eq!(first, again);
    assert_eq!(scene.records(webhook.id).await.len(), 2);
}

/// Of rolls and a deletion at once some rolls come first; those after it find nothing, and nothing comes back.
pub async fn what_is_changed_while_it_is_deleted_stays_deleted(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let (scene, webhook) = (&scene, &webhook);
    let attempt = |n| async move {
        match n {
            4 => delete(scene, webhook, None).await,
            _ => scene.roll(webhook.id, Overlap::NONE).await,
        }
    };
    let mut attempts = concurrently((0..9).map(attempt)).await;
    done(attempts.remove(4));
    let rolled = attempts.iter().filter(|roll| roll.is_ok()).count();
    for refusal in attempts.into_iter().filter(Result::is_err) {
        assert_eq!(refused(refusal), Refusal::NO_SUCH_WEBHOOK);
    }
    assert_eq!(scene.find(webhook.id).await, None);
    assert_eq!(scene.records(webhook.id).await.len(), rolled + 2);
}
