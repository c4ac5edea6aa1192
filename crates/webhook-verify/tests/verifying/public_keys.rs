//! Ed25519 beside HMAC: the key decides, whatever the sender writes before a signature.

use webhook_verify::{
    Key, KeyPair, MAX_SIGNATURES, MESSAGE_SIGNATURE, PAYLOAD_SIGNATURE, VerificationError, Verifier,
};

use crate::scene::*;

fn pair(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

fn public(seed: u8) -> Key {
    Key::Ed25519(pair(seed).public_key().clone())
}

/// A delivery that these have signed: HMACs first, as the service writes them.
fn signed_by_both(secrets: &[u8], pairs: &[u8]) -> Headers {
    let headers = signed_by(secrets, BODY);
    let ours = pairs
        .iter()
        .map(|seed| pair(*seed).sign_message(EVENT, SECONDS, BODY));
    let all: Vec<_> = [headers.value(MESSAGE_SIGNATURE).to_owned()]
        .into_iter()
        .chain(ours)
        .collect();
    headers.with(MESSAGE_SIGNATURE, all.join(" ").trim_start())
}

fn message(verifier: &Verifier, headers: &Headers) -> Result<usize, VerificationError> {
    let verified = verifier.verify_message(headers.look_up(), BODY, signed_at());
    verified.map(|verified| verified.key)
}

#[test]
fn a_receiver_verifies_through_a_change_of_protocol_with_the_old_key_the_new_one_or_both() {
    let both = verifier(1).with_key(public(2));
    for (headers, key) in [
        (signed_by_both(&[1], &[]), 0),
        (signed_by_both(&[1], &[2]), 0),
        (signed_by_both(&[3], &[2]), 1),
        (signed_by_both(&[], &[3, 2]), 1),
    ] {
        assert_eq!(message(&both, &headers), Ok(key), "{headers:?}");
    }
    let overlap = signed_by_both(&[1], &[2]);
    assert_eq!(message(&verifier(1), &overlap), Ok(0));
    assert_eq!(message(&Verifier::new(public(2)), &overlap), Ok(0));
    assert_eq!(
        message(&Verifier::new(public(3)), &overlap),
        Err(VerificationError::NoMatch)
    );
}

/// Reported of other libraries: one that compared bad signatures before good ones gave up at the first, and one stumbled over what has
/// no comma, or more than one `=`.
#[test]
fn a_signature_is_found_among_bad_ones_of_every_kind() {
    let good = pair(1).sign_message(EVENT, SECONDS, BODY);
    let bad = pair(2).sign_message(EVENT, SECONDS, BODY);
    let headers = signed_by(&[], BODY);
    let verifier = Verifier::new(public(1));
    for value in [
        format!("v1,AAAA {bad} {good}"),
        format!("{good} {bad}"),
        format!("BAD_SIGNATURE v1a v1a, v1a,é {good} v2,x"),
        format!("{}, {good}", bad.trim_end_matches('=')),
    ] {
        let outcome = message(&verifier, &headers.with(MESSAGE_SIGNATURE, &value));
        assert_eq!(outcome, Ok(0), "{value}");
    }
    let many = vec![bad.as_str(); MAX_SIGNATURES].join(" ");
    let too_many = headers.with(MESSAGE_SIGNATURE, &format!("{many} {good}"));
    assert_eq!(
        message(&verifier, &too_many),
        Err(VerificationError::TooManySignatures)
    );
}

/// The algorithm of a signature is its key's: a right signature under another tag, and a MAC that is made with the text or the bytes of a
/// public key, are as good as none.
#[test]
fn the_tag_of_a_signature_chooses_no_algorithm() {
    let good = pair(1).sign_message(EVENT, SECONDS, BODY);
    let bytes = *pair(1).public_key().as_bytes();
    let mac = webhook_verify::Secret::from_seed(&bytes).sign_message(EVENT, SECONDS, BODY);
    let headers = signed_by(&[], BODY);
    let none = Err(VerificationError::NoUsableSignature(MESSAGE_SIGNATURE));
    for wrong in [
        good.replacen("v1a,", "v1,", 1),
        good.replacen("v1a,", "V1A,", 1),
        good.replacen("v1a,", "v1aa,", 1),
        good.replacen("v1a,", "v1a=", 1),
        mac.clone(),
        mac.replacen("v1,", "v1a,", 1),
        // Other alphabets and lengths of base64.
        good.replace('=', ""),
        good.replace(['+', '/'], "_"),
        format!("{good}="),
    ] {
        if wrong == good {
            continue;
        }
        let headers = headers.with(MESSAGE_SIGNATURE, &wrong);
        assert_eq!(message(&Verifier::new(public(1)), &headers), none, "{wrong}");
    }
}

#[test]
fn x_payload_signature_is_nothing_to_a_receiver_with_public_keys_alone() {
    let headers = signed_by_both(&[1], &[2]).without(&[MESSAGE_SIGNATURE]);
    let outcome = Verifier::new(public(2)).verify(headers.look_up(), BODY, signed_at());
    assert_eq!(
        outcome,
        Err(VerificationError::NoUsableSignature(PAYLOAD_SIGNATURE))
    );
}

#[test]
fn whatever_part_of_a_delivery_is_changed_it_is_refused() {
    let headers = signed_by_both(&[], &[1]);
    let verifier = Verifier::new(public(1));
    assert_eq!(message(&verifier, &headers), Ok(0));
    for changed in [&BODY[1..], b"", &[BODY, b"\n"].concat()] {
        let outcome = verifier.verify(headers.look_up(), changed, signed_at());
        assert_eq!(outcome, Err(VerificationError::NoMatch));
    }
    for (name, other) in [
        (webhook_verify::MESSAGE_ID, "evt_01hv9k2m4rt6w8y0abcdefghjm"),
        (webhook_verify::MESSAGE_TIMESTAMP, "1712935358"),
        (webhook_verify::MESSAGE_TIMESTAMP, "01712935357"),
    ] {
        assert_eq!(
            message(&verifier, &headers.with(name, other)),
            Err(VerificationError::NoMatch),
            "{name}"
        );
    }
}
