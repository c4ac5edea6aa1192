//! The beginning of a failed answer's body: often it says what was wrong.
//!
//! The text is the receiver's, and a receiver may repeat what it was asked. So whatever of it is a credential, a signing secret or a
//! signature is replaced before the text goes anywhere: as it is, in base64 or hex, and however JSON, HTML or a URL escapes it.

mod escapes;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use data_encoding::{BASE64_NOPAD, HEXLOWER};
use webhook_verify::Secret;
use zeroize::Zeroizing;

use self::escapes::{Unit, literal, unescaped};
use crate::webhook::{Credentials, CustomHeaders, Webhook};

/// Stands where a secret stood.
const REDACTED: &str = "[redacted]";
/// How often text is unescaped: JSON in JSON, or JSON in HTML.
const LAYERS: usize = 2;
/// From how many bytes on a secret is recognised in the middle of base64. Less makes too little of it to be told from anything else.
const MIN_IN_BASE64: usize = 6;
/// How much of a secret at the end of a text that was cut is taken for its beginning.
const MIN_AT_THE_END: usize = 4;
/// What is shorter in a header of signatures is no signature.
const MIN_SIGNATURE: usize = 16;

/// The first bytes of an answer's body as they came. They may repeat what was sent, so `Debug` does not show them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct BodyStart(Vec<u8>);

impl BodyStart {
    /// How many bytes are taken.
    pub const MAX_BYTES: usize = 1024;

    /// How many bytes may still be added.
    #[must_use]
    pub const fn wants(&self) -> usize {
        Self::MAX_BYTES.saturating_sub(self.0.len())
    }

    /// Adds what comes next, as far as it is wanted.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&bytes[..bytes.len().min(self.wants())]);
    }
}

impl fmt::Debug for BodyStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyStart({} bytes)", self.0.len())
    }
}

/// The beginning of a failed answer's body as text, without secrets: at most 1,024 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResponseBody(String);

impl ResponseBody {
    /// `start` as text: what is not UTF-8 is replaced, a character that was cut in the middle is dropped, and nothing `confidential`
    /// is left. None if there was no body.
    #[must_use]
    pub fn of(start: &BodyStart, confidential: impl FnOnce() -> Confidential) -> Option<Self> {
        if start.0.is_empty() {
            return None;
        }
        let is_cut = start.wants() == 0;
        Some(Self::bounded(
            &confidential().redact(&text(&start.0, is_cut), is_cut),
        ))
    }

