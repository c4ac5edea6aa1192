//! Keys of several protocols in one ring: what each signs, in which order, and what a receiver of either makes of it.

use data_encoding::BASE64;
use proptest::prelude::*;
use webhook_domain::signing::key_ring::{KeyRing, Overlap, SigningKey};
use webhook_domain::signing::signature::{
    MESSAGE_ID, MESSAGE_KEY_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP,
    sign,
};
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::testing::ManualClock;
use webhook_verify::{KeyError, KeyPair, Secret, VerificationError};

use crate::scene::*;

/// The key pair that Standard Webhooks' server has in its README, and its tests sign with.
const PRIVATE: &str =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

#[test]
fn a_private_key_of_standard_webhooks_is_read_and_has_its_public_half() {
    let key = key_of(SigningProtocol::Ed25519, PRIVATE);
    assert_eq!(key.verification_key().unwrap().text(), PUBLIC);
    assert_eq!(key.kept().expose(), PRIVATE);
    assert_eq!(key.expose_shared(), None);
    assert_eq!(key.fingerprint().as_str(), receiver(&key).fingerprint());
    for text in [format!("{key:?}"), format!("{:?}", KeyRing::new(key.clone()))] {
        assert!(!text.contains("6Xb/"), "{text}");
    }
}

/// The vector of the tests of Standard Webhooks' server.
#[test]
fn the_published_asymmetric_vector_verifies() {
    let headers = [
        (MESSAGE_ID, "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
        (MESSAGE_TIMESTAMP, "1614265330".to_owned()),
        (
            MESSAGE_SIGNATURE,
            "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
                .to_owned(),
        ),
    ];
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_614_265_330);
    let verifier = webhook_verify::Verifier::from_keys([PUBLIC]).unwrap();
    let body = br#"{"test": 2432232314}"#;
    assert!(verifier.verify(look_up(&headers), body, now).is_ok());
    let changed = br#"{"test": 2432232315}"#;
    assert!(verifier.verify(look_up(&headers), changed, now).is_err());
}

/// A signature of Ed25519 follows from key and message alone (RFC 8032 §5.1.6). The other implementation is held against the vectors of the RFC.
#[test]
fn what_signs_with_the_kept_public_half_gives_the_signatures_of_what_derives_it() {
    let bytes = BASE64
        .decode(PRIVATE.trim_start_matches("whsk_").as_bytes())
        .unwrap();
    let pair = KeyPair::from_seed(bytes[..KeyPair::SEED_LENGTH].try_into().unwrap());
    // As it is kept, and with a half that is no point of the curve, which no key can be made of.
    let without_a_point = [&bytes[..KeyPair::SEED_LENGTH], &[2], &[0; 31]].concat();
    for kept in [bytes, without_a_point] {
        let key = key_of(
            SigningProtocol::Ed25519,
            &format!("whsk_{}", BASE64.encode(&kept)),
        );
        let signed = sign(&KeyRing::new(key), event(), b"{}", ManualClock::START);
        let expected = pair.sign_message(
            value(&signed, MESSAGE_ID),
            value(&signed, MESSAGE_TIMESTAMP),
            b"{}",
        );
        assert_eq!(value(&signed, MESSAGE_SIGNATURE), expected);
    }
}

/// Newest to oldest: Ed25519, HMAC, Ed25519, HMAC.
fn mixed() -> (KeyRing, [SigningKey; 4]) {
    let keys = [public_key(4), key(3), public_key(2), key(1)];
    let mut ring = KeyRing::new(keys[3].clone());
    for key in keys[..3].iter().rev() {
        ring = ring.roll(key.clone(), Overlap::DAY, ManualClock::START).unwrap();
    }
    (ring, keys)
}

#[test]
fn a_delivery_has_all_v1_before_all_v1a_and_names_the_keys_that_can_be_looked_up() {
    let (ring, [newest, hmac, older, oldest]) = mixed();
    let signed = sign(&ring, event(), BODY, ManualClock::START);
    let alone = |key: &SigningKey, header| {
        let signed = sign(&KeyRing::new(key.clone()), event(), BODY, ManualClock::START);
        value(&signed, header).to_owned()
    };
    let expected = [&hmac, &oldest, &newest, &older].map(|key| alone(key, MESSAGE_SIGNATURE));
    assert_eq!(value(&signed, MESSAGE_SIGNATURE), expected.join(" "));
    for (signature, tag) in expected.iter().zip(["v1", "v1", "v1a", "v1a"]) {
        let (before, after) = signature.split_once(',').unwrap();
        assert_eq!(
            (before, after.contains([',', ' '])),
            (tag, false),
            "libraries split in exactly two"
        );
    }
    let payload = [&hmac, &oldest].map(|key| alone(key, PAYLOAD_SIGNATURE));
    assert_eq!(value(&signed, PAYLOAD_SIGNATURE), payload.join(","));
    let ids = [&newest, &older].map(|key| key.verification_key().unwrap().key_id());
    assert_eq!(value(&signed, MESSAGE_KEY_ID), ids.join(" "));
    let fingerprints = [newest, hmac, older, oldest].map(|key| key.fingerprint());
    assert_eq!(signed.key_fingerprints, fingerprints, "newest first");
}

