//! Changes that are committed together: what one member does must not be felt by another.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use diesel::connection::SimpleConnection;
use webhook_domain::access::audit::{AuditAction, AuditDetails, AuditStamp};
use webhook_domain::ports::{Change, ChangeOrder, Outcome, WebhookStore};
use webhook_domain::services::RollSecret;
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::webhook::{AuthenticationType, Edit, Name, Reference, SettingsUpdate, Webhook};
use webhook_domain::{Refusal, ServiceError, StoreError};
use webhook_store_diesel::{DieselStore, SystemEntropy};

use crate::opening::postgres_connection;
use crate::place::{Place, Services, block_on, on_each_database};

on_each_database! {
    a_decision_that_panics_harms_no_other_of_its_group
    a_reference_that_is_taken_is_refused_though_the_next_change_gives_it_up
    a_broken_constraint_that_is_not_the_references_is_not_called_so
}

/// Refuses a row of this name as PostgreSQL refuses a text that it cannot keep.
const REFUSES_A_NAME: &str = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     IF NEW.name = 'unkept' THEN RAISE EXCEPTION 'character with byte sequence 0xf0 in encoding \"UTF8\" has no \
     equivalent in encoding \"LATIN1\"' USING ERRCODE = '22P05'; END IF; RETURN NEW; END $$; \
     CREATE TRIGGER refuse BEFORE UPDATE ON webhooks FOR EACH ROW EXECUTE FUNCTION refuse()";

#[test]
fn a_value_that_the_database_cannot_keep_is_one_members_fault() {
    let place = Place::postgres();
    block_on(async {
        let store = place.open();
        let services = Services::over(&store);
        let (kept, unkept) = (services.create().await, services.create().await);
        postgres_connection(&place).batch_execute(REFUSES_A_NAME).unwrap();
        let hold = hold_writer(&store, &kept);
        let named = |webhook: &Webhook, name: &str| {
            let update = SettingsUpdate {
                name: Edit::Set(Name::parse(name.into()).unwrap()),
                ..SettingsUpdate::new(true, false, AuthenticationType::None)
            };
            let roll = RollSecret {
                update: Some(update),
                ..RollSecret::default()
            };
            services.secrets.roll(&services.acting, webhook.id, roll)
        };
        let (before, refused, after, ()) = tokio::join!(
            named(&kept, "one"),
            named(&unkept, "unkept"),
            named(&kept, "other"),
            async { drop(hold) }
        );
        assert!(before.is_ok() && after.is_ok(), "{before:?} {after:?}");
        assert!(
            matches!(refused, Err(ServiceError::Store(StoreError::Corrupt(_)))),
            "not to be tried again: {refused:?}"
        );
    });
}

/// Keeps the writer at a decision until the sender is dropped, so that what is queued meanwhile is one group.
fn hold_writer(store: &Arc<DieselStore>, webhook: &Webhook) -> Sender<()> {
    let (hold, held) = channel::<()>();
    let (reached, at_decision) = channel();
    let held = Mutex::new(held);
    let order = order(webhook, move |_| {
        let _ = reached.send(());
        let _ = held.lock().unwrap().recv();
        Ok(Change::default())
    });
    let store = store.clone();
    tokio::spawn(async move { store.change(order).await });
    at_decision.recv().unwrap();
    hold
}

fn order(
    webhook: &Webhook,
    decide: impl Fn(&Webhook) -> Result<Change, Refusal> + Send + Sync + 'static,
) -> ChangeOrder {
    ChangeOrder {
        announcement: None,
        platform: webhook.platform.clone(),
        webhook: webhook.id,
        decide: Box::new(decide),
        settles: None,
        idempotency: None,
    }
}

async fn a_decision_that_panics_harms_no_other_of_its_group(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let webhook = services.create().await;
    let hold = hold_writer(&store, &webhook);
    let panics = store.change(order(&webhook, |_| panic!("on purpose")));
    let (before, panicked, after, ()) = tokio::join!(
        services.roll(webhook.id, Overlap::NONE),
        panics,
        services.roll(webhook.id, Overlap::NONE),
        async { drop(hold) }
    );
    assert_eq!((before.unwrap().version.0, after.unwrap().version.0), (2, 3));
    assert!(
        matches!(panicked, Err(ServiceError::Store(StoreError::Corrupt(_)))),
        "{panicked:?}"
    );
    assert_eq!(
        services.roll(webhook.id, Overlap::NONE).await.unwrap().version.0,
        4
    );
}

