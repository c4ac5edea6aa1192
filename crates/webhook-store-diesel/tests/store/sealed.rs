//! Secrets at rest: not to be read, not to be moved.

use diesel::prelude::*;
use webhook_domain::services::{RollSecret, UpdateWebhook};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::secret::SecretText;
use webhook_domain::testing::fixtures;
use webhook_domain::webhook::{CustomHeadersUpdate, Edit, Precondition, Settings, SettingsUpdate};
use webhook_domain::{ServiceError, StoreError};

use crate::opening::execute;
use crate::place::{Place, Services, on_each_database};

on_each_database! {
    no_secret_stands_in_the_database_as_it_is
    a_ring_copied_to_another_webhook_does_not_open
    what_does_not_open_harms_no_other_webhook
    a_retired_key_keeps_its_sealed_form
    custom_headers_copied_to_another_webhook_or_name_do_not_open
    only_the_custom_header_that_changes_is_sealed_anew
}

async fn no_secret_stands_in_the_database_as_it_is(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let webhook = services.create_with(fixtures::full_settings()).await.unwrap();
    let render: webhook_domain::idempotency::Render = std::sync::Arc::new(|_, _| {
        webhook_domain::signing::secret::SecretBytes::new(b"the answer that was given".to_vec())
    });
    let idempotent = Some(webhook_domain::idempotency::IdempotentRequest {
        render,
        ..fixtures::request("request", "roll")
    });
    services
        .secrets
        .roll(
            &services.acting,
            webhook.id,
            RollSecret {
                update: Some(fixtures::password_changed("another-word", Overlap::DAY)),
                idempotent,
                ..RollSecret::default()
            },
        )
        .await
        .unwrap();
    let stored = services.read(webhook.id).await.unwrap();
    assert!(stored.previous_credentials.is_some());
    store.close();
    let raw = match &place {
        Place::Sqlite(directory) => std::fs::read_dir(directory.path())
            .unwrap()
            .flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
            .collect(),
        Place::Postgres(database) => unescaped(&database.dump()),
    };
    let mut secrets: Vec<String> = stored
        .key_ring
        .current()
        .into_iter()
        .chain(stored.key_ring.retired().iter().map(|retired| &retired.key))
        .map(|key| key.expose_shared().unwrap().to_owned())
        .collect();
    assert_eq!(secrets.len(), 2);
    secrets.extend([
        "pass-word".into(),
        "another-word".into(),
        "k3yOfTheReceiver".into(),
        "tenant 1".into(),
        "r0ute".into(),
        "the answer that was given".into(),
    ]);
    for secret in secrets {
        for form in [
            secret.clone(),
            data_encoding::BASE64.encode(secret.as_bytes()),
            data_encoding::HEXLOWER.encode(secret.as_bytes()),
        ] {
            assert!(
                !raw.windows(form.len()).any(|window| window == form.as_bytes()),
                "{form} stands there"
            );
        }
    }
    assert!(
        raw.windows(4).any(|window| window == b"user"),
        "what is no secret can be found there"
    );
}

/// A dump with the bytes that it has in hex put beside it.
fn unescaped(dump: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(dump);
    let mut bytes = dump.to_vec();
    for word in text.split_ascii_whitespace() {
        if let Some(hex) = word.strip_prefix("\\\\x") {
            bytes.extend(data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap_or_default());
        }
    }
    bytes
}

async fn a_ring_copied_to_another_webhook_does_not_open(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let (from, to) = (services.create().await, services.create().await);
    copy_ring(&place, &from.id.to_string(), &to.id.to_string());
    assert!(is_corrupt(&services.read(to.id).await.unwrap_err()));
    assert!(is_corrupt(&services.roll(to.id, Overlap::DAY).await.unwrap_err()));
    assert!(services.roll(from.id, Overlap::DAY).await.is_ok());
}

async fn what_does_not_open_harms_no_other_webhook(place: Place) {
    let store = place.open();
    let services = std::sync::Arc::new(Services::over(&store));
    let (from, to) = (services.create().await, services.create().await);
    copy_ring(&place, &from.id.to_string(), &to.id.to_string());
    let rolls: Vec<_> = (0..100)
        .map(|number| {
            let id = if number % 2 == 0 { from.id } else { to.id };
            let services = services.clone();
            tokio::spawn(async move { (number, services.roll(id, Overlap::NONE).await) })
        })
        .collect();
    for roll in rolls {
        let (number, outcome) = roll.await.unwrap();
        match outcome {
            Ok(_) => assert_eq!(number % 2, 0),
            Err(error) => assert!(number % 2 == 1 && is_corrupt(&error), "{error}"),
        }
    }
}