#[test]
fn a_receiver_with_any_key_of_either_kind_verifies_a_delivery_in_the_middle_of_a_change_of_protocol() {
    let (ring, keys) = mixed();
    let now = ManualClock::START;
    let signed = sign(&ring, event(), BODY, now);
    for key in &keys {
        let [payload, message] = by_each(&verifier(key), &signed, BODY, now);
        assert!(message.is_ok(), "{key:?}: {message:?}");
        let expected = match key.protocol() {
            SigningProtocol::Ed25519 => Err(VerificationError::NoUsableSignature(PAYLOAD_SIGNATURE)),
            _ => Ok(()),
        };
        assert_eq!(payload.map(|_| ()), expected, "{key:?}");
    }
    let strangers = [public_key(9), key(9)];
    for stranger in &strangers {
        let [_, message] = by_each(&verifier(stranger), &signed, BODY, now);
        assert_eq!(message, Err(VerificationError::NoMatch));
    }
}

#[test]
fn without_an_hmac_key_there_is_no_payload_signature_and_without_a_public_one_no_key_id() {
    let now = ManualClock::START;
    for (key, present, absent) in [
        (
            public_key(1),
            &[MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, MESSAGE_ID, MESSAGE_KEY_ID][..],
            &[PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP][..],
        ),
        (
            key(1),
            &[
                PAYLOAD_SIGNATURE,
                PAYLOAD_TIMESTAMP,
                MESSAGE_SIGNATURE,
                MESSAGE_TIMESTAMP,
                MESSAGE_ID,
            ],
            &[MESSAGE_KEY_ID],
        ),
    ] {
        let signed = sign(&KeyRing::new(key), event(), BODY, now);
        let has = |name: &&str| look_up(&signed.headers)(name).is_some();
        assert!(present.iter().all(has), "{signed:?}");
        assert!(!absent.iter().any(has), "{signed:?}");
    }
}

/// Whoever takes the public key for a secret and makes an HMAC with it is not believed, and no text of ours invites it: a `whpk_` text is
/// no secret, and what is shown where a receiver would take it for one is nothing.
#[test]
fn a_public_key_is_never_the_key_of_an_hmac() {
    let key = public_key(1);
    let public = key.verification_key().unwrap();
    assert_eq!(key.expose_shared(), None);
    assert_eq!(Secret::parse(public.text()).err(), Some(KeyError::UnknownPrefix));
    let encoded = public.text().trim_start_matches("whpk_");
    let misused = Secret::parse(&format!("whsec_{encoded}")).unwrap();
    let now = ManualClock::START;
    let genuine = sign(&KeyRing::new(key.clone()), event(), BODY, now);
    let seconds = value(&genuine, MESSAGE_TIMESTAMP).to_owned();
    let mac = misused.sign_message(EVENT, &seconds, BODY);
    for signature in [mac.clone(), mac.replacen("v1,", "v1a,", 1)] {
        let headers = [
            (MESSAGE_ID, EVENT.to_owned()),
            (MESSAGE_TIMESTAMP, seconds.clone()),
            (MESSAGE_SIGNATURE, signature),
        ];
        let outcome = verifier(&key).verify(look_up(&headers), BODY, now.into());
        assert_eq!(
            outcome,
            Err(VerificationError::NoUsableSignature(MESSAGE_SIGNATURE))
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_ed25519_signs_verifies_whatever_the_body_and_reads_back(body in prop::collection::vec(any::<u8>(), 0..2048), seed: u64) {
        let now = ManualClock::START;
        let key = public_key(seed);
        let kept = key_of(SigningProtocol::Ed25519, key.kept().expose());
        prop_assert_eq!(kept.fingerprint(), key.fingerprint());
        let signed = sign(&KeyRing::new(kept), event(), &body, now);
        let [_, message] = by_each(&verifier(&key), &signed, &body, now);
        prop_assert!(message.is_ok());
    }
}
