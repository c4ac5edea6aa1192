//! Delivering along a lane, with receivers that do as they are told.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod counting;
mod meanwhile;
mod previous_credentials;
mod receipts;
mod scene;
mod telling;
mod traces;

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause};
use webhook_domain::delivery::lane::LEASE;
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::id::{DeliveryId, ProcessId, WebhookId};
use webhook_domain::ports::{DeliveryQueue as _, EventStore as _, GiveUp, Shortage};
use webhook_domain::services::{CreateWebhook, LaneWorker, Next, RollSecret, SecretKeyService};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::testing::{ManualClock, MemoryStore, fixtures};
use webhook_domain::time::{Clock as _, Instant};
use webhook_domain::webhook::{TargetUrl, Webhook};
use webhook_verify::Verifier;

use scene::*;

#[tokio::test]
async fn deliveries_are_sent_in_order_each_once() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    for _ in 0..70 {
        scene.publish().await;
        scene.clock.advance(Duration::from_millis(1));
    }
    let mut worker = scene.worker(webhook.id);
    assert_eq!(scene.work(&mut worker).await, Next::Empty);
    let got = scene.receiver.got.lock().unwrap();
    let ids: Vec<_> = got
        .iter()
        .map(|parcel| header(parcel, "webhook-id").to_owned())
        .collect();
    assert_eq!(ids.len(), 70);
    assert!(ids.is_sorted(), "the ids of events sort by their time");
}

#[tokio::test]
async fn a_delivery_is_signed_with_the_keys_of_the_instant_of_its_attempt() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    let first = webhook
        .key_ring
        .current()
        .unwrap()
        .expose_shared()
        .unwrap()
        .to_owned();
    for _ in 0..3 {
        scene.publish().await;
    }
    let (dispatch, mut worker) = (scene.dispatch(), scene.worker(webhook.id));
    worker.step(&dispatch, |_, _| true).await.unwrap();
    let secrets = SecretKeyService::new(
        scene.store.clone(),
        scene.clock.clone(),
        scene.entropy.clone(),
        Overlap::DAY,
    );
    secrets
        .roll(&scene.acting, webhook.id, RollSecret::default())
        .await
        .unwrap();
    worker.step(&dispatch, |_, _| true).await.unwrap();
    let revoking = RollSecret {
        overlap: Some(Overlap::from_seconds(0).unwrap()),
        ..RollSecret::default()
    };
    secrets.roll(&scene.acting, webhook.id, revoking).await.unwrap();
    let (_, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
    assert_eq!(turn.unwrap().attempt.key_fingerprints.len(), 1);
    let verifier = Verifier::from_keys([first]).unwrap();
    let verified: Vec<bool> = scene
        .receiver
        .got
        .lock()
        .unwrap()
        .iter()
        .map(|parcel| {
            let found = |name: &str| {
                let found = parcel
                    .headers
                    .iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.as_bytes())
            };
            verifier
                .verify(found, &parcel.body, scene.clock.now().into())
                .is_ok()
        })
        .collect();
    assert_eq!(
        verified,
        [true, true, false],
        "the revoked key signs nothing that begins later"
    );
}

