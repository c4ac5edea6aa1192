//! The trail of a run: the secrets it handled, and everything that must not hold them.
//!
//! What an answer shows on purpose, a key in the field that is for it, is learnt as a secret and blanked; the rest of
//! the answer is searched like everything else.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use webhook_tests::{
    Answer,
    leaks::{Hit, Searcher, Secret},
    server::Ended,
};

/// The fields of answers that show a secret on purpose.
const SHOWN_ON_PURPOSE: [&str; 3] = ["secret_key", "previous_secret_key", "api_key"];

#[derive(Default)]
pub(crate) struct Trail {
    secrets: BTreeSet<Secret>,
    places: BTreeMap<String, Vec<u8>>,
    refusals: usize,
}

impl Trail {
    /// Learns a secret that is its own text.
    pub(crate) fn know(&mut self, name: &str, text: &str) {
        self.secrets.insert(Secret::new(name, text));
    }

    /// Learns a master key.
    pub(crate) fn know_master_key(&mut self, name: &str, text: &str) {
        self.secrets.extend(Secret::key(name, "", text));
    }

    /// Learns a signing key.
    pub(crate) fn know_signing_key(&mut self, text: &str) {
        self.secrets.extend(Secret::key("a signing key", "whsec_", text));
    }

    /// Learns an API key: its text, and the part behind the id, which alone is secret.
    pub(crate) fn know_api_key(&mut self, name: &str, text: &str) {
        self.know(name, text);
        self.know(
            &format!("the secret part of {name}"),
            &text["whkey_".len() + 26..],
        );
    }

    /// Learns a bearer token: its text, and its signature as text and as bytes.
    pub(crate) fn know_token(&mut self, name: &str, text: &str) {
        let (_, signature) = text.rsplit_once('.').expect("a token has three parts");
        self.know(name, text);
        self.know(&format!("the signature of {name}"), signature);
        let bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).expect("a signature");
        let name = format!("the bytes of the signature of {name}");
        self.secrets.insert(Secret::new(&name, bytes));
    }

    /// Adds a place; what was already left in one of that name stays.
    pub(crate) fn leave(&mut self, place: &str, bytes: impl AsRef<[u8]>) {
        let left = self.places.entry(place.to_owned()).or_default();
        left.extend_from_slice(bytes.as_ref());
        left.push(0);
    }

    /// Adds an answer, head and body, in which nothing is shown on purpose.
    pub(crate) fn answered(&mut self, place: &str, answer: &Answer) {
        self.refusals += usize::from(answer.status >= 400);
        self.leave(&format!("the answer to {place}"), head(answer));
        self.leave(&format!("the answer to {place}"), &answer.body);
    }

    /// Adds an answer that may show keys in the fields that are for them.
    #[track_caller]
    pub(crate) fn showed(&mut self, place: &str, answer: &Answer) {
        assert!(answer.status < 300, "{place}: {}", answer.shown());
        let mut json = answer.json();
        self.blank(&mut json);
        self.leave(&format!("the answer to {place}"), head(answer));
        self.leave(&format!("the answer to {place}"), json.to_string());
    }

    fn blank(&mut self, json: &mut Value) {
        match json {
            Value::Object(object) => {
                for (name, value) in object {
                    match value
                        .as_str()
                        .filter(|_| SHOWN_ON_PURPOSE.contains(&name.as_str()))
                    {
                        Some(text) if text.starts_with("whsec_") => self.know_signing_key(text),
                        Some(text) => self.know_api_key("an API key made over HTTP", text),
                        None => {
                            self.blank(value);
                            continue;
                        }
                    }
                    *value = Value::Null;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.blank(item)),
            _ => {}
        }
    }

    /// Adds both streams of a program.
    pub(crate) fn wrote(&mut self, place: &str, ended: &Ended) {
        self.leave(&format!("standard output of {place}"), &ended.stdout);
        self.leave(&format!("standard error of {place}"), &ended.stderr);
    }

    /// Adds what a program wrote whose standard output is for the keys it shows.
    #[track_caller]
    pub(crate) fn wrote_keys(&mut self, place: &str, ended: &Ended) {
        let in_key = |letter: char| letter.is_ascii_alphanumeric() || "_+/=".contains(letter);
        for word in ended.expect_success().split(|letter| !in_key(letter)) {
            match word {
                _ if word.starts_with("whsec_") => self.know_signing_key(word),
                _ if word.starts_with("whkey_") => {
                    self.know_api_key("an API key made by the command line", word)
                }
                _ => {}
            }
        }
        self.leave(&format!("standard error of {place}"), &ended.stderr);
    }

    /// Asserts that `control`, which is no secret, was left where the name of a place has `part` in it: that the place
    /// was read at all, and is not encrypted or compressed.
    #[track_caller]
    pub(crate) fn expect_control(&self, control: &str, part: &str) {
        let searcher = Searcher::new([Secret::new("a control", control)]);
        let mut places = self.places.iter().filter(|(place, _)| place.contains(part));
        assert!(
            places.any(|(place, bytes)| !searcher.search(place, bytes).is_empty()),
            "`{control}` is no secret, and is to be found in {part}"
        );
    }

    pub(crate) fn refusals(&self) -> usize {
        self.refusals
    }

    pub(crate) fn secrets(&self) -> usize {
        self.secrets.len()
    }

    /// Every secret in every place.
    pub(crate) fn hits(&self) -> Vec<Hit> {
        let searcher = Searcher::new(self.secrets.iter().cloned());
        let places = self.places.iter();
        places
            .flat_map(|(place, bytes)| searcher.search(place, bytes))
            .collect()
    }

    #[track_caller]
    pub(crate) fn expect_no_hit(&self) {
        let hits: Vec<String> = self.hits().iter().map(ToString::to_string).collect();
        assert!(hits.is_empty(), "{} hits:\n{}", hits.len(), hits.join("\n"));
    }
}

fn head(answer: &Answer) -> String {
    let lines: Vec<String> = answer
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.join("\n")
}
