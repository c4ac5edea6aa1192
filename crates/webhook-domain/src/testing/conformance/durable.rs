//! What was answered is durable: it is there when the store is opened again, however it was closed.
//!
//! The store is reopened as after the end of its process, so nothing but what was saved before the answers is left.

use super::Ports;
use super::api_keys::{find, insert, new_key, revoke};
use super::lane_scene::{of, succeeded};
use super::probes::{ended, probe};
use super::scene::{Scene, answered, done, held, refused, replayed};
use crate::Refusal;
use crate::access::audit::{AuditAction, AuditDetails};
use crate::delivery::attempt::{AttemptOutcome, FailureCause};
use crate::ports::{AUDITED_AS, DeliveryQuery, Pause, PauseReason, ScopeFilter};
use crate::signing::key_ring::Overlap;
use crate::testing::fixtures;
use crate::webhook::Settings;

/// A webhook with keys of every kind, its records in their order, its reference, and the answer to its last roll.
pub async fn webhooks_records_and_answers_are_there_after_a_restart(ports: &Ports) {
    let scene = Scene::new(ports);
    let gone = scene.create(fixtures::bare_settings()).await;
    let webhook = scene.create(fixtures::full_settings()).await;
    done(scene.roll(webhook.id, Overlap::DAY).await);
    let request = || fixtures::request("k", "roll");
    let answer = answered(scene.roll_as(&scene.acting, webhook.id, request()).await);
    let delete = |_: &crate::webhook::Webhook| {
        Ok(crate::ports::Change {
            effect: crate::ports::Effect::Delete,
            ..crate::ports::Change::default()
        })
    };
    done(scene.change(gone.id, None, delete).await);
    let before = (scene.stored(webhook.id).await, scene.records(webhook.id).await);

    ports.reopen().await;
    let after = (scene.stored(webhook.id).await, scene.records(webhook.id).await);
    assert_eq!(after, before);
    assert_eq!(scene.find(gone.id).await, None, "what was deleted stays deleted");
    assert_eq!(scene.list().await.len(), 1);
    assert_eq!(
        replayed(scene.roll_as(&scene.acting, webhook.id, request()).await),
        answer
    );
    let same_reference = scene.new_webhook(fixtures::full_settings());
    assert_eq!(
        refused(
            ports
                .webhooks()
                .create(scene.creation(&same_reference, None))
                .await
        ),
        Refusal::ReferenceTaken
    );
    scene.clock.advance_seconds(1);
    let (rolled, _) = done(scene.roll(webhook.id, Overlap::DAY).await);
    assert_eq!(rolled.version.0, before.0.version.0 + 1);
    let records = scene.records(webhook.id).await;
    assert_eq!(records[1..], before.1, "what comes later comes after them");
}

/// Keys, and that one was revoked: a revoked key that is good again lets somebody in.
pub async fn api_keys_are_there_after_a_restart(ports: &Ports) {
    let scene = Scene::new(ports);
    let (key, revoked) = (new_key(&scene), new_key(&scene));
    insert(&scene, &key).await;
    insert(&scene, &revoked).await;
    revoke(&scene, &revoked).await;
    let before = find(&scene, revoked.id).await;

    ports.reopen().await;
    assert_eq!(find(&scene, key.id).await, Some(key));
    assert_eq!(find(&scene, revoked.id).await, before);
    let all = held(ports.api_keys().list(ScopeFilter::Every, None, 10).await);
    assert_eq!(all.len(), 2);
    assert_eq!(scene.records(revoked.id).await.len(), 2);
}

/// The answer to a probe.
pub async fn answers_to_probes_are_there_after_a_restart(ports: &Ports) {
    let scene = Scene::new(ports);
    let request = || probe(&scene, "k", "test");
    let (_, answer) = done(ports.answers().keep(ended(succeeded()), request()).await);

    ports.reopen().await;
    let earlier = held(held(ports.answers().earlier(&request()).await).ok_or("it was answered"));
    assert_eq!(Some(replayed(Ok(earlier))), answer);
}

/// What waits, in its order; what was tried, how it ended, and what holds the queue up. The next process takes the lanes over in a
/// later epoch, and new deliveries go behind the old ones.
pub async fn lanes_are_there_after_a_restart(ports: &Ports) {
    let scene = Scene::new(ports);
    let first_process = scene.process().await;
    let settings = Settings {
        url: Some(crate::webhook::TargetUrl::restore(
            "https://example.com/one".to_owned(),
        )),
        include_previous_data: true,
        ..fixtures::bare_settings()
    };
    let webhook = scene.create(settings).await;
    let mut events = Vec::new();
    for action in ["INVOICE.CREATED", "INVOICE.PAID", "INVOICE.CREATED"] {
        events.push(scene.published(action).await);
    }
    scene.deliver(first_process, &webhook).await;
    let lane = scene.lane(first_process, &webhook).await;
    let failed = scene.turn(
        &lane,
        &lane.queued[0],
        AttemptOutcome::failed(FailureCause::Timeout),
    );
    assert_eq!(
        held(ports.lanes().record(first_process, vec![failed.clone()]).await).lost,
        []
    );
    held(ports.lanes().leave(first_process).await);
    let tracked = async || {
        let mut all = Vec::new();
        for event in &events {
            all.push(scene.tracked(of(event, &webhook)).await);
        }
        all
    };
    let query = || DeliveryQuery {
        limit: 10,
        ..DeliveryQuery::default()
    };
    let before = (tracked().await, scene.listed(query()).await);

    ports.reopen().await;
    assert_eq!((tracked().await, scene.listed(query()).await), before);
    let second_process = scene.process().await;
    let after = scene.lane(second_process, &webhook).await;
    assert!(after.epoch > lane.epoch, "its owner is another");
    assert_eq!(after.penalty_box, failed.penalty_box);
    assert_eq!(after.webhook, webhook);
    let later = scene.published("INVOICE.PAID").await;
    assert_eq!(
        scene.queued(second_process, &webhook).await,
        [events[1].id, events[2].id, later.id]
    );
    assert_eq!(after.queued[0].attempts, 1);
    if scene.look_at_own(first_process, &webhook).await.is_some() {
        super::scene::fail("the lane is still the process's that has left");
    }
}

/// A database that was restored stays paused until somebody has looked at it.
pub async fn a_pause_is_there_after_a_restart(ports: &Ports) {
    let scene = Scene::new(ports);
    let pause = Pause {
        since: scene.now(),
        reason: PauseReason::Restored,
    };
    held(ports.pause().pause(pause, None).await);
    ports.reopen().await;
    assert_eq!(held(ports.pause().current().await), Some(pause));
    let record = scene.record(
        AuditAction::DeliveriesResumed,
        AUDITED_AS,
        AuditDetails::default(),
    );
    assert_eq!(held(ports.pause().resume(record).await), Some(pause));
    ports.reopen().await;
    assert_eq!(held(ports.pause().current().await), None);
}
