//! How much of lanes is read at a time, on both databases.

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::delivery::event::{Event, JsonText};
use webhook_domain::id::{EventId, PlatformId, ProcessId, WebhookId};
use webhook_domain::ports::{DeliveryQueue as _, EventStore as _, Publication};
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::webhook::Action;
use webhook_store_diesel::{DieselStore, SystemEntropy};

use crate::place::{Place, Services, on_each_database};

on_each_database! {
    as_much_is_read_as_fits_and_one_in_any_case
    lanes_that_are_looked_at_together_are_not_mixed_up
}

const KIB: usize = 1024;

/// Publishes an event of this length.
async fn publish(store: &DieselStore, platform: &PlatformId, data: usize, previous: usize) {
    let text = |bytes: usize| JsonText::parse(format!("\"{}\"", "x".repeat(bytes - 2)).as_bytes()).unwrap();
    let event = Event {
        id: EventId::generate(ManualClock::START, &SystemEntropy::new()).unwrap(),
        platform: platform.clone(),
        action: Action::parse("INVOICE.CREATED".to_owned()).unwrap(),
        data: text(data),
        previous_data: (previous > 0).then(|| text(previous)),
        original_request_id: None,
        trace: None,
        created_at: ManualClock::START,
    };
    let publication = Publication {
        event,
        quota: None,
        idempotency: None,
    };
    store.publish(publication).await.unwrap();
}

/// The only webhook of a platform.
async fn webhook_of(store: &Arc<DieselStore>, platform: &PlatformId) -> WebhookId {
    let services = Services {
        acting: fixtures::operator(platform),
        ..Services::over(store)
    };
    services.create().await.id
}

async fn owner(store: &DieselStore, webhooks: Vec<WebhookId>) -> ProcessId {
    let process = ProcessId::generate(ManualClock::START, &SystemEntropy::new()).unwrap();
    let long = Duration::from_secs(50);
    assert!(store.join(process, long, ManualClock::START).await.unwrap());
    store.take(process, webhooks, ManualClock::START).await.unwrap();
    process
}

async fn as_much_is_read_as_fits_and_one_in_any_case(place: Place) {
    let store = place.open();
    let webhook = webhook_of(&store, &fixtures::acme()).await;
    let process = owner(&store, vec![webhook]).await;
    // What the publisher says was before counts as well.
    for (data, previous) in [
        (200 * KIB, 0),
        (64 * KIB, 32 * KIB),
        (32 * KIB, 0),
        (2, 0),
        (2, 0),
    ] {
        publish(&store, &fixtures::acme(), data, previous).await;
    }
    let mut after = None;
    let mut read = Vec::new();
    loop {
        let lane = store.look(process, webhook, after, 10).await.unwrap().unwrap();
        let Some(last) = lane.queued.last() else { break };
        after = Some(last.position);
        read.push(lane.queued.len());
    }
    assert_eq!(read, [1, 2, 2]);
    let lane = store.look(process, webhook, None, 0).await.unwrap().unwrap();
    assert!(lane.queued.is_empty(), "none is asked for");
}

async fn lanes_that_are_looked_at_together_are_not_mixed_up(place: Place) {
    let store = place.open();
    let platforms: Vec<_> = (0..40)
        .map(|number| fixtures::platform(&format!("p{number}")))
        .collect();
    let mut webhooks = Vec::new();
    for platform in &platforms {
        webhooks.push(webhook_of(&store, platform).await);
    }
    let process = owner(&store, webhooks.clone()).await;
    // The lanes are filled in turns, each with as many as its number modulo five.
    for round in 0..4 {
        for (_, platform) in platforms
            .iter()
            .enumerate()
            .filter(|(number, _)| number % 5 > round)
        {
            publish(&store, platform, 2, 0).await;
        }
    }
    let looks = webhooks.iter().map(|webhook| {
        let (store, webhook) = (store.clone(), *webhook);
        tokio::spawn(async move { store.look(process, webhook, None, 3).await.unwrap().unwrap() })
    });
    for (number, look) in looks.collect::<Vec<_>>().into_iter().enumerate() {
        let lane = look.await.unwrap();
        assert_eq!(lane.webhook.id, webhooks[number]);
        assert_eq!(lane.queued.len(), (number % 5).min(3));
        assert!(
            lane.queued
                .iter()
                .all(|queued| queued.event.platform == platforms[number])
        );
        assert!(lane.queued.is_sorted_by_key(|queued| queued.position));
    }
}
