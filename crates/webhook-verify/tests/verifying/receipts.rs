//! Receipts: which delivery gets one, made with which secret, and that none is a signature of a delivery.

use std::time::UNIX_EPOCH;

use proptest::prelude::*;
use webhook_verify::{
    Key, KeyPair, MAX_RECEIPT_LENGTH, MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, Receipt, Secret,
    VerificationError, Verifier,
};

use crate::scene::*;

/// The receipt with which a receiver that has these keys answers; none if the delivery does not verify.
fn answered(verifier: &Verifier, headers: &Headers, body: &[u8]) -> Option<String> {
    let verified = verifier.verify(headers.look_up(), body, signed_at()).ok()?;
    verifier.receipt(&verified)
}

fn is_of(value: &str, seed: u8, id: &str, timestamp: &str) -> bool {
    Receipt::parse(value.as_bytes())
        .is_some_and(|receipt| receipt.is_signed_with(&secret(seed), id, timestamp))
}

/// The value was computed with OpenSSL; `$K` as in `both_families_are_signed_as_openssl_computes_them`:
///
/// ```sh
/// printf %s "receipt.evt_01hv9k2m4rt6w8y0abcdefghjk.1712935357" | openssl dgst -sha256 -mac HMAC -macopt hexkey:$K -binary | base64
/// ```
#[test]
fn a_receipt_is_what_openssl_computes() {
    let secret = Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let value = "v1,DEDP6eaQ3b5bFlOM33WNOUDfIHQ4JZ2ZYvnb62ArlNE=";
    assert_eq!(secret.sign_receipt(EVENT, SECONDS), value);
    let receipt = Receipt::parse(value.as_bytes()).unwrap();
    assert!(receipt.is_signed_with(&secret, EVENT, SECONDS));
    assert_eq!(format!("{receipt:?}"), "Receipt(…)");
}

#[test]
fn a_receipt_is_made_with_the_very_secret_that_verified() {
    let receiver = verifier(1).with_key(Key::Hmac(secret(2)));
    for (signers, by) in [(&[1][..], 1), (&[2], 2), (&[2, 1], 1)] {
        let value = answered(&receiver, &signed_by(signers, BODY), BODY).unwrap();
        for seed in [1, 2, 3] {
            assert_eq!(
                is_of(&value, seed, EVENT, SECONDS),
                seed == by,
                "signed by {signers:?}"
            );
        }
    }
}

