//! What one attempt has sent: its headers, which key made which signature, and the bytes that were signed.
//!
//! A signature is good for as long as receivers tolerate its age, and whoever looks here may not be the receiver. So the values of
//! signatures are not shown, and neither are credentials and custom headers; it is said what made them.

use webhook_domain::delivery::attempt::Attempt;
use webhook_domain::ports::TrackedDelivery;
use webhook_domain::signing::key_ring::SigningKey;
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::signing::signature::{
    MESSAGE_ID, MESSAGE_KEY_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP,
};
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::signing::verification_key::VerificationKey;
use webhook_domain::webhook::{AuthenticationType, Webhook};

/// How many bytes of a body are shown.
const SHOWN_BYTES: usize = 4096;

/// What was sent.
pub(super) struct Sent {
    pub(super) number_of_keys: usize,
    pub(super) headers: Vec<Header>,
    pub(super) signatures: Vec<Signature>,
    /// What `webhook-signature` is over.
    pub(super) message: String,
    /// What stands before the body in what `X-PAYLOAD-SIGNATURE` is over, if that was sent.
    pub(super) payload_prefix: Option<String>,
    pub(super) body_bytes: usize,
    pub(super) is_cut: bool,
    pub(super) shown_bytes: usize,
}

/// A header by name, and its value or what stands for it.
pub(super) struct Header {
    pub(super) name: String,
    pub(super) value: String,
}

/// A key that signed.
pub(super) struct Signature {
    pub(super) fingerprint: String,
    /// How it signs, if the webhook still has the key.
    pub(super) algorithm: Option<&'static str>,
    /// Where its signatures stand.
    pub(super) places: String,
}

/// A key of an attempt, and what the webhook still knows of it.
struct KeyOfAttempt<'a> {
    fingerprint: &'a Fingerprint,
    key: Option<&'a SigningKey>,
}

impl KeyOfAttempt<'_> {
    fn protocol(&self) -> Option<SigningProtocol> {
        self.key.map(SigningKey::protocol)
    }

    /// Whether it may have signed by `protocol`, as far as is known.
    fn may_be(&self, protocol: SigningProtocol) -> bool {
        self.protocol().is_none_or(|own| own == protocol)
    }
}

impl Sent {
    /// What `attempt` at `tracked` has sent with `body`, to `webhook` if it is known.
    pub(super) fn new(
        tracked: &TrackedDelivery,
        attempt: &Attempt,
        webhook: Option<&Webhook>,
        body: &[u8],
    ) -> Self {
        let keys: Vec<_> = attempt
            .key_fingerprints
            .iter()
            .map(|fingerprint| KeyOfAttempt {
                fingerprint,
                key: webhook.and_then(|webhook| key_of(webhook, fingerprint)),
            })
            .collect();
        let id = tracked.delivery.event.to_string();
        let seconds = attempt.at.as_seconds().to_string();
        let written = attempt.at.to_string();
        let (shown, is_cut) = beginning(body);
        let has_payload_signature = keys.iter().any(|key| key.may_be(SigningProtocol::HmacSha256));
        Self {
            number_of_keys: keys.len(),
            signatures: signatures(&keys),
            message: format!("{id}.{seconds}.{shown}"),
            payload_prefix: has_payload_signature.then(|| format!("{written}.")),
            body_bytes: body.len(),
            is_cut,
            shown_bytes: shown.len(),
            headers: headers(&keys, tracked, webhook, (id, seconds, written)),
        }
    }
}

fn key_of<'a>(webhook: &'a Webhook, fingerprint: &Fingerprint) -> Option<&'a SigningKey> {
    let ring = &webhook.key_ring;
    let retired = ring.retired().iter().map(|retired| &retired.key);
    let mut keys = ring.current().into_iter().chain(retired);
    keys.find(|key| key.fingerprint() == *fingerprint)
}

/// The beginning of a body as text, and whether there is more.
fn beginning(body: &[u8]) -> (String, bool) {
    let text = String::from_utf8_lossy(body);
    let end = text.floor_char_boundary(SHOWN_BYTES);
    (text[..end].to_owned(), end < text.len())
}

