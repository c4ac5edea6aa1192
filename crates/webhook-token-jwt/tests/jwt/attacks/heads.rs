//! Attacks by the head: the algorithm, the key's name, a key that the token brings, what must be understood.

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use ring::hmac;
use serde_json::{Value, json};

use super::super::issuer::{Key, base64, claims, jwks, signed_part, with, without};
use super::{Attack, Parties};

pub(super) fn attacks(parties: &Parties) -> Vec<Attack> {
    let mut table = Vec::new();
    for (key, stranger) in parties.issuers.iter().zip(&parties.strangers) {
        table.extend(no_algorithm(key));
        table.extend(public_key_as_secret(key));
        table.extend(another_algorithm(key, &parties.issuers));
        table.extend(brought_key(key, stranger));
        table.extend(name_of_the_key(key, stranger));
        table.extend(not_understood(key));
    }
    table
}

/// `none`, signed by nobody, by the key, or by anything.
fn no_algorithm(key: &Key) -> Vec<Attack> {
    let names = ["none", "None", "NONE", "nOnE", "none ", " none", "none\0", ""];
    let mut heads: Vec<Value> = names.iter().map(|alg| with(key.header(), "alg", *alg)).collect();
    heads.extend(
        [
            Value::Null,
            json!(0),
            json!(["none"]),
            json!([key.alg]),
            json!({"alg": key.alg}),
        ]
        .map(|alg| with(key.header(), "alg", alg)),
    );
    heads.push(without(key.header(), "alg"));
    heads.push(json!({"alg": "none"}));
    heads.push(json!({"alg": "none", "typ": "JWT"}));
    let signed = heads.iter().map(|head| key.token(head, &claims()));
    let unsigned = heads
        .iter()
        .map(|head| signed_part(&head.to_string(), &claims().to_string()));
    let unsigned = unsigned.flat_map(|part| [format!("{part}."), format!("{part}.AAAA"), part]);
    let name = |token| (format!("no algorithm: {}", key.alg), token);
    signed.chain(unsigned).map(name).collect()
}

/// HS256 (384, 512) under every spelling of the public key that an attacker may try for a secret.
fn public_key_as_secret(key: &Key) -> Vec<Attack> {
    let public = key.public();
    let info = subject_public_key_info(key);
    let pem = pem("PUBLIC KEY", &info);
    let jwk = key.jwk();
    let mut secrets: Vec<Vec<u8>> = vec![
        Vec::new(),
        key.kid.into(),
        pem.trim_end().into(),
        pem.replace('\n', "\r\n").into(),
        pem.lines()
            .filter(|line| !line.starts_with('-'))
            .collect::<String>()
            .into(),
        pem.into(),
        self::pem("RSA PUBLIC KEY", &public).into(),
        jwk.to_string().into(),
        jwks(std::slice::from_ref(&jwk)).into(),
    ];
    for bytes in [&public, &info] {
        secrets.push(bytes.clone());
        secrets.extend([BASE64, BASE64URL_NOPAD, HEXLOWER].map(|text| text.encode(bytes).into()));
    }
    for member in ["n", "x", "y", "e"] {
        if let Some(text) = jwk[member].as_str() {
            secrets.push(text.into());
            secrets.push(BASE64URL_NOPAD.decode(text.as_bytes()).unwrap());
        }
    }
    let algorithms = [
        ("HS256", hmac::HMAC_SHA256),
        ("HS384", hmac::HMAC_SHA384),
        ("HS512", hmac::HMAC_SHA512),
        // The head lies about what the tag is.
        (key.alg, hmac::HMAC_SHA256),
    ];
    let mut table = Vec::new();
    for (alg, algorithm) in algorithms {
        for secret in &secrets {
            let message = signed_part(&with(key.header(), "alg", alg).to_string(), &claims().to_string());
            let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
            table.push((
                format!("{} to {alg}", key.alg),
                format!("{message}.{}", base64(tag)),
            ));
        }
    }
    table
}

