//! A new master key: every value can be read with either key throughout, and afterwards with the new one alone.

use std::sync::Arc;

use webhook_domain::access::audit::{AuditAction, AuditDetails, AuditRecord, AuditStamp};
use webhook_domain::ports::{AuditLog as _, AuditQuery, Outcome};
use webhook_domain::services::RollSecret;
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::webhook::{Settings, Webhook};
use webhook_store_diesel::rekeying::{RekeyError, Rekeying};
use webhook_store_diesel::{AuditVerdict, MasterKey, OpenError, SystemEntropy};

use crate::place::{Place, Services, done, master_key, on_each_database};

on_each_database! {
    every_value_is_read_with_either_key_after_every_step
    a_process_that_has_the_old_key_goes_on_throughout_and_after
    another_key_is_refused_while_one_is_on_its_way
    the_same_key_is_refused
    the_records_of_all_changes_of_the_key_are_found_by_their_resource
}

/// Webhooks with every kind of secret, rolled so that keys are retired and credentials kept, and an answer to be given again.
async fn stock(services: &Services) -> Vec<Webhook> {
    let mut webhooks = Vec::new();
    for number in 0..150 {
        let settings = Settings {
            reference: Some(fixtures::reference(&format!("r{number}"))),
            signing_protocol: SigningProtocol::ALL[number % SigningProtocol::ALL.len()],
            ..fixtures::full_settings()
        };
        let created = services.create_with(settings).await.unwrap();
        let roll = RollSecret {
            update: Some(fixtures::password_changed("another-word", Overlap::DAY)),
            overlap: Some(Overlap::DAY),
            idempotent: Some(fixtures::request(&format!("roll {number}"), "roll")),
            ..RollSecret::default()
        };
        let rolled = services.secrets.roll(&services.acting, created.id, roll).await;
        webhooks.push(done(rolled.unwrap()));
    }
    webhooks
}

/// Everything is as it was, and every answer is given again.
async fn assert_all_there(services: &Services, webhooks: &[Webhook]) {
    for (number, webhook) in webhooks.iter().enumerate() {
        let found = services.read(webhook.id).await.unwrap();
        assert_eq!(found, *webhook);
        let roll = RollSecret {
            overlap: Some(Overlap::DAY),
            idempotent: Some(fixtures::request(&format!("roll {number}"), "roll")),
            ..RollSecret::default()
        };
        let again = services.secrets.roll(&services.acting, webhook.id, roll).await;
        assert!(matches!(again, Ok(Outcome::Replayed(_))), "{again:?}");
    }
}

fn rekeying(place: &Place, key: &MasterKey) -> Rekeying {
    Rekeying::open(&place.url(), key.clone(), Arc::new(SystemEntropy::new())).unwrap()
}

fn record(services: &Services) -> AuditRecord {
    let stamp = AuditStamp::new(&services.acting, ManualClock::START, &SystemEntropy::new()).unwrap();
    stamp.record(
        AuditAction::MasterKeyChanged,
        "master-key".into(),
        AuditDetails::default(),
    )
}

async fn every_value_is_read_with_either_key_after_every_step(place: Place) {
    let old = master_key(7);
    let new = MasterKey::generate(&SystemEntropy::new()).unwrap();
    let store = place.open();
    let services = Services::over(&store);
    let webhooks = stock(&services).await;
    store.close();

    let both = async |with_old: bool| {
        for (key, is_good) in [(&old, with_old), (&new, true)] {
            match place.open_with(key) {
                Ok(store) => {
                    assert!(is_good);
                    let services = Services::over(&store);
                    assert_all_there(&services, &webhooks).await;
                    let verdict = store.verify_audit_records(None).await.unwrap();
                    assert!(matches!(verdict, AuditVerdict::Intact { .. }), "{verdict:?}");
                    store.close();
                }
                Err(error) => assert!(!is_good && matches!(error, OpenError::WrongMasterKey), "{error}"),
            }
        }
    };
    rekeying(&place, &old).begin(&new).unwrap();
    both(true).await;
    // Cut short after every step, and gone on with by either key.
    let mut resealed = 0;
    for round in 0.. {
        let mut rekeying = rekeying(&place, [&old, &new][round % 2]);
        assert_eq!(
            rekeying.pending_key().unwrap().to_base64().expose(),
            new.to_base64().expose()
        );
        rekeying.begin(&new).unwrap();
        let before = resealed;
        resealed += rekeying.reseal(&mut |count| count == 0).unwrap();
        both(true).await;
        if resealed == before {
            break;
        }
    }
    assert_eq!(resealed, 300, "each webhook and each answer once");
    let mut last = rekeying(&place, &new);
    assert_eq!(last.reseal(&mut |_| true).unwrap(), 0);
    last.finish(&record(&services)).unwrap();
    last.finish(&record(&services)).unwrap();
    both(false).await;
    let store = place.open_with(&new).unwrap();
    let query = AuditQuery {
        action: Some(AuditAction::MasterKeyChanged),
        ..AuditQuery::newest(10)
    };
    let records = store.list(services.acting.platform(), query).await.unwrap();
    assert_eq!(records.len(), 1);
}

