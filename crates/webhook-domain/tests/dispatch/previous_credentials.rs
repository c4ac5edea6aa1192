//! A receiver that still takes the credentials before is asked a second time within the attempt.

use webhook_domain::delivery::attempt::{CredentialsTaken, FailureCause};
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::services::UpdateWebhook;
use webhook_domain::signing::secret::SecretText;
use webhook_domain::webhook::{
    ApiHeaderField, ApiKeyValue, Authentication, AuthenticationType, Credentials, Edit, Precondition,
    Settings, SettingsUpdate, TargetPolicy,
};

use super::*;

fn key(text: &str) -> ApiKeyValue {
    ApiKeyValue::parse(SecretText::new(text.into())).unwrap()
}

/// A webhook with an API key `old`, its lane's worker, and the key changed to `new` with an hour of overlap.
async fn overlapping(scene: &Scene) -> (Webhook, LaneWorker) {
    let credentials = Credentials {
        api_header_field: Some(ApiHeaderField::parse("X-Key".into()).unwrap()),
        api_key: Some(key("oldK3y")),
        ..Credentials::default()
    };
    let settings = Settings {
        url: Some(TargetUrl::parse("https://example.com/hook".into(), &TargetPolicy::default()).unwrap()),
        authentication: Authentication::new(AuthenticationType::ApiKey, credentials).unwrap(),
        ..fixtures::bare_settings()
    };
    let create = CreateWebhook {
        settings,
        idempotent: None,
    };
    let webhook = scene.create(create).await;
    change(scene, webhook.id, keeping("newK3y")).await;
    let worker = scene.worker(webhook.id);
    (webhook, worker)
}

fn keeping(to: &str) -> SettingsUpdate {
    SettingsUpdate {
        api_key: Edit::Set(key(to)),
        previous_credentials_expires_in: Overlap::from_seconds(3600).unwrap(),
        ..SettingsUpdate::new(true, false, AuthenticationType::ApiKey)
    }
}

async fn change(scene: &Scene, webhook: WebhookId, update: SettingsUpdate) {
    let update = UpdateWebhook {
        update,
        precondition: Precondition::default(),
        idempotent: None,
    };
    scene
        .webhooks()
        .update(&scene.acting, webhook, update)
        .await
        .unwrap();
}

/// The API keys that requests had, since this was asked last.
fn keys_sent(scene: &Scene) -> Vec<String> {
    let sent = scene.receiver.got.lock().unwrap().split_off(0);
    let key = |parcel: &webhook_domain::ports::Parcel| {
        let credentials = parcel.authentication.credentials();
        credentials.api_key.as_ref().unwrap().expose().to_owned()
    };
    sent.iter().map(key).collect()
}

#[tokio::test]
async fn what_the_new_credentials_are_refused_goes_once_more_with_the_previous_ones() {
    for refused in [401, 403] {
        let scene = Scene::new().await.answering([answered(refused), answered(204)]);
        let (_, mut worker) = overlapping(&scene).await;
        let event = scene.publish().await;
        let (next, turn) = worker.step(&scene.dispatch(), |_, _| true).await.unwrap();
        let turn = turn.unwrap();
        assert_eq!((next, turn.number), (Next::Step, 1));
        assert_eq!(turn.penalty_box, PenaltyBox::Out);
        assert_eq!(turn.attempt.credentials, CredentialsTaken::Previous);
        assert_eq!(turn.attempt.outcome, answered(204));
        {
            let got = scene.receiver.got.lock().unwrap();
            assert_eq!(
                got[0].headers, got[1].headers,
                "webhook-id and signatures are the same"
            );
            assert_eq!(header(&got[0], "webhook-id"), event.to_string());
            assert_eq!(got[0].body, got[1].body);
        }
        assert_eq!(keys_sent(&scene), ["newK3y", "oldK3y"]);
    }
}

#[tokio::test]
async fn a_receiver_that_takes_the_new_ones_or_fails_otherwise_is_asked_once() {
    for (outcome, sent) in [
        (answered(204), 1),
        (answered(500), 1),
        (answered(407), 1),
        (answered(410), 1),
        (AttemptOutcome::failed(FailureCause::Timeout), 1),
    ] {
        let scene = Scene::new().await.answering([outcome]);
        let (_, mut worker) = overlapping(&scene).await;
        scene.publish().await;
        let (_, turn) = worker.step(&scene.dispatch(), |_, _| true).await.unwrap();
        let attempt = turn.unwrap().attempt;
        assert_eq!((attempt.outcome, scene.sent()), (outcome, sent));
        assert_eq!(attempt.credentials, CredentialsTaken::Current);
    }
}

#[tokio::test]
async fn after_their_time_only_the_new_ones_are_used() {
    let scene = Scene::new().await.answering([answered(401)]);
    let (webhook, mut worker) = overlapping(&scene).await;
    scene.clock.advance(Duration::from_secs(3600));
    assert!(scene.stored(webhook.id).await.previous_credentials.is_some());
    scene.publish().await;
    let (_, turn) = worker.step(&scene.dispatch(), |_, _| true).await.unwrap();
    assert_eq!(turn.unwrap().attempt.outcome, answered(401));
    assert_eq!(keys_sent(&scene), ["newK3y"]);
}

