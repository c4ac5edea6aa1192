//! Which key of a ring made a receipt, and that what receipts and deliveries sign is never the same.

use data_encoding::BASE64;
use proptest::prelude::*;
use webhook_domain::signing::key_ring::{KeyRing, Overlap, SigningKey};
use webhook_domain::signing::receipt::{ReceiptHeader, ReceiptOutcome};
use webhook_domain::signing::signature::{MESSAGE_ID, MESSAGE_TIMESTAMP, sign};
use webhook_domain::testing::ManualClock;
use webhook_domain::time::Instant;
use webhook_verify::Secret;

use crate::scene::*;

const NOW: Instant = ManualClock::START;

/// The receipt of a receiver with this key for an attempt at the event that began at `now`.
fn receipt(key: &SigningKey, event: &str, now: Instant) -> String {
    let secret = Secret::parse(key.expose_shared().unwrap()).unwrap();
    secret.sign_receipt(event, &now.as_seconds().to_string())
}

fn outcome(value: &str, ring: &KeyRing, now: Instant) -> ReceiptOutcome {
    ReceiptOutcome::of(&ReceiptHeader::read(value.as_bytes()), ring, event(), now)
}

/// Newest to oldest: 4 is current, 3 one of Ed25519, 2 signs for a day, and 1 for ten seconds.
fn rolled() -> KeyRing {
    let rolls = [
        (key(2), seconds(10)),
        (public_key(3), Overlap::DAY),
        (key(4), Overlap::DAY),
    ];
    let first = KeyRing::new(key(1));
    rolls.into_iter().fold(first, |ring, (new, overlap)| {
        ring.roll(new, overlap, NOW).unwrap()
    })
}

#[test]
fn a_receipt_is_of_the_key_that_made_it_if_that_signed_the_attempt() {
    let ring = rolled();
    let late = NOW.plus(std::time::Duration::from_secs(10));
    for (maker, begun, expected) in [
        (4, NOW, ReceiptOutcome::Current(key(4).id)),
        (2, NOW, ReceiptOutcome::Retired(key(2).id)),
        (1, NOW, ReceiptOutcome::Retired(key(1).id)),
        (4, late, ReceiptOutcome::Current(key(4).id)),
        (1, late, ReceiptOutcome::Ignored),
        (9, NOW, ReceiptOutcome::Ignored),
    ] {
        let value = receipt(&key(maker), EVENT, begun);
        let outcome = outcome(&value, &ring, begun);
        assert_eq!(outcome, expected, "of key {maker}");
        assert_eq!(outcome.proved().is_some(), expected != ReceiptOutcome::Ignored);
    }
    let removed = ring.remove(Overlap::DAY, NOW).unwrap();
    let value = receipt(&key(4), EVENT, NOW);
    assert_eq!(outcome(&value, &removed, NOW), ReceiptOutcome::Retired(key(4).id));
    let nothing_left = removed.without_expired(NOW.plus(std::time::Duration::from_secs(90_000)));
    assert_eq!(outcome(&value, &nothing_left, NOW), ReceiptOutcome::Ignored);
}

#[test]
fn a_receipt_of_another_delivery_another_attempt_or_none_is_ignored() {
    let ring = rolled();
    let right = receipt(&key(4), EVENT, NOW);
    assert_eq!(outcome(&right, &ring, NOW), ReceiptOutcome::Current(key(4).id));
    let second = std::time::Duration::from_secs(1);
    for wrong in [
        receipt(&key(4), "evt_01hv9k2m4rt6w8y0abcdefghjm", NOW),
        receipt(&key(4), EVENT, NOW.plus(second)),
        sign(&ring, event(), BODY, NOW).signatures().join(" "),
        right.replacen("v1,", "v2,", 1),
        format!("{right}, {right}"),
        String::new(),
        "v1,".to_owned() + &"A".repeat(1 << 16),
    ] {
        assert_eq!(outcome(&wrong, &ring, NOW), ReceiptOutcome::Ignored, "{wrong}");
    }
}

/// Everybody may know a public key. Whoever makes an HMAC with it has proved nothing.
#[test]
fn no_receipt_is_of_an_ed25519_key() {
    let newest = public_key(5);
    let ring = rolled().roll(newest.clone(), Overlap::DAY, NOW).unwrap();
    let seconds = NOW.as_seconds().to_string();
    let public = newest.verification_key().unwrap().text();
    let misused = Secret::parse(&public.replace("whpk_", "whsec_")).unwrap();
    let value = misused.sign_receipt(EVENT, &seconds);
    assert_eq!(outcome(&value, &ring, NOW), ReceiptOutcome::Ignored);
    let private = BASE64
        .decode(newest.kept().expose().trim_start_matches("whsk_").as_bytes())
        .unwrap();
    let seed = Secret::from_bytes(&private[..32]).unwrap();
    let value = seed.sign_receipt(EVENT, &seconds);
    assert_eq!(outcome(&value, &ring, NOW), ReceiptOutcome::Ignored);
    // The secret beside it still counts, as what it is.
    let value = receipt(&key(4), EVENT, NOW);
    assert_eq!(outcome(&value, &ring, NOW), ReceiptOutcome::Retired(key(4).id));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// On the bytes that are signed: a delivery's begin with `evt_` or, under the secret's text, with the year; a receipt's with `receipt.`.
    #[test]
    fn no_delivery_signs_what_a_receipt_signs(body in prop::collection::vec(any::<u8>(), 0..256), later in 0..4_000_000_000_u64, seed: u64) {
        let now = NOW.plus(std::time::Duration::from_secs(later));
        let ring = KeyRing::new(key(seed));
        let signed = sign(&ring, event(), &body, now);
        let (id, seconds) = (value(&signed, MESSAGE_ID), value(&signed, MESSAGE_TIMESTAMP));
        prop_assert!(id.starts_with("evt_") && !id.contains('.'));
        let secret = Secret::parse(key(seed).expose_shared().unwrap()).unwrap();
        let receipt = secret.sign_receipt(id, seconds);
        prop_assert!(!signed.signatures().join(" ").contains(receipt.trim_start_matches("v1,")));
        // Divided as a delivery, a receipt's text has an id that no event has, and a timestamp that is none.
        prop_assert_eq!(&receipt, &secret.sign_message("receipt", id, seconds.as_bytes()));
        prop_assert!("receipt".parse::<webhook_domain::id::EventId>().is_err());
        prop_assert!(id.parse::<u64>().is_err());
        prop_assert_eq!(outcome(&receipt, &ring, now), ReceiptOutcome::Current(key(seed).id));
    }
}
