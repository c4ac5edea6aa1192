//! What lies on the disk and in the log: no secret in any form, and expired keys not even sealed.

use std::{thread::sleep, time::Duration};

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use serde_json::json;
use webhook_tests::{
    Backend, Deployment, Service,
    fixtures::{create, create_with, get, roll, roll_with, update, with},
    on_each_database,
};

on_each_database!(
    no_secret_is_stored_or_logged_in_any_form,
    an_expired_key_is_erased_within_a_minute
);

/// Every file of the deployment, the dump of its database, and what the server wrote.
fn everything_left(service: &Service) -> Vec<(String, Vec<u8>)> {
    let mut left: Vec<(String, Vec<u8>)> = service
        .deployment()
        .files()
        .into_iter()
        .filter(|(path, _)| !path.ends_with("first-api-key") && !path.ends_with("master.key"))
        .map(|(path, bytes)| (path.display().to_string(), bytes))
        .collect();
    if let Some(database) = service.deployment().database() {
        left.push(("the database's dump".to_owned(), database.dump()));
    }
    left.push(("the log".to_owned(), service.server().output().into_bytes()));
    left
}

/// The forms a secret may leak in: its text, and its bytes raw, in hex and in base64.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = match secret.strip_prefix("whsec_") {
        Some(encoded) => BASE64.decode(encoded.as_bytes()).expect("a key is base64"),
        None => secret.as_bytes().to_vec(),
    };
    let texts = [
        secret.to_owned(),
        BASE64.encode(&bytes).trim_end_matches('=').to_owned(),
        BASE64URL_NOPAD.encode(&bytes),
        HEXLOWER.encode(&bytes),
        HEXUPPER.encode(&bytes),
        // A dump shows binary columns in hex, so a text stored in one looks like this.
        HEXLOWER.encode(secret.as_bytes()),
    ];
    let mut forms: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    forms.push(bytes);
    forms
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn no_secret_is_stored_or_logged_in_any_form(backend: Backend) {
    let deployment = Deployment::new(backend).with("WEBHOOK_LOG", "trace");
    let service = Service::start_on(deployment);
    let client = service.client();
    let credentials = json!({
        "authentication_type": "PASSWORD", "username": "alice-is-stored", "password": "CorrectHorseBattery",
        "api_header_field": "X-Token", "api_key": "StapleStapleStaple42",
    });
    let created = create_with(&client, credentials.clone());
    let rolled = roll(&client, &created);
    let body = with(update(), credentials);
    let kept = client
        .patch(&created.secret_path())
        .header("Idempotency-Key", "k")
        .json(&body)
        .send()
        .expect_status(200);
    let current = kept.json()["secret_key"].as_str().expect("a key").to_owned();
    // Secrets where they do not belong, and a request that is refused.
    client
        .patch(&created.secret_path())
        .json_text("{\"password\": \"Mispl4cedSecret\" oops")
        .send()
        .expect_status(400);
    let made = service.deployment().create_key("default", &["WEBHOOK.VIEW"], &[]);
    get(&service.client_with(&made), &created);
    let master = service
        .deployment()
        .setting("WEBHOOK_MASTER_KEY")
        .map(str::to_owned);
    let master = master.unwrap_or_else(|| {
        let text = std::fs::read_to_string(service.deployment().data().join("master.key")).expect("a key");
        text.trim().to_owned()
    });
    let secrets = [
        created.secret(),
        rolled.secret(),
        current,
        "CorrectHorseBattery".to_owned(),
        "StapleStapleStaple42".to_owned(),
        "Mispl4cedSecret".to_owned(),
        service.key().to_owned(),
        made,
        master,
        service
            .deployment()
            .database()
            .map_or("no-database-password", |database| database.password())
            .to_owned(),
    ];
    let left = everything_left(&service);
    assert!(
        left.iter().any(|(_, bytes)| contains(bytes, b"alice-is-stored")),
        "what is no secret is found there"
    );
    for (place, bytes) in &left {
        for secret in &secrets {
            for form in forms(secret) {
                assert!(
                    !contains(bytes, &form),
                    "{place} holds a secret: {}",
                    String::from_utf8_lossy(&form)
                );
            }
        }
    }
}

fn an_expired_key_is_erased_within_a_minute(backend: Backend) {
    const KEYS: u64 = 5;
    // What is stored is sealed and in tables this test knows nothing of, but a key that is erased takes at least its
    // own 32 bytes away, and its nonce and tag with it.
    const LEAST: u64 = 32 + 12 + 16;
    let service = Service::start(backend);
    let client = service.client();
    let webhook = create(&client);
    for _ in 0..KEYS {
        roll_with(&client, &webhook, json!({"previous_secret_expires_in": 3}));
    }
    let before = service.deployment().stored_bytes();
    sleep(Duration::from_secs(65));
    let after = service.deployment().stored_bytes();
    assert!(
        after + KEYS * LEAST <= before,
        "{before} bytes were stored, and {after} still are"
    );
}