    /// What a store kept.
    #[must_use]
    pub fn restore(text: &str) -> Self {
        Self::bounded(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn bounded(text: &str) -> Self {
        Self(text.chars().take(BodyStart::MAX_BYTES).collect())
    }
}

/// A character that begins in `bytes` and does not end there is dropped if they were cut.
fn text(bytes: &[u8], is_cut: bool) -> String {
    let is_begun = |tail: &[u8]| {
        std::str::from_utf8(tail).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    let begun = (1..=bytes.len().min(3)).find(|back| is_cut && is_begun(&bytes[bytes.len() - back..]));
    String::from_utf8_lossy(&bytes[..bytes.len() - begun.unwrap_or(0)]).into_owned()
}

/// What the receiver of an attempt may know and others may not: its credentials, the secrets of its signatures, and the signatures.
pub struct Confidential(Vec<Zeroizing<String>>);

impl Confidential {
    /// What the receiver of `webhook` knows, and the `signatures` that it was sent, as their headers have them.
    #[must_use]
    pub fn of(webhook: &Webhook, signatures: &[String]) -> Self {
        let mut known = Self(Vec::new());
        let previous = webhook.previous_credentials.as_ref();
        let previous = previous.map(|previous| &previous.authentication);
        for authentication in previous.into_iter().chain([&webhook.settings.authentication]) {
            known.add_credentials(authentication.credentials());
        }
        for header in webhook
            .settings
            .custom_headers
            .iter()
            .flat_map(CustomHeaders::iter)
        {
            known.add_header(header.value.expose());
        }
        let ring = &webhook.key_ring;
        let retired = ring.retired().iter().map(|retired| &retired.key);
        for key in ring.current().into_iter().chain(retired) {
            if let Some(secret) = key.expose_shared() {
                known.add(secret);
                known.add(secret.strip_prefix(Secret::PREFIX).unwrap_or(secret));
            }
        }
        // Each without the name of its version.
        for part in signatures.iter().flat_map(|header| header.split([' ', ','])) {
            let signature = part.strip_prefix("v1=").unwrap_or(part).trim_end_matches('=');
            if signature.len() >= MIN_SIGNATURE {
                known.add(signature);
            }
        }
        known
    }

    fn add_credentials(&mut self, credentials: &Credentials) {
        if let Some(password) = &credentials.password {
            let username = credentials.username.as_ref().map_or("", |name| name.as_str());
            let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
            self.add(&Zeroizing::new(BASE64_NOPAD.encode(pair.as_bytes())));
            self.add(password.expose());
        }
        if let Some(key) = &credentials.api_key {
            self.add(key.expose());
        }
    }

    /// The value of a header, and of one with a scheme (RFC 9110 §11.4) what follows that: a receiver may repeat the token alone, and
    /// of HTTP Basic the user name and password that it has decoded.
    fn add_header(&mut self, value: &str) {
        self.add(value);
        let Some((scheme, credentials)) = value.split_once(' ') else {
            return;
        };
        let credentials = credentials.trim_start();
        self.add(credentials);
        if !scheme.eq_ignore_ascii_case("basic") {
            return;
        }
        let decoded = BASE64_NOPAD.decode(credentials.trim_end_matches('=').as_bytes());
        let decoded = decoded.map(Zeroizing::new).unwrap_or_default();
        if let Ok(pair) = std::str::from_utf8(&decoded)
            && let Some((_, password)) = pair.split_once(':')
        {
            self.add(password);
        }
    }

    /// `secret` as it is, in hex and in base64: a receiver may encode the whole of what it repeats.
    fn add(&mut self, secret: &str) {
        self.add_form(secret.to_owned());
        self.add_form(HEXLOWER.encode(secret.as_bytes()));
        if secret.len() >= MIN_IN_BASE64 {
            for before in 0..3 {
                self.add_form(inner_base64(secret.as_bytes(), before));
            }
        }
    }

    fn add_form(&mut self, form: String) {
        if !form.is_empty() {
            self.0.push(Zeroizing::new(form));
        }
    }

    /// `text` with everything confidential replaced. If it `is_cut`, the beginning of a secret at its end is as well.
    fn redact(&self, text: &str, is_cut: bool) -> String {
        let mut units = literal(text);
        let mut found = Vec::new();
        for layer in 0..=LAYERS {
            if layer > 0 {
                units = unescaped(&units);
            }
            for form in &self.0 {
                let form: Zeroizing<Vec<char>> = Zeroizing::new(form.chars().collect());
                found.extend(places(&units, &form, is_cut));
            }
        }
        found.sort_unstable_by_key(|place| place.start);
        let (mut redacted, mut end) = (String::with_capacity(text.len()), 0);
        for place in found {
            if place.start > end || (redacted.is_empty() && place.start == 0) {
                redacted.push_str(&text[end..place.start]);
                redacted.push_str(REDACTED);
            }
            end = end.max(place.end);
        }
        redacted.push_str(&text[end..]);
        redacted
    }
}

/// Where `form` stands in the text that `units` are of.
fn places(units: &[Unit], form: &[char], is_cut: bool) -> Vec<Range<usize>> {
    let stands_at = |from: usize| {
        let rest = &units[from..];
        let matches = rest
            .iter()
            .zip(form)
            .all(|(unit, wanted)| is_same(unit.character, *wanted));
        let length = rest.len().min(form.len());
        let is_enough = length == form.len() || (is_cut && length >= MIN_AT_THE_END);
        (matches && is_enough).then(|| rest[0].at.start..rest[length - 1].at.end)
    };
    (0..units.len()).filter_map(stands_at).collect()
}

/// Whether they are the same letter, in either case and either alphabet of base64.
fn is_same(one: char, other: char) -> bool {
    one.eq_ignore_ascii_case(&other) || matches!((one, other), ('-', '+') | ('_', '/'))
}

/// The characters of base64 that stand for `bytes` alone, with `before` other bytes in front of them.
fn inner_base64(bytes: &[u8], before: usize) -> String {
    let mut padded = Zeroizing::new(vec![0; before]);
    padded.extend_from_slice(bytes);
    let encoded = Zeroizing::new(BASE64_NOPAD.encode(&padded));
    encoded[(before * 8).div_ceil(6)..padded.len() * 8 / 6].to_owned()
}