fn signatures(keys: &[KeyOfAttempt<'_>]) -> Vec<Signature> {
    let of_key = |key: &KeyOfAttempt<'_>| Signature {
        fingerprint: key.fingerprint.as_str().to_owned(),
        algorithm: key.protocol().map(SigningProtocol::name),
        places: match key.protocol() {
            Some(SigningProtocol::HmacSha256) => {
                format!("v1 in {MESSAGE_SIGNATURE} and in {PAYLOAD_SIGNATURE}")
            }
            Some(SigningProtocol::Ed25519) => format!("v1a in {MESSAGE_SIGNATURE}"),
            _ => "the webhook does not have this key any more".to_owned(),
        },
    };
    keys.iter().map(of_key).collect()
}

fn headers(
    keys: &[KeyOfAttempt<'_>],
    tracked: &TrackedDelivery,
    webhook: Option<&Webhook>,
    (id, seconds, written): (String, String, String),
) -> Vec<Header> {
    let header = |name: &str, value: String| Header {
        name: name.to_owned(),
        value,
    };
    let mut headers = vec![
        header("content-type", "application/json".to_owned()),
        header(MESSAGE_ID, id),
    ];
    if !keys.is_empty() {
        headers.push(header(MESSAGE_TIMESTAMP, seconds));
        headers.push(header(MESSAGE_SIGNATURE, made_by(keys)));
    }
    let of_payload: Vec<_> = keys
        .iter()
        .filter(|key| key.protocol() == Some(SigningProtocol::HmacSha256))
        .map(|key| format!("v1=[by {}]", key.fingerprint.as_str()))
        .collect();
    if !of_payload.is_empty() {
        headers.push(header(PAYLOAD_TIMESTAMP, written));
        headers.push(header(PAYLOAD_SIGNATURE, of_payload.join(",")));
    }
    let public = keys.iter().filter_map(|key| key.key?.verification_key());
    let key_ids: Vec<_> = public.map(VerificationKey::key_id).collect();
    if !key_ids.is_empty() {
        headers.push(header(MESSAGE_KEY_ID, key_ids.join(" ")));
    }
    let trace = tracked.event.trace.as_ref();
    let trace = trace.into_iter().flat_map(|trace| trace.headers());
    headers.extend(trace.map(|(name, value)| header(name, value)));
    headers.extend(webhook.into_iter().flat_map(own_headers));
    headers
}

/// What stands for the value of `webhook-signature`: its parts in their order, each with its key.
fn made_by(keys: &[KeyOfAttempt<'_>]) -> String {
    let part = |tag: &'static str, protocol: Option<SigningProtocol>| {
        let of = keys.iter().filter(move |key| key.protocol() == protocol);
        of.map(move |key| format!("{tag},[by {}]", key.fingerprint.as_str()))
    };
    let parts = part("v1", Some(SigningProtocol::HmacSha256))
        .chain(part("v1a", Some(SigningProtocol::Ed25519)))
        .chain(part("v1 or v1a", None));
    parts.collect::<Vec<_>>().join(" ")
}

/// The webhook's own headers as they are set now, without their values.
fn own_headers(webhook: &Webhook) -> Vec<Header> {
    let settings = &webhook.settings;
    let hidden = |name: &str| Header {
        name: name.to_owned(),
        value: "[not shown; as it is set now]".to_owned(),
    };
    let credentials = settings.authentication.credentials();
    let proof = match settings.authentication.kind() {
        AuthenticationType::None => None,
        AuthenticationType::Password => Some("authorization"),
        AuthenticationType::ApiKey => credentials.api_header_field.as_ref().map(|field| field.as_str()),
    };
    let custom = settings.custom_headers.iter().flat_map(|headers| headers.iter());
    let names = proof.into_iter().chain(custom.map(|header| header.name.as_str()));
    names.map(hidden).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_cut_between_characters() {
        let long = "ü".repeat(SHOWN_BYTES);
        let (shown, is_cut) = beginning(format!("a{long}").as_bytes());
        assert_eq!((shown.len(), is_cut), (SHOWN_BYTES - 1, true));
        assert_eq!(beginning(b"{}"), ("{}".to_owned(), false));
    }
}
