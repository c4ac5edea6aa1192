//! What happens while an attempt is under way, or a turn is not recorded yet.

use super::*;

#[tokio::test]
async fn a_delivery_whose_webhook_is_changed_during_its_last_attempt_is_not_passed_by() {
    let scene = Scene::new()
        .await
        .answering(std::iter::repeat_n(answered(503), 2));
    let webhook = scene.webhook().await;
    scene.publish().await;
    scene.publish().await;
    let (dispatch, mut worker) = (scene.dispatch(), scene.worker(webhook.id));
    assert!(matches!(scene.work(&mut worker).await, Next::Wait(_)));
    scene
        .clock
        .set(ManualClock::START.plus(Duration::from_secs(8 * 24 * 60 * 60)));
    scene.receiver.meanwhile(Box::new({
        let (store, webhook) = (scene.store.clone(), webhook.clone());
        move || moved(&store, &webhook)
    }));
    let (_, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
    let turn = turn.unwrap();
    assert!(matches!(turn.delivery.status, DeliveryStatus::Failed { .. }));
    let (next, early) = worker.step(&dispatch, |_, _| true).await.unwrap();
    assert_eq!((next, early), (Next::Park, None), "the store has the last word");
    assert_eq!(
        scene.store.record(scene.process, vec![turn]).await.unwrap().lost,
        []
    );
    worker.recorded();
    assert_eq!(scene.work(&mut worker).await, Next::Empty);
    let got = scene.receiver.got.lock().unwrap();
    let ids: Vec<&str> = got.iter().map(|parcel| header(parcel, "webhook-id")).collect();
    assert_eq!(
        ids.len(),
        4,
        "the first is sent to the new receiver before the second"
    );
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3]);
}

impl Scene {
    /// Ends this process's term, and has another process take the lane.
    async fn lose(&self, webhook: WebhookId) -> ProcessId {
        let now = self.clock.now();
        self.store.leave(self.process).await.unwrap();
        let other = ProcessId::generate(now, self.entropy.as_ref()).unwrap();
        assert!(self.store.join(other, LEASE, now).await.unwrap());
        let taken = self.store.take(other, vec![webhook], now).await;
        assert_eq!(taken.unwrap(), [webhook]);
        other
    }
}

#[tokio::test]
async fn a_lane_that_is_lost_is_left_alone() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    scene.publish().await;
    scene.lose(webhook.id).await;
    assert_eq!(scene.work(&mut scene.worker(webhook.id)).await, Next::Lost);
    assert_eq!(scene.sent(), 0);
}

#[tokio::test]
async fn what_was_remembered_of_a_lane_is_forgotten_once_it_was_lost() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    for _ in 0..3 {
        scene.publish().await;
    }
    let (dispatch, mut worker) = (scene.dispatch(), scene.worker(webhook.id));
    let (_, unrecorded) = worker.step(&dispatch, |_, _| true).await.unwrap();
    let other = scene.lose(webhook.id).await;
    assert_eq!(
        worker.step(&dispatch, |_, _| true).await.unwrap(),
        (Next::Lost, None)
    );
    let late = scene
        .store
        .record(scene.process, unrecorded.into_iter().collect())
        .await;
    assert_eq!(late.unwrap().lost, [webhook.id]);
    let mut worker = LaneWorker::new(other, webhook.id);
    worker.step(&dispatch, |_, _| true).await.unwrap();
    let got = scene.receiver.got.lock().unwrap();
    assert_eq!(
        header(&got[0], "webhook-id"),
        header(&got[1], "webhook-id"),
        "what was not recorded is sent again"
    );
}

#[tokio::test]
async fn a_receiver_that_was_replaced_meanwhile_does_not_make_its_webhook_inactive() {
    let scene = Scene::new().await.answering([answered(410)]);
    let webhook = scene.webhook().await;
    scene.publish().await;
    let (dispatch, mut worker) = (scene.dispatch(), scene.worker(webhook.id));
    scene.receiver.meanwhile(Box::new({
        let (store, webhook) = (scene.store.clone(), webhook.clone());
        move || moved(&store, &webhook)
    }));
    let (next, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
    assert_eq!(next, Next::Step);
    assert!(!worker.last_made().unwrap().made_inactive);
    assert_eq!(
        scene
            .store
            .record(scene.process, vec![turn.unwrap()])
            .await
            .unwrap()
            .lost,
        []
    );
    worker.recorded();
    assert!(scene.stored(webhook.id).await.settings.active);
    assert_eq!(scene.work(&mut worker).await, Next::Empty);
    assert_eq!(scene.sent(), 2, "the new one is asked at once");
}

/// Gives the webhook another url, as somebody else would.
fn moved(store: &Arc<MemoryStore>, webhook: &Webhook) {
    use webhook_domain::ports::{Change, ChangeOrder, Effect, WebhookStore as _};
    use webhook_domain::webhook::Version;
    let order = ChangeOrder {
        announcement: None,
        platform: webhook.platform.clone(),
        webhook: webhook.id,
        decide: Box::new(|stored| {
            let mut moved = stored.clone();
            moved.settings.url = Some(TargetUrl::restore("https://example.com/other".into()));
            moved.version = Version(stored.version.0 + 1);
            Ok(Change {
                effect: Effect::Save(Box::new(moved)),
                ..Change::default()
            })
        }),
        settles: None,
        idempotency: None,
    };
    let mut change = std::pin::pin!(store.change(order));
    let waker = std::task::Waker::noop();
    let done = change.as_mut().poll(&mut std::task::Context::from_waker(waker));
    assert!(done.is_ready(), "the memory does not wait");
}

#[tokio::test]
async fn what_is_given_up_by_request_is_not_sent_though_it_was_read_before() {
    let scene = Scene::new().await;
    let webhook = scene.webhook().await;
    let mut events = Vec::new();
    for _ in 0..3 {
        events.push(scene.publish().await);
    }
    let mut worker = scene.worker(webhook.id);
    let (_, turn) = worker.step(&scene.dispatch(), |_, _| true).await.unwrap();
    scene
        .store
        .record(scene.process, turn.into_iter().collect())
        .await
        .unwrap();
    worker.recorded();
    let give_up = GiveUp {
        platform: webhook.platform.clone(),
        delivery: DeliveryId::of(events[1], webhook.id),
        at: scene.clock.now(),
        telling: None,
        idempotency: None,
    };
    scene.store.give_up(give_up).await.unwrap();
    assert_eq!(scene.work(&mut worker).await, Next::Empty);
    let got = scene.receiver.got.lock().unwrap();
    let ids: Vec<&str> = got.iter().map(|parcel| header(parcel, "webhook-id")).collect();
    assert_eq!(ids, [events[0].to_string(), events[2].to_string()]);
}
