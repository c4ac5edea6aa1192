//! What a receiver refuses because it cannot be read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use webhook_verify::{
    MAX_SIGNATURES, MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP,
    VerificationError,
};

use crate::scene::*;

#[test]
fn a_missing_header_is_named() {
    let headers = signed_by(&[1], BODY);
    let payload = headers.without(&[MESSAGE_SIGNATURE]);
    for (headers, missing) in [
        (&headers, MESSAGE_ID),
        (&headers, MESSAGE_TIMESTAMP),
        (&payload, PAYLOAD_TIMESTAMP),
    ] {
        let outcome = headers.without(&[missing]);
        let outcome = verifier(1).verify(outcome.look_up(), BODY, signed_at());
        assert_eq!(outcome, Err(VerificationError::MissingHeader(missing)));
    }
}

/// Whoever strips the signatures off must not be believed for it.
#[test]
fn a_delivery_without_signatures_is_refused() {
    let unsigned = signed_by(&[1], BODY).without(&[MESSAGE_SIGNATURE, PAYLOAD_SIGNATURE]);
    let outcome = verifier(1).verify(unsigned.look_up(), BODY, signed_at());
    assert_eq!(outcome, Err(VerificationError::MissingHeader(MESSAGE_SIGNATURE)));
    for (family, header) in [(0, PAYLOAD_SIGNATURE), (1, MESSAGE_SIGNATURE)] {
        let empty = unsigned.with(header, "");
        let outcome = by_each(&verifier(1), &empty, BODY, signed_at())[family];
        assert_eq!(outcome, Err(VerificationError::NoUsableSignature(header)));
    }
}

#[test]
fn more_signatures_than_a_sender_has_keys_are_refused() {
    let headers = signed_by(&[1], BODY);
    for (family, header, separator) in [(0, PAYLOAD_SIGNATURE, ","), (1, MESSAGE_SIGNATURE, " ")] {
        for (count, expected) in [
            (MAX_SIGNATURES, None),
            (MAX_SIGNATURES + 1, Some(VerificationError::TooManySignatures)),
        ] {
            let many = headers.with(header, &vec![headers.value(header); count].join(separator));
            let outcome = by_each(&verifier(1), &many, BODY, signed_at())[family];
            assert_eq!(outcome.err(), expected);
        }
    }
}

#[test]
fn a_timestamp_or_id_that_is_none_is_refused_by_name() {
    let headers = signed_by(&[1], BODY);
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
            &[
                "",
                "-1",
                "+1712935357",
                "1712935357.0",
                "1712935357000",
                "x",
                "-9223372036854775808",
            ],
        ),
        (1, MESSAGE_ID, &["", "evt.1", "evt 1", "evt_\u{e9}", &long]),
    ] {
        for wrong in wrong {
            let changed = headers.with(header, wrong);
            let outcome = by_each(&verifier(1), &changed, BODY, signed_at())[family];
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
        now in any_instant(),
        tolerance in (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanoseconds)| Duration::new(seconds, nanoseconds)),
    ) {
        let names = [PAYLOAD_TIMESTAMP, PAYLOAD_SIGNATURE, MESSAGE_ID, MESSAGE_TIMESTAMP, MESSAGE_SIGNATURE];
        let header = |name: &str| {
            let place = names.iter().position(|other| other.eq_ignore_ascii_case(name))?;
            values[place].as_deref()
        };
        let verifier = verifier(1).with_tolerance(tolerance);
        prop_assert!(verifier.verify(header, &body, now).is_err());
        prop_assert!(verifier.verify_payload(header, &body, now).is_err());
        prop_assert!(verifier.verify_message(header, &body, now).is_err());
    }
}

/// As far from the epoch as an instant can be, too.
fn any_instant() -> impl Strategy<Value = SystemTime> {
    (any::<bool>(), any::<u64>()).prop_map(|(before, seconds)| {
        let distance = Duration::from_secs(seconds);
        let far = match before {
            true => UNIX_EPOCH.checked_sub(distance),
            false => UNIX_EPOCH.checked_add(distance),
        };
        far.unwrap_or(UNIX_EPOCH)
    })
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
