//! What can be counted of an attempt: for how long it had been due, and which keys signed it.

use std::time::Duration;

use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause};
use webhook_domain::services::{LaneWorker, Next, RollSecret, SecretKeyService};
use webhook_domain::signing::key_ring::Overlap;

use super::scene::*;

fn lag(worker: &LaneWorker) -> Option<Duration> {
    worker.last_made().unwrap().lag
}

#[tokio::test]
async fn an_attempt_is_late_since_its_delivery_arrived_or_the_one_ahead_of_it_ended() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    for _ in 0..2 {
        scene.publish().await;
    }
    scene.clock.advance(Duration::from_secs(3));
    let (dispatch, mut worker) = (scene.dispatch(), scene.worker(webhook.id));
    assert_eq!(worker.last_made(), None);
    worker.step(&dispatch, |_, _| true).await.unwrap();
    assert_eq!(lag(&worker), Some(Duration::from_secs(3)));
    scene.clock.advance(Duration::from_secs(1));
    worker.step(&dispatch, |_, _| true).await.unwrap();
    let since_the_one_ahead = Duration::from_secs(1);
    assert_eq!(lag(&worker), Some(since_the_one_ahead));
    scene.clock.advance(Duration::from_secs(60));
    scene.publish().await;
    scene.clock.advance(Duration::from_secs(2));
    worker.step(&dispatch, |_, _| true).await.unwrap();
    assert_eq!(
        lag(&worker),
        Some(Duration::from_secs(2)),
        "an empty lane is not late"
    );
}

#[tokio::test]
async fn a_retry_is_late_since_the_penalty_box_was_over() {
    let scene = Scene::new()
        .await
        .answering([AttemptOutcome::failed(FailureCause::Connection)]);
    let webhook = scene.webhook().await;
    scene.publish().await;
    let Next::Wait(until) = scene.work(&mut scene.worker(webhook.id)).await else {
        unreachable!("it waits")
    };
    scene.clock.set(until);
    scene.clock.advance(Duration::from_secs(5));
    // Another task works at the lane by then.
    let mut worker = scene.worker(webhook.id);
    scene.work(&mut worker).await;
    assert_eq!(lag(&worker), Some(Duration::from_secs(5)));
}

#[tokio::test]
async fn the_keys_that_signed_are_told_by_their_roles() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    let secrets = SecretKeyService::new(
        scene.store.clone(),
        scene.clock.clone(),
        scene.entropy.clone(),
        Overlap::DAY,
    );
    let mut worker = scene.worker(webhook.id);
    let mut roles = Vec::new();
    for _ in 0..3 {
        scene.publish().await;
        scene.work(&mut worker).await;
        let made = worker.last_made().unwrap();
        roles.push((made.by_current, made.by_retired));
        let roll = RollSecret::default();
        secrets.roll(&scene.acting, webhook.id, roll).await.unwrap();
    }
    secrets
        .remove(&scene.acting, webhook.id, Default::default())
        .await
        .unwrap();
    scene.publish().await;
    scene.work(&mut worker).await;
    let made = worker.last_made().unwrap();
    roles.push((made.by_current, made.by_retired));
    assert_eq!(roles, [(true, 0), (true, 1), (true, 2), (false, 4)]);
}
