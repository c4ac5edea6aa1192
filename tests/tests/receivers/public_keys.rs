//! A receiver that looks its keys up: through a change of protocol and back it needs no hand-over.

use std::collections::HashMap;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::json;
use webhook_tests::{
    Client,
    fixtures::{Webhook, roll_with},
    receiver::Delivered,
};

use crate::overlap::Overlap;

/// The public keys of the set, by their ids; none where there is no set.
fn key_set(client: &Client, path: &str) -> HashMap<String, Vec<u8>> {
    let answer = client.get(path).send();
    if answer.status == 404 {
        return HashMap::new();
    }
    assert_eq!(answer.status, 200, "{}", answer.text());
    let set = answer.json();
    let key = |key: &serde_json::Value| {
        let text = |member: &str| key[member].as_str().expect("a text").to_owned();
        let bytes = BASE64URL_NOPAD
            .decode(text("x").as_bytes())
            .expect("base64url without padding");
        (text("kid"), bytes)
    };
    set["keys"].as_array().expect("a list").iter().map(key).collect()
}

/// Which of the `v1a` signatures hold under the key that the delivery names at the same place.
fn verified(delivered: &Delivered, keys: &HashMap<String, Vec<u8>>) -> Vec<bool> {
    let named = delivered.header("webhook-key-id").split(' ');
    let signatures = delivered.header("webhook-signature").split(' ');
    let signatures = signatures.filter_map(|signature| signature.strip_prefix("v1a,"));
    let before = format!(
        "{}.{}.",
        delivered.header("webhook-id"),
        delivered.header("webhook-timestamp")
    );
    let message = [before.as_bytes(), &delivered.body].concat();
    let holds = |(id, signature): (&str, &str)| {
        let signature = BASE64.decode(signature.as_bytes()).expect("base64");
        let key = UnparsedPublicKey::new(&ED25519, &keys[id]);
        key.verify(&message, &signature).is_ok()
    };
    named.zip(signatures).map(holds).collect()
}

#[test]
fn a_receiver_verifies_with_the_keys_that_it_looks_up() {
    let overlap = Overlap::new();
    let anonymous = overlap.service.anonymous();
    let keys = key_set(&anonymous, &overlap.key_set);
    assert_eq!(verified(&overlap.delivered, &keys), [true]);
    assert_eq!(
        overlap
            .delivered
            .header("webhook-signature")
            .matches("v1,")
            .count(),
        2,
        "the secrets sign as well"
    );
    // The attempt says by fingerprint which keys signed: that of a public key is of its text.
    let client = overlap.service.client();
    let path = overlap.key_set.replace("/jwks.json", "");
    let webhook = Webhook::of(&client.get(&path).send().expect_status(200));
    assert_eq!(
        webhook.json["verification_key"].as_str(),
        Some(overlap.public.as_str())
    );
    assert!(webhook.json["secret_key"].is_null(), "{}", webhook.json);
    let digest = ring::digest::digest(&ring::digest::SHA256, overlap.public.as_bytes());
    let fingerprint = format!("sha256:{}", data_encoding::HEXLOWER.encode(&digest.as_ref()[..8]));
    let events = client.get("/v1/webhook-events").send().expect_status(200).json();
    let listed = events["data"][0]["attempts"][0]["key_fingerprints"].clone();
    assert_eq!(listed[0], json!(fingerprint), "{events}");

    let back = roll_with(
        &client,
        &webhook,
        json!({"signing_protocol": "HmacSHA256", "previous_secret_expires_in": 0}),
    );
    assert!(back.json["previous_verification_key"].is_null());
    assert_eq!(key_set(&anonymous, &overlap.key_set), HashMap::new());
}
