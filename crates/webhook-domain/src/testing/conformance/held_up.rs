//! A queue that is held up: what is told of it, and what lets it go on.

use std::time::Duration;

use super::Ports;
use super::scene::{Scene, done, held};
use crate::delivery::attempt::{AttemptOutcome, FailureCause};
use crate::delivery::event::{Environment, Event};
use crate::delivery::penalty_box::PenaltyBox;
use crate::id::ProcessId;
use crate::ports::Change;
use crate::testing::fixtures;
use crate::webhook::{HeldUp, Settings, TargetUrl, Webhook, WebhookQuery};

fn url(text: &str) -> Option<TargetUrl> {
    Some(TargetUrl::restore(text.to_owned()))
}

/// A webhook with a `url` that is held up by the first of two events.
async fn held_up(scene: &Scene, process: ProcessId) -> (Webhook, Event) {
    let settings = Settings {
        url: url("https://example.com/one"),
        ..fixtures::bare_settings()
    };
    let webhook = scene.create(settings).await;
    let first = scene.published("INVOICE.CREATED").await;
    scene.published("INVOICE.PAID").await;
    fail_head(scene, process, &webhook).await;
    (webhook, first)
}

/// Has an attempt at the head of the webhook's queue fail.
pub(super) async fn fail_head(scene: &Scene, process: ProcessId, webhook: &Webhook) {
    let lane = scene.lane(process, webhook).await;
    let failed = AttemptOutcome::failed(FailureCause::Timeout);
    let turn = scene.turn(&lane, &lane.queued[0], failed);
    assert_eq!(
        held(scene.ports.lanes().record(process, vec![turn]).await).lost,
        []
    );
}

async fn is_told(scene: &Scene, process: ProcessId, webhook: &Webhook) {
    while !scene.told(process).await.contains(&webhook.id) {}
}

/// A webhook that is read or changed says what holds its queue up, with what is at the head; in a list, without that.
pub async fn a_webhook_says_what_holds_its_queue_up(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let free = scene.create(fixtures::bare_settings()).await;
    let (webhook, first) = held_up(&scene, process).await;
    let penalty_box = scene.lane(process, &webhook).await.penalty_box;
    let payload = first.payload(Environment::Live, false);
    let kept = |_: &Webhook| Ok(Change::default());
    for shown in [
        scene.stored(webhook.id).await,
        done(scene.change(webhook.id, None, kept).await).0,
    ] {
        let told = held(shown.held_up.ok_or("it is held up"));
        assert_eq!(told.penalty_box(), &penalty_box);
        assert_eq!(told.payload(Environment::Live), Some(payload.clone()));
    }
    let listed = scene.page(WebhookQuery::default()).await.webhooks;
    for shown in listed {
        let expected = match shown.id == webhook.id {
            true => HeldUp::new(penalty_box, None),
            false => None,
        };
        assert_eq!(shown.held_up, expected);
    }
    scene.deliver(process, &webhook).await;
    for id in [webhook.id, free.id] {
        assert_eq!(scene.stored(id).await.held_up, None);
    }
}

/// A change of where the receiver is lets its queue go on at once, and whoever works at it is told; any other does not.
pub async fn a_change_of_the_target_lets_the_queue_go_on(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let (webhook, _) = held_up(&scene, process).await;
    let before = scene.lane(process, &webhook).await.penalty_box;
    done(
        scene
            .set(webhook.id, |settings| settings.include_previous_data = true)
            .await,
    );
    assert_eq!(scene.lane(process, &webhook).await.penalty_box, before);
    scene.told(process).await;
    let moved = |settings: &mut Settings| settings.url = url("https://example.com/two");
    done(scene.set(webhook.id, moved).await);
    let after = scene.lane(process, &webhook).await.penalty_box;
    assert_eq!(after, before.expedited(webhook.updated_at));
    assert!(after.is_due(scene.now()) && !before.is_due(scene.now()));
    is_told(&scene, process, &webhook).await;
}

/// A webhook that is made active is out of the box.
pub async fn a_webhook_that_is_made_active_is_out_of_the_box(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let (webhook, first) = held_up(&scene, process).await;
    done(scene.set(webhook.id, |settings| settings.active = false).await);
    assert!(scene.stored(webhook.id).await.held_up.is_some());
    scene.told(process).await;
    done(scene.set(webhook.id, |settings| settings.active = true).await);
    assert_eq!(scene.stored(webhook.id).await.held_up, None);
    let lane = scene.lane(process, &webhook).await;
    assert_eq!(
        (lane.penalty_box, lane.queued[0].event.id),
        (PenaltyBox::Out, first.id)
    );
    is_told(&scene, process, &webhook).await;
}

/// What is held up can be asked for at once; what is not, or has nothing queued, cannot.
pub async fn what_is_held_up_is_expedited(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let free = scene.create(fixtures::bare_settings()).await;
    assert_eq!(held(ports.lanes().expedite(free.id, scene.now()).await), None);
    let (webhook, first) = held_up(&scene, process).await;
    scene.told(process).await;
    scene.clock.advance(Duration::from_secs(1));
    let before = held(ports.lanes().expedite(webhook.id, scene.now()).await);
    let before = held(before.ok_or("it is in the box"));
    assert_eq!((before.event.id, before.attempts.len()), (first.id, 1));
    assert_eq!(before, scene.tracked(before.delivery.id).await);
    let lane = scene.lane(process, &webhook).await;
    assert_eq!(lane.penalty_box.retry_at(), Some(scene.now()));
    is_told(&scene, process, &webhook).await;
    assert_eq!(held(ports.lanes().expedite(free.id, scene.now()).await), None);
    scene.deliver(process, &webhook).await;
    assert_eq!(held(ports.lanes().expedite(webhook.id, scene.now()).await), None);
}
