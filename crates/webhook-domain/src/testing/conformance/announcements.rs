//! Changes of webhooks, told to those who want to hear of them.

use super::Ports;
use super::scene::{Scene, done, held, refused, replayed};
use crate::delivery::event::JsonText;
use crate::id::ProcessId;
use crate::services::{
    CreateWebhook, DeleteWebhook, ExpiryNotices, RemoveSecret, RollSecret, SecretKeyService, UndoRoll,
    UpdateWebhook, WebhookService,
};
use crate::signing::key_ring::{Evidence, Overlap};
use crate::testing::fixtures;
use crate::time::Instant;
use crate::webhook::{AuthenticationType, Precondition, Settings, SettingsUpdate, Version, Webhook};

/// What is told of a webhook here: its id and version.
pub(super) fn described(webhook: &Webhook, _: Instant) -> JsonText {
    let text = format!(r#"["{}",{}]"#, webhook.id, webhook.version.0);
    held(JsonText::parse(text.as_bytes()))
}

pub(super) fn telling(scene: &Scene) -> WebhookService {
    let store = scene.ports.webhooks().clone();
    WebhookService::new(store, scene.clock.clone(), scene.entropy.clone()).announcing(described)
}

pub(super) async fn follower(scene: &Scene, included: &[&str]) -> Webhook {
    let settings = Settings {
        included_actions: Some(fixtures::actions(included)),
        include_previous_data: true,
        ..fixtures::bare_settings()
    };
    scene.create(settings).await
}

fn deactivation() -> UpdateWebhook {
    UpdateWebhook {
        update: SettingsUpdate::new(false, false, AuthenticationType::None),
        precondition: Precondition::Exists,
        idempotent: None,
    }
}

/// What waits in the lane of `webhook`: the action, what is told, and what was before.
async fn told(scene: &Scene, process: ProcessId, webhook: &Webhook) -> Vec<(String, String, Option<String>)> {
    let Some(lane) = scene.look(process, webhook).await else {
        return Vec::new();
    };
    let text = |json: &JsonText| json.as_str().to_owned();
    lane.queued
        .iter()
        .map(|queued| &queued.event)
        .map(|event| {
            assert_eq!(event.original_request_id.as_ref(), Some(scene.acting.request()));
            (
                event.action.as_str().to_owned(),
                text(&event.data),
                event.previous_data.as_ref().map(text),
            )
        })
        .collect()
}

/// A creation, an update, a roll, its undoing and a deletion are told in their order, to who names such events alone.
pub async fn changes_are_told_to_who_names_them(ports: &Ports) {
    let (scene, elsewhere) = (Scene::new(ports), Scene::new(ports));
    let process = scene.process().await;
    let all = [
        "WEBHOOK.CREATED",
        "WEBHOOK.UPDATED",
        "WEBHOOK.SECRET_ROLLED",
        "WEBHOOK.DELETED",
    ];
    let (hears, hears_ends) = (follower(&scene, &all).await, follower(&scene, &all[3..]).await);
    let takes_all = scene.create(fixtures::bare_settings()).await;
    let stranger = follower(&elsewhere, &all).await;
    let service = telling(&scene);
    let create = CreateWebhook {
        settings: fixtures::bare_settings(),
        idempotent: None,
    };
    let (webhook, _) = done(service.create(&scene.acting, create).await);
    let id = webhook.id;
    done(service.update(&scene.acting, id, deactivation()).await);
    let (store, clock, entropy) = (
        scene.ports.webhooks().clone(),
        scene.clock.clone(),
        scene.entropy.clone(),
    );
    let secrets = SecretKeyService::new(store, clock, entropy, Overlap::DAY).announcing(described);
    done(secrets.roll(&scene.acting, id, RollSecret::default()).await);
    done(secrets.undo_roll(&scene.acting, id, UndoRoll::default()).await);
    done(secrets.remove(&scene.acting, id, RemoveSecret::default()).await);
    done(service.delete(&scene.acting, id, DeleteWebhook::default()).await);

    let as_of = |version: i64| format!(r#"["{id}",{version}]"#);
    let expected = |action: &str, version, before: Option<i64>| {
        (format!("WEBHOOK.{action}"), as_of(version), before.map(as_of))
    };
    assert_eq!(
        told(&scene, process, &hears).await,
        [
            expected("CREATED", 1, None),
            expected("UPDATED", 2, Some(1)),
            expected("SECRET_ROLLED", 3, Some(2)),
            expected("UPDATED", 3, Some(2)),
            expected("SECRET_ROLLED", 4, Some(3)),
            expected("UPDATED", 4, Some(3)),
            expected("UPDATED", 5, Some(4)),
            expected("DELETED", 5, None)
        ]
    );
    assert_eq!(
        told(&scene, process, &hears_ends).await,
        [expected("DELETED", 5, None)]
    );
    assert_eq!(told(&scene, process, &takes_all).await, []);
    assert_eq!(told(&elsewhere, process, &stranger).await, []);
}

/// What is refused, changes nothing, or is answered again is not told.
pub async fn what_changes_nothing_is_not_told(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let hears = follower(&scene, &["WEBHOOK.UPDATED"]).await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let service = telling(&scene);
    let stale = UpdateWebhook {
        precondition: Precondition::VersionIn(vec![Version(7)]),
        ..deactivation()
    };
    refused(service.update(&scene.acting, webhook.id, stale).await);
    let named = || UpdateWebhook {
        idempotent: Some(fixtures::request("once", "deactivate")),
        ..deactivation()
    };
    done(service.update(&scene.acting, webhook.id, named()).await);
    replayed(service.update(&scene.acting, webhook.id, named()).await);
    done(service.update(&scene.acting, webhook.id, deactivation()).await);
    let told = told(&scene, process, &hears).await;
    assert_eq!(told.len(), 1, "{told:?}");
}

/// Who is created to hear of webhooks hears of that first; who was told to stop, does not.
pub async fn who_wants_to_hear_is_told_from_its_own_creation_on(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let service = telling(&scene);
    let create = CreateWebhook {
        settings: Settings {
            included_actions: Some(fixtures::actions(&["WEBHOOK.CREATED", "WEBHOOK.UPDATED"])),
            ..fixtures::bare_settings()
        },
        idempotent: None,
    };
    let (hears, _) = done(service.create(&scene.acting, create).await);
    assert_eq!(told(&scene, process, &hears).await.len(), 1);
    done(service.update(&scene.acting, hears.id, deactivation()).await);
    let create = CreateWebhook {
        settings: fixtures::bare_settings(),
        idempotent: None,
    };
    done(service.create(&scene.acting, create).await);
    assert_eq!(told(&scene, process, &hears).await.len(), 1, "it is inactive");
}

/// That a key stops is told an hour before, by whichever process comes first, and not again by another or after a start.
pub async fn that_a_key_stops_is_told_once(ports: &Ports) {
    let scene = Scene::at(ports, held("2006-01-01T00:00:00Z".parse()));
    let hears = follower(&scene, &["WEBHOOK.SECRET_EXPIRING"]).await;
    let stops = scene.create(fixtures::bare_settings()).await;
    let adopted = scene.create(fixtures::bare_settings()).await;
    for webhook in [&stops, &adopted] {
        done(scene.roll(webhook.id, Overlap::DAY).await);
    }
    scene.prove(adopted.id, Evidence::Receipt).await;
    let notices = || {
        let store = scene.ports.webhooks().clone();
        ExpiryNotices::new(store, scene.clock.clone(), scene.entropy.clone(), described)
    };
    let (here, there) = (notices(), notices());
    scene.clock.advance_seconds(23 * 3_600 - 1);
    assert_eq!(held(here.run().await), 0);
    scene.clock.advance_seconds(1);
    assert_eq!(held(here.run().await), 1);
    for notices in [here, there, notices()] {
        assert_eq!(held(notices.run().await), 0);
    }
    let process = scene.process().await;
    let heard: Vec<_> = scene
        .look(process, &hears)
        .await
        .into_iter()
        .flat_map(|lane| lane.queued)
        .collect();
    let version = scene.stored(stops.id).await.version.0;
    let heard: Vec<_> = heard
        .iter()
        .map(|queued| (queued.event.action.as_str(), queued.event.data.as_str()))
        .collect();
    let data = format!(r#"["{}",{version}]"#, stops.id);
    assert_eq!(heard, [("WEBHOOK.SECRET_EXPIRING", data.as_str())]);
    assert_eq!(version, 2, "it is no change of version");
}
