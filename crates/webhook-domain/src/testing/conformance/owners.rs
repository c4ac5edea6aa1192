//! Who owns a lane, and that nothing but the end of its owner takes it away.

use std::time::Duration;

use super::Ports;
use super::lane_scene::{of, succeeded};
use super::scene::{Scene, done, held};
use crate::delivery::attempt::{AttemptOutcome, FailureCause};
use crate::delivery::lane::LEASE;
use crate::id::{ProcessId, WebhookId};
use crate::ports::{Change, Effect, Resend};
use crate::testing::fixtures;
use crate::webhook::{Settings, TargetUrl, Webhook};

fn sendable() -> Settings {
    Settings {
        url: Some(TargetUrl::restore("https://example.com/one".to_owned())),
        ..fixtures::bare_settings()
    }
}

async fn epoch(scene: &Scene, process: ProcessId, webhook: &Webhook) -> i64 {
    let lane = scene.look_at_own(process, webhook).await;
    held(lane.ok_or("the lane is not its owner's any more")).epoch.0
}

/// Whatever happens to a lane while its owner lives, it stays its owner's, in one epoch.
pub async fn nothing_takes_a_lane_from_the_living(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(sendable()).await;
    let event = scene.published("INVOICE.CREATED").await;
    let before = scene.lane(process, &webhook).await.epoch.0;
    let own = async |what: &str| assert_eq!(epoch(&scene, process, &webhook).await, before, "after {what}");
    scene.published("INVOICE.PAID").await;
    own("a publication").await;
    let lane = scene.lane(process, &webhook).await;
    let failed = scene.turn(
        &lane,
        &lane.queued[0],
        AttemptOutcome::failed(FailureCause::Timeout),
    );
    assert_eq!(held(ports.lanes().record(process, vec![failed]).await).lost, []);
    own("a turn").await;
    held(ports.lanes().expedite(webhook.id, scene.now()).await);
    own("an expedition").await;
    scene.settle(&webhook).await;
    held(ports.lanes().repair(scene.now()).await);
    own("a repair").await;
    done(scene.set(webhook.id, |settings| settings.active = false).await);
    done(scene.set(webhook.id, |settings| settings.active = true).await);
    own("a change").await;
    scene.deliver(process, &webhook).await;
    let resend = Resend {
        platform: scene.platform.clone(),
        delivery: of(&event, &webhook),
        at: scene.now(),
        quota: None,
        idempotency: None,
    };
    done(ports.events().resend(resend).await);
    own("a resend").await;
    assert_eq!(scene.ready(process).await, [webhook.id]);
    assert_eq!(
        held(ports.lanes().take(process, vec![webhook.id], scene.now()).await),
        []
    );
    own("being taken by its owner").await;
}

/// A process names its own lanes, however many, and takes others up to the limit alone.
pub async fn lanes_are_taken_a_few_at_a_time(ports: &Ports) {
    let scene = Scene::new(ports);
    let mut webhooks: Vec<WebhookId> = Vec::new();
    for _ in 0..5 {
        webhooks.push(scene.create(sendable()).await.id);
    }
    webhooks.sort_unstable();
    scene.published("INVOICE.CREATED").await;
    let process = scene.process().await;
    let ready = async |limit| {
        let mut ready = held(ports.lanes().ready(process, scene.now(), limit).await);
        ready.sort_unstable();
        ready.dedup();
        ready
    };
    assert_eq!(ready(0).await, []);
    let mut known = Vec::new();
    for count in [2, 4, 5, 5] {
        let found = ready(2).await;
        assert_eq!(found.len(), count, "{found:?}");
        assert!(
            known.iter().all(|webhook| found.contains(webhook)),
            "its own are named each time"
        );
        known = found;
    }
    assert_eq!(known, webhooks);
}

/// Named is what was taken: not what the process has, not what there is not, and nothing by one that has left or never came.
pub async fn what_was_taken_is_named(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let unknown = scene.new_webhook(fixtures::bare_settings()).id;
    scene.published("INVOICE.CREATED").await;
    let stranger = scene.new_process();
    let lanes = ports.lanes();
    let take = async |process| held(lanes.take(process, vec![webhook.id, unknown], scene.now()).await);
    assert_eq!(take(stranger).await, []);
    assert_eq!(scene.ready(stranger).await, []);
    assert!(
        !held(lanes.renew(stranger, LEASE, scene.now()).await),
        "it never joined"
    );
    let process = scene.process().await;
    assert_eq!(take(process).await, [webhook.id]);
    assert_eq!(take(process).await, []);
    held(lanes.leave(process).await);
    assert_eq!(take(process).await, []);
    let next = scene.process().await;
    assert_eq!(take(next).await, [webhook.id]);
}

/// Of turns that are recorded together each counts for itself: a lane that was lost takes no other with it.
pub async fn a_lost_lane_is_named_and_the_others_are_recorded(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let (kept, deleted, stale) = (
        scene.create(fixtures::bare_settings()).await,
        scene.create(fixtures::bare_settings()).await,
        scene.create(fixtures::bare_settings()).await,
    );
    let event = scene.published("INVOICE.CREATED").await;
    let mut turns = Vec::new();
    for webhook in [&deleted, &kept, &stale] {
        let lane = scene.lane(process, webhook).await;
        turns.push(scene.turn(&lane, &lane.queued[0], succeeded()));
    }
    turns[2].epoch.0 -= 1;
    let delete = |_: &Webhook| {
        Ok(Change {
            effect: Effect::Delete,
            ..Change::default()
        })
    };
    done(scene.change(deleted.id, None, delete).await);
    let mut lost = held(ports.lanes().record(process, turns).await).lost;
    lost.sort_unstable();
    let mut expected = [deleted.id, stale.id];
    expected.sort_unstable();
    assert_eq!(lost, expected);
    assert_eq!(scene.queued(process, &kept).await, []);
    assert_eq!(scene.queued(process, &stale).await, [event.id]);
    scene.clock.advance(Duration::from_secs(1));
}
