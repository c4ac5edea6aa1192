//! Events, and the lanes that they are delivered along.
//!
//! A process has all lanes of a store that nobody alive has, so these rules need a store of their own. A store may let one
//! process deliver at a time; then a second one comes when the first has left.

use std::time::Duration;

use super::Ports;
use super::lane_scene::{of, succeeded};
use super::scene::{Scene, done, fail, held};
use crate::delivery::DeliveryStatus;
use crate::delivery::attempt::{AttemptOutcome, FailureCause, StatusCode, TlsFailure};
use crate::delivery::lane::LEASE;
use crate::delivery::penalty_box::PenaltyBox;
use crate::id::WebhookId;
use crate::testing::fixtures;
use crate::webhook::{Settings, TargetUrl, Webhook};

/// A lease that a rule can wait for, and that does not end before its time where the machine is busy.
const SHORT_LEASE: Duration = Duration::from_secs(2);

/// A lane has its deliveries in the order in which their events were published, and is done from its head on.
pub async fn a_lane_is_in_order(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let mut events = Vec::new();
    for _ in 0..5 {
        events.push(scene.published("INVOICE.CREATED").await.id);
    }
    assert_eq!(scene.queued(process, &webhook).await, events);
    let turn = scene.deliver(process, &webhook).await;
    assert_eq!(scene.queued(process, &webhook).await, events[1..]);
    let lane = scene.lane(process, &webhook).await;
    let second = lane.queued[0].position;
    assert!(second > turn.position);
    let after = held(ports.lanes().look(process, webhook.id, Some(second), 2).await);
    let after = held(after.ok_or("the lane is the process's own"));
    let ids: Vec<_> = after.queued.iter().map(|queued| queued.event.id).collect();
    assert_eq!(ids, events[2..4]);
    let webhook_alone = held(ports.lanes().look(process, webhook.id, None, 0).await);
    assert!(webhook_alone.is_some_and(|lane| lane.queued.is_empty() && lane.webhook == webhook));
}

/// What an attempt left behind is kept: of the delivery, of the lane, and the attempt itself.
pub async fn turns_are_kept(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let (first, second) = (
        scene.published("INVOICE.CREATED").await,
        scene.published("INVOICE.PAID").await,
    );
    let mut attempts = Vec::new();
    for cause in [
        FailureCause::Timeout,
        FailureCause::Status(held(StatusCode::new(503))),
    ] {
        let lane = scene.lane(process, &webhook).await;
        let turn = scene.turn(&lane, &lane.queued[0], AttemptOutcome::failed(cause));
        assert_eq!(
            held(ports.lanes().record(process, vec![turn.clone()]).await).lost,
            []
        );
        assert_eq!(scene.lane(process, &webhook).await.penalty_box, turn.penalty_box);
        assert_eq!(scene.queued(process, &webhook).await, [first.id, second.id]);
        attempts.push(turn.attempt);
        scene.clock.advance(Duration::from_secs(1));
    }
    let turn = scene.deliver(process, &webhook).await;
    attempts.push(turn.attempt.clone());
    let tracked = scene.tracked(of(&first, &webhook)).await;
    assert_eq!((tracked.delivery, tracked.attempts), (turn.delivery, attempts));
    let lane = scene.lane(process, &webhook).await;
    assert_eq!(lane.penalty_box, PenaltyBox::Out);
    assert_eq!(scene.queued(process, &webhook).await, [second.id]);
}

/// Several turns of one lane, and of one delivery, are saved at once in their order.
pub async fn turns_are_recorded_at_once(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let other = scene.create(fixtures::bare_settings()).await;
    let mut events = Vec::new();
    for _ in 0..4 {
        events.push(scene.published("INVOICE.CREATED").await);
    }
    let mut turns = Vec::new();
    for (place, webhook) in [&webhook, &other].into_iter().enumerate() {
        let mut lane = scene.lane(process, webhook).await;
        let mut queued = lane.queued.clone();
        let failed = scene.turn(
            &lane,
            &queued[0],
            AttemptOutcome::failed(FailureCause::Tls(TlsFailure::Expired)),
        );
        lane.penalty_box = failed.penalty_box;
        queued[0].attempts += 1;
        turns.push(failed);
        for head in &queued[..=place] {
            turns.push(scene.turn(&lane, head, succeeded()));
            lane.penalty_box = PenaltyBox::Out;
        }
    }
    assert_eq!(held(ports.lanes().record(process, turns).await).lost, []);
    let left = |from: usize| events[from..].iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(scene.queued(process, &webhook).await, left(1));
    assert_eq!(scene.queued(process, &other).await, left(2));
    assert_eq!(scene.tracked(of(&events[0], &webhook)).await.attempts.len(), 2);
    assert_eq!(scene.tracked(of(&events[1], &other)).await.attempts.len(), 1);
    assert_eq!(scene.lane(process, &webhook).await.penalty_box, PenaltyBox::Out);
}

