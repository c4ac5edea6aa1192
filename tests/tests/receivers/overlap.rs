//! A delivery in the middle of a roll and of a change of protocol, and what may be made of it.

use std::{fs, path::PathBuf};

use data_encoding::{BASE64, HEXUPPER};
use ring::hmac;
use serde_json::json;
use tempfile::TempDir;
use webhook_tests::{
    Backend, Deployment, Service, clock,
    fixtures::{create_with, roll, roll_with},
    receiver::{Delivered, Receiver},
};

/// A secret that signed nothing here.
pub(crate) const STRANGE: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Likewise: the public key of RFC 8032 §7.1, test 1.
const STRANGE_PUBLIC: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// A delivery in the middle of two rolls, the second to Ed25519: the two secrets that signed it, and the public key of the third.
pub(crate) struct Overlap {
    pub(crate) service: Service,
    pub(crate) delivered: Delivered,
    pub(crate) old: String,
    pub(crate) new: String,
    pub(crate) public: String,
    /// Where the public keys are looked up.
    pub(crate) key_set: String,
}

/// What a receiver may hold, a delivery, and whether it is genuine for that receiver: by `webhook-signature` and by `X-PAYLOAD-SIGNATURE`.
pub(crate) type Case<'a> = (&'static str, Vec<&'a str>, Delivered, [bool; 2]);

impl Overlap {
    pub(crate) fn new() -> Self {
        let deployment = Deployment::new(Backend::Sqlite)
            .with("WEBHOOK_ALLOW_HTTP", "true")
            .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
        let (service, receiver) = (Service::start_on(deployment), Receiver::start());
        let client = service.client();
        let webhook = create_with(&client, json!({"url": receiver.url()}));
        let rolled = roll(&client, &webhook);
        let changed = roll_with(&client, &webhook, json!({"signing_protocol": "Ed25519"}));
        let event = r#"{"type":"INVOICE.CREATED","data":{"name":"Zoë \u20ac", "total": 1.10}}"#;
        client
            .post("/v1/events")
            .json_text(event)
            .send()
            .expect_status(202);
        let delivered = receiver.wait_for(1).remove(0);
        Self {
            delivered,
            old: webhook.secret(),
            new: rolled.secret(),
            public: changed.json["verification_key"]
                .as_str()
                .expect("a public key")
                .to_owned(),
            key_set: format!("{}/jwks.json", webhook.path()),
            service,
        }
    }

    /// Whether the delivery is signed with this key.
    pub(crate) fn signed_by(&self, key: &str) -> bool {
        [&self.old, &self.new, &self.public]
            .into_iter()
            .any(|signer| signer == key)
    }

    /// What receivers may hold and be sent.
    pub(crate) fn cases(&self) -> Vec<Case<'_>> {
        let genuine = || self.delivered.clone();
        let mut changed = genuine();
        changed.body = self.delivered.text().replace("1.10", "1.11").into_bytes();
        let (old, new, public) = (self.old.as_str(), self.new.as_str(), self.public.as_str());
        let (both, message, neither) = ([true; 2], [true, false], [false; 2]);
        vec![
            ("the new secret", vec![new], genuine(), both),
            ("the old secret", vec![old], genuine(), both),
            ("both secrets", vec![old, new], genuine(), both),
            (
                "a list with the right one last",
                vec![STRANGE, old],
                genuine(),
                both,
            ),
            ("another secret", vec![STRANGE], genuine(), neither),
            ("a changed body", vec![old, new], changed.clone(), neither),
            ("signed anew a minute ago", vec![new], self.signed(-60), both),
            ("six minutes old", vec![new], self.signed(-360), neither),
            ("six minutes ahead", vec![new], self.signed(360), neither),
            ("the public key", vec![public], genuine(), message),
            (
                "a secret and the public key",
                vec![STRANGE, public],
                genuine(),
                message,
            ),
            (
                "the old secret and another public key",
                vec![old, STRANGE_PUBLIC],
                genuine(),
                both,
            ),
            ("another public key", vec![STRANGE_PUBLIC], genuine(), neither),
            ("a public key and a changed body", vec![public], changed, neither),
            (
                "an HMAC keyed with the public key",
                vec![public],
                self.confused("v1"),
                neither,
            ),
            (
                "the same with the tag of Ed25519",
                vec![public],
                self.confused("v1a"),
                neither,
            ),
        ]
    }

    /// The same for receivers that know secrets alone.
    pub(crate) fn cases_of_secrets(&self) -> impl Iterator<Item = Case<'_>> {
        let knows_secrets = |(_, keys, _, _): &Case<'_>| keys.iter().all(|key| key.starts_with("whsec_"));
        self.cases().into_iter().filter(knows_secrets)
    }

    /// What somebody sends who takes the public key for the key of an HMAC.
    fn confused(&self, tag: &str) -> Delivered {
        let mut delivered = self.signed_with(&self.public, 0);
        for (name, between) in [("x-payload-signature", "="), ("webhook-signature", ",")] {
            let value = delivered.headers[name].replacen("v1", tag, 1);
            assert!(value.starts_with(&format!("{tag}{between}")));
            delivered.headers.insert(name.to_owned(), value);
        }
        delivered
    }

    /// The delivery, signed with the new secret so many seconds from now.
    pub(crate) fn signed(&self, seconds: i64) -> Delivered {
        self.signed_with(&self.new, seconds)
    }

    /// The delivery with the HMACs that are keyed with this text and its bytes.
    fn signed_with(&self, key: &str, seconds: i64) -> Delivered {
        let mut delivered = self.delivered.clone();
        let unix = clock::now() + seconds;
        let at = time::OffsetDateTime::from_unix_timestamp(unix).expect("an instant of this century");
        let written = at
            .format(&time::format_description::well_known::Rfc3339)
            .expect("an instant can be written");
        let mac = |key: &[u8], prefix: String| {
            let message = [prefix.as_bytes(), &delivered.body].concat();
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &message)
        };
        let (_, encoded) = key.split_once('_').expect("a key has a prefix");
        let bytes = BASE64.decode(encoded.as_bytes()).expect("a key is base64");
        let payload = mac(key.as_bytes(), format!("{written}."));
        let message = mac(&bytes, format!("{}.{unix}.", delivered.header("webhook-id")));
        for (name, value) in [
            (
                "x-payload-signature",
                format!("v1={}", HEXUPPER.encode(payload.as_ref())),
            ),
            (
                "webhook-signature",
                format!("v1,{}", BASE64.encode(message.as_ref())),
            ),
            ("x-payload-signature-timestamp", written),
            ("webhook-timestamp", unix.to_string()),
        ] {
            delivered.headers.insert(name.to_owned(), value);
        }
        delivered
    }
}

/// A delivery as files.
pub(crate) struct Files {
    pub(crate) directory: TempDir,
    pub(crate) headers: PathBuf,
    pub(crate) body: PathBuf,
}

impl Files {
    pub(crate) fn of(delivered: &Delivered) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (headers, body) = (directory.path().join("headers"), directory.path().join("body"));
        let lines: String = delivered
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        fs::write(&headers, format!("POST /hook HTTP/1.1\r\n{lines}\r\n")).expect("a file can be written");
        fs::write(&body, &delivered.body).expect("a file can be written");
        Self {
            directory,
            headers,
            body,
        }
    }
}
