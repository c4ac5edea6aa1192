//! What lies on the disk: of an expired key nothing, not even sealed. That no secret lies anywhere in the open, `canary/`
//! proves.

use std::{thread::sleep, time::Duration};

use serde_json::json;
use webhook_tests::{
    Backend, Service,
    fixtures::{create, roll_with},
    on_each_database,
};

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
    let before = service.deployment().stored_bytes();
    sleep(Duration::from_secs(65));
    let after = service.deployment().stored_bytes();
    assert!(
        after + KEYS * LEAST <= before,
        "{before} bytes were stored, and {after} still are"
    );
}