#[tokio::test]
async fn a_failure_holds_the_lane_up_until_its_time() {
    let scene = Scene::new()
        .await
        .answering([AttemptOutcome::failed(FailureCause::Connection), answered(500)]);
    let webhook = scene.webhook().await;
    scene.publish().await;
    scene.publish().await;
    let mut worker = scene.worker(webhook.id);
    for minutes in [2, 4] {
        let Next::Wait(until) = scene.work(&mut worker).await else {
            unreachable!("it waits")
        };
        let wait = until.since(scene.clock.now());
        let least = Duration::from_secs(minutes * 60);
        assert!(wait >= least && wait <= least + least / 10, "{wait:?}");
        scene
            .clock
            .set(Instant::from_milliseconds(until.as_milliseconds() - 1));
        assert_eq!(scene.work(&mut worker).await, Next::Wait(until));
        scene.clock.set(until);
    }
    assert_eq!(scene.sent(), 2);
    assert_eq!(scene.work(&mut worker).await, Next::Empty);
    assert_eq!(scene.sent(), 4);
    let lane = scene
        .store
        .look(scene.process, webhook.id, None, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(lane.penalty_box, PenaltyBox::Out);
}

#[tokio::test]
async fn want_of_our_own_is_no_attempt_and_never_the_receivers_failure() {
    let scene = Scene::new().await.answering([answered(500)]);
    let webhook = scene.webhook().await;
    scene.publish().await;
    let mut worker = scene.worker(webhook.id);
    let shortages = [
        Shortage::FileDescriptors,
        Shortage::Memory,
        Shortage::LocalPorts,
        Shortage::Stopping,
    ];
    let wants = |scene: &Scene| scene.receiver.shortages.lock().unwrap().extend(shortages);
    let box_of = async || {
        let lane = scene.store.look(scene.process, webhook.id, None, 1).await;
        let lane = lane.unwrap().unwrap();
        (lane.penalty_box, lane.queued[0].attempts)
    };
    wants(&scene);
    for shortage in shortages {
        assert_eq!(scene.work(&mut worker).await, Next::Short(shortage));
        assert_eq!(box_of().await, (PenaltyBox::Out, 0));
    }
    // The same for one that has failed already.
    let Next::Wait(until) = scene.work(&mut worker).await else {
        unreachable!("it failed")
    };
    let before = box_of().await;
    scene.clock.set(until);
    wants(&scene);
    for shortage in shortages {
        assert_eq!(scene.work(&mut worker).await, Next::Short(shortage));
        assert_eq!(box_of().await, before);
    }
    assert_eq!(scene.work(&mut worker).await, Next::Empty);
    assert_eq!(scene.sent(), 2);
}

#[tokio::test]
async fn what_a_failed_answer_says_is_kept_without_what_was_sent() {
    let scene = Scene::new().await.answering([answered(403), answered(200)]);
    let webhook = scene.webhook().await;
    let secret = webhook.key_ring.current().unwrap().expose_shared().unwrap();
    *scene.receiver.says.lock().unwrap() = format!("the secret is not {secret}");
    scene.publish().await;
    let (dispatch, mut worker) = (scene.dispatch(), scene.worker(webhook.id));
    let (_, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
    let turn = turn.unwrap();
    let said = turn
        .attempt
        .response_body
        .as_ref()
        .map(|body| body.as_str().to_owned());
    assert_eq!(said.as_deref(), Some("the secret is not [redacted]"));
    scene.clock.set(turn.penalty_box.retry_at().unwrap());
    let (_, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
    assert_eq!(turn.unwrap().attempt.response_body, None);
}

#[tokio::test]
async fn another_worker_goes_on_where_the_first_stopped() {
    let scene = Scene::new().await.answering([answered(500)]);
    let webhook = scene.webhook().await;
    scene.publish().await;
    let waits = scene.work(&mut scene.worker(webhook.id)).await;
    assert!(matches!(waits, Next::Wait(_)));
    assert_eq!(scene.work(&mut scene.worker(webhook.id)).await, waits);
    assert_eq!(scene.sent(), 1);
}

#[tokio::test]
async fn a_receiver_that_is_gone_makes_its_webhook_inactive_and_its_queue_waits() {
    let scene = Scene::new().await.answering([answered(410)]);
    let webhook = scene.webhook().await;
    scene.publish().await;
    scene.publish().await;
    let mut worker = scene.worker(webhook.id);
    assert_eq!(scene.work(&mut worker).await, Next::Park);
    assert_eq!(scene.sent(), 1);
    assert!(worker.last_made().unwrap().made_inactive);
    let stored = scene.stored(webhook.id).await;
    assert!(!stored.settings.active);
    scene.publish().await;
    scene.set_active(&stored).await;
    assert_eq!(scene.work(&mut worker).await, Next::Empty);
    assert!(!worker.last_made().unwrap().made_inactive);
    assert_eq!(
        scene.sent(),
        3,
        "the one that failed and the one after it, and not what came while it was inactive"
    );
}

#[tokio::test]
async fn a_delivery_is_given_up_after_seven_days_and_the_next_ones_turn_comes() {
    let scene = Scene::new()
        .await
        .answering(std::iter::repeat_n(answered(503), 100));
    let webhook = scene.webhook().await;
    scene.publish().await;
    scene.publish().await;
    let mut worker = scene.worker(webhook.id);
    let dispatch = scene.dispatch();
    let given_up = loop {
        let (next, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
        if let Some(turn) = turn {
            let status = turn.delivery.status;
            scene.store.record(scene.process, vec![turn]).await.unwrap();
            worker.recorded();
            if let DeliveryStatus::Failed { at } = status {
                break at;
            }
        }
        if let Next::Wait(until) = next {
            scene.clock.set(until);
        }
    };
    let days = given_up.since(ManualClock::START).as_secs_f64() / 86_400.0;
    assert!((7.0..7.1).contains(&days), "{days}");
    let before = scene.sent();
    worker.step(&dispatch, |_, _| true).await.unwrap();
    assert_eq!(scene.sent(), before + 1, "the next one is sent at once");
    let got = scene.receiver.got.lock().unwrap();
    assert_ne!(
        header(&got[before], "webhook-id"),
        header(&got[before - 1], "webhook-id")
    );
}

#[tokio::test]
async fn a_webhook_without_a_url_waits() {
    let scene = Scene::new().await;
    let settings = fixtures::bare_settings();
    let create = CreateWebhook {
        settings,
        idempotent: None,
    };
    let webhook = scene.create(create).await;
    scene.publish().await;
    assert_eq!(scene.work(&mut scene.worker(webhook.id)).await, Next::Park);
}
