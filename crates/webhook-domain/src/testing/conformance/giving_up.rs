//! Events given up because somebody asks for it, and sent again by the many.

use std::sync::Arc;
use std::time::Duration;

use super::Ports;
use super::lane_scene::of;
use super::scene::{Scene, answered, done, held, refused, replayed};
use crate::delivery::DeliveryStatus;
use crate::delivery::attempt::{AttemptOutcome, FailureCause, StatusCode};
use crate::delivery::event::Event;
use crate::delivery::penalty_box::PenaltyBox;
use crate::error::{Refusal, ServiceError};
use crate::id::{DeliveryId, EventId, ProcessId, WebhookId};
use crate::idempotency::{IdempotencyKey, IdempotentRequest, RequestFingerprint};
use crate::ports::{
    Change, DeliveryQuery, Effect, EndedQuery, GiveUp, Outcome, ResendMany, Resent, TrackedDelivery,
};
use crate::signing::secret::SecretBytes;
use crate::testing::fixtures;
use crate::webhook::Webhook;

impl Scene {
    pub(super) async fn give_up(
        &self,
        id: DeliveryId,
        request: Option<IdempotentRequest<TrackedDelivery>>,
    ) -> Result<Outcome<TrackedDelivery>, ServiceError> {
        let give_up = GiveUp {
            platform: self.platform.clone(),
            delivery: id,
            at: self.now(),
            telling: None,
            idempotency: request.map(|request| request.by(&self.acting, self.now())),
        };
        self.ports.events().give_up(give_up).await
    }

    async fn ended(&self, webhook: WebhookId, edit: impl FnOnce(&mut EndedQuery)) -> Vec<DeliveryId> {
        let mut query = EndedQuery {
            platform: self.platform.clone(),
            webhook,
            created_after: crate::time::Instant::from_milliseconds(0),
            created_before: None,
            status: None,
            limit: 10,
        };
        edit(&mut query);
        held(self.ports.events().ended(query).await)
    }

    pub(super) fn part(&self, webhook: WebhookId, deliveries: &[DeliveryId]) -> ResendMany {
        ResendMany {
            platform: self.platform.clone(),
            webhook,
            deliveries: deliveries.to_vec(),
            room_for: deliveries.len() as u64,
            before: 0,
            quota: None,
            is_last: true,
            at: self.now(),
            idempotency: None,
        }
    }

    async fn fail(&self, process: ProcessId, webhook: &Webhook) {
        let lane = self.lane(process, webhook).await;
        let head = held(lane.queued.first().ok_or("nothing is queued"));
        let turn = self.turn(&lane, head, AttemptOutcome::failed(FailureCause::Timeout));
        assert_eq!(
            held(self.ports.lanes().record(process, vec![turn]).await).lost,
            []
        );
    }
}

/// What is given up behind the head of a lane is sent no more, and whoever works at the lane can tell that it reads it anew.
pub async fn what_is_given_up_by_request_is_out_of_its_lane(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let mut events = Vec::new();
    for _ in 0..3 {
        events.push(scene.published("INVOICE.CREATED").await);
    }
    let before = scene.lane(process, &webhook).await;
    let id = of(&events[1], &webhook);
    let (given_up, _) = done(scene.give_up(id, None).await);
    assert_eq!(
        given_up.delivery.status,
        DeliveryStatus::Failed { at: scene.now() }
    );
    assert_eq!(scene.tracked(id).await, given_up);
    let after = scene.lane(process, &webhook).await;
    assert_ne!(before.withdrawn, after.withdrawn);
    assert_eq!((before.epoch, after.penalty_box), (after.epoch, PenaltyBox::Out));
    assert_eq!(
        scene.queued(process, &webhook).await,
        [events[0].id, events[2].id]
    );
    let failed = DeliveryQuery {
        status: Some("FAILED"),
        limit: 10,
        ..DeliveryQuery::default()
    };
    assert_eq!(scene.listed(failed).await, [id]);
    // A turn at it that was under way then and fails is not recorded.
    let mut late = before;
    late.queued.remove(0);
    let turn = scene.turn(
        &late,
        &late.queued[0],
        AttemptOutcome::failed(FailureCause::Timeout),
    );
    assert_eq!(held(ports.lanes().record(process, vec![turn]).await).lost, []);
    assert_eq!(scene.tracked(id).await, given_up);
    assert_eq!(scene.lane(process, &webhook).await.penalty_box, PenaltyBox::Out);
}