async fn a_retired_key_keeps_its_sealed_form(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let webhook = services.create().await;
    let before = sealed_keys(&place);
    services.roll(webhook.id, Overlap::DAY).await.unwrap();
    let after = sealed_keys(&place);
    assert_eq!((before.len(), after.len()), (1, 2));
    assert!(after.contains(&before[0]));
}

async fn custom_headers_copied_to_another_webhook_or_name_do_not_open(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let full = |reference: &str| Settings {
        reference: Some(fixtures::reference(reference)),
        ..fixtures::full_settings()
    };
    let from = services.create_with(full("from")).await.unwrap();
    let to = services.create_with(full("to")).await.unwrap();
    let renamed = services.create_with(full("renamed")).await.unwrap();
    let column: String = headers_of(&place, &renamed.id.to_string());
    write_headers(
        &place,
        &to.id.to_string(),
        &headers_of(&place, &from.id.to_string()),
    );
    write_headers(
        &place,
        &renamed.id.to_string(),
        &column.replace("X-Tenant", "X-Gateway"),
    );
    for broken in [to.id, renamed.id] {
        assert!(is_corrupt(&services.read(broken).await.unwrap_err()));
    }
    assert_eq!(services.read(from.id).await.unwrap(), from);
    write_headers(&place, &renamed.id.to_string(), &column);
    assert_eq!(services.read(renamed.id).await.unwrap(), renamed);
}

async fn only_the_custom_header_that_changes_is_sealed_anew(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let webhook = services.create_with(fixtures::full_settings()).await.unwrap();
    let id = webhook.id.to_string();
    let sealed = || -> Vec<String> {
        let column = headers_of(&place, &id);
        let values = column.split("\"sealed\":\"").skip(1);
        values
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect()
    };
    let before = sealed();
    let given = [("X-Tenant", None), ("x_route", Some("another"))];
    let given = given.map(|(name, value)| {
        (
            name.to_owned(),
            value.map(|value: &str| SecretText::new(value.into())),
        )
    });
    let update = UpdateWebhook {
        update: SettingsUpdate {
            custom_headers: Edit::Set(CustomHeadersUpdate::parse(given.into()).unwrap()),
            ..SettingsUpdate::new(true, true, webhook.settings.authentication.kind())
        },
        precondition: Precondition::Exists,
        idempotent: None,
    };
    services
        .webhooks
        .update(&services.acting, webhook.id, update)
        .await
        .unwrap();
    let after = sealed();
    assert_eq!((before.len(), after.len()), (2, 2));
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
}

fn is_corrupt(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Store(StoreError::Corrupt(_)))
}

fn copy_ring(place: &Place, from: &str, to: &str) {
    execute(
        place,
        &format!(
            "UPDATE webhooks SET key_ring = (SELECT key_ring FROM webhooks WHERE id = '{from}') WHERE id = '{to}'"
        ),
    );
}

/// The column as text.
fn headers_of(place: &Place, id: &str) -> String {
    let query = diesel::sql_query(format!(
        "SELECT custom_headers AS bytes FROM webhooks WHERE id = '{id}'"
    ));
    let column: Column = match place.url() {
        webhook_store_diesel::DatabaseUrl::Sqlite(path) => query
            .get_result(&mut diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap())
            .unwrap(),
        webhook_store_diesel::DatabaseUrl::Postgres(url) => query
            .get_result(&mut diesel::PgConnection::establish(url.expose()).unwrap())
            .unwrap(),
    };
    String::from_utf8(column.bytes).unwrap()
}

fn write_headers(place: &Place, id: &str, text: &str) {
    let hex = data_encoding::HEXLOWER.encode(text.as_bytes());
    let bytes = match place {
        Place::Sqlite(_) => format!("x'{hex}'"),
        Place::Postgres(_) => format!("'\\x{hex}'"),
    };
    execute(
        place,
        &format!("UPDATE webhooks SET custom_headers = {bytes} WHERE id = '{id}'"),
    );
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = diesel::sql_types::Binary)]
    bytes: Vec<u8>,
}

#[derive(QueryableByName)]
struct Ring {
    #[diesel(sql_type = diesel::sql_types::Binary)]
    key_ring: Vec<u8>,
}

fn sealed_keys(place: &Place) -> Vec<String> {
    let query = diesel::sql_query("SELECT key_ring FROM webhooks");
    let ring: Ring = match place.url() {
        webhook_store_diesel::DatabaseUrl::Sqlite(path) => query
            .get_result(&mut diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap())
            .unwrap(),
        webhook_store_diesel::DatabaseUrl::Postgres(url) => query
            .get_result(&mut diesel::PgConnection::establish(url.expose()).unwrap())
            .unwrap(),
    };
    let text = String::from_utf8(ring.key_ring).unwrap();
    text.split("\"sealed\":\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}
