//! Which key sets are taken.

use serde_json::{Value, json};
use webhook_token_jwt::{JwksError, JwtVerifier};

use super::issuer::{base64, issuers, jwks, trust, with, without};

fn read(text: &str) -> Result<usize, JwksError> {
    JwtVerifier::new(trust(), text).map(|verifier| verifier.key_count())
}

/// What is said of a set in which the second key is `wrong`, and the first is used all the same.
fn refusal(wrong: Value) -> String {
    let [good, ..] = issuers();
    let verifier = JwtVerifier::new(trust(), &jwks(&[good.jwk(), wrong.clone()])).unwrap();
    assert_eq!(verifier.key_count(), 1);
    let [skipped] = verifier.skipped() else {
        panic!("one key is skipped: {:?}", verifier.skipped())
    };
    assert_eq!(skipped.number, 2);
    assert_eq!(skipped.kid.as_deref(), wrong["kid"].as_str());
    // Alone, it makes the set one that cannot be used.
    let alone = read(&jwks(&[wrong]));
    if !skipped.problem.contains("the kid of one before it") {
        let alone = alone.unwrap_err();
        assert!(matches!(alone, JwksError::NoneUsable(_)), "{alone}");
        assert!(alone.to_string().contains(skipped.problem), "{alone}");
    }
    skipped.to_string()
}

/// The keys that a Keycloak realm, a tenant of Entra ID and a server of Spring's publish, with ours in their place.
#[test]
fn the_sets_of_real_issuers_are_taken_for_the_keys_that_are_for_us() {
    let [ed, ec, rsa] = issuers().each_ref().map(|key| key.jwk());
    let encryption = with(
        with(with(rsa.clone(), "use", "enc"), "alg", "RSA-OAEP"),
        "kid",
        "enc-1",
    );
    let of_azure = with(
        without(with(rsa.clone(), "kid", "azure"), "alg"),
        "issuer",
        "https://login.example/",
    );
    let certificates =
        json!({"kid": "certificates", "kty": "RSA", "use": "sig", "alg": "RS256", "x5c": ["MIIB"]});
    let es384 = json!({"kid": "es384", "kty": "EC", "crv": "P-384", "alg": "ES384", "use": "sig", "x": "AA", "y": "AA"});
    let unknown = json!({"kid": "pq", "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"});
    let set = [encryption, rsa, of_azure, certificates, es384, ec, unknown, ed];
    let verifier = JwtVerifier::new(trust(), &jwks(&set)).unwrap();
    assert_eq!(verifier.key_count(), 4);
    let said: Vec<_> = verifier.skipped().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "key 1 with kid \"enc-1\" has another use than sig",
            "key 4 with kid \"certificates\" has no n and e; an x5c is not read",
            "key 5 with kid \"es384\" has another alg than EdDSA, ES256 and RS256",
            "key 7 with kid \"pq\" has another alg than EdDSA, ES256 and RS256",
        ]
    );
}

#[test]
fn what_is_no_key_at_all_is_skipped_and_not_repeated() {
    let [ed, ..] = issuers().each_ref().map(|key| key.jwk());
    let good = ed.to_string();
    for (wrong, problem) in [
        ("\"hunter2\"", "is no JSON object"),
        ("null", "is no JSON object"),
        ("[[\"hunter2\"]]", "is no JSON object"),
        ("{\"kid\": [\"hunter2\"]}", "another type"),
        ("{\"alg\": 5, \"d\": \"hunter2\"}", "another type"),
        ("{\"alg\": \"hunter2\", \"alg\": \"RS256\"}", "a member twice"),
        ("{}", "has no alg"),
    ] {
        let set = format!("{{\"keys\": [{wrong}, {good}]}}");
        let verifier = JwtVerifier::new(trust(), &set).unwrap();
        let [skipped] = verifier.skipped() else {
            panic!("one key is skipped of {set}")
        };
        assert!(skipped.problem.contains(problem), "{wrong}: {skipped}");
        assert!(!skipped.to_string().contains("hunter2"), "{skipped}");
    }
}

