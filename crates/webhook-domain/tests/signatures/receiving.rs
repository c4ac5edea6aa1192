//! What a receiver takes for genuine, what it learns of it, and what it refuses because somebody changed it.

use std::time::Duration;

use proptest::prelude::*;
use webhook_domain::signing::key_ring::{KeyRing, Overlap};
use webhook_domain::signing::secret::SecretText;
use webhook_domain::signing::signature::{
    Genuine, MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP,
    ReceiverSecret, Signed, VerificationError, Verifier, sign,
};
use webhook_domain::testing::ManualClock;
use webhook_domain::time::Instant;

use crate::scene::*;

#[test]
fn the_published_example_of_standard_webhooks_verifies() {
    let secret = SecretText::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into());
    let verifier = Verifier::new(ReceiverSecret::parse(secret).unwrap());
    let headers = [
        (MESSAGE_ID, "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
        (MESSAGE_TIMESTAMP, "1614265330".to_owned()),
        (
            MESSAGE_SIGNATURE,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned(),
        ),
    ];
    let now = Instant::from_milliseconds(1_614_265_330_000);
    let genuine = verifier.verify(look_up(&headers), br#"{"test": 2432232314}"#, now);
    let expected = Genuine {
        id: Some("msg_p5jXN8AQM9LWM0D4loKWxJek"),
        signed_at: now,
        secret: 0,
    };
    assert_eq!(genuine, Ok(expected));
}

#[test]
fn a_receiver_with_both_secrets_verifies_through_a_roll_and_sees_which_one_signed() {
    let now = ManualClock::START;
    let (old, new) = (key(1), key(2));
    let both = verifier(&old).or(receiver(&new));
    let before = KeyRing::new(old);
    let after = before.clone().roll(new, Overlap::NONE, now).unwrap();
    for (ring, secret) in [(before, 0), (after, 1)] {
        let signed = sign(&ring, event(), BODY, now);
        for outcome in by_each(&both, &signed, BODY, now) {
            assert_eq!(outcome.unwrap().secret, secret);
        }
    }
}

#[test]
fn the_id_is_vouched_for_by_the_family_that_signs_it_alone() {
    let now = ManualClock::START;
    let signed = sign(&KeyRing::new(key(1)), event(), BODY, now);
    let whole = verifier(&key(1)).verify(look_up(&signed.headers), BODY, now);
    assert_eq!(whole.unwrap().id, Some(EVENT));

    let mut signed = without(&signed, &[MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP]);
    set(&mut signed, MESSAGE_ID, "evt_of-somebody-else");
    let genuine = verifier(&key(1))
        .verify(look_up(&signed.headers), BODY, now)
        .unwrap();
    assert_eq!((genuine.id, genuine.signed_at), (None, now.whole_seconds()));
}

#[test]
fn a_timestamp_is_taken_up_to_the_tolerance_away_in_both_directions() {
    let signed_at = ManualClock::START.whole_seconds();
    let signed = sign(&KeyRing::new(key(1)), event(), BODY, signed_at);
    let millisecond = Duration::from_millis(1);
    let strict = verifier(&key(1)).with_tolerance(Duration::from_secs(2));
    for (verifier, tolerance) in [(verifier(&key(1)), 300), (strict, 2)] {
        let tolerance = Duration::from_secs(tolerance);
        let (early, late) = (signed_at.minus(tolerance), signed_at.plus(tolerance));
        for (now, expected) in [
            (early.minus(millisecond), Some(VerificationError::TooNew)),
            (early, None),
            (late, None),
            (late.plus(millisecond), Some(VerificationError::TooOld)),
        ] {
            for outcome in by_each(&verifier, &signed, BODY, now) {
                assert_eq!(outcome.err(), expected, "at {now:?}");
            }
        }
    }
}

#[test]
fn signatures_of_other_versions_and_illegible_ones_are_passed_over() {
    let now = ManualClock::START;
    let signed = sign(&KeyRing::new(key(1)), event(), BODY, now);
    let verifier = verifier(&key(1));
    for (family, header, separator, others) in [
        (
            0,
            PAYLOAD_SIGNATURE,
            ", ",
            ["v2=00", "v1=00", "v1", "", "=", "v1=é"],
        ),
        (
            1,
            MESSAGE_SIGNATURE,
            " ",
            ["v1a,AA==", "v1,AA==", "v1", "", ",", "v1,é"],
        ),
    ] {
        let own = value(&signed, header).to_owned();
        let mut among = signed.clone();
        let all = [&others[..3], &[&own[..]], &others[3..]].concat();
        set(&mut among, header, &all.join(separator));
        assert!(by_each(&verifier, &among, BODY, now)[family].is_ok(), "{header}");

        let mut alone = signed.clone();
        set(&mut alone, header, &others.join(separator));
        let outcome = by_each(&verifier, &alone, BODY, now)[family];
        assert_eq!(outcome, Err(VerificationError::MalformedHeader(header)));
    }
    let mut lower = signed.clone();
    set(
        &mut lower,
        PAYLOAD_SIGNATURE,
        &value(&signed, PAYLOAD_SIGNATURE).to_lowercase(),
    );
    assert!(
        by_each(&verifier, &lower, BODY, now)[0].is_ok(),
        "small letters say the same"
    );
}

#[test]
fn a_receivers_secret_has_24_to_64_bytes_and_no_debug_text() {
    let text = |bytes: usize| format!("whsec_{}", data_encoding::BASE64.encode(&vec![7; bytes]));
    for right in [24, 32, 64] {
        let secret = ReceiverSecret::parse(SecretText::new(text(right))).unwrap();
        assert_eq!(format!("{secret:?}"), "ReceiverSecret(…)");
    }
    for wrong in [
        text(23),
        text(65),
        text(0),
        text(32)[6..].into(),
        text(32).replace('=', ""),
        "".into(),
    ] {
        assert!(
            ReceiverSecret::parse(SecretText::new(wrong.clone())).is_err(),
            "{wrong}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_verifies_whatever_the_body(body in prop::collection::vec(any::<u8>(), 0..2048), seed: u64) {
        let now = ManualClock::START;
        let signed = sign(&KeyRing::new(key(seed)), event(), &body, now);
        for outcome in by_each(&verifier(&key(seed)), &signed, &body, now) {
            prop_assert!(outcome.is_ok());
        }
    }
}
#[test]
fn whatever_part_of_a_delivery_is_changed_it_is_refused() {
    let now = ManualClock::START;
    let signed = sign(&KeyRing::new(key(1)), event(), BODY, now);
    let verifier = verifier(&key(1));
    let refused = |signed: &Signed, body: &[u8], family: usize, what: &str| {
        let outcome = by_each(&verifier, signed, body, now)[family];
        assert_eq!(outcome, Err(VerificationError::NoMatch), "{what}");
    };

    for changed in [&BODY[1..], &BODY[..BODY.len() - 1], b"", &[BODY, b" "].concat()] {
        refused(&signed, changed, 0, "the body");
        refused(&signed, changed, 1, "the body");
    }
    let mut changed = BODY.to_vec();
    changed[9] ^= 1;
    refused(&signed, &changed, 0, "a bit of the body");
    refused(&signed, &changed, 1, "a bit of the body");

    for (family, header, other) in [
        (0, PAYLOAD_TIMESTAMP, "2024-04-12T15:22:38Z"),
        (1, MESSAGE_TIMESTAMP, "1712935358"),
        (1, MESSAGE_ID, "evt_01hv9k2m4rt6w8y0abcdefghjm"),
    ] {
        let mut changed = signed.clone();
        set(&mut changed, header, other);
        refused(&changed, BODY, family, header);
    }
    for (family, header) in [(0, PAYLOAD_SIGNATURE), (1, MESSAGE_SIGNATURE)] {
        let mut changed = signed.clone();
        // The first character after `v1=` or `v1,`; another one of both alphabets.
        let text = value(&signed, header);
        let other = if text.as_bytes()[3] == b'A' { "B" } else { "A" };
        set(&mut changed, header, &[&text[..3], other, &text[4..]].concat());
        refused(&changed, BODY, family, header);
    }
    let stranger = sign(&KeyRing::new(key(2)), event(), BODY, now);
    refused(&stranger, BODY, 0, "the secret");
    refused(&stranger, BODY, 1, "the secret");
}