fn subject_public_key_info(key: &Key) -> Vec<u8> {
    let before = match key.alg {
        "EdDSA" => "302a300506032b6570032100",
        "ES256" => "3059301306072a8648ce3d020106082a8648ce3d030107034200",
        _ => "30820122300d06092a864886f70d01010105000382010f00",
    };
    [HEXLOWER.decode(before.as_bytes()).unwrap(), key.public()].concat()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

/// The name of one key with the algorithm or the signature of another.
fn another_algorithm(key: &Key, keys: &[Key; 3]) -> Vec<Attack> {
    let mut table = Vec::new();
    for other in keys.iter().filter(|other| other.kid != key.kid) {
        let name = format!("{} and {} mixed up", key.alg, other.alg);
        for head in [
            key.header(),
            other.header(),
            with(key.header(), "alg", other.alg),
            with(key.header(), "kid", other.kid),
        ] {
            let signed_by_the_wrong_one = if head == key.header() { other } else { key };
            table.push((name.clone(), signed_by_the_wrong_one.token(&head, &claims())));
        }
        let head = with(key.header(), "alg", other.alg);
        table.push((name.clone(), other.token(&head, &claims())));
    }
    let related = [
        "PS256", "RS384", "RS512", "ES384", "ES512", "ES256K", "Ed25519", "Ed448", "EDDSA", "rs256", "es256",
    ];
    table.extend(related.map(|alg| {
        let name = format!("{} called {alg}", key.alg);
        (name, key.token(&with(key.header(), "alg", alg), &claims()))
    }));
    table
}

/// A stranger's key comes with the token, or is said to be somewhere.
fn brought_key(key: &Key, stranger: &Key) -> Vec<Attack> {
    let address = json!("https://stranger.example/keys.json");
    let certificate = json!([BASE64.encode(&stranger.public())]);
    let mut members = vec![
        ("jku", address.clone()),
        ("jku", json!("file:///proc/self/environ")),
        ("x5u", address),
        ("jwk", stranger.jwk()),
        ("jwk", key.jwk()),
        (
            "jwk",
            json!({"kty": "oct", "k": base64("secret"), "alg": "HS256"}),
        ),
        ("x5c", certificate),
    ];
    members.extend(["jku", "x5u", "jwk", "x5c"].map(|member| (member, json!(""))));
    let mut table = Vec::new();
    for (member, value) in members {
        let head = with(key.header(), member, value);
        let strangers_name = with(head.clone(), "kid", "stranger");
        let name = format!("{} with {member}", key.alg);
        // A good signature does not make the key that was brought good.
        table.push((name.clone(), key.token(&head, &claims())));
        for head in [head.clone(), strangers_name, without(head, "kid")] {
            table.push((name.clone(), stranger.token(&head, &claims())));
        }
    }
    table.push((
        format!("{} of a stranger", key.alg),
        stranger.token(&key.header(), &claims()),
    ));
    table
}

fn name_of_the_key(key: &Key, stranger: &Key) -> Vec<Attack> {
    let kid = key.kid;
    let wrong = [
        json!(""),
        json!("unknown"),
        json!(null),
        json!(0),
        json!(1.5),
        json!(true),
        json!([kid]),
        json!({"kid": kid}),
        json!(kid.to_uppercase()),
        json!(format!("{kid} ")),
        json!(format!(" {kid}")),
        json!(format!("{kid}\0")),
        json!(format!("./{kid}")),
        json!("../../../../dev/null"),
        json!("/dev/null"),
        json!("/proc/sys/kernel/randomize_va_space"),
        json!("file:///dev/null"),
        json!("https://stranger.example/key"),
        json!(format!("{kid}' OR '1'='1")),
        json!("x' UNION SELECT 'c2VjcmV0' -- "),
        json!("key|id"),
        json!("%65%64-1"),
        json!("*"),
        json!("0"),
        json!("__proto__"),
        json!("k".repeat(4_000)),
    ];
    let mut heads: Vec<Value> = wrong
        .into_iter()
        .map(|wrong| with(key.header(), "kid", wrong))
        .collect();
    heads.push(without(key.header(), "kid"));
    let name = format!("kid of {}", key.alg);
    let mut table: Vec<Attack> = Vec::new();
    for head in &heads {
        table.push((format!("{name}: {head}"), key.token(head, &claims())));
        table.push((
            format!("{name}, a stranger's: {head}"),
            stranger.token(head, &claims()),
        ));
    }
    let (alg, claims) = (key.alg, claims().to_string());
    for head in [
        format!(r#"{{"alg":"{alg}","kid":"{kid}","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"{alg}","kid":"unknown","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"{alg}","alg":"{alg}","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"none","alg":"{alg}","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"{alg}","alg":"none","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"{alg}","\u0061lg":"HS256","kid":"{kid}"}}"#),
    ] {
        table.push((
            format!("twice in one head: {head}"),
            key.token_of_texts(&head, &claims),
        ));
    }
    table
}

fn not_understood(key: &Key) -> Vec<Attack> {
    let head = || key.header();
    let heads = [
        with(head(), "crit", json!(["exp"])),
        with(head(), "crit", json!(["b64"])),
        with(head(), "crit", json!([])),
        with(head(), "crit", json!("exp")),
        with(with(head(), "crit", json!(["b64"])), "b64", false),
        with(head(), "b64", false),
        with(head(), "b64", true),
        with(head(), "b64", json!(null)),
        with(head(), "zip", "DEF"),
        with(head(), "enc", "A256GCM"),
        with(head(), "typ", "JWE"),
        with(head(), "typ", "secevent+jwt"),
        with(head(), "typ", "dpop+jwt"),
        with(head(), "typ", ""),
        with(head(), "typ", 1),
        with(head(), "typ", json!(["JWT"])),
        json!([head()]),
        json!(null),
        json!("JWT"),
    ];
    let name = |head: Value| (format!("not understood: {head}"), key.token(&head, &claims()));
    heads.into_iter().map(name).collect()
}