/// A lane of a process that is alive is nobody else's; one of a process that is not is anybody's, and what its last owner did
/// counts no more.
pub async fn a_lane_is_taken_over_from_the_dead_alone(ports: &Ports) {
    let scene = Scene::new(ports);
    let first = scene.new_process();
    assert!(scene.join(first, SHORT_LEASE).await);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let idle = scene.create(fixtures::bare_settings()).await;
    let event = scene.published("INVOICE.CREATED").await;
    scene.deliver(first, &idle).await;
    assert_eq!(scene.settle(&idle).await, []);
    let lane = scene.lane(first, &webhook).await;
    let late = scene.turn(&lane, &lane.queued[0], succeeded());
    let second = scene.new_process();
    if scene.join(second, LEASE).await {
        assert_eq!(scene.ready(second).await, []);
        assert!(scene.look(second, &webhook).await.is_none());
        until(&scene, async || scene.ready(second).await == [webhook.id]).await;
        assert!(
            !held(ports.lanes().renew(first, LEASE, scene.now()).await),
            "it is over"
        );
    } else {
        held(ports.lanes().leave(first).await);
        assert!(scene.join(second, LEASE).await);
        assert_eq!(scene.ready(second).await, [webhook.id]);
    }
    assert_eq!(scene.queued(second, &webhook).await, [event.id]);
    assert!(scene.look(first, &webhook).await.is_none());
    assert_eq!(
        held(ports.lanes().record(first, vec![late.clone()]).await).lost,
        [webhook.id]
    );
    assert_eq!(
        held(ports.lanes().record(second, vec![late]).await).lost,
        [webhook.id]
    );
    assert_eq!(
        scene.queued(second, &webhook).await,
        [event.id],
        "the dead leave nothing"
    );
    let later = scene.published("INVOICE.CREATED").await;
    assert_eq!(scene.queued(second, &idle).await, [later.id], "an idle one too");
}

/// Advances the time until something holds; a store with a clock of its own is waited for.
async fn until(scene: &Scene, holds: impl AsyncFn() -> bool) {
    for _ in 0..40 {
        if holds().await {
            return;
        }
        scene.clock.advance(SHORT_LEASE / 4);
        std::thread::sleep(SHORT_LEASE / 4);
    }
    fail("it did not come about");
}

/// A process that leaves gives its lanes up, and they wait for whoever comes.
pub async fn a_process_that_leaves_gives_its_lanes_up(ports: &Ports) {
    let scene = Scene::new(ports);
    let first = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let before = scene.published("INVOICE.CREATED").await;
    assert!(scene.look(first, &webhook).await.is_some());
    held(ports.lanes().leave(first).await);
    assert!(!held(ports.lanes().renew(first, LEASE, scene.now()).await));
    let meanwhile = scene.published("INVOICE.CREATED").await;
    let second = scene.process().await;
    assert_eq!(scene.ready(second).await, [webhook.id]);
    assert!(scene.look_at_own(first, &webhook).await.is_none());
    assert_eq!(scene.queued(second, &webhook).await, [before.id, meanwhile.id]);
}

/// A lease can be renewed for as long as it has not ended, and keeps the process's lanes its own.
pub async fn a_lease_is_renewed(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    scene.published("INVOICE.CREATED").await;
    let epoch = scene.lane(process, &webhook).await.epoch;
    for _ in 0..3 {
        scene.clock.advance(LEASE / 2);
        assert!(held(ports.lanes().renew(process, LEASE, scene.now()).await));
    }
    assert_eq!(scene.ready(process).await, [webhook.id]);
    assert_eq!(scene.lane(process, &webhook).await.epoch, epoch);
}

/// What is queued is found by looking, whether anybody was told of it or not; a lane without anything to do is not.
pub async fn lanes_with_something_to_do_are_found(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(sendable()).await;
    assert_eq!(scene.ready(process).await, []);
    for _ in 0..2 {
        scene.published("INVOICE.CREATED").await;
        assert_eq!(scene.ready(process).await, [webhook.id]);
        assert_eq!(scene.settle(&webhook).await, [webhook.id], "it is due");
        scene.deliver(process, &webhook).await;
        assert_eq!(scene.settle(&webhook).await, []);
        assert_eq!(scene.ready(process).await, []);
    }
    assert_eq!(
        held(ports.lanes().repair(scene.now()).await),
        0,
        "nothing was forgotten"
    );
}

