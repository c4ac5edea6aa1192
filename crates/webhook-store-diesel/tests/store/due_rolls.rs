//! What is noted of keys that are due for a roll, on both databases: by the days of the deployment, which may be others at each start.

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::id::WebhookId;
use webhook_domain::ports::WebhookStore as _;
use webhook_domain::services::{DueRolls, DueRollsTally};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::time::Instant;
use webhook_domain::webhook::{RotationDays, Settings};
use webhook_domain::{ServiceError, StoreError};
use webhook_store_diesel::{DieselStore, SystemEntropy};

use crate::opening::execute;
use crate::place::{Place, Services, on_each_database};

on_each_database! {
    what_is_due_follows_the_days_of_the_deployment
    what_cannot_be_read_keeps_no_other_from_being_rolled
}

fn after_days(days: u64) -> Instant {
    ManualClock::START.plus(Duration::from_secs(days * 86_400))
}

fn rotation(store: &Arc<DieselStore>, now: Instant) -> DueRolls {
    let clock = Arc::new(ManualClock::at(now));
    let entropy = Arc::new(SystemEntropy::new());
    DueRolls::new(store.clone(), store.clone(), clock, entropy, Overlap::DAY)
}

async fn due(store: &DieselStore, days: u64) -> Vec<WebhookId> {
    let from_the_start = (Instant::from_milliseconds(0), None);
    let due = store.with_due_rolls(from_the_start, after_days(days), 10).await;
    due.unwrap().into_iter().map(|due| due.webhook).collect()
}

async fn what_is_due_follows_the_days_of_the_deployment(place: Place) {
    let days = |days| Some(RotationDays::new(days).unwrap());
    let store = place.open();
    let services = Services::over(&store);
    let created = services.create().await;
    let own = Settings {
        secret_rotation_days: days(300),
        ..fixtures::bare_settings()
    };
    let own = services.create_with(own).await.unwrap();
    let rolled = services.create().await;
    assert_eq!(
        due(&store, 1_000).await,
        [own.id],
        "nobody has set any for the others"
    );
    // Started anew with days, those that are there already are found, and those that come.
    for (default, expected) in [(90, [90, 90]), (30, [30, 30]), (200, [200, 200])] {
        let store = place.open();
        store.rotate_after(days(default));
        let tally = rotation(&store, after_days(1)).run().await.unwrap();
        assert_eq!(tally, DueRollsTally::default());
        let read = Services::over(&store).read(created.id).await.unwrap();
        assert_eq!(read.rotation_days(), days(default));
        let [first, second] = expected;
        assert_eq!(due(&store, first - 1).await, []);
        let mut both = [created.id, rolled.id];
        both.sort();
        assert_eq!(due(&store, second).await, both);
        let later = Services::over(&store).create().await;
        assert_eq!(later.rotation_days(), days(default));
        assert!(due(&store, second).await.contains(&later.id));
        store.change(deletion(&later)).await.unwrap();
        assert_eq!(due(&store, second).await, both);
    }
    let store = place.open();
    rotation(&store, after_days(1)).run().await.unwrap();
    assert_eq!(due(&store, 1_000).await, [own.id], "nobody has set any again");
}

fn deletion(webhook: &webhook_domain::webhook::Webhook) -> webhook_domain::ports::ChangeOrder {
    use webhook_domain::ports::{Change, ChangeOrder, Effect};
    ChangeOrder {
        platform: webhook.platform.clone(),
        webhook: webhook.id,
        decide: Box::new(|_| {
            Ok(Change {
                effect: Effect::Delete,
                ..Change::default()
            })
        }),
        announcement: None,
        settles: None,
        idempotency: None,
    }
}

async fn what_cannot_be_read_keeps_no_other_from_being_rolled(place: Place) {
    let store = place.open();
    store.rotate_after(Some(RotationDays::new(90).unwrap()));
    let services = Services::over(&store);
    let looked_up = Settings {
        signing_protocol: SigningProtocol::Ed25519,
        secret_rotates_automatically: true,
        ..fixtures::bare_settings()
    };
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(services.create_with(looked_up.clone()).await.unwrap().id);
    }
    ids.sort();
    let damage = format!(
        "UPDATE webhooks SET signing_protocol = 'None' WHERE id = '{}'",
        ids[0]
    );
    execute(&place, &damage);
    let outcome = rotation(&store, after_days(90)).run().await;
    assert!(
        matches!(outcome, Err(ServiceError::Store(StoreError::Corrupt(_)))),
        "{outcome:?}"
    );
    for id in &ids[1..] {
        let rolled = services.read(*id).await.unwrap();
        assert_eq!(rolled.key_ring.retired().len(), 1);
    }
    assert_eq!(due(&store, 90).await, [ids[0]]);
}