async fn a_reference_that_is_taken_is_refused_though_the_next_change_gives_it_up(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let taken = services.create_with(fixtures::full_settings()).await.unwrap();
    let reference = taken.settings.reference.clone();
    let webhook = services.create().await;
    let hold = hold_writer(&store, &webhook);
    let roll_to = |reference: Option<Reference>| {
        let update = SettingsUpdate {
            reference: reference.map_or(Edit::Clear, Edit::Set),
            ..SettingsUpdate::new(true, false, AuthenticationType::None)
        };
        let roll = RollSecret {
            update: Some(update),
            overlap: Some(Overlap::NONE),
            ..RollSecret::default()
        };
        services.secrets.roll(&services.acting, webhook.id, roll)
    };
    let (takes, gives_up, ()) = tokio::join!(roll_to(reference), roll_to(None), async { drop(hold) });
    assert!(
        matches!(takes, Err(ServiceError::Refused(Refusal::ReferenceTaken))),
        "{takes:?}"
    );
    assert!(matches!(gives_up, Ok(Outcome::Done { subject, .. }) if subject.version.0 == 2));
}

async fn a_broken_constraint_that_is_not_the_references_is_not_called_so(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let webhook = services.create().await;
    // Two webhooks with one id: a source of randomness that repeats itself.
    let again = webhook_domain::ports::Creation {
        announcement: None,
        audit: AuditStamp::new(&services.acting, ManualClock::START, &SystemEntropy::new())
            .unwrap()
            .record(
                AuditAction::WebhookCreated,
                webhook.id.to_string(),
                AuditDetails::default(),
            ),
        webhook: webhook.clone(),
        quota: None,
        idempotency: None,
    };
    let refused = store.create(again).await;
    assert!(
        matches!(refused, Err(ServiceError::Store(StoreError::Unavailable(_)))),
        "{refused:?}"
    );
    assert_eq!(services.read(webhook.id).await.unwrap(), webhook);
}

#[test]
fn a_row_that_somebody_keeps_locked_harms_no_other_webhook() {
    let place = Place::postgres();
    block_on(async {
        let store = place.open();
        let services = Services::over(&store);
        let (locked, free, other) = (
            services.create().await,
            services.create().await,
            services.create().await,
        );
        let mut somebody = postgres_connection(&place);
        somebody
            .batch_execute(&format!(
                "BEGIN; SELECT 1 FROM webhooks WHERE id = '{}' FOR UPDATE",
                locked.id
            ))
            .unwrap();
        let hold = hold_writer(&store, &other);
        let nobodys = ChangeOrder {
            announcement: None,
            platform: "elsewhere".parse().unwrap(),
            ..order(&locked, |_| Ok(Change::default()))
        };
        let started = std::time::Instant::now();
        let (refused, done, not_found, ()) = tokio::join!(
            services.roll(locked.id, Overlap::NONE),
            services.roll(free.id, Overlap::NONE),
            store.change(nobodys),
            async { drop(hold) }
        );
        assert!(
            matches!(refused, Err(ServiceError::Store(StoreError::Unavailable(_)))),
            "{refused:?}"
        );
        assert_eq!(done.unwrap().version.0, 2);
        assert!(
            matches!(not_found, Err(ServiceError::Refused(Refusal::NotFound { .. }))),
            "{not_found:?}"
        );
        assert!(started.elapsed() < std::time::Duration::from_secs(4));
        somebody.batch_execute("ROLLBACK").unwrap();
        assert_eq!(
            services.roll(locked.id, Overlap::NONE).await.unwrap().version.0,
            2
        );
    });
}

#[test]
fn what_waits_behind_a_database_that_is_locked_is_refused_in_time() {
    let place = Place::sqlite();
    block_on(async {
        let store = place.open();
        let services = Arc::new(Services::over(&store));
        let webhook = services.create().await;
        let mut somebody = crate::opening::sqlite_connection(&place);
        somebody.batch_execute("BEGIN IMMEDIATE").unwrap();
        let started = std::time::Instant::now();
        let roll = || {
            let services = services.clone();
            tokio::spawn(async move { services.roll(webhook.id, Overlap::NONE).await })
        };
        let first = roll();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        for refused in [first, roll(), roll()] {
            let refused = refused.await.unwrap();
            assert!(
                matches!(
                    refused,
                    Err(ServiceError::Store(
                        StoreError::Unavailable(_) | StoreError::Overloaded
                    ))
                ),
                "{refused:?}"
            );
        }
        assert!(
            started.elapsed() < std::time::Duration::from_secs(7),
            "{:?}",
            started.elapsed()
        );
        somebody.batch_execute("ROLLBACK").unwrap();
        assert_eq!(
            services.roll(webhook.id, Overlap::NONE).await.unwrap().version.0,
            2
        );
    });
}
