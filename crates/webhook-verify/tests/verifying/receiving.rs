//! What is believed, what is learnt of it, and what is refused because somebody changed it.

use std::time::Duration;

use proptest::prelude::*;
use webhook_verify::{
    Key, MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP,
    VerificationError, Verified,
};

use crate::scene::*;

#[test]
fn a_receiver_with_both_secrets_verifies_through_a_roll_and_sees_which_one_signed() {
    let both = verifier(1).with_key(Key::Hmac(secret(2)));
    for (signers, key) in [(&[1][..], 0), (&[2], 1), (&[2, 1], 0), (&[3, 2], 1)] {
        let headers = signed_by(signers, BODY);
        for outcome in by_each(&both, &headers, BODY, signed_at()) {
            assert_eq!(outcome.unwrap().key, key, "signed by {signers:?}");
        }
    }
}

#[test]
fn a_receiver_with_one_secret_verifies_through_a_roll_whichever_it_has() {
    let headers = signed_by(&[2, 1], BODY);
    for seed in [1, 2] {
        for outcome in by_each(&verifier(seed), &headers, BODY, signed_at()) {
            assert!(outcome.is_ok());
        }
    }
}

#[test]
fn the_id_is_vouched_for_by_the_family_that_signs_it_alone() {
    let headers = signed_by(&[1], BODY);
    let whole = verifier(1).verify(headers.look_up(), BODY, signed_at());
    assert_eq!(whole.unwrap().id, Some(EVENT));

    let headers = headers
        .without(&[MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP])
        .with(MESSAGE_ID, "evt_of-somebody-else");
    let verified = verifier(1).verify(headers.look_up(), BODY, signed_at());
    let expected = Verified {
        id: None,
        signed_at: signed_at(),
        key: 0,
    };
    assert_eq!(verified, Ok(expected));
}

#[test]
fn a_bad_signature_of_one_family_is_not_made_good_by_the_other() {
    let headers = signed_by(&[1], BODY);
    let forged = headers.with(MESSAGE_SIGNATURE, signed_by(&[2], BODY).value(MESSAGE_SIGNATURE));
    let outcome = verifier(1).verify(forged.look_up(), BODY, signed_at());
    assert_eq!(outcome, Err(VerificationError::NoMatch));
}

#[test]
fn a_timestamp_is_taken_up_to_the_tolerance_away_in_both_directions() {
    let headers = signed_by(&[1], BODY);
    let millisecond = Duration::from_millis(1);
    let strict = verifier(1).with_tolerance(Duration::from_secs(2));
    for (verifier, tolerance) in [(verifier(1), 300), (strict, 2)] {
        let tolerance = Duration::from_secs(tolerance);
        let (early, late) = (signed_at() - tolerance, signed_at() + tolerance);
        for (now, expected) in [
            (early - millisecond, Some(VerificationError::TooNew)),
            (early, None),
            (late, None),
            (late + millisecond, Some(VerificationError::TooOld)),
        ] {
            for outcome in by_each(&verifier, &headers, BODY, now) {
                assert_eq!(outcome.err(), expected, "at {now:?}");
            }
        }
    }
}

#[test]
fn a_tolerance_of_nothing_takes_the_very_second_and_an_endless_one_takes_any() {
    let headers = signed_by(&[1], BODY);
    let none = verifier(1).with_tolerance(Duration::ZERO);
    let endless = verifier(1).with_tolerance(Duration::MAX);
    let years = Duration::from_secs(50 * 365 * 24 * 3600);
    for now in [signed_at() - years, signed_at() + years] {
        assert!(none.verify(headers.look_up(), BODY, now).is_err());
        assert!(endless.verify(headers.look_up(), BODY, now).is_ok());
    }
    assert!(none.verify(headers.look_up(), BODY, signed_at()).is_ok());
}

#[test]
fn signatures_with_other_tags_and_illegible_ones_are_passed_over() {
    let headers = signed_by(&[1], BODY);
    let verifier = verifier(1);
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
        let own = headers.value(header);
        let all = [&others[..3], &[own], &others[3..]].concat();
        let among = headers.with(header, &all.join(separator));
        assert!(
            by_each(&verifier, &among, BODY, signed_at())[family].is_ok(),
            "{header}"
        );

        let alone = headers.with(header, &others.join(separator));
        let outcome = by_each(&verifier, &alone, BODY, signed_at())[family];
        assert_eq!(outcome, Err(VerificationError::NoUsableSignature(header)));
    }
    let lower = headers.with(
        PAYLOAD_SIGNATURE,
        &headers.value(PAYLOAD_SIGNATURE).replace("v1=", "").to_lowercase(),
    );
    let lower = lower.with(
        PAYLOAD_SIGNATURE,
        &format!("v1={}", lower.value(PAYLOAD_SIGNATURE)),
    );
    assert!(
        by_each(&verifier, &lower, BODY, signed_at())[0].is_ok(),
        "small letters say the same"
    );
}