/// What the receiver takes while it is given up is delivered: the attempt is recorded, it is listed as such, and the webhook leaves the
/// box. What waits is sent as before, and a second record of it changes nothing.
pub async fn a_success_of_what_is_given_up_meanwhile_counts(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let mut events = Vec::new();
    for _ in 0..3 {
        events.push(scene.published("INVOICE.CREATED").await);
    }
    scene.fail(process, &webhook).await;
    let before = scene.lane(process, &webhook).await;
    let ids: Vec<_> = events.iter().map(|event| of(event, &webhook)).collect();
    let success = AttemptOutcome::of_answer(held(StatusCode::new(204)));
    let listed_as = async |status| {
        let query = DeliveryQuery {
            status: Some(status),
            limit: 10,
            ..DeliveryQuery::default()
        };
        scene.listed(query).await
    };
    // The head, and one that somebody who is ahead of what is recorded sends already.
    for (place, waiting) in [(0, &[1, 2][..]), (2, &[1])] {
        let mut under_way = before.clone();
        let sent = under_way.queued.swap_remove(place);
        let turn = scene.turn(&under_way, &sent, success);
        done(scene.give_up(ids[place], None).await);
        assert_eq!(listed_as("FAILED").await, [ids[place]]);
        for _ in 0..2 {
            let lost = ports.lanes().record(process, vec![turn.clone()]).await;
            assert_eq!(held(lost).lost, []);
            let tracked = scene.tracked(ids[place]).await;
            assert_eq!(tracked.delivery.status, turn.delivery.status);
            assert_eq!(tracked.attempts.last(), Some(&turn.attempt));
            assert_eq!(listed_as("FAILED").await, []);
            assert!(listed_as("SUCCEEDED").await.contains(&ids[place]));
        }
        assert_eq!(scene.lane(process, &webhook).await.penalty_box, PenaltyBox::Out);
        let waiting: Vec<_> = waiting.iter().map(|place| events[*place].id).collect();
        assert_eq!(scene.queued(process, &webhook).await, waiting);
    }
    let attempts = scene.tracked(ids[0]).await.attempts.len();
    assert_eq!(
        attempts, 2,
        "the one that failed before, and the one that did not"
    );
    // It has come to its end like any other.
    assert_eq!(refused(scene.give_up(ids[0], None).await), Refusal::NotPending);
    done(ports.events().resend(scene.resend(ids[0])).await);
}

/// When the head of a lane that is held up is given up, the next one's turn comes at once; the webhook stays in the box until that
/// one succeeds.
pub async fn giving_up_the_head_is_the_next_ones_turn(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let head = scene.published("INVOICE.CREATED").await;
    let next = scene.published("INVOICE.CREATED").await;
    scene.fail(process, &webhook).await;
    let since = scene.lane(process, &webhook).await.penalty_box.since();
    scene.settle(&webhook).await;
    assert_eq!(scene.ready(process).await, [], "it waits for its retry");
    let (given_up, _) = done(scene.give_up(of(&head, &webhook), None).await);
    assert_eq!(given_up.attempts.len(), 1);
    let lane = scene.lane(process, &webhook).await;
    assert!(
        matches!(lane.penalty_box, PenaltyBox::NextInTurn { given_up_at, .. } if given_up_at == scene.now()),
        "{:?}",
        lane.penalty_box
    );
    assert_eq!(lane.penalty_box.since(), since);
    assert_eq!(scene.queued(process, &webhook).await, [next.id]);
    assert_eq!(scene.ready(process).await, [webhook.id]);
    scene.deliver(process, &webhook).await;
    let lane = scene.lane(process, &webhook).await;
    assert_eq!((lane.penalty_box, lane.queued.len()), (PenaltyBox::Out, 0));
}

