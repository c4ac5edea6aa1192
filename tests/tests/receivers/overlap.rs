//! A delivery in the middle of a roll, and what may be made of it.

use std::{fs, path::PathBuf};

use data_encoding::{BASE64, HEXUPPER};
use ring::hmac;
use serde_json::json;
use tempfile::TempDir;
use webhook_tests::{
    Backend, Deployment, Service, clock,
    fixtures::{create_with, roll},
    receiver::{Delivered, Receiver},
};

/// A secret that signed nothing here.
pub(crate) const STRANGE: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A delivery in the middle of a roll, and the two secrets that signed it.
pub(crate) struct Overlap {
    pub(crate) service: Service,
    pub(crate) delivered: Delivered,
    pub(crate) old: String,
    pub(crate) new: String,
}

impl Overlap {
    pub(crate) fn new() -> Self {
        let deployment = Deployment::new(Backend::Sqlite)
            .with("WEBHOOK_ALLOW_HTTP", "true")
            .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
        let (service, receiver) = (Service::start_on(deployment), Receiver::start());
        let client = service.client();
        let webhook = create_with(&client, json!({"url": receiver.url()}));
        let rolled = roll(&client, &webhook);
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
            service,
        }
    }

    /// Secrets a receiver may hold, a delivery, and whether it is genuine for that receiver.
    pub(crate) fn cases(&self) -> Vec<(&'static str, Vec<&str>, Delivered, bool)> {
        let genuine = || self.delivered.clone();
        let mut changed = genuine();
        changed.body = self.delivered.text().replace("1.10", "1.11").into_bytes();
        let (old, new) = (self.old.as_str(), self.new.as_str());
        vec![
            ("the new secret", vec![new], genuine(), true),
            ("the old secret", vec![old], genuine(), true),
            ("both secrets", vec![old, new], genuine(), true),
            (
                "a list with the right one last",
                vec![STRANGE, old],
                genuine(),
                true,
            ),
            ("another secret", vec![STRANGE], genuine(), false),
            ("a changed body", vec![old, new], changed, false),
            ("signed anew a minute ago", vec![new], self.signed(-60), true),
            ("six minutes old", vec![new], self.signed(-360), false),
            ("six minutes ahead", vec![new], self.signed(360), false),
        ]
    }

    /// The delivery, signed with the new secret so many seconds from now.
    pub(crate) fn signed(&self, seconds: i64) -> Delivered {
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
        let bytes = BASE64
            .decode(self.new.trim_start_matches("whsec_").as_bytes())
            .expect("a secret is base64");
        let payload = mac(self.new.as_bytes(), format!("{written}."));
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
