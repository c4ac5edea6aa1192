//! Looks for secrets in whatever a deployment leaves behind: files, logs, answers.
//!
//! A [`Searcher`] is made of the secrets there are, and finds each in every form a program may have written it in
//! (`forms.rs`), all of them in one pass over a place. What it tells of a hit names the secret, the form and the place,
//! and shows no more of the secret than its first two characters: a test's output is a log, too.

mod forms;

use std::{collections::BTreeSet, fmt};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use data_encoding::BASE64;

use self::forms::forms;

/// Shorter than this, a form would be found by chance, and prove nothing.
const LEAST_FORM: usize = 8;

/// A value that must be nowhere but where it was put on purpose.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    name: String,
    bytes: Vec<u8>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret({})", self.name)
    }
}

impl Secret {
    /// `bytes`, called `name` where they are found.
    pub fn new(name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref().to_vec();
        assert!(
            bytes.len() >= LEAST_FORM,
            "{name} is too short to be looked for: it would be found by chance"
        );
        Self {
            name: name.to_owned(),
            bytes,
        }
    }

    /// A text that is base64 of a key, with `prefix` before it: the text, and the bytes it stands for.
    #[track_caller]
    pub fn key(name: &str, prefix: &str, text: &str) -> [Self; 2] {
        let encoded = text.strip_prefix(prefix).expect("a key begins with its prefix");
        let bytes = BASE64.decode(encoded.as_bytes()).expect("a key is base64");
        [
            Self::new(name, text),
            Self::new(&format!("the bytes of {name}"), bytes),
        ]
    }
}

/// A secret that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Where.
    pub place: String,
    /// The secret's name.
    pub secret: String,
    /// How it was written.
    pub form: String,
    /// Its beginning, as a hint which value of that name it is.
    pub hint: String,
    /// The first of the bytes in that place.
    pub offset: usize,
}

impl fmt::Display for Hit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            secret,
            form,
            hint,
            offset,
        } = self;
        write!(formatter, "{place}: {secret} ({hint}…), {form}, at byte {offset}")
    }
}

/// Finds secrets.
pub struct Searcher {
    secrets: Vec<Secret>,
    /// Whose form each pattern is, and what the form is called.
    patterns: Vec<(usize, String)>,
    automaton: AhoCorasick,
}

impl Searcher {
    /// Looks for `secrets`.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let secrets: BTreeSet<Secret> = secrets.into_iter().collect();
        let secrets: Vec<Secret> = secrets.into_iter().collect();
        let mut patterns = Vec::new();
        let mut needles = Vec::new();
        for (place, secret) in secrets.iter().enumerate() {
            for (form, needle) in forms(&secret.bytes) {
                if needle.len() >= LEAST_FORM && !needles.contains(&needle) {
                    patterns.push((place, form));
                    needles.push(needle);
                }
            }
        }
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&needles)
            .expect("the forms fit into memory");
        Self {
            secrets,
            patterns,
            automaton,
        }
    }

    /// What is found in `haystack`, which is called `place`: each form of each secret once.
    pub fn search(&self, place: &str, haystack: &[u8]) -> Vec<Hit> {
        let mut seen = BTreeSet::new();
        let found = self.automaton.find_overlapping_iter(haystack);
        found
            .filter(|found| seen.insert(found.pattern()))
            .map(|found| {
                let (secret, form) = &self.patterns[found.pattern().as_usize()];
                let secret = &self.secrets[*secret];
                Hit {
                    place: place.to_owned(),
                    secret: secret.name.clone(),
                    form: form.clone(),
                    hint: String::from_utf8_lossy(&secret.bytes).chars().take(2).collect(),
                    offset: found.start(),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All bytes there are, and texts with everything in them that one form or another changes.
    fn awkward() -> Vec<Secret> {
        let all: Vec<u8> = (0..=255).rev().collect();
        let mut secrets = vec![
            Secret::new("bytes", &all[..]),
            Secret::new("a text", "p/\"ss +w\\rd&1\t?=é~\u{1}"),
            Secret::new("a plain text", "xq7Zk2mPvR9tLw4s"),
        ];
        secrets.extend(Secret::key(
            "a signing key",
            "whsec_",
            &format!("whsec_{}", BASE64.encode(&all[3..35])),
        ));
        secrets
    }

    #[test]
    fn each_form_of_each_secret_is_found_wherever_it_is_planted() {
        let secrets = awkward();
        let searcher = Searcher::new(secrets.clone());
        let noise = b"{\"a\":\"no secret\"}\0\xff\xfe".repeat(300);
        assert_eq!(searcher.search("noise", &noise), []);
        for secret in &secrets {
            let forms = forms(&secret.bytes);
            assert!(forms.len() > 10);
            for (form, needle) in forms {
                for at in [0, 1, 4_095, noise.len()] {
                    let haystack = [&noise[..at], &needle, &noise[at..]].concat();
                    let hits = searcher.search("a file", &haystack);
                    let hit = hits
                        .iter()
                        .find(|hit| hit.offset == at)
                        .unwrap_or_else(|| panic!("{form} of {secret:?} is not found"));
                    assert_eq!(hit.place, "a file");
                }
            }
        }
    }

    #[test]
    fn a_secret_that_others_overlap_is_found_too() {
        let whole = Secret::new("whole", "xq7Zk2mPvR9tLw4s");
        let part = Secret::new("part", "k2mPvR9tLw");
        let hits = Searcher::new([whole, part]).search("x", b"..xq7Zk2mPvR9tLw4s..");
        let mut found: Vec<&str> = hits.iter().map(|hit| hit.secret.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, ["part", "whole"]);
    }

    #[test]
    fn a_hit_says_what_and_where_and_does_not_repeat_the_secret() {
        let text = "xq7Zk2mPvR9tLw4s";
        let searcher = Searcher::new([Secret::new("the password", text)]);
        let hits = searcher.search("the log", format!("pw={text}").as_bytes());
        assert_eq!(hits.len(), 1);
        let told = hits[0].to_string();
        assert_eq!(told, "the log: the password (xq…), as it is, at byte 3");
        assert!(!format!("{:?}", Secret::new("the password", text)).contains("xq"));
    }

    #[test]
    #[should_panic(expected = "too short")]
    fn what_would_be_found_by_chance_is_not_looked_for() {
        let _ = Secret::new("pin", "1234");
    }
}