/// Only what waits, of the platform, for a webhook that there is, is given up; it can be sent again.
pub async fn what_has_ended_is_not_given_up(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let delivered = scene.published("INVOICE.CREATED").await;
    scene.deliver(process, &webhook).await;
    let id = of(&delivered, &webhook);
    assert_eq!(refused(scene.give_up(id, None).await), Refusal::NotPending);
    let waiting = of(&scene.published("INVOICE.CREATED").await, &webhook);
    let stranger = Scene::new(ports);
    assert_eq!(
        refused(stranger.give_up(waiting, None).await),
        Refusal::NO_SUCH_DELIVERY
    );
    done(scene.give_up(waiting, None).await);
    assert_eq!(refused(scene.give_up(waiting, None).await), Refusal::NotPending);
    done(
        ports
            .events()
            .resend_many(scene.part(webhook.id, &[waiting]))
            .await,
    );
    assert_eq!(
        scene.tracked(waiting).await.delivery.status,
        DeliveryStatus::Pending
    );
    let delete = |_: &Webhook| {
        Ok(Change {
            effect: Effect::Delete,
            ..Change::default()
        })
    };
    done(scene.change(webhook.id, None, delete).await);
    assert_eq!(
        refused(scene.give_up(waiting, None).await),
        Refusal::NO_SUCH_DELIVERY
    );
}

/// A request to give up that is sent again is answered again.
pub async fn giving_up_is_answered_again(ports: &Ports) {
    let scene = Scene::new(ports);
    scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let id = of(&scene.published("INVOICE.CREATED").await, &webhook);
    let request = || IdempotentRequest {
        key: held(IdempotencyKey::parse("give-up")),
        fingerprint: RequestFingerprint::of(&[b"give-up"]),
        render: Arc::new(|tracked: &TrackedDelivery, _| {
            SecretBytes::new(tracked.delivery.id.to_string().into_bytes())
        }),
    };
    let first = answered(scene.give_up(id, Some(request())).await);
    let again = replayed(scene.give_up(id, Some(request())).await);
    assert_eq!(first.expose(), again.expose());
}

/// What has ended is found in the order in which it was published, whatever was sent again meanwhile.
pub async fn what_has_ended_is_found_in_the_order_of_its_events(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let mut events: Vec<Event> = Vec::new();
    for _ in 0..4 {
        events.push(scene.published("INVOICE.CREATED").await);
        scene.clock.advance(Duration::from_secs(1));
    }
    let ids: Vec<DeliveryId> = events.iter().map(|event| of(event, &webhook)).collect();
    for _ in 0..2 {
        scene.deliver(process, &webhook).await;
    }
    done(scene.give_up(ids[2], None).await);
    assert_eq!(scene.ended(webhook.id, |_| {}).await, ids[..3]);
    // The first one is queued last now.
    done(
        ports
            .events()
            .resend_many(scene.part(webhook.id, &ids[..1]))
            .await,
    );
    assert_eq!(scene.ended(webhook.id, |_| {}).await, ids[1..3], "it waits");
    for _ in 0..2 {
        scene.deliver(process, &webhook).await;
    }
    assert_eq!(scene.ended(webhook.id, |_| {}).await, ids);
    let second = events[1].created_at;
    let from_second = |query: &mut EndedQuery| query.created_after = second;
    assert_eq!(scene.ended(webhook.id, from_second).await, ids[1..]);
    let before_second = |query: &mut EndedQuery| query.created_before = Some(second);
    assert_eq!(scene.ended(webhook.id, before_second).await, ids[..1]);
    let failed = |query: &mut EndedQuery| query.status = Some("FAILED");
    assert_eq!(scene.ended(webhook.id, failed).await, ids[2..3]);
    let two = |query: &mut EndedQuery| query.limit = 2;
    assert_eq!(scene.ended(webhook.id, two).await, ids[..2]);
    assert_eq!(Scene::new(ports).ended(webhook.id, |_| {}).await, []);
    let listed = |after, before| DeliveryQuery {
        created_after: after,
        created_before: before,
        limit: 10,
        ..DeliveryQuery::default()
    };
    assert_eq!(scene.listed(listed(None, Some(second))).await, ids[..1]);
    let page = |skip| DeliveryQuery {
        skip,
        ..listed(None, None)
    };
    let all = scene.listed(page(0)).await;
    assert_eq!(scene.listed(page(1)).await, all[1..]);
    assert_eq!(scene.listed(page(u64::MAX)).await, []);
    let signed = |key: &Webhook| DeliveryQuery {
        signed_with: key.key_ring.fingerprints(scene.now()).pop(),
        ..listed(None, None)
    };
    let tried: Vec<_> = all.iter().filter(|id| **id != ids[2]).copied().collect();
    assert_eq!(scene.listed(signed(&webhook)).await, tried);
    let other = scene.create(fixtures::bare_settings()).await;
    assert_eq!(scene.listed(signed(&other)).await, []);
    let third = events[2].created_at;
    assert_eq!(scene.listed(listed(Some(second), Some(third))).await, ids[1..2]);
}

