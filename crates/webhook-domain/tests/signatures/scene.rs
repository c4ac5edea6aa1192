//! A key, a receiver of its secret, and headers as a receiver's framework gives them.

use webhook_domain::id::EventId;
use webhook_domain::signing::key_ring::{NewKey, Overlap, SigningKey};
use webhook_domain::signing::secret::SecretText;
use webhook_domain::signing::signature::Signed;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::testing::{ManualClock, SeededEntropy};
use webhook_domain::time::Instant;
use webhook_verify::{Key, VerificationError, Verified, Verifier};

pub(crate) const BODY: &[u8] = br#"{"type":"INVOICE.CREATED","data":{"total":1.10}}"#;
pub(crate) const EVENT: &str = "evt_01hv9k2m4rt6w8y0abcdefghjk";

/// A header as a receiver's framework gives it: found whatever the case of its letters.
pub(crate) fn look_up<'h>(headers: &'h [(&'static str, String)]) -> impl Fn(&str) -> Option<&'h [u8]> {
    move |name| {
        let mut same = headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let found = same.next().map(|(_, value)| value.as_bytes());
        assert!(same.next().is_none(), "{name} twice");
        found
    }
}

pub(crate) fn value<'h>(signed: &'h Signed, name: &str) -> &'h str {
    let found = look_up(&signed.headers)(name).unwrap_or_else(|| panic!("no {name}"));
    std::str::from_utf8(found).unwrap()
}

pub(crate) fn key(seed: u64) -> SigningKey {
    key_under(SigningProtocol::HmacSha256, seed)
}

pub(crate) fn public_key(seed: u64) -> SigningKey {
    key_under(SigningProtocol::Ed25519, seed)
}

fn key_under(protocol: SigningProtocol, seed: u64) -> SigningKey {
    let entropy = SeededEntropy::new(seed);
    let new = NewKey::generate(ManualClock::START, &entropy).unwrap();
    new.under(protocol)
}

/// The key with this text.
pub(crate) fn key_of(protocol: SigningProtocol, text: &str) -> SigningKey {
    SigningKey::restore(key(0).id, protocol, SecretText::new(text.into())).unwrap()
}

pub(crate) fn receiver(key: &SigningKey) -> Key {
    let shown = key.verification_key().map(|key| key.text());
    Key::parse(key.expose_shared().or(shown).unwrap()).unwrap()
}

pub(crate) fn verifier(key: &SigningKey) -> Verifier {
    Verifier::new(receiver(key))
}

pub(crate) fn event() -> EventId {
    EVENT.parse().unwrap()
}

pub(crate) fn seconds(seconds: u64) -> Overlap {
    Overlap::from_seconds(seconds).unwrap()
}

pub(crate) type Outcome<'h> = Result<Verified<'h>, VerificationError>;

/// By either family alone.
pub(crate) fn by_each<'h>(
    verifier: &Verifier,
    signed: &'h Signed,
    body: &[u8],
    now: Instant,
) -> [Outcome<'h>; 2] {
    [
        verifier.verify_payload(look_up(&signed.headers), body, now.into()),
        verifier.verify_message(look_up(&signed.headers), body, now.into()),
    ]
}
