//! A change is one unit: all of it is saved, or none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Ports;
use super::scene::{Scene, done, refused};
use crate::Refusal;
use crate::access::audit::{AuditAction, AuditDetails};
use crate::ports::{Change, Effect};
use crate::signing::key_ring::Overlap;
use crate::testing::fixtures;
use crate::webhook::{Settings, Version, Webhook};

/// What the decision made of the webhook is answered and stored, and the record with it.
pub async fn a_change_saves_the_webhook_and_its_record(ports: &Ports) {
    let scene = Scene::new(ports);
    let before = scene.create(fixtures::full_settings()).await;
    scene.clock.advance_seconds(1);
    let (after, answer) = done(scene.roll(before.id, Overlap::DAY).await);
    assert_eq!(answer, None, "an answer to a request that has no idempotency key");
    assert_eq!(after.version, Version(2));
    assert_ne!(after.key_ring.current(), before.key_ring.current());
    assert_eq!(scene.stored(before.id).await, after);
    let records = scene.records(before.id).await;
    let actions: Vec<_> = records.iter().map(|record| record.action).collect();
    assert_eq!(actions, [AuditAction::SecretRolled, AuditAction::WebhookCreated]);
}

/// From everything set to nothing set and back again.
pub async fn every_setting_can_be_changed_and_cleared(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::full_settings()).await;
    for settings in [fixtures::bare_settings(), fixtures::full_settings()] {
        let wanted = settings.clone();
        let (changed, _) = done(
            scene
                .set(webhook.id, move |stored| *stored = settings.clone())
                .await,
        );
        assert_eq!(changed.settings, wanted);
        assert_eq!(scene.stored(webhook.id).await, changed);
    }
}

/// Custom headers keep their order, their spelling and their values, whichever of them changes, and a set without any is another thing
/// than no set.
pub async fn custom_headers_read_back_in_their_order_and_spelling(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let longest = ("x".repeat(64), "v".repeat(1024));
    let sets: [&[(&str, &str)]; 6] = [
        &[("X-B", "two"), ("x_a", "one"), (&longest.0, &longest.1)],
        &[("x_a", "one"), ("X-B", "two")],
        &[("x_a", "one"), ("X-B", "another")],
        &[("X-A", "one"), ("X-B", "another")],
        &[("!#$%&'*+-.^_`|~", "\"{}\\ ~'")],
        &[],
    ];
    for set in sets {
        let headers = fixtures::custom_headers(set);
        let wanted = headers.clone();
        let set = move |stored: &mut Settings| stored.custom_headers = Some(headers.clone());
        let (changed, _) = done(scene.set(webhook.id, set).await);
        assert_eq!(changed.settings.custom_headers, Some(wanted));
        assert_eq!(scene.stored(webhook.id).await, changed);
        let (rolled, _) = done(scene.roll(webhook.id, Overlap::NONE).await);
        assert_eq!(scene.stored(webhook.id).await, rolled);
        assert_eq!(rolled.settings, changed.settings);
    }
}

/// Nobody can change what is not there.
pub async fn a_change_of_an_unknown_webhook_is_not_found(ports: &Ports) {
    let scene = Scene::new(ports);
    let unknown = scene.new_webhook(fixtures::bare_settings()).id;
    assert_eq!(
        refused(scene.roll(unknown, Overlap::DAY).await),
        Refusal::NO_SUCH_WEBHOOK
    );
    assert_eq!(scene.find(unknown).await, None);
    assert_eq!(scene.records(unknown).await, []);
}

/// Another platform's webhook is changed by nobody, and its keys are shown to no decision.
pub async fn a_change_of_another_platforms_webhook_is_not_found(ports: &Ports) {
    let (scene, other) = (Scene::new(ports), Scene::new(ports));
    let webhook = scene.create(fixtures::bare_settings()).await;
    let decided = Arc::new(AtomicBool::new(false));
    let seen = decided.clone();
    let decide = move |stored: &Webhook| {
        seen.store(true, Ordering::SeqCst);
        Ok(Change {
            effect: Effect::Save(Box::new(stored.clone())),
            ..Change::default()
        })
    };
    let request = fixtures::request("k", "a");
    assert_eq!(
        refused(other.change(webhook.id, Some(request), decide).await),
        Refusal::NO_SUCH_WEBHOOK
    );
    assert!(
        !decided.load(Ordering::SeqCst),
        "the decision saw another platform's webhook"
    );
    assert_eq!(scene.stored(webhook.id).await, webhook);
    assert_eq!(other.records(webhook.id).await, []);
}

/// A refusal leaves no trace: no webhook, no record.
pub async fn a_refused_decision_saves_nothing(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::full_settings()).await;
    let decide = |_: &Webhook| Err(Refusal::VersionMismatch);
    let request = fixtures::request("k", "a");
    let refusal = refused(scene.change(webhook.id, Some(request), decide).await);
    assert_eq!(refusal, Refusal::VersionMismatch);
    assert_eq!(scene.stored(webhook.id).await, webhook);
    assert_eq!(scene.records(webhook.id).await.len(), 1);
}

/// A decision may want its record kept and the webhook left as it is: so it is when a secret is revealed.
pub async fn a_change_of_nothing_saves_its_record_alone(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::full_settings()).await;
    scene.clock.advance_seconds(1);
    let id = webhook.id.to_string();
    let record = scene.record(AuditAction::SecretRevealed, &id, AuditDetails::default());
    let audit = record.clone();
    let decide = move |_: &Webhook| {
        Ok(Change {
            effect: Effect::Keep,
            audit: Some(audit.clone()),
            ..Change::default()
        })
    };
    assert_eq!(done(scene.change(webhook.id, None, decide).await).0, webhook);
    assert_eq!(scene.stored(webhook.id).await, webhook);
    assert_eq!(scene.records(webhook.id).await.first(), Some(&record));
}
