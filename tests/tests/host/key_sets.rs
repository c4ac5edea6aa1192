//! Key sets as issuers publish them, and as they replace their keys.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use webhook_tests::{Backend, Deployment, Service, clock::wait_for, issuer::Issuer};

use super::process::PATIENCE;

/// A service that believes `issuer`, with `others` before its key.
fn service(issuer: &Issuer, others: &[Value]) -> Service {
    let mut deployment = Deployment::new(Backend::Sqlite);
    issuer.introduce_to(&mut deployment);
    let keys: Vec<_> = others.iter().cloned().chain([issuer.jwk()]).collect();
    fs::write(Issuer::file(&deployment), Issuer::key_set(&keys)).expect("a file");
    Service::start_on(deployment)
}

fn is_believed(service: &Service, issuer: &Issuer) -> bool {
    let token = issuer.sign(&issuer.claims("default", &["WEBHOOK.VIEW"], 600));
    let client = service
        .anonymous()
        .and_header("Authorization", &format!("Bearer {token}"));
    match client.get("/v1/webhooks").send().status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

/// Waits until the keys of `new` are taken and those of `old` are not, which must be soon.
#[track_caller]
fn changes_over(service: &Service, old: &Issuer, new: &Issuer) {
    let begun = Instant::now();
    wait_for("the new key is taken, and the old one is not", PATIENCE, || {
        (is_believed(service, new) && !is_believed(service, old)).then_some(())
    });
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

fn others() -> Vec<Value> {
    let number = data_encoding::BASE64URL_NOPAD.encode(&[0xC5; 256]);
    let point = data_encoding::BASE64URL_NOPAD.encode(&[0xC5; 48]);
    vec![
        json!({"kid": "keycloak-enc", "kty": "RSA", "alg": "RSA-OAEP", "use": "enc", "n": number, "e": "AQAB", "x5c": ["MIIC"]}),
        json!({"kid": "es384", "kty": "EC", "crv": "P-384", "alg": "ES384", "use": "sig", "x": point, "y": point}),
        json!({"kid": "ed448", "kty": "OKP", "crv": "Ed448", "alg": "EdDSA", "use": "sig", "x": "AAAA"}),
        json!({"kid": "shared", "kty": "oct", "alg": "HS256", "k": "aHVudGVyMg"}),
        json!({"kid": "post-quantum", "kty": "AKP", "alg": "ML-DSA-65", "pub": "AAAA"}),
        json!({"kid": "certificates", "kty": "RSA", "use": "sig", "alg": "RS256", "x5c": ["MIIC"]}),
        json!({"kid": "signs", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "key_ops": ["sign"], "x": "AAAA"}),
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "n": number, "e": "AQAB"}),
        json!(null),
    ]
}

#[test]
fn keys_that_are_for_others_are_skipped_and_said_once() {
    let issuer = Issuer::new();
    let twin = json!({"kid": "k1", "kty": "EC", "crv": "P-256", "alg": "ES256", "x": "AAAA", "y": "AAAA"});
    let service = service(&issuer, &[others(), vec![twin]].concat());
    assert!(is_believed(&service, &issuer));
    // Read once more: what was said is not said again.
    service.server().hang_up();
    wait_for("it is read anew", PATIENCE, || {
        service
            .server()
            .output()
            .contains("the key set was read anew")
            .then_some(())
    });
    let log = service.server().output();
    for kid in [
        "keycloak-enc",
        "es384",
        "ed448",
        "shared",
        "post-quantum",
        "certificates",
        "signs",
    ] {
        let count = log
            .lines()
            .filter(|line| line.contains(&format!("kid \\\"{kid}\\\"")))
            .count();
        assert_eq!(count, 1, "{kid}: {log}");
    }
    assert!(log.contains("key 8 has no kid"), "{log}");
    assert!(!log.contains("aHVudGVyMg"), "a key is not repeated");
}

#[test]
fn a_set_without_a_key_for_us_stops_the_start_and_each_is_named() {
    let mut deployment = Deployment::new(Backend::Sqlite);
    Issuer::new().introduce_to(&mut deployment);
    fs::write(Issuer::file(&deployment), Issuer::key_set(&others())).expect("a file");
    let ended = deployment.serve_in_vain();
    assert_eq!(ended.code(), 2, "{}", ended.output());
    for expected in [
        "WEBHOOK_JWT_KEYS_FILE",
        "keycloak-enc",
        "another use than sig",
        "es384",
        "shared",
        "key 9 is no JSON object",
    ] {
        assert!(ended.stderr.contains(expected), "{expected}: {}", ended.stderr);
    }
}

