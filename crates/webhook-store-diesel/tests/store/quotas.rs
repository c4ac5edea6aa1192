//! Quotas judged by several stores on one database, as several server processes do; and what a store counts that has not seen it come.

use std::num::NonZeroU32;
use std::sync::Arc;

use webhook_domain::access::caller::PlatformScope;
use webhook_domain::access::permission::PermissionSet;
use webhook_domain::access::quota::{Counted, OverQuota, Quota, Quotas};
use webhook_domain::ports::{EventStore as _, Outcome, Publication, Published};
use webhook_domain::services::{ApiKeyService, CreateApiKey, CreateWebhook, WebhookService};
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::{Refusal, ServiceError};
use webhook_store_diesel::{DieselStore, SystemEntropy};

use crate::fan_out::{MANY, create_many, event};
use crate::place::{Place, on_each_database};

on_each_database! {
    creations_through_two_stores_do_not_pass_a_quota_together
    publications_through_two_stores_do_not_pass_a_quota_together
    what_a_store_has_not_seen_come_is_counted
    what_is_still_to_be_moved_into_its_lanes_waits_too
}

fn quota(of: Counted, most: u32) -> Quota {
    Quota::new(of, NonZeroU32::new(most).unwrap())
}

async fn publish(store: &DieselStore, quota: Option<Quota>) -> Result<Published, ServiceError> {
    let publication = Publication {
        event: event(&fixtures::acme(), "INVOICE.CREATED"),
        quota,
        idempotency: None,
    };
    match store.publish(publication).await? {
        Outcome::Done { subject, .. } => Ok(*subject),
        Outcome::Replayed(_) => unreachable!("it has no name"),
    }
}

fn is_refused<T>(result: &Result<T, ServiceError>) -> bool {
    matches!(result, Err(ServiceError::Refused(Refusal::OverQuota(_))))
}

async fn creations_through_two_stores_do_not_pass_a_quota_together(place: Place) {
    let stores = [place.open(), place.open()];
    let quotas = Quotas {
        webhooks: Some(quota(Counted::Webhooks, 7)),
        api_keys: Some(quota(Counted::ApiKeys, 5)),
        pending_events: None,
    };
    let acting = fixtures::operator(&fixtures::acme());
    let attempts: Vec<_> = (0..40)
        .map(|number: usize| {
            let (store, acting) = (stores[number % 2].clone(), acting.clone());
            tokio::spawn(async move {
                let clock = Arc::new(ManualClock::at(ManualClock::START));
                let entropy = Arc::new(SystemEntropy::new());
                let webhooks =
                    WebhookService::new(store.clone(), clock.clone(), entropy.clone()).limited(quotas);
                let create = CreateWebhook {
                    settings: fixtures::bare_settings(),
                    idempotent: None,
                };
                let webhook = webhooks.create(&acting, create).await;
                let create = CreateApiKey {
                    name: None,
                    scope: PlatformScope::One(fixtures::acme()),
                    permissions: PermissionSet::all(),
                    lifetime: None,
                    idempotent: None,
                };
                let keys = ApiKeyService::new(store, clock, entropy).limited(quotas);
                let key = keys.create(&acting, create).await;
                for (is_done, is_refused) in [
                    (webhook.is_ok(), is_refused(&webhook)),
                    (key.is_ok(), is_refused(&key)),
                ] {
                    assert!(is_done || is_refused);
                }
                (webhook.is_ok(), key.is_ok())
            })
        })
        .collect();
    let (mut webhooks, mut keys) = (0, 0);
    for attempt in attempts {
        let (webhook, key) = attempt.await.unwrap();
        webhooks += u32::from(webhook);
        keys += u32::from(key);
    }
    assert_eq!((webhooks, keys), (7, 5));
}

async fn publications_through_two_stores_do_not_pass_a_quota_together(place: Place) {
    let stores = [place.open(), place.open()];
    create_many(&stores[0], 3).await;
    let limit = Some(quota(Counted::PendingEvents, 20));
    let attempts: Vec<_> = (0..60)
        .map(|number: usize| {
            let store = stores[number % 2].clone();
            tokio::spawn(async move {
                let published = publish(&store, limit).await;
                assert!(published.is_ok() || is_refused(&published), "{published:?}");
                published.is_ok()
            })
        })
        .collect();
    let mut accepted = 0;
    for attempt in attempts {
        accepted += u32::from(attempt.await.unwrap());
    }
    assert_eq!(accepted, 6, "each goes to three webhooks");
}

/// A quota that is set for the first time, or again.
async fn what_a_store_has_not_seen_come_is_counted(place: Place) {
    let first = place.open();
    create_many(&first, 2).await;
    let limit = Some(quota(Counted::PendingEvents, 5));
    publish(&first, limit).await.unwrap();
    publish(&first, None).await.unwrap();
    let second = place.open();
    assert!(is_refused(&publish(&second, limit).await), "four wait");
    drop((first, second));
    let third = place.open();
    assert!(is_refused(&publish(&third, limit).await), "four wait still");
    publish(&third, Some(quota(Counted::PendingEvents, 6)))
        .await
        .unwrap();
}

async fn what_is_still_to_be_moved_into_its_lanes_waits_too(place: Place) {
    let store = place.open();
    create_many(&store, MANY).await;
    let all = u64::try_from(MANY).unwrap();
    let limit = Some(quota(Counted::PendingEvents, u32::try_from(2 * MANY).unwrap()));
    assert_eq!(publish(&store, limit).await.unwrap().deliveries, all);
    assert_eq!(publish(&store, limit).await.unwrap().deliveries, all);
    let refused = publish(&place.open(), limit).await;
    let Err(ServiceError::Refused(Refusal::OverQuota(OverQuota { present, more, .. }))) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((present, more), (2 * all, all));
}
