//! Events, published, followed, sent again and forgotten.

use std::sync::Arc;
use std::time::Duration;

use super::Ports;
use super::lane_scene::of;
use super::scene::{Scene, answered, done, held, refused, replayed};
use crate::delivery::event::{Event, JsonText};
use crate::delivery::penalty_box::PenaltyBox;
use crate::delivery::trace::TraceContext;
use crate::delivery::{Delivery, DeliveryStatus};
use crate::error::Refusal;
use crate::idempotency::{IdempotencyKey, IdempotentRequest, RequestFingerprint};
use crate::ports::{Change, DeliveryQuery, Effect, Publication, Published};
use crate::signing::secret::SecretBytes;
use crate::testing::fixtures;
use crate::webhook::{Settings, Webhook};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// An event goes to each active webhook of its platform that wants it, and reads back byte for byte.
pub async fn an_event_goes_to_the_webhooks_that_want_it(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let wants = scene.create(fixtures::bare_settings()).await;
    let with_previous = Settings {
        include_previous_data: true,
        included_actions: Some(fixtures::actions(&["INVOICE.CREATED", "INVOICE.PAID"])),
        ..fixtures::bare_settings()
    };
    let with_previous = scene.create(with_previous).await;
    let not = [
        Settings {
            active: false,
            ..fixtures::bare_settings()
        },
        Settings {
            excluded_actions: Some(fixtures::actions(&["INVOICE.CREATED"])),
            ..fixtures::bare_settings()
        },
    ];
    for settings in not {
        scene.create(settings).await;
    }
    Scene::new(ports).create(fixtures::bare_settings()).await;
    let event = Event {
        data: held(JsonText::parse(
            br#"{ "total": 1.10, "id": 123456789012345678901 }"#,
        )),
        previous_data: Some(held(JsonText::parse(b"[1e400]"))),
        original_request_id: Some(held("reqr_1".parse())),
        trace: TraceContext::parse(TRACEPARENT, ["rojo=1"]),
        ..scene.event("INVOICE.CREATED")
    };
    assert!(event.trace.is_some());
    let published = scene.publish(&event).await;
    assert_eq!((&published.event, published.deliveries), (&event, 2));
    for webhook in [&wants, &with_previous] {
        let lane = scene.lane(process, webhook).await;
        assert_eq!(&lane.webhook, webhook);
        assert_eq!(lane.penalty_box, PenaltyBox::Out);
        let delivery = held(Delivery::collect(&event, webhook).ok_or("it is wanted"));
        let queued: Vec<_> = lane
            .queued
            .iter()
            .map(|queued| (&queued.delivery, &queued.event))
            .collect();
        assert_eq!(queued, [(&delivery, &event)]);
        let tracked = scene.tracked(of(&event, webhook)).await;
        assert_eq!((tracked.delivery, tracked.event), (delivery, event.clone()));
        assert_eq!(tracked.attempts, []);
    }
}

/// An event that nobody wants is published, and goes nowhere.
pub async fn an_event_that_nobody_wants_goes_nowhere(ports: &Ports) {
    let scene = Scene::new(ports);
    scene.process().await;
    assert_eq!(scene.publish(&scene.event("INVOICE.CREATED")).await.deliveries, 0);
}

/// A publication that is sent again happens once.
pub async fn a_publication_is_answered_again(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let request = |text: &str| IdempotentRequest::<Published> {
        key: held(IdempotencyKey::parse("publish")),
        fingerprint: RequestFingerprint::of(&[text.as_bytes()]),
        render: Arc::new(|published, _| SecretBytes::new(published.event.id.to_string().into_bytes())),
    };
    let publish = |event: &Event, text: &str| {
        let publication = Publication {
            event: event.clone(),
            quota: None,
            idempotency: Some(request(text).by(&scene.acting, scene.now())),
        };
        let events = ports.events();
        async move { events.publish(publication).await }
    };
    let (first, again) = (scene.event("INVOICE.CREATED"), scene.event("INVOICE.CREATED"));
    let answer = answered(publish(&first, "one").await);
    assert_eq!(answer.expose(), first.id.to_string().as_bytes());
    assert_eq!(replayed(publish(&again, "one").await).expose(), answer.expose());
    assert_eq!(
        refused(publish(&again, "two").await),
        Refusal::IdempotencyKeyReused
    );
    assert_eq!(scene.queued(process, &webhook).await, [first.id]);
}

/// What is sent again goes to the end of its lane, under the ids it had, with the attempts it had.
pub async fn what_is_resent_goes_to_the_end(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let first = scene.published("INVOICE.CREATED").await;
    let id = of(&first, &webhook);
    let resend = |platform: &Scene| {
        let resend = platform.resend(id);
        let events = ports.events();
        async move { events.resend(resend).await }
    };
    assert_eq!(refused(resend(&scene).await), Refusal::StillPending);
    let turn = scene.deliver(process, &webhook).await;
    let second = scene.published("INVOICE.CREATED").await;
    assert_eq!(
        refused(resend(&Scene::new(ports)).await),
        Refusal::NO_SUCH_DELIVERY
    );
    let (resent, _) = done(resend(&scene).await);
    assert_eq!(resent.delivery.status, DeliveryStatus::Pending);
    assert_eq!((resent.delivery.id, resent.event.id), (id, first.id));
    assert_eq!(resent.attempts, [turn.attempt]);
    assert_eq!(scene.queued(process, &webhook).await, [second.id, first.id]);
    scene.deliver(process, &webhook).await;
    scene.deliver(process, &webhook).await;
    assert_eq!(scene.tracked(id).await.attempts.len(), 2);
    assert_eq!(scene.queued(process, &webhook).await, []);
}

