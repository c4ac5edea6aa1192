//! What a receiver refuses because it cannot be read.

use std::time::Duration;

use proptest::prelude::*;
use webhook_domain::signing::key_ring::KeyRing;
use webhook_domain::signing::signature::{
    MAX_SIGNATURES, MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP,
    VerificationError, sign,
};
use webhook_domain::testing::ManualClock;
use webhook_domain::time::Instant;

use crate::scene::*;

#[test]
fn a_missing_header_is_named() {
    let now = ManualClock::START;
    let signed = sign(&KeyRing::new(key(1)), event(), BODY, now);
    let payload = without(&signed, &[MESSAGE_SIGNATURE]);
    for (signed, missing) in [
        (&signed, MESSAGE_ID),
        (&signed, MESSAGE_TIMESTAMP),
        (&payload, PAYLOAD_TIMESTAMP),
    ] {
        let outcome = without(signed, &[missing]);
        let outcome = verifier(&key(1)).verify(look_up(&outcome.headers), BODY, now);
        assert_eq!(outcome, Err(VerificationError::MissingHeader(missing)));
    }
    let neither = without(&signed, &[MESSAGE_SIGNATURE, PAYLOAD_SIGNATURE]);
    let outcome = verifier(&key(1)).verify(look_up(&neither.headers), BODY, now);
    assert_eq!(outcome, Err(VerificationError::MissingHeader(MESSAGE_SIGNATURE)));
}

#[test]
fn more_signatures_than_a_sender_has_keys_are_refused() {
    let now = ManualClock::START;
    let signed = sign(&KeyRing::new(key(1)), event(), BODY, now);
    for (family, header, separator) in [(0, PAYLOAD_SIGNATURE, ","), (1, MESSAGE_SIGNATURE, " ")] {
        for (count, expected) in [
            (MAX_SIGNATURES, None),
            (MAX_SIGNATURES + 1, Some(VerificationError::TooManySignatures)),
        ] {
            let mut many = signed.clone();
            set(
                &mut many,
                header,
                &vec![value(&signed, header); count].join(separator),
            );
            assert_eq!(
                by_each(&verifier(&key(1)), &many, BODY, now)[family].err(),
                expected
            );
        }
    }
}

#[test]
fn a_timestamp_or_id_that_is_none_is_refused_by_name() {
    let now = ManualClock::START;
    let signed = sign(&KeyRing::new(key(1)), event(), BODY, now);
    let long = "a".repeat(257);
    for (family, header, wrong) in [
        (
            0,
            PAYLOAD_TIMESTAMP,
            &["", "1712935357", "2024-04-12T15:22:37", " 2024-04-12T15:22:37Z"][..],
        ),
        (
            1,
            MESSAGE_TIMESTAMP,
            &["", "-1", "+1712935357", "1712935357.0", "1712935357000", "x"][..],
        ),
        (1, MESSAGE_ID, &["", "evt.1", "evt 1", "evt_\u{e9}", &long][..]),
    ] {
        for wrong in wrong {
            let mut changed = signed.clone();
            set(&mut changed, header, wrong);
            let outcome = by_each(&verifier(&key(1)), &changed, BODY, now)[family];
            assert_eq!(
                outcome,
                Err(VerificationError::MalformedHeader(header)),
                "{wrong:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn malformed_headers_are_refused_without_a_panic(
        values in prop::collection::vec(nearly_a_header(), 5),
        body in prop::collection::vec(any::<u8>(), 0..64),
        now in any::<i64>().prop_map(Instant::from_milliseconds),
        tolerance in any::<u64>().prop_map(Duration::from_millis),
    ) {
        let names = [PAYLOAD_TIMESTAMP, PAYLOAD_SIGNATURE, MESSAGE_ID, MESSAGE_TIMESTAMP, MESSAGE_SIGNATURE];
        let header = |name: &str| {
            let place = names.iter().position(|other| *other == name)?;
            values[place].as_deref()
        };
        let verifier = verifier(&key(1)).with_tolerance(tolerance);
        prop_assert!(verifier.verify(header, &body, now).is_err());
        prop_assert!(verifier.verify_payload(header, &body, now).is_err());
        prop_assert!(verifier.verify_message(header, &body, now).is_err());
    }
}

/// Bytes at random, and what looks right in part, so that every check is come to.
fn nearly_a_header() -> impl Strategy<Value = Option<Vec<u8>>> {
    let text = |pattern: &'static str| {
        prop::string::string_regex(pattern)
            .unwrap()
            .prop_map(String::into_bytes)
    };
    prop::option::weighted(
        0.9,
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            text("(v1a?[=,]([0-9A-Fa-f]{63,65}|[A-Za-z0-9+/]{43}=?)[, ]?){0,20}"),
            text("[+-]?[0-9]{1,14}"),
            text("[+-]?[0-9]{4,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"),
            text("evt_[a-z0-9.]{0,26}"),
        ],
    )
}
