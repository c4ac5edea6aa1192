//! Attacks by the token's form: its parts, their encoding, its signature.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};
use serde_json::json;

use super::super::issuer::{Key, base64, claims, signed_part, with};
use super::{Attack, Parties};

pub(super) fn attacks(parties: &Parties) -> Vec<Attack> {
    let mut table = Vec::new();
    for (key, stranger) in parties.issuers.iter().zip(&parties.strangers) {
        let good = key.token(&key.header(), &claims());
        table.extend(broken(key, &good));
        table.extend(signatures(key, stranger));
        table.extend(other_encodings(key));
    }
    table.extend(fixed_signatures(&parties.issuers[1]));
    table.extend(nonsense());
    table
}

/// The parts of a good token, put together otherwise.
fn broken(key: &Key, good: &str) -> Vec<Attack> {
    let parts: Vec<&str> = good.split('.').collect();
    let [head, payload, signature] = parts[..] else {
        panic!("a token has three parts");
    };
    let padded = |part: &str| BASE64URL.encode(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap());
    let mut tokens = vec![
        format!("{head}.{payload}."),
        format!("{head}.{payload}"),
        format!("{head}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{payload}.{head}.{signature}"),
        format!("{good}."),
        format!("{good}.."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{head}.{good}"),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{head} .{payload}.{signature}"),
        format!("{head}.{payload}\r\n.{signature}"),
        format!("{good}="),
        format!("{good}=="),
        format!("{head}=.{payload}.{signature}"),
        format!("{head}.{payload}=.{signature}"),
        format!("{head}.{payload}.{}", padded(signature)),
        format!("{head}.{payload}.+/{}", &signature[2..]),
        format!("{head}.{payload}.%2e{signature}"),
        format!("{head}.{payload}.{signature}\0"),
        format!("{head}.{payload}.{signature}é"),
        format!("{head}.{payload}.{}", &signature[..signature.len() - 1]),
        format!("{head}.{payload}.{}", &signature[1..]),
        format!("{head}.{payload}.{}", &signature[..signature.len() / 2]),
        format!("{head}.{payload}.{signature}A"),
        format!("{head}.{payload}.{signature}AAAA"),
        format!("{head}.{payload}.{signature}{signature}"),
        format!("Bearer {good}"),
        good.to_uppercase(),
        good.repeat(2),
        format!("{head}.{payload}.{}", with_a_spare_bit(signature)),
        // JSON serialisation, flattened and general (RFC 7515 §7.2).
        json!({"payload": payload, "protected": head, "signature": signature}).to_string(),
        json!({"payload": payload, "signatures": [{"protected": head, "signature": signature}]}).to_string(),
        // A token in a token (RFC 7519 §5.2).
        key.token_of_texts(&with(key.header(), "cty", "JWT").to_string(), good),
        // Five parts: encrypted (RFC 7516 §7.1).
        format!("{head}.{payload}.{signature}.{payload}.{signature}"),
        format!(
            "{}.{payload}.{payload}.{payload}.{signature}",
            base64(r#"{"alg":"dir","enc":"A256GCM"}"#)
        ),
        // More than is looked at.
        key.token(&key.header(), &with(claims(), "padding", "x".repeat(8_192))),
        key.token(&with(key.header(), "padding", "x".repeat(8_192)), &claims()),
    ];
    let bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    for position in [0, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        tokens.push(format!("{head}.{payload}.{}", base64(changed)));
    }
    tokens
        .extend(claims_that_are_no_object().map(|text| key.token_of_texts(&key.header().to_string(), &text)));
    named(&format!("{} broken", key.alg), tokens)
}

/// The last character of a signature has bits that stand for nothing. With one of them set it is another text.
fn with_a_spare_bit(signature: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = signature.split_at(signature.len() - 1);
    let index = ALPHABET.find(last).unwrap();
    assert_eq!(index % 2, 0, "the last bit is spare");
    format!("{rest}{}", &ALPHABET[index + 1..index + 2])
}

/// Texts that other decoders would read, under good signatures of just these texts.
fn other_encodings(key: &Key) -> Vec<Attack> {
    // Of a length that base64 would pad, and with bytes that its alphabets spell differently.
    let header = (0..3).map(|length| with(key.header(), "x", "~".repeat(length)).to_string());
    let header = header.into_iter().find(|header| header.len() % 3 != 0).unwrap();
    let claims =
        (0..3).map(|length| with(claims(), "x", format!("???>>>~~~{}", "?".repeat(length))).to_string());
    let claims = claims.into_iter().find(|claims| claims.len() % 3 != 0).unwrap();
    let (plain_head, plain_claims) = (base64(&header), base64(&claims));
    let padded = |text: &str| BASE64URL.encode(text.as_bytes());
    let messages = [
        format!("{}.{plain_claims}", padded(&header)),
        format!("{plain_head}.{}", padded(&claims)),
        format!("{}.{}", padded(&header), padded(&claims)),
        format!("{plain_head}.{}", BASE64_NOPAD.encode(claims.as_bytes())),
        format!("{plain_head}.{}", BASE64.encode(claims.as_bytes())),
        format!("{plain_head}.{plain_claims}\n"),
        format!("{plain_head}\n.{plain_claims}"),
        format!(" {plain_head}.{plain_claims}"),
        format!("{plain_head}.{} {}", &plain_claims[..4], &plain_claims[4..]),
        format!("{plain_head}.{}\r\n{}", &plain_claims[..4], &plain_claims[4..]),
        format!("{plain_head}.{}", with_a_spare_bit(&plain_claims)),
        format!("{plain_head}.{claims}"),
        format!("{header}.{plain_claims}"),
        format!("{plain_head}.{}", base64(&plain_claims)),
        format!("{plain_head}..{plain_claims}"),
        format!("{plain_head}.{plain_claims}."),
        plain_claims,
    ];
    let sign = |message: String| format!("{message}.{}", base64(key.sign(message.as_bytes())));
    named(&format!("{} encoded otherwise", key.alg), messages.map(sign))
}

fn claims_that_are_no_object() -> impl Iterator<Item = String> {
    let good = claims().to_string();
    [
        String::new(),
        "null".into(),
        "[]".into(),
        "{}".into(),
        "1".into(),
        format!("[{good}]"),
        format!("{good}{good}"),
        format!("{good} x"),
        format!("\u{feff}{good}"),
        good[..good.len() - 1].to_owned(),
        "[".repeat(2_000),
        format!("{}\"x\":{}}}", good.replace('}', ","), "[".repeat(2_000)),
    ]
    .into_iter()
}

/// A good signature of something else, or a stranger's, or of other bytes than those that are read.
fn signatures(key: &Key, stranger: &Key) -> Vec<Attack> {
    let good = key.token(&key.header(), &claims());
    let other = key.token(&key.header(), &with(claims(), "platform_id", "other"));
    let parts: Vec<&str> = good.split('.').collect();
    let others: Vec<&str> = other.split('.').collect();
    let raised = base64(with(claims(), "permissions", json!(["WEBHOOK.REVEAL"])).to_string());
    let header = base64(with(key.header(), "x", 1).to_string());
    let text = format!("{}.{}", key.header(), claims());
    let tokens = vec![
        format!("{}.{}.{}", parts[0], parts[1], others[2]),
        format!("{}.{}.{}", parts[0], others[1], parts[2]),
        format!("{}.{raised}.{}", parts[0], parts[2]),
        format!("{header}.{}.{}", parts[1], parts[2]),
        stranger.token(&key.header(), &claims()),
        format!(
            "{}.{}.{}",
            parts[0],
            parts[1],
            base64(key.sign(parts[1].as_bytes()))
        ),
        format!("{}.{}.{}", parts[0], parts[1], base64(key.sign(text.as_bytes()))),
        format!("{}.{}.{}", parts[0], parts[1], base64(key.sign(b""))),
        format!("{}.{}.{}", parts[0], parts[1], base64(key.public())),
        format!(
            "{}.{}.{}",
            parts[0],
            parts[1],
            base64(vec![0; key.sign(b"").len()])
        ),
        format!(
            "{}.{}.{}",
            parts[0],
            parts[1],
            base64(vec![0xFF; key.sign(b"").len()])
        ),
    ];
    named(&format!("{} signature", key.alg), tokens)
}

/// ES256 has r and s in 32 bytes each (RFC 7518 §3.4), both within 1 and the order less 1.
fn fixed_signatures(key: &Key) -> Vec<Attack> {
    const ORDER: [u8; 32] = [
        0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA,
        0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ];
    let message = signed_part(&key.header().to_string(), &claims().to_string());
    let signature = key.sign(message.as_bytes());
    let (r, s) = signature.split_at(32);
    let one = [&[0; 31][..], &[1]].concat();
    let signatures = [
        der(r, s),
        [0; 64].to_vec(),
        [r, &[0; 32]].concat(),
        [&[0; 32], s].concat(),
        [ORDER, ORDER].concat(),
        [r, &ORDER].concat(),
        [&ORDER, s].concat(),
        [one.clone(), one].concat(),
        [s, r].concat(),
        [&[0], r, &[0], s].concat(),
        [&[0; 32], r, &[0; 32], s].concat(),
    ];
    let tokens = signatures.map(|signature| format!("{message}.{}", base64(signature)));
    named("ES256 numbers", tokens)
}

/// The two numbers in ASN.1, as other protocols have them.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| {
        let significant = bytes.iter().skip_while(|byte| **byte == 0).copied();
        let mut value: Vec<u8> = significant.collect();
        if value[0] >= 0x80 {
            value.insert(0, 0);
        }
        [&[2, u8::try_from(value.len()).unwrap()], value.as_slice()].concat()
    };
    let numbers = [number(r), number(s)].concat();
    [&[0x30, u8::try_from(numbers.len()).unwrap()], numbers.as_slice()].concat()
}

fn nonsense() -> Vec<Attack> {
    let tokens = [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a.b.c".into(),
        "e30.e30.".into(),
        "e30.e30.e30".into(),
        "\0.\0.\0".into(),
        "é.é.é".into(),
        ".".repeat(8_192),
        ".".repeat(1_000_000),
        "A".repeat(8_192),
        "A".repeat(1_000_000),
        format!("{}.e30.e30", base64("[".repeat(4_000))),
        format!("{}.e30.e30", base64(r#"{"a":"#.repeat(1_000))),
    ];
    named("nonsense", tokens)
}

fn named(name: &str, tokens: impl IntoIterator<Item = String>) -> Vec<Attack> {
    let number = |(number, token): (usize, String)| (format!("{name}, number {number}"), token);
    (1..).zip(tokens).map(number).collect()
}