#[tokio::test]
async fn a_second_try_that_fails_is_the_last_for_five_minutes() {
    let failed = AttemptOutcome::failed(FailureCause::Timeout);
    for second in [answered(401), answered(500), failed] {
        let answers = [answered(401), second, answered(403), answered(401), answered(204)];
        let scene = Scene::new().await.answering(answers);
        let (webhook, mut worker) = overlapping(&scene).await;
        scene.publish().await;
        assert!(matches!(scene.work(&mut worker).await, Next::Wait(_)));
        assert_eq!(keys_sent(&scene), ["newK3y", "oldK3y"]);
        // Two minutes later it is tried again, by a worker that remembers nothing of its own.
        scene.clock.advance(Duration::from_secs(5 * 60 - 1));
        let mut worker = scene.worker(webhook.id);
        let (_, turn) = worker.step(&scene.dispatch(), |_, _| true).await.unwrap();
        let turn = turn.unwrap();
        assert_eq!(turn.attempt.outcome, answered(403));
        assert_eq!(turn.attempt.credentials, CredentialsTaken::Current);
        assert_eq!(keys_sent(&scene), ["newK3y"]);
        assert_eq!(
            scene.store.record(scene.process, vec![turn]).await.unwrap().lost,
            []
        );
        worker.recorded();
        scene.clock.advance(Duration::from_secs(5 * 60));
        assert_eq!(scene.work(&mut worker).await, Next::Empty);
        assert_eq!(keys_sent(&scene), ["newK3y", "oldK3y"]);
    }
}

#[tokio::test]
async fn credentials_that_are_dropped_while_the_first_request_is_under_way_are_not_used() {
    let elsewhere = TargetUrl::parse("https://example.org/hook".into(), &TargetPolicy::default()).unwrap();
    for update in [
        SettingsUpdate {
            url: Edit::Set(elsewhere),
            ..SettingsUpdate::new(true, false, AuthenticationType::ApiKey)
        },
        SettingsUpdate::new(true, false, AuthenticationType::None),
    ] {
        let scene = Scene::new().await.answering([answered(401)]);
        let (webhook, mut worker) = overlapping(&scene).await;
        scene.publish().await;
        let (webhooks, acting) = (scene.webhooks(), scene.acting.clone());
        scene.receiver.meanwhile(Box::new(move || {
            let update = UpdateWebhook {
                update,
                precondition: Precondition::default(),
                idempotent: None,
            };
            let mut updated = std::pin::pin!(webhooks.update(&acting, webhook.id, update));
            let waker = std::task::Waker::noop();
            let done = updated.as_mut().poll(&mut std::task::Context::from_waker(waker));
            assert!(done.is_ready(), "the memory does not wait");
        }));
        let (_, turn) = worker.step(&scene.dispatch(), |_, _| true).await.unwrap();
        assert_eq!(turn.unwrap().attempt.outcome, answered(401));
        assert_eq!(keys_sent(&scene), ["newK3y"]);
    }
}

#[tokio::test]
async fn a_second_request_needs_to_be_admitted() {
    let scene = Scene::new()
        .await
        .answering([answered(401), answered(401), answered(204)]);
    let (_, mut worker) = overlapping(&scene).await;
    scene.publish().await;
    let mut asked = 0;
    let once = |_: &Webhook, _: &TargetUrl| {
        asked += 1;
        asked == 1
    };
    let (_, turn) = worker.step(&scene.dispatch(), once).await.unwrap();
    assert_eq!(turn.unwrap().attempt.outcome, answered(401));
    assert_eq!((keys_sent(&scene), asked), (vec!["newK3y".to_owned()], 2));
}

#[tokio::test]
async fn a_shortage_before_the_second_request_makes_the_attempt_none() {
    let scene = Scene::new()
        .await
        .answering([answered(401), answered(401), answered(204)]);
    let (_, mut worker) = overlapping(&scene).await;
    scene.publish().await;
    let shortages = scene.receiver.clone();
    scene.receiver.meanwhile(Box::new(move || {
        shortages
            .shortages
            .lock()
            .unwrap()
            .push_back(Shortage::FileDescriptors);
    }));
    let (next, turn) = worker.step(&scene.dispatch(), |_, _| true).await.unwrap();
    assert!(matches!(next, Next::Short(_)), "{next:?}");
    assert_eq!(turn, None);
    let (_, turn) = worker.step(&scene.dispatch(), |_, _| true).await.unwrap();
    let attempt = turn.unwrap().attempt;
    assert_eq!(attempt.outcome, answered(204));
    assert_eq!(attempt.credentials, CredentialsTaken::Previous);
}

#[tokio::test]
async fn what_a_receiver_repeats_of_the_previous_ones_is_not_kept() {
    let scene = Scene::new().await.answering([answered(401), answered(401)]);
    *scene.receiver.says.lock().unwrap() = "not oldK3y, nor newK3y".into();
    let (_, mut worker) = overlapping(&scene).await;
    scene.publish().await;
    let (_, turn) = worker.step(&scene.dispatch(), |_, _| true).await.unwrap();
    let body = turn.unwrap().attempt.response_body.unwrap();
    assert_eq!(body.as_str(), "not [redacted], nor [redacted]");
}