/// Many are put at the end of their lane in the order that is asked for; what waits, what is no more and what is another
/// webhook's is passed over.
pub async fn many_are_resent_in_order(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let mut events: Vec<Event> = Vec::new();
    for _ in 0..3 {
        events.push(scene.published("INVOICE.CREATED").await);
        scene.deliver(process, &webhook).await;
    }
    let waiting = scene.published("INVOICE.CREATED").await;
    let other = scene.create(fixtures::bare_settings()).await;
    let of_other = scene.published("INVOICE.PAID").await;
    scene.deliver(process, &other).await;
    let mut asked: Vec<DeliveryId> = events.iter().map(|event| of(event, &webhook)).collect();
    asked.insert(1, of(&waiting, &webhook));
    asked.push(of(&of_other, &other));
    asked.push(of(&scene.event("INVOICE.CREATED"), &webhook));
    let part = ResendMany {
        before: 7,
        ..scene.part(webhook.id, &asked)
    };
    let (resent, _) = done(ports.events().resend_many(part).await);
    let expected = Resent {
        webhook: webhook.id,
        deliveries: 10,
    };
    assert_eq!(resent, expected);
    let expected: Vec<EventId> = [&waiting, &of_other]
        .into_iter()
        .chain(&events)
        .map(|event| event.id)
        .collect();
    assert_eq!(scene.queued(process, &webhook).await, expected);
    assert_eq!(scene.ready(process).await, [webhook.id]);
    assert_eq!(scene.tracked(of(&events[0], &webhook)).await.attempts.len(), 1);
    let again = scene.part(webhook.id, &asked);
    assert_eq!(done(ports.events().resend_many(again).await).0.deliveries, 0);
}

/// Nothing is put into the queue of a webhook that is another platform's or no more; the answer is kept with the last part.
pub async fn resending_many_is_answered_again(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let id = of(&scene.published("INVOICE.CREATED").await, &webhook);
    scene.deliver(process, &webhook).await;
    let stranger = Scene::new(ports);
    let foreign = ports.events().resend_many(stranger.part(webhook.id, &[id])).await;
    assert_eq!(refused(foreign), Refusal::NO_SUCH_WEBHOOK);
    assert_eq!(scene.queued(process, &webhook).await, []);
    let request = || IdempotentRequest {
        key: held(IdempotencyKey::parse("replay")),
        fingerprint: RequestFingerprint::of(&[b"replay"]),
        render: Arc::new(|resent: &Resent, _| SecretBytes::new(resent.deliveries.to_string().into_bytes())),
    };
    let part = |deliveries: &[DeliveryId], is_last| ResendMany {
        quota: None,
        is_last,
        idempotency: Some(request().by(&scene.acting, scene.now())),
        ..scene.part(webhook.id, deliveries)
    };
    done(ports.events().resend_many(part(&[], false)).await);
    let first = answered(ports.events().resend_many(part(&[id], true)).await);
    assert_eq!(first.expose(), b"1");
    scene.deliver(process, &webhook).await;
    let again = replayed(ports.events().resend_many(part(&[], false)).await);
    assert_eq!(again.expose(), b"1");
    assert_eq!(scene.queued(process, &webhook).await, []);
}
