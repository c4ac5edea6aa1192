//! The tokens that are believed. Each attack is one of these with one thing changed.

use serde_json::{Value, json};
use webhook_domain::access::caller::Caller;
use webhook_domain::access::permission::Permission;
use webhook_domain::ports::TokenVerifier;

use super::issuer::{AUDIENCE, Key, NOW, claims, from_now, issuers, verifier_of, with, without};

/// The caller that these claims make, the same under each of the issuer's keys.
#[track_caller]
fn caller(claims: &Value) -> Caller {
    let issuers = issuers();
    let verifier = verifier_of(&issuers);
    let verify = |key: &Key| {
        let caller = verifier.verify(&key.token(&key.header(), claims), NOW);
        caller.unwrap_or_else(|| panic!("{} {claims}", key.alg))
    };
    let [ed, ec, rsa] = issuers.each_ref().map(verify);
    assert!(ed.credential == ec.credential && ec.credential == rsa.credential);
    ed
}

#[test]
fn a_token_makes_a_caller() {
    let caller = caller(&claims());
    assert_eq!(caller.credential.to_string(), "jwt:billing");
    assert_eq!(caller.scope.to_string(), "acme");
    assert_eq!(
        caller.permissions.iter().collect::<Vec<_>>(),
        [Permission::WebhookView]
    );
}

#[test]
fn a_token_may_be_for_all_platforms() {
    let caller = caller(&with(claims(), "platform_id", "*"));
    assert_eq!(caller.scope, webhook_domain::access::caller::PlatformScope::All);
}

#[test]
fn a_token_without_a_subject_has_the_unnamed_one() {
    assert_eq!(caller(&without(claims(), "sub")).credential.to_string(), "jwt:-");
}

#[test]
fn permissions_of_other_services_are_passed_over() {
    let permissions = json!([
        "INVOICE.VIEW",
        "WEBHOOK.UPDATE",
        "",
        "webhook.view",
        "WEBHOOK.UPDATE"
    ]);
    let some = caller(&with(claims(), "permissions", permissions));
    assert_eq!(
        some.permissions.iter().collect::<Vec<_>>(),
        [Permission::WebhookUpdate]
    );
    assert_eq!(
        caller(&with(claims(), "permissions", json!([])))
            .permissions
            .iter()
            .count(),
        0
    );
}

#[test]
fn the_audience_may_be_one_of_several() {
    caller(&with(claims(), "aud", json!([AUDIENCE])));
    caller(&with(claims(), "aud", json!(["others", AUDIENCE])));
}

#[test]
fn clocks_may_be_60_seconds_apart() {
    caller(&with(claims(), "exp", from_now(-59)));
    caller(&with(claims(), "nbf", from_now(60)));
    caller(&with(claims(), "iat", from_now(60)));
}

#[test]
fn an_instant_may_have_a_fraction() {
    let now = f64::from(i32::try_from(NOW.as_seconds()).unwrap());
    caller(&with(claims(), "exp", now - 59.5));
    caller(&with(claims(), "nbf", now + 59.5));
}

#[test]
fn neither_iat_nor_claims_of_others_are_needed_or_in_the_way() {
    caller(&without(claims(), "iat"));
    caller(&with(claims(), "scope", json!({"deep": [null]})));
}

#[test]
fn the_head_may_call_it_an_access_token_or_say_nothing() {
    let issuers = issuers();
    let verifier = verifier_of(&issuers);
    for key in &issuers {
        for header in [
            without(key.header(), "typ"),
            with(key.header(), "typ", "jwt"),
            with(key.header(), "typ", "at+jwt"),
            with(key.header(), "typ", "application/at+jwt"),
            with(key.header(), "x5t", "a thumbprint, which is a name and no key"),
            with(key.header(), "nonce", "x"),
        ] {
            assert!(
                verifier.verify(&key.token(&header, &claims()), NOW).is_some(),
                "{header}"
            );
        }
    }
}

#[test]
fn a_token_may_be_8_kib_long() {
    let [key, ..] = issuers();
    let verifier = verifier_of(&issuers());
    let padded = |length| key.token(&key.header(), &with(claims(), "padding", "x".repeat(length)));
    let room = (0..8_192)
        .rev()
        .find(|length| padded(*length).len() <= 8_192)
        .unwrap();
    assert!(verifier.verify(&padded(room), NOW).is_some());
    assert!(verifier.verify(&padded(room + 3), NOW).is_none());
}
