//! Events for more webhooks than fit a group: accepted at once, moved into the lanes afterwards, in their order.

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::delivery::event::{Event, JsonText};
use webhook_domain::id::{EventId, PlatformId, ProcessId, WebhookId};
use webhook_domain::ports::{DeliveryQueue as _, EventStore as _, Outcome, Publication};
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::webhook::{Action, Settings};
use webhook_store_diesel::{DieselStore, SystemEntropy};

use crate::place::{Place, Services, on_each_database};

/// More than are put into their lanes with the group that publishes.
pub(crate) const MANY: usize = 2_100;

/// Longer than a test takes.
const LONG_LEASE: Duration = Duration::from_secs(50);

on_each_database! {
    an_event_for_many_is_accepted_at_once_and_keeps_its_place
    what_is_published_for_many_is_moved_on_after_a_restart
}

pub(crate) fn event(platform: &PlatformId, action: &str) -> Event {
    Event {
        id: EventId::generate(ManualClock::START, &SystemEntropy::new()).unwrap(),
        platform: platform.clone(),
        action: Action::parse(action.to_owned()).unwrap(),
        data: JsonText::parse(b"1").unwrap(),
        previous_data: None,
        original_request_id: None,
        trace: None,
        created_at: ManualClock::START,
    }
}

async fn publish(store: &DieselStore, event: Event) -> (EventId, u64) {
    let id = event.id;
    let publication = Publication {
        event,
        quota: None,
        idempotency: None,
    };
    match store.publish(publication).await.unwrap() {
        Outcome::Done { subject, .. } => (id, subject.deliveries),
        Outcome::Replayed(_) => unreachable!("it has no name"),
    }
}

/// Creates so many webhooks, as many at once as a server would.
pub(crate) async fn create_many(store: &Arc<DieselStore>, count: usize) -> Vec<WebhookId> {
    create_many_on(&fixtures::acme(), store, count).await
}

/// As [`create_many`], on a platform.
pub(crate) async fn create_many_on(
    platform: &PlatformId,
    store: &Arc<DieselStore>,
    count: usize,
) -> Vec<WebhookId> {
    let mut ids = Vec::with_capacity(count);
    while ids.len() < count {
        let some = (0..128.min(count - ids.len())).map(|_| {
            let services = Services {
                acting: fixtures::operator(platform),
                ..Services::over(store)
            };
            tokio::spawn(async move { services.create().await.id })
        });
        for created in some.collect::<Vec<_>>() {
            ids.push(created.await.unwrap());
        }
    }
    ids
}

pub(crate) async fn joined(store: &DieselStore) -> ProcessId {
    let process = ProcessId::generate(ManualClock::START, &SystemEntropy::new()).unwrap();
    assert!(store.join(process, LONG_LEASE, ManualClock::START).await.unwrap());
    process
}

async fn queued(store: &DieselStore, process: ProcessId, webhook: WebhookId) -> Vec<EventId> {
    store
        .take(process, vec![webhook], ManualClock::START)
        .await
        .unwrap();
    let lane = store.look(process, webhook, None, 10).await.unwrap().unwrap();
    lane.queued.iter().map(|queued| queued.event.id).collect()
}

async fn an_event_for_many_is_accepted_at_once_and_keeps_its_place(place: Place) {
    let store = place.open();
    let platform = fixtures::acme();
    let webhooks = create_many(&store, MANY).await;
    let only_paid = Settings {
        included_actions: Some(fixtures::actions(&["INVOICE.PAID"])),
        ..fixtures::bare_settings()
    };
    let narrow = Services::over(&store).create_with(only_paid).await.unwrap().id;
    let process = joined(&store).await;
    let (first, recipients) = publish(&store, event(&platform, "INVOICE.CREATED")).await;
    assert_eq!(recipients, MANY as u64);
    let (second, _) = publish(&store, event(&platform, "INVOICE.PAID")).await;
    assert_eq!(
        queued(&store, process, narrow).await,
        [],
        "what comes after it waits behind it, whoever it is for"
    );
    let (elsewhere, _) = publish(&store, event(&fixtures::platform("other"), "INVOICE.PAID")).await;
    assert_ne!(elsewhere, second, "others go on");
    let mut steps = 0;
    while store.fan_out().await.unwrap() {
        steps += 1;
    }
    assert!(steps > MANY / 256, "{steps}");
    assert_eq!(queued(&store, process, narrow).await, [second]);
    for webhook in [webhooks[0], webhooks[MANY / 2], webhooks[MANY - 1]] {
        assert_eq!(queued(&store, process, webhook).await, [first, second]);
    }
    let (third, _) = publish(&store, event(&platform, "INVOICE.VOIDED")).await;
    assert!(store.fan_out().await.unwrap());
    while store.fan_out().await.unwrap() {}
    let last = webhooks[7];
    assert_eq!(queued(&store, process, last).await, [first, second, third]);
    assert_eq!(store.repair(ManualClock::START).await.unwrap(), 0);
}

async fn what_is_published_for_many_is_moved_on_after_a_restart(place: Place) {
    let store = place.open();
    let webhooks = create_many(&store, MANY).await;
    let (id, _) = publish(&store, event(&fixtures::acme(), "INVOICE.CREATED")).await;
    assert!(store.fan_out().await.unwrap(), "a part of it");
    store.close();
    let store = place.open();
    let process = joined(&store).await;
    // However old it is, nothing is forgotten that has not reached its lanes.
    let later = ManualClock::START.plus(Duration::from_secs(1));
    assert_eq!(store.forget_events(later, 10).await.unwrap(), 0);
    while store.fan_out().await.unwrap() {}
    for webhook in webhooks.into_iter().step_by(7) {
        assert_eq!(queued(&store, process, webhook).await, [id]);
    }
}
