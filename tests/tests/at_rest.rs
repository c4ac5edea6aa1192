//! What lies on the disk: of an expired key and of previous credentials nothing, not even sealed. That no secret lies anywhere in the open, `canary/`
//! proves.

use std::{thread::sleep, time::Duration};

use serde_json::json;
use webhook_tests::{
    Backend, Service,
    fixtures::{create, create_with, roll_with, update, with},
    on_each_database,
};

/// The user name of credentials that are the previous ones.
const BEFORE: &str = "canary-user-of-the-past";

on_each_database!(an_expired_key_is_erased_within_a_minute);

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
    let with_credentials = create_with(
        &client,
        json!({"authentication_type": "PASSWORD", "username": BEFORE, "password": "old"}),
    );
    let kept = with(
        update(),
        json!({
            "authentication_type": "PASSWORD", "username": "after", "password": "new",
            "previous_credentials_expires_in": 3,
        }),
    );
    client
        .patch(&with_credentials.path())
        .json(&kept)
        .send()
        .expect_status(200);
    let before = service.deployment().stored_bytes();
    sleep(Duration::from_secs(65));
    let after = service.deployment().stored_bytes();
    assert!(
        after + KEYS * LEAST <= before,
        "{before} bytes were stored, and {after} still are"
    );
    if backend == Backend::Sqlite {
        for (file, bytes) in service.deployment().files() {
            let stands = |window: &[u8]| window == BEFORE.as_bytes();
            assert!(!bytes.windows(BEFORE.len()).any(stands), "{}", file.display());
        }
    }
}
