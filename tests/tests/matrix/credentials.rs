//! The credentials: of every kind, each as an API key and as a token of an issuer that the deployment believes.

use std::time::Duration;

use serde_json::Value;
use webhook_tests::{Service, issuer::Issuer, service::ALL_PERMISSIONS};

/// What is the matter with a credential.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    None,
    Unknown,
    Revoked,
    Expired,
    /// It has every permission but the one that is needed.
    Lacking,
    /// It has every permission, on another platform.
    OtherTenant,
    /// It has the one permission that is needed and no other.
    Sufficient,
    /// It has that one permission on all platforms.
    All,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::None,
        Self::Unknown,
        Self::Revoked,
        Self::Expired,
        Self::Lacking,
        Self::OtherTenant,
        Self::Sufficient,
        Self::All,
    ];
}

/// How a credential is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Carrier {
    ApiKey,
    BearerKey,
    BearerToken,
}

impl Carrier {
    pub(crate) const ALL: [Self; 3] = [Self::ApiKey, Self::BearerKey, Self::BearerToken];
}

/// A credential in both its forms.
pub(crate) struct Credential {
    key: Option<String>,
    token: Option<String>,
}

impl Credential {
    pub(crate) fn new(service: &Service, issuer: &Issuer, kind: Kind, needed: &str) -> Self {
        let lacking: Vec<_> = ALL_PERMISSIONS
            .into_iter()
            .filter(|name| *name != needed)
            .collect();
        let all = ALL_PERMISSIONS.to_vec();
        let (platform, permissions) = match kind {
            Kind::Lacking => ("default", lacking),
            Kind::Sufficient => ("default", vec![needed]),
            Kind::All => ("*", vec![needed]),
            Kind::OtherTenant => ("other", all),
            _ => ("default", all),
        };
        let make = |more: &[&str]| service.deployment().create_key(platform, &permissions, more);
        let claims = issuer.claims(platform, &permissions, 600);
        let (key, token) = match kind {
            Kind::None => (None, None),
            Kind::Unknown => (Some(changed(&make(&[]))), Some(Issuer::new().sign(&claims))),
            Kind::Revoked => (
                Some(revoked(service, make(&[]))),
                Some(issuer.sign(&without(claims, "exp"))),
            ),
            Kind::Expired => {
                let key = make(&["--expires-in", "1"]);
                std::thread::sleep(Duration::from_millis(1_100));
                (
                    Some(key),
                    Some(issuer.sign(&issuer.claims(platform, &permissions, -61))),
                )
            }
            _ => (Some(make(&[])), Some(issuer.sign(&claims))),
        };
        Self { key, token }
    }

    pub(crate) fn text(&self, carrier: Carrier) -> Option<&str> {
        match carrier {
            Carrier::ApiKey | Carrier::BearerKey => self.key.as_deref(),
            Carrier::BearerToken => self.token.as_deref(),
        }
    }
}

/// The text of no key: another character stands in its secret part.
fn changed(key: &str) -> String {
    let (head, last) = key.split_at(key.len() - 1);
    format!("{head}{}", if last == "0" { "1" } else { "0" })
}

fn revoked(service: &Service, key: String) -> String {
    let id = format!("key_{}", &key["whkey_".len()..][..26]);
    service
        .deployment()
        .run(&["api-key", "revoke", &id])
        .expect_success();
    key
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().expect("an object").remove(name);
    claims
}