#[test]
fn a_set_has_public_keys_of_three_algorithms() {
    let keys = issuers().each_ref().map(|key| key.jwk());
    assert_eq!(read(&jwks(&keys)).unwrap(), 3);
    let [ed, ..] = keys;
    let verify = with(without(ed.clone(), "use"), "key_ops", json!(["verify"]));
    let unknown_members = with(ed, "x5t", "x");
    for key in [verify, unknown_members] {
        assert_eq!(read(&jwks(&[key])).unwrap(), 1);
    }
}

#[test]
fn a_private_or_symmetric_key_is_refused_by_its_number_and_not_repeated() {
    let [_, ec, rsa] = issuers().each_ref().map(|key| key.jwk());
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth"].map(|member| with(rsa.clone(), member, "hunter2"));
    for key in private.into_iter().chain([with(ec.clone(), "d", "hunter2")]) {
        let refusal = refusal(key);
        assert!(
            refusal.contains("key 2") && refusal.contains("private"),
            "{refusal}"
        );
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
    let symmetric = json!({"kid": "s", "kty": "oct", "alg": "HS256", "k": "hunter2"});
    for key in [
        symmetric.clone(),
        without(symmetric, "k"),
        with(ec, "k", "hunter2"),
    ] {
        let refusal = refusal(key);
        assert!(
            refusal.contains("symmetric") && !refusal.contains("hunter2"),
            "{refusal}"
        );
    }
}

#[test]
fn a_key_has_a_name_of_its_own() {
    let [ed, ec, _] = issuers().each_ref().map(|key| key.jwk());
    for nameless in [
        without(ec.clone(), "kid"),
        with(ec.clone(), "kid", ""),
        with(ec.clone(), "kid", json!(null)),
    ] {
        assert!(refusal(nameless).contains("no kid"));
    }
    let same = with(ec, "kid", ed["kid"].clone());
    assert!(refusal(same).contains("the kid of one before it"));
}

#[test]
fn a_key_has_one_algorithm_and_it_is_that_of_its_type() {
    let [ed, ec, rsa] = issuers().each_ref().map(|key| key.jwk());
    for alg in ["none", "HS256", "PS256", "RS512", "ES384", "rs256", ""] {
        assert!(
            refusal(with(rsa.clone(), "alg", alg)).contains("another alg"),
            "{alg}"
        );
    }
    for key in [&ed, &ec, &rsa] {
        assert_eq!(read(&jwks(&[without(key.clone(), "alg")])), Ok(1));
    }
    let without_alg = |crv| without(with(ec.clone(), "crv", crv), "alg");
    assert!(refusal(without_alg("P-384")).contains("no alg"));
    for (key, alg) in [
        (&ed, "RS256"),
        (&ed, "ES256"),
        (&ec, "EdDSA"),
        (&ec, "RS256"),
        (&rsa, "EdDSA"),
        (&rsa, "ES256"),
    ] {
        assert!(refusal(with(key.clone(), "alg", alg)).contains(alg));
    }
    for (key, member, value) in [
        (&ed, "crv", "X25519"),
        (&ed, "crv", "Ed448"),
        (&ed, "kty", "EC"),
        (&ec, "crv", "P-384"),
        (&ec, "crv", "secp256k1"),
        (&ec, "kty", "OKP"),
        (&rsa, "kty", "rsa"),
        (&rsa, "crv", "P-256"),
    ] {
        assert!(
            refusal(with(key.clone(), member, value)).contains("has alg"),
            "{member} {value}"
        );
    }
}

#[test]
fn a_key_is_for_signatures() {
    let [ed, ..] = issuers().each_ref().map(|key| key.jwk());
    for other in ["enc", "", "SIG"] {
        assert!(refusal(with(ed.clone(), "use", other)).contains("use"), "{other}");
    }
    for operations in [json!([]), json!(["sign"]), json!(["encrypt", "wrapKey"])] {
        assert!(refusal(with(ed.clone(), "key_ops", operations)).contains("key_ops"));
    }
}

#[test]
fn a_keys_numbers_are_of_their_size() {
    let [ed, ec, rsa] = issuers().each_ref().map(|key| key.jwk());
    let number = |length: usize| base64(vec![0xC5; length]);
    for wrong in [
        String::new(),
        number(31),
        number(33),
        number(32) + "=",
        "é".into(),
        number(32).replace('F', "+"),
    ] {
        assert!(
            refusal(with(ed.clone(), "x", wrong.clone())).contains("32 bytes"),
            "{wrong}"
        );
        assert!(
            refusal(with(ec.clone(), "x", wrong.clone())).contains("32 bytes"),
            "{wrong}"
        );
        assert!(
            refusal(with(ec.clone(), "y", wrong.clone())).contains("32 bytes"),
            "{wrong}"
        );
    }
    for (member, key) in [("x", &ed), ("x", &ec), ("y", &ec)] {
        assert!(refusal(without(key.clone(), member)).contains("32 bytes"));
    }
    for short in [
        number(128),
        number(255),
        base64([&[0x7F][..], &[0xC5; 255]].concat()),
        number(1_025),
    ] {
        assert!(refusal(with(rsa.clone(), "n", short)).contains("2048"));
    }
    for wrong in [String::new(), "AA".into(), base64([0, 1, 0, 1]), "=".into()] {
        assert!(
            refusal(with(rsa.clone(), "e", wrong.clone())).contains("has an e"),
            "{wrong}"
        );
        assert!(
            refusal(with(rsa.clone(), "n", wrong.clone())).contains("has an n"),
            "{wrong}"
        );
    }
    for weak in [vec![1], vec![2], vec![1, 0, 0], vec![0xFF; 5]] {
        assert!(
            refusal(with(rsa.clone(), "e", base64(&weak))).contains("odd"),
            "{weak:?}"
        );
    }
}

#[test]
fn a_point_beside_the_curve_is_refused_by_the_name_of_its_key() {
    let [ed, ec, _] = issuers().each_ref().map(|key| key.jwk());
    let zero = base64([0; 32]);
    let swapped = with(with(ec.clone(), "x", ec["y"].clone()), "y", ec["x"].clone());
    for wrong in [
        swapped,
        with(ec.clone(), "y", zero.clone()),
        with(with(ec.clone(), "x", zero.clone()), "y", zero),
        with(ec.clone(), "x", base64([0xFF; 32])),
        with(ec.clone(), "y", ec["x"].clone()),
    ] {
        assert_eq!(
            refusal(wrong),
            "key 2 with kid \"ec-1\" has an x and a y that are no point of P-256"
        );
    }
    assert_eq!(read(&jwks(&[ed, ec])), Ok(2));
}

#[test]
fn what_is_no_key_set_is_refused_by_its_place_and_not_repeated() {
    for (text, place) in [
        ("", "line 1, column 0"),
        ("{\n  \"keys\": [\n    hunter2", "line 3, column 5"),
        ("hunter2", "line 1, column 1"),
        ("{\"keys\": \"hunter2\"}", "line 1, column 18"),
        ("{\"keys\": [], \"keys\": []}", "line 1, column 19"),
        ("{}", "line 1, column 2"),
    ] {
        let refusal = read(text).unwrap_err().to_string();
        assert!(refusal.contains(place), "{text}: {refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
}

#[test]
fn a_set_has_1_to_100_keys_in_64_kib() {
    let [ed, ..] = issuers().each_ref().map(|key| key.jwk());
    let keys = |count: usize| {
        let key = |number| with(ed.clone(), "kid", format!("k{number}"));
        jwks(&(0..count).map(key).collect::<Vec<_>>())
    };
    assert_eq!(read(&keys(0)), Err(JwksError::Count));
    assert_eq!(read(&keys(100)), Ok(100));
    assert_eq!(read(&keys(101)), Err(JwksError::Count));
    let spaces = " ".repeat(65_536 - keys(1).len());
    assert_eq!(read(&(keys(1) + &spaces)), Ok(1));
    assert_eq!(read(&(keys(1) + &spaces + " ")), Err(JwksError::TooLong));
}
