//! What befalls a queue, told to those who follow it.

use super::*;
use webhook_domain::webhook::Settings;

const TOLD: [&str; 3] = ["WEBHOOK.HELD_UP", "WEBHOOK.RELEASED", "WEBHOOK_EVENT.FAILED"];
const FAILED: AttemptOutcome = AttemptOutcome::failed(FailureCause::Timeout);

/// What waits in the lane of `webhook`: what happened, and what is said of it.
async fn heard(scene: &Scene, webhook: &Webhook) -> Vec<(String, String)> {
    let lane = scene.store.look(scene.process, webhook.id, None, 32).await;
    let queued = lane.unwrap().unwrap().queued.into_iter();
    let events = queued.map(|queued| queued.event);
    events
        .map(|event| (event.action.as_str().to_owned(), event.data.as_str().to_owned()))
        .collect()
}

#[tokio::test]
async fn a_queue_is_told_to_be_held_up_and_to_go_on_once_and_that_an_event_was_given_up() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    let follower = CreateWebhook {
        settings: Settings {
            included_actions: Some(fixtures::actions(&TOLD)),
            ..webhook.settings.clone()
        },
        idempotent: None,
    };
    let follower = scene.create(follower).await;
    let failed = scene.publish().await;
    scene.publish().await;
    let scene = scene.answering([FAILED, FAILED, FAILED]);
    let mut worker = scene.worker(webhook.id);
    for days in [0, 1, 8] {
        scene.clock.advance(Duration::from_secs(days * 86_400));
        scene.work(&mut worker).await;
    }
    scene.work(&mut worker).await;
    let held_up = |is| format!("[\"{}\",{is}]", webhook.id);
    let given_up = format!("[\"{}\",1]", DeliveryId::of(failed, webhook.id));
    let told = [
        (TOLD[0].to_owned(), held_up(true)),
        (TOLD[2].to_owned(), given_up),
        (TOLD[1].to_owned(), held_up(false)),
    ];
    assert_eq!(heard(&scene, &follower).await, told);
}

#[tokio::test]
async fn what_befalls_a_queue_by_an_event_of_the_services_own_is_told_to_nobody() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    let follower = CreateWebhook {
        settings: Settings {
            included_actions: Some(fixtures::actions(&TOLD)),
            ..webhook.settings.clone()
        },
        idempotent: None,
    };
    let (first, second) = (scene.create(follower).await, webhook);
    scene.publish().await;
    let scene = scene.answering([FAILED, FAILED, FAILED]);
    scene.work(&mut scene.worker(second.id)).await;
    assert_eq!(heard(&scene, &first).await.len(), 1);
    let mut worker = scene.worker(first.id);
    for days in [0, 8] {
        scene.clock.advance(Duration::from_secs(days * 86_400));
        scene.work(&mut worker).await;
    }
    assert_eq!(heard(&scene, &first).await, []);
    let all = webhook_domain::ports::DeliveryQuery {
        limit: 10,
        ..Default::default()
    };
    let deliveries = scene.store.deliveries(&first.platform, all).await.unwrap();
    assert_eq!(
        deliveries.len(),
        2,
        "one event, and one that tells of its failure"
    );
}
