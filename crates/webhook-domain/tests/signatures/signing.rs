//! What a sender writes: every valid key, the newest first, as OpenSSL computes it.

use std::time::Duration;

use webhook_domain::signing::key_ring::{KeyRing, SigningKey};
use webhook_domain::signing::signature::{MESSAGE_ID, MESSAGE_SIGNATURE, PAYLOAD_SIGNATURE, sign};
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::testing::ManualClock;
use webhook_domain::time::Clock;
use webhook_verify::VerificationError;

use crate::scene::*;

/// The values were computed with OpenSSL:
///
/// ```sh
/// S=whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
/// B='{"type":"INVOICE.CREATED","data":{"total":1.10}}'
/// printf %s "2024-04-12T15:22:37Z.$B" | openssl dgst -sha256 -hmac "$S" | tr a-f A-F
/// K=$(printf %s "${S#whsec_}" | base64 -d | xxd -p -c 64)
/// printf %s "evt_01hv9k2m4rt6w8y0abcdefghjk.1712935357.$B" | openssl dgst -sha256 -mac HMAC -macopt hexkey:$K -binary | base64
/// ```
#[test]
fn both_families_are_written_as_openssl_computes_them() {
    let text = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let only = key_of(SigningProtocol::HmacSha256, text);
    let fingerprint = only.fingerprint();
    let mut signed = sign(&KeyRing::new(only), event(), BODY, ManualClock::START);
    signed.headers.sort_unstable();
    assert_eq!(
        signed.headers,
        [
            ("X-PAYLOAD-SIGNATURE", format!("v1={PAYLOAD_BY_OPENSSL}")),
            ("X-PAYLOAD-SIGNATURE-TIMESTAMP", "2024-04-12T15:22:37Z".into()),
            ("webhook-id", EVENT.into()),
            ("webhook-signature", format!("v1,{MESSAGE_BY_OPENSSL}")),
            ("webhook-timestamp", "1712935357".into()),
        ]
    );
    assert_eq!(signed.key_fingerprints, [fingerprint]);
}

const PAYLOAD_BY_OPENSSL: &str = "9A87F6FB4412C308580F766AA3F983C59B825E451BFAEDEB339FDB9EE1D46717";
const MESSAGE_BY_OPENSSL: &str = "aGOXLMlWAf2tZAxJlH4e1BDA8pyfocYN+22NcHSUSq4=";

#[test]
fn every_valid_key_signs_the_newest_first_and_none_from_its_instant_on() {
    let now = ManualClock::START;
    let (first, second, third) = (key(1), key(2), key(3));
    let ring = KeyRing::new(first.clone());
    let ring = ring.roll(second.clone(), seconds(600), now).unwrap();
    let ring = ring.roll(third.clone(), seconds(60), now).unwrap();
    let clock = ManualClock::at(now.whole_seconds());

    let holds = |keys: &[&SigningKey]| {
        let signed = sign(&ring, event(), BODY, clock.now());
        let fingerprints: Vec<_> = keys.iter().map(|key| key.fingerprint()).collect();
        assert_eq!(signed.key_fingerprints, fingerprints, "at {:?}", clock.now());
        for (header, separator) in [(PAYLOAD_SIGNATURE, ','), (MESSAGE_SIGNATURE, ' ')] {
            let alone: Vec<_> = keys
                .iter()
                .map(|key| sign(&KeyRing::new((*key).clone()), event(), BODY, clock.now()))
                .map(|signed| value(&signed, header).to_owned())
                .collect();
            assert_eq!(value(&signed, header), alone.join(&separator.to_string()));
        }
        for key in [&first, &second, &third] {
            let genuine = by_each(&verifier(key), &signed, BODY, clock.now()).map(|outcome| outcome.is_ok());
            assert_eq!(genuine, [keys.contains(&key); 2], "at {:?}", clock.now());
        }
    };
    holds(&[&third, &second, &first]);
    clock.advance(Duration::from_millis(59_999));
    holds(&[&third, &second, &first]);
    clock.advance(Duration::from_millis(1));
    holds(&[&third, &first]);
    clock.advance(Duration::from_millis(539_999));
    holds(&[&third, &first]);
    clock.advance(Duration::from_millis(1));
    holds(&[&third]);
}

#[test]
fn a_ring_without_a_valid_key_gives_no_signature_but_still_the_id() {
    let now = ManualClock::START.whole_seconds();
    let ring = KeyRing::new(key(1)).remove(seconds(60), now).unwrap();
    let last = now.plus(Duration::from_millis(59_999));
    assert_eq!(sign(&ring, event(), BODY, last).key_fingerprints.len(), 1);

    let unsigned = sign(&ring, event(), BODY, now.plus(Duration::from_secs(60)));
    assert_eq!(unsigned.headers, [(MESSAGE_ID, EVENT.to_owned())]);
    assert!(unsigned.key_fingerprints.is_empty());
    let outcome = verifier(&key(1)).verify(look_up(&unsigned.headers), BODY, now.into());
    assert_eq!(outcome, Err(VerificationError::MissingHeader(MESSAGE_SIGNATURE)));
}