/// What was for a webhook that is no more cannot be sent again.
pub async fn nothing_is_resent_to_a_deleted_webhook(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let event = scene.published("INVOICE.CREATED").await;
    scene.deliver(process, &webhook).await;
    let delete = |_: &Webhook| {
        Ok(Change {
            effect: Effect::Delete,
            ..Change::default()
        })
    };
    done(scene.change(webhook.id, None, delete).await);
    assert_eq!(
        refused(ports.events().resend(scene.resend(of(&event, &webhook))).await),
        Refusal::NO_SUCH_DELIVERY
    );
}

/// Deliveries are listed newest first, by what is asked for, and those of the platform alone.
pub async fn deliveries_are_listed(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let created = scene.published("INVOICE.CREATED").await;
    let other = scene.create(fixtures::bare_settings()).await;
    let paid = scene.published("INVOICE.PAID").await;
    scene.deliver(process, &webhook).await;
    let query = DeliveryQuery {
        limit: 10,
        ..DeliveryQuery::default()
    };
    let all = scene.listed(query.clone()).await;
    let last = of(&created, &webhook);
    assert_eq!((all.len(), all.last()), (3, Some(&last)));
    let by =
        |webhook: Option<&Webhook>, event: Option<&Event>, action: Option<&Event>, status| DeliveryQuery {
            webhook: webhook.map(|webhook| webhook.id),
            event: event.map(|event| event.id),
            action: action.map(|event| event.action.clone()),
            status,
            ..query.clone()
        };
    let of_other = vec![of(&paid, &other)];
    assert_eq!(scene.listed(by(Some(&other), None, None, None)).await, of_other);
    assert_eq!(scene.listed(by(None, Some(&created), None, None)).await, [last]);
    assert_eq!(scene.listed(by(None, None, Some(&created), None)).await, [last]);
    assert_eq!(
        scene.listed(by(None, None, None, Some("SUCCEEDED"))).await,
        [last]
    );
    assert_eq!(
        scene.listed(by(Some(&other), Some(&created), None, None)).await,
        []
    );
    assert_eq!(
        scene
            .listed(by(Some(&webhook), None, None, Some("PENDING")))
            .await,
        [of(&paid, &webhook)]
    );
    let first = DeliveryQuery {
        limit: 1,
        ..query.clone()
    };
    assert_eq!(scene.listed(first).await, all[..1]);
    let rest = DeliveryQuery {
        after: Some(all[0]),
        ..query
    };
    assert_eq!(scene.listed(rest).await, all[1..]);
    let stranger = Scene::new(ports);
    assert_eq!(
        stranger
            .listed(DeliveryQuery {
                limit: 10,
                ..DeliveryQuery::default()
            })
            .await,
        []
    );
    let found = held(ports.events().find_delivery(&stranger.platform, last).await);
    assert_eq!(found, None);
}

/// What is old and has come to its end is forgotten; what waits is kept, however old.
pub async fn old_events_are_forgotten_once_they_are_done(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let done_with = scene.published("INVOICE.CREATED").await;
    let waiting = scene.published("INVOICE.CREATED").await;
    scene.deliver(process, &webhook).await;
    scene.clock.advance(Duration::from_secs(1));
    let before = scene.now();
    let young = scene.published("INVOICE.CREATED").await;
    let mut forgotten = 0;
    for _ in 0..10 {
        forgotten += held(ports.events().forget_events(before, 10).await);
    }
    assert_eq!(forgotten, 1);
    let events = ports.events();
    let find = |event: &Event| events.find_delivery(&scene.platform, of(event, &webhook));
    assert_eq!(held(find(&done_with).await), None);
    assert!(held(find(&waiting).await).is_some() && held(find(&young).await).is_some());
    assert_eq!(scene.queued(process, &webhook).await, [waiting.id, young.id]);
}

/// What a clock that was ahead has published is kept from when the clock came back, once it is done. What waits is left as it is.
pub async fn an_event_of_a_clock_that_was_ahead_is_kept_from_now(ports: &Ports) {
    let scene = Scene::new(ports);
    let start = scene.now();
    let webhook = scene.create(fixtures::bare_settings()).await;
    scene.clock.advance(Duration::from_secs(315_360_000));
    let process = scene.process().await;
    let done_with = scene.published("INVOICE.CREATED").await;
    let waiting = scene.published("INVOICE.CREATED").await;
    scene.deliver(process, &webhook).await;
    scene.clock.set(start);
    let events = ports.events();
    assert_eq!(
        held(events.bring_back_events(scene.now(), scene.now(), 0).await),
        0
    );
    assert_eq!(
        held(events.bring_back_events(scene.now(), scene.now(), 10).await),
        1
    );
    assert_eq!(
        held(events.bring_back_events(scene.now(), scene.now(), 10).await),
        0
    );
    assert_eq!(held(events.forget_events(scene.now(), 10).await), 0);
    assert_eq!(scene.queued(process, &webhook).await, [waiting.id]);
    let found = held(
        events
            .find_delivery(&scene.platform, of(&waiting, &webhook))
            .await,
    );
    assert_eq!(found.map(|found| found.event), Some(waiting));
    scene.clock.advance_seconds(1);
    assert_eq!(held(events.forget_events(scene.now(), 10).await), 1);
    let gone = events.find_delivery(&scene.platform, of(&done_with, &webhook));
    assert_eq!(held(gone.await), None);
}
