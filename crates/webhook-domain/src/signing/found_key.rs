//! Keys as somebody finds them: in a scanner's output, a log, a repository. What is found may have lost its padding or have something
//! around it. Nothing is kept of a key but its fingerprint.

use std::collections::BTreeMap;

use data_encoding::{BASE64, BASE64_NOPAD};
use webhook_verify::{KeyPair, PublicKey, Secret};
use zeroize::Zeroizing;

use crate::error::InvalidValue;
use crate::signing::secret::Fingerprint;

const SECRET: &str = "whsec_";
const PRIVATE: &str = "whsk_";
const PUBLIC: &str = "whpk_";
/// What keys begin with.
const PREFIXES: [&str; 3] = [SECRET, PRIVATE, PUBLIC];
/// The most digits of a key: 64 bytes in base64.
const MOST_DIGITS: usize = 88;
/// `whsec_` in base64.
const ENCODED_SECRET: &str = "d2hzZWNf";
/// The most digits of a secret in base64, and a line's end behind it.
const MOST_ENCODED_DIGITS: usize = 128;

/// The fingerprint of a key that was found.
///
/// # Errors
/// When it is no key. The error does not repeat it.
pub fn fingerprint_of(text: &str) -> Result<Fingerprint, InvalidValue> {
    read(text).ok_or(InvalidValue::new(
        "must be a signing key: `whsec_` and the base64 of 24 to 64 bytes, `whpk_` and that of 32, or `whsk_` and that of 32 or 64",
    ))
}

fn read(text: &str) -> Option<Fingerprint> {
    let prefix = PREFIXES.into_iter().find(|prefix| text.starts_with(prefix))?;
    let digits = text[prefix.len()..].trim_end_matches('=');
    let bytes = Zeroizing::new(BASE64_NOPAD.decode(digits.as_bytes()).ok()?);
    // As the service writes it: with its padding.
    let whole = Zeroizing::new(format!("{prefix}{}", BASE64.encode(&bytes)));
    match prefix {
        SECRET => Secret::parse(&whole).ok().map(|_| Fingerprint::of(&whole)),
        PUBLIC => PublicKey::parse(&whole)
            .ok()
            .map(|key| Fingerprint::of(key.as_str())),
        _ => {
            // A private key is told by its public half, which may stand behind it.
            let (seed, public) = bytes.split_at_checked(32)?;
            let mut kept = Zeroizing::new([0; 32]);
            kept.copy_from_slice(seed);
            let pair = KeyPair::from_seed(&kept);
            let is_whole = public.is_empty() || public == pair.public_key().as_bytes();
            is_whole.then(|| Fingerprint::of(pair.public_key().as_str()))
        }
    }
}

/// What was found in a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The fingerprint of each key, and how often it stands there, in the order of first places.
    pub keys: Vec<(Fingerprint, u64)>,
    /// How many places begin like a key and are none.
    pub broken: u64,
}

/// Finds keys in text, a part at a time: in JSON, CSV, diffs, logs or a list with one a line, wherever they stand.
#[derive(Debug, Default)]
pub struct Finder {
    found: Found,
    places: BTreeMap<String, usize>,
}

impl Finder {
    /// Takes the keys of `line`, within which each stands whole. The digits that JSON and URLs may write otherwise are understood.
    pub fn read(&mut self, line: &str) {
        let line = unescaped(line);
        self.read_plain(&line);
        // A secret that is base64 once more, as Kubernetes keeps it, and as headers carry it.
        for (at, _) in line.match_indices(ENCODED_SECRET) {
            let digits = line[at..].bytes().take_while(|byte| is_digit(*byte));
            let end = at + digits.take(MOST_ENCODED_DIGITS).count();
            match BASE64_NOPAD.decode(&line.as_bytes()[at..end]) {
                Ok(bytes) => self.read_plain(&Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())),
                Err(_) => self.found.broken += 1,
            }
        }
    }

    fn read_plain(&mut self, line: &str) {
        let mut rest = line;
        while let Some(at) = rest.find("wh") {
            rest = &rest[at..];
            let Some(prefix) = PREFIXES.into_iter().find(|prefix| rest.starts_with(prefix)) else {
                rest = &rest[2..];
                continue;
            };
            let digits = rest[prefix.len()..].bytes().take_while(|byte| is_digit(*byte));
            let digits = digits.take(MOST_DIGITS + 1).count();
            let padding = rest[prefix.len() + digits..]
                .bytes()
                .take_while(|byte| *byte == b'=');
            let end = prefix.len() + digits + padding.take(2).count();
            match fingerprint_of(&rest[..end]) {
                Ok(key) => self.count(key),
                Err(_) => self.found.broken += 1,
            }
            rest = &rest[end..];
        }
    }

    fn count(&mut self, key: Fingerprint) {
        let next = self.found.keys.len();
        let place = *self.places.entry(key.as_str().to_owned()).or_insert(next);
        match self.found.keys.get_mut(place) {
            Some((_, times)) => *times += 1,
            None => self.found.keys.push((key, 1)),
        }
    }

    /// How many different keys were found so far.
    #[must_use]
    pub fn count_of_keys(&self) -> usize {
        self.found.keys.len()
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Found {
        self.found
    }
}