async fn a_process_that_has_the_old_key_goes_on_throughout_and_after(place: Place) {
    let new = MasterKey::generate(&SystemEntropy::new()).unwrap();
    let (reader, writer) = (Services::over(&place.open()), Services::over(&place.open()));
    let idle_store = place.open();
    let idle = Services::over(&idle_store);
    let webhooks = stock(&writer).await;
    let mut rekeying = rekeying(&place, &master_key(7));
    rekeying.begin(&new).unwrap();
    // Made by a process that was told nothing, and sealed under the new key all the same.
    let fresh = writer.create().await;
    assert_eq!(reader.read(fresh.id).await.unwrap(), fresh);
    assert_eq!(rekeying.reseal(&mut |_| true).unwrap(), 300);
    assert_all_there(&reader, &webhooks).await;
    idle_store.follow_master_key().await.unwrap();
    rekeying.finish(&record(&writer)).unwrap();
    for services in [&reader, &writer, &idle] {
        assert_all_there(services, &webhooks).await;
        services.create().await;
    }
    let reopened = Services::over(&place.open_with(&new).unwrap());
    assert_all_there(&reopened, &webhooks).await;
}

async fn another_key_is_refused_while_one_is_on_its_way(place: Place) {
    let [new, other] = [(); 2].map(|()| MasterKey::generate(&SystemEntropy::new()).unwrap());
    let services = Services::over(&place.open());
    rekeying(&place, &master_key(7)).begin(&new).unwrap();
    for key in [&master_key(7), &new] {
        let refused = rekeying(&place, key).begin(&other);
        assert!(
            matches!(refused, Err(RekeyError::OtherKeyPending { .. })),
            "{refused:?}"
        );
    }
    services.create().await;
    assert!(matches!(place.open_with(&other), Err(OpenError::WrongMasterKey)));
}

async fn the_same_key_is_refused(place: Place) {
    place.open().close();
    let refused = rekeying(&place, &master_key(7)).begin(&master_key(7));
    assert!(matches!(refused, Err(RekeyError::SameKey)), "{refused:?}");
}

async fn the_records_of_all_changes_of_the_key_are_found_by_their_resource(place: Place) {
    let services = Services::over(&place.open());
    services.create().await;
    let mut key = master_key(7);
    let mut written = Vec::new();
    for _ in 0..3 {
        let new = MasterKey::generate(&SystemEntropy::new()).unwrap();
        let mut rekeying = rekeying(&place, &key);
        rekeying.begin(&new).unwrap();
        rekeying.reseal(&mut |_| true).unwrap();
        written.insert(0, record(&services));
        rekeying.finish(&written[0]).unwrap();
        key = new;
    }
    let store = place.open_with(&key).unwrap();
    let query = |limit| AuditQuery {
        resource_id: Some("master-key".into()),
        ..AuditQuery::newest(limit)
    };
    let platform = services.acting.platform();
    let listed = store.list(platform, query(10)).await.unwrap();
    // A record gets an id behind that of the record before, and these were made at one moment.
    let of_written = written.iter().zip(&listed).map(|(written, listed)| AuditRecord {
        id: listed.id,
        ..written.clone()
    });
    assert_eq!(listed, of_written.collect::<Vec<_>>());
    assert_eq!(listed.len(), written.len());
    let older = AuditQuery {
        before: Some(listed[0].id),
        ..query(1)
    };
    assert_eq!(store.list(platform, older).await.unwrap(), listed[1..2]);
    let stranger = "stranger".parse().unwrap();
    assert_eq!(store.list(&stranger, query(10)).await.unwrap(), []);
    let verdict = store.verify_audit_records(None).await.unwrap();
    assert!(matches!(verdict, AuditVerdict::Intact { .. }), "{verdict:?}");
}