/// The key says how it verifies. A sender that puts another tag before the right HMAC is not believed.
#[test]
fn the_tag_of_a_signature_chooses_no_algorithm() {
    let headers = signed_by(&[1], BODY);
    for (family, header, tag, others) in [
        (0, PAYLOAD_SIGNATURE, "v1=", ["v1a=", "v2=", "V1=", "="]),
        (1, MESSAGE_SIGNATURE, "v1,", ["v1a,", "v2,", "V1,", ","]),
    ] {
        let right = headers.value(header);
        for other in others {
            let tagged = headers.with(header, &right.replacen(tag, other, 1));
            let outcome = by_each(&verifier(1), &tagged, BODY, signed_at())[family];
            assert_eq!(
                outcome,
                Err(VerificationError::NoUsableSignature(header)),
                "{other}"
            );
        }
    }
}

#[test]
fn whatever_part_of_a_delivery_is_changed_it_is_refused() {
    let headers = signed_by(&[1], BODY);
    let refused = |headers: &Headers, body: &[u8], family: usize, what: &str| {
        let outcome = by_each(&verifier(1), headers, body, signed_at())[family];
        assert_eq!(outcome, Err(VerificationError::NoMatch), "{what}");
    };

    let mut flipped = BODY.to_vec();
    flipped[9] ^= 1;
    let reformatted = br#"{"type": "INVOICE.CREATED", "data": {"total": 1.1}}"#;
    for (changed, what) in [
        (&BODY[1..], "a byte less at the front"),
        (&BODY[..BODY.len() - 1], "a byte less at the end"),
        (b"", "no body"),
        (&[BODY, b"\n"].concat(), "a line feed"),
        (&flipped, "a bit"),
        (reformatted, "JSON that was parsed and written anew"),
    ] {
        refused(&headers, changed, 0, what);
        refused(&headers, changed, 1, what);
    }

    for (family, header, other) in [
        (0, PAYLOAD_TIMESTAMP, "2024-04-12T15:22:38Z"),
        (1, MESSAGE_TIMESTAMP, "1712935358"),
        (1, MESSAGE_TIMESTAMP, "01712935357"),
        (1, MESSAGE_ID, "evt_01hv9k2m4rt6w8y0abcdefghjm"),
    ] {
        refused(&headers.with(header, other), BODY, family, header);
    }
    for (family, header) in [(0, PAYLOAD_SIGNATURE), (1, MESSAGE_SIGNATURE)] {
        // The first character after `v1=` or `v1,`; another one of both alphabets.
        let text = headers.value(header);
        let other = if text.as_bytes()[3] == b'A' { "B" } else { "A" };
        let changed = headers.with(header, &[&text[..3], other, &text[4..]].concat());
        refused(&changed, BODY, family, header);
    }
    let stranger = signed_by(&[2], BODY);
    refused(&stranger, BODY, 0, "the secret");
    refused(&stranger, BODY, 1, "the secret");
}

/// A library once compared only as far as the shorter of the two went, so that `v1,` alone was believed.
#[test]
fn a_signature_that_is_cut_short_or_drawn_out_is_refused() {
    let headers = signed_by(&[1], BODY);
    for (family, header) in [(0, PAYLOAD_SIGNATURE), (1, MESSAGE_SIGNATURE)] {
        let whole = headers.value(header);
        let longer = [
            whole.to_owned() + "A",
            whole.to_owned() + "AA",
            format!("{whole}="),
        ];
        let shorter = (0..whole.len()).map(|end| whole[..end].to_owned());
        for wrong in shorter.chain(longer) {
            let changed = headers.with(header, &wrong);
            assert!(
                by_each(&verifier(1), &changed, BODY, signed_at())[family].is_err(),
                "{wrong}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_verifies_whatever_the_body(body in prop::collection::vec(any::<u8>(), 0..2048), seed: u8) {
        let headers = signed_by(&[seed], &body);
        for outcome in by_each(&verifier(seed), &headers, &body, signed_at()) {
            prop_assert!(outcome.is_ok());
        }
    }
}
