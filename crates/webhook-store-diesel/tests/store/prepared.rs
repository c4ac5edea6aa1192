//! What is asked again and again is prepared once for each connection. To prepare a statement takes a database longer than most of ours take to run.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use diesel::connection::{InstrumentationEvent, set_default_instrumentation};
use webhook_domain::access::quota::{Counted, Quota};
use webhook_domain::ports::{DeliveryQueue as _, EventStore as _, Publication};
use webhook_domain::signing::key_ring::Overlap;

use crate::fan_out::{event, joined};
use crate::place::{Place, Services, on_each_database};
use crate::turns::arrived;

on_each_database! {
    what_rolls_publications_and_deliveries_ask_is_prepared_once
}

/// How often each statement was sent, and whether a connection has kept it.
static SENT: Mutex<BTreeMap<String, (u32, bool)>> = Mutex::new(BTreeMap::new());

/// More often than there are connections, each of which prepares for itself.
const ROUNDS: u32 = 20;

fn sent() -> MutexGuard<'static, BTreeMap<String, (u32, bool)>> {
    SENT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(event: InstrumentationEvent<'_>) {
    let mut sent = sent();
    match event {
        InstrumentationEvent::StartQuery { query, .. } => {
            let query = query.to_string();
            let (text, _) = query.split_once(" -- binds").unwrap_or((&query, ""));
            sent.entry(text.to_owned()).or_default().0 += 1;
        }
        InstrumentationEvent::CacheQuery { sql, .. } => sent.entry(sql.to_owned()).or_default().1 = true,
        _ => {}
    }
}

async fn what_rolls_publications_and_deliveries_ask_is_prepared_once(place: Place) {
    // What other tests ask in the same process would be counted too.
    if std::env::var_os("NEXTEST").is_none() {
        return;
    }
    set_default_instrumentation(|| Some(Box::new(note))).unwrap();
    let store = place.open();
    let services = Services::over(&store);
    let process = joined(&store).await;
    let webhook = services.create().await;
    // What opening a database takes is asked once.
    sent().values_mut().for_each(|(times, _)| *times = 0);
    for _ in 0..ROUNDS {
        services.roll(webhook.id, Overlap::DAY).await.unwrap();
        services.roll(webhook.id, Overlap::NONE).await.unwrap();
        let publication = Publication {
            event: event(&webhook.platform, "INVOICE.PAID"),
            quota: Some(Quota::new(Counted::PendingEvents, NonZeroU32::MAX)),
            idempotency: None,
        };
        store.publish(publication).await.unwrap();
        let lane = store.look(process, webhook.id, None, 1).await.unwrap().unwrap();
        store.record(process, vec![arrived(&lane)]).await.unwrap();
    }
    let sent = sent();
    let is_kept_out = |text: &str| {
        // What the last two are in is sent on a slow disk alone.
        ["BEGIN", "COMMIT", "ROLLBACK", "SET", "PRAGMA"]
            .iter()
            .any(|word| text.starts_with(word))
            || ["pg_logical_emit_message", "pg_locks"]
                .iter()
                .any(|word| text.contains(word))
    };
    let anew: Vec<_> = sent
        .iter()
        .filter(|(text, (times, is_prepared))| *times >= ROUNDS && !is_prepared && !is_kept_out(text))
        .collect();
    assert!(sent.len() > 10, "{sent:?}");
    assert!(anew.is_empty(), "{anew:#?}");
}