/// The text with `+`, `/` and `=` as they are, where it has them as escapes of JSON or of URLs.
fn unescaped(line: &str) -> Zeroizing<String> {
    const ESCAPES: [(&str, &str); 7] = [
        ("\\/", "/"),
        ("\\u002b", "+"),
        ("\\u002f", "/"),
        ("\\u003d", "="),
        ("%2b", "+"),
        ("%2f", "/"),
        ("%3d", "="),
    ];
    let mut text = Zeroizing::new(String::with_capacity(line.len()));
    let mut rest = line;
    while let Some(at) = rest.find(['\\', '%']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let is_next = |escape: &str| {
            rest.get(..escape.len())
                .is_some_and(|next| next.eq_ignore_ascii_case(escape))
        };
        let (length, meant) = match ESCAPES.into_iter().find(|(escape, _)| is_next(escape)) {
            Some((escape, meant)) => (escape.len(), meant),
            None => (1, &rest[..1]),
        };
        text.push_str(meant);
        rest = &rest[length..];
    }
    text.push_str(rest);
    text
}

/// A digit of standard base64.
const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::signing_protocol::SigningProtocol;
    use crate::testing::{ManualClock, SeededEntropy, fixtures};

    // printf 'whsec_/+8QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBA=' | sha256sum
    const KEY: &str = "whsec_/+8QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBA=";

    fn found(text: &str) -> (Vec<u64>, u64) {
        let mut finder = Finder::default();
        text.lines().for_each(|line| finder.read(line));
        let found = finder.finish();
        assert!(
            found
                .keys
                .iter()
                .all(|(key, _)| *key == fingerprint_of(KEY).unwrap()),
            "{found:?}"
        );
        (found.keys.iter().map(|(_, times)| *times).collect(), found.broken)
    }

    #[test]
    fn a_key_is_found_wherever_it_stands_and_however_it_is_written() {
        let bare = KEY.trim_end_matches('=');
        let url = KEY.replace('/', "%2F").replace('+', "%2b").replace('=', "%3D");
        let (php, gson) = (KEY.replace('/', "\\/"), KEY.replace('=', "\\u003d"));
        for text in [
            KEY.to_owned(),
            bare.to_owned(),
            format!("  {KEY}\r\n"),
            format!("-WEBHOOK_SECRET={KEY} # wh"),
            format!("?secret={url}&x=1"),
            format!("{{\"Secret\":\"{php}\"}}"),
            format!("{{\"Secret\":\"{gson}\"}}"),
            format!("say \"{bare}\\nwhere\" 100%"),
            format!("wh{KEY}"),
            format!("  secret: {}", BASE64.encode(KEY.as_bytes())),
            format!("X-Secret: {}", BASE64.encode(format!("{KEY}\n").as_bytes())),
            format!("äöü{KEY}äöü\\"),
        ] {
            assert_eq!(found(&text), (vec![1], 0), "{text}");
        }
        assert_eq!(found(&format!("{KEY},{KEY}\n{bare}\n")), (vec![3], 0));
        // Redacted, cut off, far too long, and what is no key at all.
        for (text, broken) in [
            ("whsec_REDACTED", 1),
            (&KEY[..20], 1),
            (&format!("whsec_{}", "A".repeat(500)), 1),
            ("whsec_ whpk_ whsk_", 3),
            ("what whether sha256:0123456789abcdef", 0),
        ] {
            assert_eq!(found(text), (vec![], broken), "{text}");
        }
    }

    #[test]
    fn a_private_key_is_told_by_its_public_half() {
        let entropy = SeededEntropy::default();
        let key = fixtures::new_key(ManualClock::START, &entropy).under(SigningProtocol::Ed25519);
        let (kept, public) = (key.kept(), key.verification_key().unwrap().text());
        let seed = BASE64.decode(&kept.expose().as_bytes()[5..]).unwrap();
        let of_seed = format!("whsk_{}", BASE64.encode(&seed[..32]));
        for text in [kept.expose(), public, of_seed.as_str()] {
            assert_eq!(fingerprint_of(text), Ok(key.fingerprint()));
        }
        let mut wrong = seed.clone();
        wrong[63] ^= 1;
        for bytes in [&wrong[..], &seed[..31], &seed[..40]] {
            assert!(fingerprint_of(&format!("whsk_{}", BASE64.encode(bytes))).is_err());
        }
    }
}
