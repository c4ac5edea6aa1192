//! A secret, a delivery that it signs, and its headers as a receiver's framework gives them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use webhook_verify::{
    Key, MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP, Secret,
    VerificationError, Verified, Verifier,
};

pub(crate) const BODY: &[u8] = br#"{"type":"INVOICE.CREATED","data":{"total":1.10}}"#;
pub(crate) const EVENT: &str = "evt_01hv9k2m4rt6w8y0abcdefghjk";
/// When the deliveries of these tests are signed, in both notations.
pub(crate) const SECONDS: &str = "1712935357";
pub(crate) const DATE: &str = "2024-04-12T15:22:37Z";

/// The same instant.
pub(crate) fn signed_at() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_712_935_357)
}

pub(crate) fn secret(seed: u8) -> Secret {
    Secret::from_bytes(&[seed; 32]).unwrap()
}

pub(crate) fn verifier(seed: u8) -> Verifier {
    Verifier::new(Key::Hmac(secret(seed)))
}

/// The headers of a delivery, each name once.
#[derive(Debug, Clone)]
pub(crate) struct Headers(Vec<(&'static str, String)>);

/// Those of `body`, signed with the secrets of these seeds.
pub(crate) fn signed_by(seeds: &[u8], body: &[u8]) -> Headers {
    let each = |sign: &dyn Fn(&Secret) -> String| -> Vec<String> {
        seeds.iter().map(|seed| sign(&secret(*seed))).collect()
    };
    Headers(vec![
        (PAYLOAD_TIMESTAMP, DATE.into()),
        (
            PAYLOAD_SIGNATURE,
            each(&|secret| secret.sign_payload(DATE, body)).join(","),
        ),
        (MESSAGE_ID, EVENT.into()),
        (MESSAGE_TIMESTAMP, SECONDS.into()),
        (
            MESSAGE_SIGNATURE,
            each(&|secret| secret.sign_message(EVENT, SECONDS, body)).join(" "),
        ),
    ])
}

impl Headers {
    /// What a framework looks up that has the names in lower case, and knows no others.
    pub(crate) fn look_up<'h>(&'h self) -> impl Fn(&str) -> Option<&'h [u8]> + Copy {
        |name| {
            let mut found = self
                .0
                .iter()
                .filter(|(other, _)| other.to_ascii_lowercase() == name);
            found.next().map(|(_, value)| value.as_bytes())
        }
    }

    pub(crate) fn value(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(other, _)| *other == name);
        found
            .map(|(_, value)| value.as_str())
            .unwrap_or_else(|| panic!("no {name}"))
    }

    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut changed = self.without(&[name]);
        changed.0.push((name, value.into()));
        changed
    }

    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(name));
        Self(kept.cloned().collect())
    }
}

/// What comes of each family of headers, `X-PAYLOAD-SIGNATURE` first.
pub(crate) fn by_each<'h>(
    verifier: &Verifier,
    headers: &'h Headers,
    body: &[u8],
    now: SystemTime,
) -> [Result<Verified<'h>, VerificationError>; 2] {
    let header = headers.look_up();
    [
        verifier.verify_payload(header, body, now),
        verifier.verify_message(header, body, now),
    ]
}