/// A lane that is held up is not ready before its time; a webhook that nothing may be sent to is not ready at all, and is again
/// when it may.
pub async fn lanes_that_wait_are_not_found(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(sendable()).await;
    scene.published("INVOICE.CREATED").await;
    let inactive = |settings: &mut Settings| settings.active = false;
    done(scene.set(webhook.id, inactive).await);
    assert_eq!(scene.settle(&webhook).await, []);
    assert_eq!(scene.ready(process).await, []);
    assert_eq!(held(ports.lanes().repair(scene.now()).await), 0, "it is right so");
    done(scene.set(webhook.id, |settings| settings.active = true).await);
    assert_eq!(scene.ready(process).await, [webhook.id]);
    let without_url = |settings: &mut Settings| settings.url = None;
    done(scene.set(webhook.id, without_url).await);
    assert_eq!(scene.settle(&webhook).await, []);
    assert_eq!(scene.ready(process).await, []);
    done(scene.set(webhook.id, |settings| *settings = sendable()).await);
    assert_eq!(scene.ready(process).await, [webhook.id]);
}

/// A turn that is told twice counts once.
pub async fn a_turn_told_twice_counts_once(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let event = scene.published("INVOICE.CREATED").await;
    let lane = scene.lane(process, &webhook).await;
    let failed = scene.turn(
        &lane,
        &lane.queued[0],
        AttemptOutcome::failed(FailureCause::Timeout),
    );
    for _ in 0..2 {
        assert_eq!(
            held(ports.lanes().record(process, vec![failed.clone()]).await).lost,
            []
        );
    }
    let attempts = |tracked: crate::ports::TrackedDelivery| tracked.attempts.len();
    assert_eq!(attempts(scene.tracked(of(&event, &webhook)).await), 1);
    let delivered = scene.deliver(process, &webhook).await;
    assert_eq!(
        held(ports.lanes().record(process, vec![failed, delivered]).await).lost,
        []
    );
    let tracked = scene.tracked(of(&event, &webhook)).await;
    assert!(matches!(
        tracked.delivery.status,
        DeliveryStatus::Succeeded { .. }
    ));
    assert_eq!(attempts(tracked), 2);
}

/// An attempt that fails while its webhook is given another target does not hold the other target up.
pub async fn a_failure_of_an_older_target_holds_nothing_up(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(sendable()).await;
    let event = scene.published("INVOICE.CREATED").await;
    let lane = scene.lane(process, &webhook).await;
    let failed = scene.turn(
        &lane,
        &lane.queued[0],
        AttemptOutcome::failed(FailureCause::Timeout),
    );
    let moved = |settings: &mut Settings| {
        settings.url = Some(TargetUrl::restore("https://example.com/two".to_owned()));
    };
    done(scene.change_counted(webhook.id, moved).await);
    assert_eq!(held(ports.lanes().record(process, vec![failed]).await).lost, []);
    let lane = scene.lane(process, &webhook).await;
    assert_eq!(lane.penalty_box, PenaltyBox::Out);
    assert_eq!((lane.queued[0].event.id, lane.queued[0].attempts), (event.id, 1));
    assert_eq!(scene.ready(process).await, [webhook.id]);
}

fn sendable() -> Settings {
    Settings {
        url: Some(TargetUrl::restore("https://example.com/one".to_owned())),
        ..fixtures::bare_settings()
    }
}

/// A process is told of the lanes in which something has arrived, once for all that has.
pub async fn arrivals_are_told(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let mut webhooks = [
        scene.create(fixtures::bare_settings()).await.id,
        scene.create(fixtures::bare_settings()).await.id,
    ];
    for _ in 0..3 {
        scene.published("INVOICE.CREATED").await;
    }
    webhooks.sort_unstable();
    let mut told: Vec<WebhookId> = Vec::new();
    while told.len() < webhooks.len() {
        told.extend(scene.told(process).await);
        told.sort_unstable();
        told.dedup();
    }
    assert_eq!(told, webhooks);
}

/// A webhook that is deleted has no lane any more, and what waited for it is forgotten with what has ended.
pub async fn a_deleted_webhook_has_no_lane(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let event = scene.published("INVOICE.CREATED").await;
    let delete = |_: &Webhook| {
        Ok(crate::ports::Change {
            effect: crate::ports::Effect::Delete,
            ..crate::ports::Change::default()
        })
    };
    held(scene.change(webhook.id, None, delete).await);
    if scene.look(process, &webhook).await.is_some() {
        fail("it still has one");
    }
    let later = scene.now().plus(Duration::from_secs(1));
    assert_eq!(held(ports.events().forget_events(later, 10).await), 1);
    let left = ports
        .events()
        .find_delivery(&scene.platform, of(&event, &webhook))
        .await;
    assert_eq!(held(left), None);
}