#[test]
fn what_is_not_verified_or_not_by_a_signature_over_the_id_gets_no_receipt() {
    let headers = signed_by(&[1], BODY);
    assert!(answered(&verifier(1), &headers, BODY).is_some());
    assert_eq!(answered(&verifier(1), &headers, b"{}"), None);
    assert_eq!(answered(&verifier(2), &headers, BODY), None);
    // Anybody can have put this id and this timestamp beside a signature that does not cover them. A receipt for them would be a signature of
    // the delivery that the timestamp spells.
    let payload_alone = headers
        .without(&[MESSAGE_SIGNATURE])
        .with(MESSAGE_ID, SECONDS)
        .with(MESSAGE_TIMESTAMP, r#"{"type":"INVOICE.PAID"}"#);
    assert!(
        verifier(1)
            .verify(payload_alone.look_up(), BODY, signed_at())
            .is_ok()
    );
    assert_eq!(answered(&verifier(1), &payload_alone, BODY), None);

    let pair = KeyPair::from_seed(&[7; 32]);
    let by_pair = headers.with(MESSAGE_SIGNATURE, &pair.sign_message(EVENT, SECONDS, BODY));
    let receiver = Verifier::new(Key::Ed25519(pair.public_key().clone()));
    assert!(receiver.verify(by_pair.look_up(), BODY, signed_at()).is_ok());
    assert_eq!(
        answered(&receiver, &by_pair, BODY),
        None,
        "an Ed25519 key makes no receipt"
    );
}

#[test]
fn a_receipt_is_of_one_delivery_at_one_time() {
    let value = secret(1).sign_receipt(EVENT, SECONDS);
    assert!(is_of(&value, 1, EVENT, SECONDS));
    for (id, timestamp) in [
        (EVENT, "1712935358"),
        ("evt_01hv9k2m4rt6w8y0abcdefghjm", SECONDS),
        ("", SECONDS),
        (EVENT, ""),
    ] {
        assert!(!is_of(&value, 1, id, timestamp), "{id} {timestamp}");
    }
}

#[test]
fn what_is_not_to_the_letter_a_receipt_is_none() {
    let right = secret(1).sign_receipt(EVENT, SECONDS);
    let encoded = right.strip_prefix("v1,").unwrap();
    let cut = (0..right.len()).map(|end| right[..end].to_owned());
    let others = [
        format!("v2,{encoded}"),
        format!("v1a,{encoded}"),
        format!("V1,{encoded}"),
        format!("v1={encoded}"),
        format!("v1, {encoded}"),
        format!(" {right}"),
        format!("{right} "),
        format!("{right}\n"),
        format!("{right}, {right}"),
        format!("{right} {right}"),
        format!("\"{right}\""),
        format!("{right}="),
        format!("{right}AAAA"),
        encoded.to_owned(),
        right.trim_end_matches('=').to_owned(),
        // The 32 bytes in base64 of the URL alphabet, in hex, and in base64 with a bit that says nothing.
        "v1,-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_8=".to_owned(),
        format!("v1,{}", "0f".repeat(32)),
        right.replace("NE=", "NF="),
        "v1,".to_owned() + &"A".repeat(100_000),
        "receipt".to_owned(),
    ];
    for wrong in cut.chain(others).filter(|wrong| *wrong != right) {
        assert_eq!(Receipt::parse(wrong.as_bytes()), None, "{wrong}");
    }
    assert_eq!(Receipt::parse(&[right.as_bytes(), b"\xff"].concat()), None);
    assert_eq!(Receipt::parse(&[b'v'; MAX_RECEIPT_LENGTH + 1]), None);
    assert!(Receipt::parse(right.as_bytes()).is_some());
}

/// What a receipt signs, divided as a delivery: its id is `receipt`, its timestamp an id, its body a timestamp.
#[test]
fn a_receipt_is_no_signature_of_a_delivery_and_a_signature_no_receipt() {
    let receipt = secret(1).sign_receipt(EVENT, SECONDS);
    let divided = signed_by(&[], b"")
        .with(MESSAGE_ID, "receipt")
        .with(MESSAGE_TIMESTAMP, EVENT)
        .with(MESSAGE_SIGNATURE, &receipt);
    let endless = verifier(1).with_tolerance(std::time::Duration::MAX);
    for now in [UNIX_EPOCH, signed_at()] {
        let outcome = endless.verify(divided.look_up(), SECONDS.as_bytes(), now);
        assert_eq!(outcome, Err(VerificationError::MalformedHeader(MESSAGE_ID)));
    }
    let signature = signed_by(&[1], BODY).value(MESSAGE_SIGNATURE).to_owned();
    assert!(!is_of(&signature, 1, EVENT, SECONDS));
    // Even a receiver that lets itself be asked for a receipt by anybody makes no signature that another of ours takes.
    let forged = secret(1).sign_receipt(SECONDS, "{}");
    assert_eq!(forged, secret(1).sign_message("receipt", SECONDS, b"{}"));
    let delivery = signed_by(&[], b"")
        .with(MESSAGE_ID, "receipt")
        .with(MESSAGE_SIGNATURE, &forged);
    let outcome = verifier(1).verify(delivery.look_up(), b"{}", signed_at());
    assert_eq!(outcome, Err(VerificationError::MalformedHeader(MESSAGE_ID)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_in_the_header_nothing_panics(value in prop::collection::vec(any::<u8>(), 0..200)) {
        let read = Receipt::parse(&value);
        prop_assert!(read.is_none_or(|receipt| !receipt.is_signed_with(&secret(1), EVENT, SECONDS)));
    }

    #[test]
    fn no_receipt_is_the_signature_of_an_event_whatever_its_body(id in "evt_[0-9a-hjkmnp-tv-z]{26}", body in prop::collection::vec(any::<u8>(), 0..200)) {
        let receipt = secret(1).sign_receipt(&id, SECONDS);
        prop_assert_ne!(&receipt, &secret(1).sign_message(&id, SECONDS, &body));
        prop_assert!(is_of(&receipt, 1, &id, SECONDS));
    }
}
