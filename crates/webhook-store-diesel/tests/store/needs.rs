//! What an operator looks at first, on both databases: how far it is counted, and what an older release has written of it.

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::delivery::event::{Event, JsonText};
use webhook_domain::id::EventId;
use webhook_domain::ports::{
    Backlog, Change, ChangeOrder, DeliveryQueue as _, Effect, EventStore as _, Publication, WebhookStore as _,
};
use webhook_domain::signing::key_ring::{Evidence, Overlap};
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::webhook::{Action, Need, NeedPage, NeedQuery, Settings, TargetUrl, Webhook};
use webhook_store_diesel::{DieselStore, SystemEntropy};

use crate::fan_out::create_many;
use crate::opening::execute;
use crate::place::{Place, Services, on_each_database};

on_each_database! {
    no_more_deliveries_are_counted_than_may_be
    what_an_older_release_has_written_is_put_right
    all_queues_of_an_older_release_are_noted_in_steps
}

/// More than are noted in one transaction.
const QUEUES: usize = 300;

async fn all_queues_of_an_older_release_are_noted_in_steps(place: Place) {
    let store = place.open();
    create_many(&store, QUEUES).await;
    execute(&place, "UPDATE lanes SET platform = NULL");
    store.repair(ManualClock::START).await.unwrap();
    // It fails, and shows it, if a lane is left.
    execute(
        &place,
        "CREATE TABLE noted (platform TEXT NOT NULL); INSERT INTO noted SELECT platform FROM lanes",
    );
}

async fn receiving(store: &Arc<DieselStore>) -> Webhook {
    let settings = Settings {
        url: Some(TargetUrl::restore("https://example.com/hook".to_owned())),
        ..fixtures::bare_settings()
    };
    Services::over(store).create_with(settings).await.unwrap()
}

async fn publish(store: &DieselStore, to: &Webhook) {
    let event = Event {
        id: EventId::generate(ManualClock::START, &SystemEntropy::new()).unwrap(),
        platform: to.platform.clone(),
        action: Action::parse("INVOICE.CREATED".to_owned()).unwrap(),
        data: JsonText::parse(b"{}").unwrap(),
        previous_data: None,
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

async fn stopping(store: &DieselStore, of: &Webhook) -> NeedPage {
    let query = NeedQuery {
        need: Need::KeyStops {
            by: ManualClock::START.plus(Duration::from_secs(7 * 86_400)),
        },
        at: ManualClock::START,
        after: None,
        limit: 10,
        count_to: 10,
    };
    store.in_need(&of.platform, query).await.unwrap()
}

async fn no_more_deliveries_are_counted_than_may_be(place: Place) {
    let store = place.open();
    let webhook = receiving(&store).await;
    publish(&store, &webhook).await;
    for (more, has_more) in [(9_999, false), (1, true)] {
        execute(
            &place,
            &format!(
                "WITH RECURSIVE number (n) AS (SELECT {more} UNION ALL SELECT n + 1 FROM number WHERE n < {more} * 2 - 1) \
                 INSERT INTO deliveries (position, id, event_id, webhook_id, platform, action, include_previous_data, created_at, status, \
                 attempts, tried) SELECT position + n, id || '-' || n, event_id, webhook_id, platform, action, include_previous_data, \
                 created_at, status, attempts, tried FROM (SELECT * FROM deliveries ORDER BY position DESC LIMIT 1) AS last, number"
            ),
        );
        let expected = Backlog {
            waiting: Backlog::MOST_COUNTED,
            has_more,
            oldest_due: Some(ManualClock::START),
        };
        assert_eq!(store.backlog(&webhook.platform).await.unwrap(), expected);
    }
}

async fn what_an_older_release_has_written_is_put_right(place: Place) {
    let store = place.open();
    let webhook = receiving(&store).await;
    Services::over(&store)
        .roll(webhook.id, Overlap::DAY)
        .await
        .unwrap();
    publish(&store, &webhook).await;
    assert_eq!(stopping(&store, &webhook).await.total, 1);
    let prove = |stored: &Webhook| {
        let current = stored.key_ring.current().unwrap().id;
        let proved = stored
            .clone()
            .proved(current, Evidence::Receipt, ManualClock::START);
        Ok(Change {
            effect: Effect::Save(Box::new(proved)),
            ..Change::default()
        })
    };
    let order = ChangeOrder {
        platform: webhook.platform.clone(),
        webhook: webhook.id,
        decide: Box::new(prove),
        announcement: None,
        settles: None,
        idempotency: None,
    };
    store.change(order).await.unwrap();
    // It knows neither of platforms of lanes nor of adoptions.
    execute(
        &place,
        "UPDATE lanes SET platform = NULL; UPDATE key_expiries SET is_adopted = FALSE",
    );
    let found = stopping(&store, &webhook).await;
    assert_eq!((found.total, found.webhooks.len()), (0, 0), "its ring says more");
    store.repair(ManualClock::START).await.unwrap();
    assert_eq!(store.backlog(&webhook.platform).await.unwrap().waiting, 1);
}
