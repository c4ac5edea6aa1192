//! Settings that hold a secret in the wrong place, or one that is spelt wrong: the start is refused without a word of it.

use webhook_tests::{Backend, Deployment, postgres::random_hex};

use crate::trail::Trail;

/// A deployment that must not start, and what it says of `settings`.
fn refused(trail: &mut Trail, place: &str, settings: &[(&str, &str)]) {
    let mut deployment = Deployment::new(Backend::Sqlite).with("WEBHOOK_LOG", "trace");
    for (name, value) in settings {
        deployment.set(name, value);
    }
    let ended = deployment.serve_in_vain();
    assert_ne!(ended.code(), 0, "{place}");
    assert!(!ended.stderr.is_empty(), "{place}: it says why");
    trail.wrote(place, &ended);
}

#[test]
fn a_secret_in_the_wrong_setting_is_refused_and_not_repeated() {
    let key = data_encoding::BASE64.encode(&webhook_tests::postgres::random_bytes(32));
    let mut trail = Trail::default();
    trail.know_master_key("the master key", &key);
    for name in [
        "WEBHOOK_LISTEN",
        "WEBHOOK_DATABASE_URL",
        "WEBHOOK_MASTER_KEY_FILE",
        "WEBHOOK_ENVIRONMENT",
        "WEBHOOK_ALLOW_HTTP",
        "WEBHOOK_ALLOWED_NETWORKS",
        "WEBHOOK_PREVIOUS_SECRET_TTL",
        "WEBHOOK_REQUESTS_PER_SECOND",
        "WEBHOOK_JWT_ISSUER",
        "WEBHOOK_JWT_AUDIENCE",
        "WEBHOOK_JWT_KEYS_FILE",
        "WEBHOOK_ACTIONS_FILE",
    ] {
        refused(&mut trail, name, &[(name, &key)]);
    }
    let too_long = format!("{key}A");
    refused(
        &mut trail,
        "a master key that is too long",
        &[("WEBHOOK_MASTER_KEY", &too_long)],
    );
    trail.expect_no_hit();
}

#[test]
fn a_database_url_with_a_password_that_is_not_encoded_is_refused_and_not_repeated() {
    let key = data_encoding::BASE64.encode(&webhook_tests::postgres::random_bytes(32));
    let (first, second) = (format!("pwa{}", random_hex(8)), format!("pwb{}", random_hex(8)));
    let mut trail = Trail::default();
    trail.know("the password's first half", &first);
    trail.know("the password's second half", &second);
    for between in ["@", "/", "?", "?/", "%"] {
        let password = format!("{first}{between}{second}");
        for url in [
            format!("postgres://webhook:{password}@127.0.0.1:1/webhook"),
            format!("postgres://webhook@127.0.0.1:1/webhook?password={password}"),
            format!("postgres://127.0.0.1:1/webhook?{password}"),
            format!("postgress://webhook:{password}@127.0.0.1:1/webhook"),
            format!("postgres:/webhook:{password}@127.0.0.1:1/webhook"),
        ] {
            let place = url.replace(&password, &format!("…{between}…"));
            let settings = [
                ("WEBHOOK_DATABASE_URL", url.as_str()),
                ("WEBHOOK_MASTER_KEY", &key),
            ];
            refused(&mut trail, &place, &settings);
        }
    }
    trail.expect_no_hit();
}
