//! The forms a secret may be written in.
//!
//! Each is what some encoder makes of the secret *inside* a longer text: base64 is therefore cut to the characters that
//! depend on no neighbour, at each of its three alignments.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER, HEXUPPER};

/// The forms of `bytes`, each with its name. Two may be the same, when there is nothing to be encoded.
pub(super) fn forms(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut forms = vec![
        ("as it is".to_owned(), bytes.to_vec()),
        ("in lower-case hex".to_owned(), HEXLOWER.encode(bytes).into()),
        ("in upper-case hex".to_owned(), HEXUPPER.encode(bytes).into()),
        ("as \\x escapes".to_owned(), escaped(bytes, "\\x", |_| false)),
        ("with \\x escapes".to_owned(), bytes.escape_ascii().collect()),
        ("as a list of numbers".to_owned(), numbers(bytes, ",")),
        ("as a spaced list of numbers".to_owned(), numbers(bytes, ", ")),
    ];
    for (name, encoding) in [("standard", &BASE64_NOPAD), ("URL-safe", &BASE64URL_NOPAD)] {
        for before in 0..3 {
            let form = format!("in {name} base64 after {before} bytes");
            forms.push((form, inner_base64(encoding, bytes, before)));
        }
    }
    for (name, kept) in PERCENT_ENCODERS {
        let encoded = escaped(bytes, "%", kept);
        forms.push((
            format!("percent-encoded in lower case {name}"),
            lower_escapes(&encoded),
        ));
        forms.push((format!("percent-encoded {name}"), encoded));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        forms.extend(forms_of_text(text));
    }
    forms
}

fn forms_of_text(text: &str) -> Vec<(String, Vec<u8>)> {
    let units = || text.encode_utf16();
    let json = serde_json::Value::from(text).to_string();
    let json = &json[1..json.len() - 1];
    let form_encoded: Vec<u8> = escaped(text.as_bytes(), "%", |byte| byte == b' ' || in_forms(byte));
    let plus: Vec<u8> = form_encoded
        .iter()
        .map(|byte| if *byte == b' ' { b'+' } else { *byte })
        .collect();
    [
        ("in lower case", text.to_lowercase().into_bytes()),
        ("in upper case", text.to_uppercase().into_bytes()),
        ("as a form encodes it in lower case", lower_escapes(&plus)),
        ("as a form encodes it", plus),
        ("as JSON", json.into()),
        ("as JSON with \\/", json.replace('/', "\\/").into_bytes()),
        (
            "as \\u escapes",
            units()
                .map(|unit| format!("\\u{unit:04x}"))
                .collect::<String>()
                .into(),
        ),
        (
            "as upper-case \\u escapes",
            units()
                .map(|unit| format!("\\u{unit:04X}"))
                .collect::<String>()
                .into(),
        ),
        ("as Rust shows it", text.escape_debug().to_string().into()),
        (
            "in UTF-16, little end first",
            units().flat_map(u16::to_le_bytes).collect(),
        ),
        (
            "in UTF-16, big end first",
            units().flat_map(u16::to_be_bytes).collect(),
        ),
    ]
    .map(|(name, form)| (name.to_owned(), form))
    .into()
}

type Kept = fn(u8) -> bool;

/// What each percent-encoder leaves as it is.
const PERCENT_ENCODERS: [(&str, Kept); 4] = [
    ("fully", |_| false),
    ("by RFC 3986", |byte| {
        byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
    }),
    ("as JavaScript does", |byte| {
        byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte)
    }),
    ("where only letters and digits stay", |byte| {
        byte.is_ascii_alphanumeric()
    }),
];

/// The `application/x-www-form-urlencoded` serializer of the URL standard.
fn in_forms(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"*-._".contains(&byte)
}

/// `bytes` with all but the kept ones as `escape` and two upper-case hex digits.
fn escaped(bytes: &[u8], escape: &str, kept: impl Fn(u8) -> bool) -> Vec<u8> {
    let encode = |byte: &u8| match kept(*byte) {
        true => vec![*byte],
        false => format!("{escape}{byte:02X}").into_bytes(),
    };
    bytes.iter().flat_map(encode).collect()
}

/// `encoded` with the hex digits behind each `%` in lower case.
fn lower_escapes(encoded: &[u8]) -> Vec<u8> {
    let mut lower = encoded.to_vec();
    let places: Vec<usize> = (0..lower.len()).filter(|at| lower[*at] == b'%').collect();
    for at in places {
        lower[at + 1..at + 3].make_ascii_lowercase();
    }
    lower
}

/// The characters of base64 that stand for `bytes` alone, with `before` other bytes in front of them.
fn inner_base64(encoding: &Encoding, bytes: &[u8], before: usize) -> Vec<u8> {
    let mut padded = vec![0; before];
    padded.extend_from_slice(bytes);
    let (begin, end) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    encoding.encode(&padded).as_bytes()[begin..end].to_vec()
}

fn numbers(bytes: &[u8], separator: &str) -> Vec<u8> {
    let texts: Vec<String> = bytes.iter().map(u8::to_string).collect();
    texts.join(separator).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(bytes: &[u8], name: &str) -> String {
        let found = forms(bytes).into_iter().find(|(form, _)| form == name);
        let (_, form) = found.unwrap_or_else(|| panic!("there is no form {name}"));
        String::from_utf8(form).expect("text")
    }

    #[test]
    fn base64_is_recognised_between_any_neighbours() {
        let secret = b"xq7Z\xff\xfemPvR9tLw4s";
        for encoding in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
            for before in [0, 1, 2, 3, 4, 5] {
                for after in 0..4 {
                    let text = [vec![0xA5; before], secret.to_vec(), vec![0x5A; after]].concat();
                    let encoded = encoding.encode(&text);
                    let found = forms(secret)
                        .iter()
                        .any(|(_, form)| encoded.contains(&*String::from_utf8_lossy(form)));
                    assert!(found, "{before} {after}: {encoded}");
                }
            }
        }
    }

    #[test]
    fn each_form_is_what_its_encoder_makes() {
        let secret = "a/\"+ é".as_bytes();
        for (name, expected) in [
            ("as it is", "a/\"+ é"),
            ("in lower-case hex", "612f222b20c3a9"),
            ("in upper-case hex", "612F222B20C3A9"),
            ("in standard base64 after 0 bytes", "YS8iKyDDq"),
            ("in standard base64 after 1 bytes", "EvIisgw6"),
            ("in URL-safe base64 after 2 bytes", "hLyIrIMOp"),
            ("percent-encoded fully", "%61%2F%22%2B%20%C3%A9"),
            ("percent-encoded in lower case by RFC 3986", "a%2f%22%2b%20%c3%a9"),
            ("as a form encodes it", "a%2F%22%2B+%C3%A9"),
            ("as JSON", "a/\\\"+ é"),
            ("as JSON with \\/", "a\\/\\\"+ é"),
            ("as \\u escapes", "\\u0061\\u002f\\u0022\\u002b\\u0020\\u00e9"),
            (
                "as upper-case \\u escapes",
                "\\u0061\\u002F\\u0022\\u002B\\u0020\\u00E9",
            ),
            ("as a list of numbers", "97,47,34,43,32,195,169"),
        ] {
            assert_eq!(form(secret, name), expected, "{name}");
        }
        assert_eq!(form(b"ab", "in UTF-16, little end first"), "a\0b\0");
        assert_eq!(form(b"ab", "in UTF-16, big end first"), "\0a\0b");
    }
}