#[test]
fn a_key_set_that_is_written_anew_is_followed() {
    let (old, new) = (Issuer::with_kid("old"), Issuer::with_kid("new"));
    let service = service(&old, &[]);
    assert!(is_believed(&service, &old) && !is_believed(&service, &new));
    let file = Issuer::file(service.deployment());
    fs::write(&file, Issuer::key_set(&[old.jwk(), new.jwk()])).expect("a file");
    wait_for("the new key is taken", PATIENCE, || {
        is_believed(&service, &new).then_some(())
    });
    assert!(is_believed(&service, &old), "both are there");
    fs::write(&file, Issuer::key_set(&[new.jwk()])).expect("a file");
    changes_over(&service, &old, &new);
}

#[test]
fn a_key_set_that_another_file_is_renamed_to_is_followed() {
    let (old, new) = (Issuer::with_kid("same"), Issuer::with_kid("same"));
    let service = service(&old, &[]);
    let file = Issuer::file(service.deployment());
    let next = file.with_extension("next");
    fs::write(&next, Issuer::key_set(&[new.jwk()])).expect("a file");
    // Same size, same time.
    let time = fs::metadata(&file)
        .and_then(|metadata| metadata.modified())
        .expect("a time");
    fs::File::options()
        .write(true)
        .open(&next)
        .and_then(|next| next.set_modified(time))
        .expect("a time can be set");
    fs::rename(&next, &file).expect("a file is renamed");
    changes_over(&service, &old, &new);
}

/// Kubernetes has `jwks.json -> ..data/jwks.json` and `..data -> ..2026_01`, and swaps the second link.
#[test]
fn a_key_set_behind_links_that_are_swapped_is_followed() {
    let (old, new) = (Issuer::with_kid("old"), Issuer::with_kid("new"));
    let mut deployment = Deployment::new(Backend::Sqlite);
    old.introduce_to(&mut deployment);
    let directory = deployment.directory().to_owned();
    let fill = |name: &str, issuer: &Issuer| {
        fs::create_dir(directory.join(name)).expect("a directory");
        let file = directory.join(name).join("jwks.json");
        fs::write(file, Issuer::key_set(&[issuer.jwk()])).expect("a file");
    };
    fill("..one", &old);
    symlink("..one", directory.join("..data")).expect("a link");
    fs::remove_file(directory.join("jwks.json")).expect("it goes");
    symlink("..data/jwks.json", directory.join("jwks.json")).expect("a link");
    let service = Service::start_on(deployment);
    assert!(is_believed(&service, &old));
    fill("..two", &new);
    symlink("..two", directory.join("..data_tmp")).expect("a link");
    fs::rename(directory.join("..data_tmp"), directory.join("..data")).expect("the links are swapped");
    fs::remove_dir_all(directory.join("..one")).expect("it goes");
    changes_over(&service, &old, &new);
}

#[test]
fn a_file_that_cannot_be_used_leaves_the_keys_in_force() {
    let (old, new) = (Issuer::with_kid("old"), Issuer::with_kid("new"));
    let service = service(&old, &[]);
    let file = Issuer::file(service.deployment());
    let whole = Issuer::key_set(&[new.jwk()]);
    let said = |text: &str, count: usize| {
        wait_for(&format!("{text:?} is said"), PATIENCE, || {
            (service.server().output().matches(text).count() >= count).then_some(())
        });
    };
    replace(&file, &whole[..whole.len() / 2]);
    said("must be JSON", 1);
    assert!(is_believed(&service, &old), "half a file");
    replace(&file, "");
    said("must be JSON", 2);
    assert!(is_believed(&service, &old), "an empty file");
    replace(&file, "{\"keys\": []}");
    said("must have 1 to 100 keys", 1);
    assert!(is_believed(&service, &old), "no keys");
    fs::remove_file(&file).expect("it goes");
    said("cannot be read", 1);
    assert!(is_believed(&service, &old), "no file");
    // It is said once, not every second.
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(service.server().output().matches("cannot be read").count(), 1);
    replace(&file, &whole);
    changes_over(&service, &old, &new);
}

fn replace(file: &Path, content: &str) {
    let next = file.with_extension("next");
    fs::write(&next, content).expect("a file");
    fs::rename(&next, file).expect("a file is renamed");
}
