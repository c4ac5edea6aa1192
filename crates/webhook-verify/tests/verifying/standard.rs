//! Held against others: the published example of Standard Webhooks, its official library in both directions, and OpenSSL.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use proptest::prelude::*;
use standardwebhooks::Webhook;
use webhook_verify::{MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, Secret, Verified, Verifier};

use crate::scene::*;

#[test]
fn the_published_example_verifies() {
    let verifier = Verifier::from_keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]).unwrap();
    let headers = signed_by(&[], b"")
        .with(MESSAGE_ID, "msg_p5jXN8AQM9LWM0D4loKWxJek")
        .with(MESSAGE_TIMESTAMP, "1614265330")
        .with(
            MESSAGE_SIGNATURE,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        );
    let now = UNIX_EPOCH + Duration::from_secs(1_614_265_330);
    let verified = verifier.verify(headers.look_up(), br#"{"test": 2432232314}"#, now);
    let expected = Verified {
        id: Some("msg_p5jXN8AQM9LWM0D4loKWxJek"),
        signed_at: now,
        key: 0,
    };
    assert_eq!(verified, Ok(expected));
}

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
fn both_families_are_signed_as_openssl_computes_them() {
    let secret = Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let payload = "v1=9A87F6FB4412C308580F766AA3F983C59B825E451BFAEDEB339FDB9EE1D46717";
    assert_eq!(secret.sign_payload(DATE, BODY), payload);
    let message = "v1,aGOXLMlWAf2tZAxJlH4e1BDA8pyfocYN+22NcHSUSq4=";
    assert_eq!(secret.sign_message(EVENT, SECONDS, BODY), message);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the official library asks what time it is"
)]
fn the_official_library_verifies_what_a_secret_signs() {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        .to_string();
    let official = Webhook::new(secret(1).expose()).unwrap();
    for (signer, genuine) in [(1, true), (2, false)] {
        let mut headers = HeaderMap::new();
        let signature = secret(signer).sign_message(EVENT, &seconds, BODY);
        for (name, value) in [
            (MESSAGE_ID, EVENT),
            (MESSAGE_TIMESTAMP, &seconds),
            (MESSAGE_SIGNATURE, &signature),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        assert_eq!(official.verify(BODY, &headers).is_ok(), genuine);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_official_library_signs_verifies(body in ".{0,200}", id in "[!-\\-/-~]{1,64}", seconds in 0..4_000_000_000_i64) {
        let official = Webhook::new(secret(1).expose()).unwrap();
        let signature = official.sign(&id, seconds, body.as_bytes()).unwrap();
        let headers = signed_by(&[], b"")
            .with(MESSAGE_ID, &id)
            .with(MESSAGE_TIMESTAMP, &seconds.to_string())
            .with(MESSAGE_SIGNATURE, &signature);
        let now = UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs());
        let verified = verifier(1).verify_message(headers.look_up(), body.as_bytes(), now);
        prop_assert_eq!(verified.map(|verified| verified.id), Ok(Some(id.as_str())));
    }
}
