//! The credentials: of every kind, each as an API key and as a token of an issuer that the deployment believes.

use std::{collections::HashMap, time::Duration};

use serde_json::Value;
use webhook_tests::{Service, issuer::Issuer, service::ALL_PERMISSIONS};

/// What is the matter with a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    None,
    Unknown,
    Revoked,
    Expired,
    /// It has every permission but this one.
    Lacking(&'static str),
    /// It has every permission, on another platform.
    OtherTenant,
    /// It has the one permission that is needed and no other.
    Sufficient,
    /// It has that one permission on all platforms.
    All,
}

impl Kind {
    /// Every kind: with each single permission missing, whether it is needed or not.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let others = [
            Self::None,
            Self::Unknown,
            Self::Revoked,
            Self::Expired,
            Self::OtherTenant,
            Self::Sufficient,
            Self::All,
        ];
        others
            .into_iter()
            .chain(ALL_PERMISSIONS.into_iter().map(Self::Lacking))
    }

    /// Whether what it may do depends on the endpoint that it is made for.
    fn is_made_to_measure(self) -> bool {
        matches!(self, Self::Sufficient | Self::All)
    }
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

/// The credentials that were made: each once.
#[derive(Default)]
pub(crate) struct Credentials(HashMap<(Kind, &'static str), Credential>);

impl Credentials {
    /// The one of this kind for an endpoint that needs `needed`.
    pub(crate) fn get(
        &mut self,
        service: &Service,
        issuer: &Issuer,
        kind: Kind,
        needed: &'static str,
    ) -> &Credential {
        let measure = if kind.is_made_to_measure() { needed } else { "" };
        self.0
            .entry((kind, measure))
            .or_insert_with(|| Credential::new(service, issuer, kind, needed))
    }
}

/// A credential in both its forms.
pub(crate) struct Credential {
    key: Option<String>,
    token: Option<String>,
}

impl Credential {
    fn new(service: &Service, issuer: &Issuer, kind: Kind, needed: &str) -> Self {
        let all = ALL_PERMISSIONS.to_vec();
        let but = |missing| all.iter().copied().filter(|name| *name != missing).collect();
        let (platform, permissions) = match kind {
            Kind::Lacking(missing) => ("default", but(missing)),
            Kind::Sufficient => ("default", vec![needed]),
            Kind::All => ("*", vec![needed]),
            Kind::OtherTenant => ("other", all),
            _ => ("default", all),
        };
        let make = |more: &[&str]| service.deployment().create_key(platform, &permissions, more);
        let claims = issuer.claims(platform, &permissions, 3_600);
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

/// The id of the API key with this text.
pub(crate) fn id_of(key: &str) -> String {
    format!("key_{}", &key["whkey_".len()..][..26])
}

fn revoked(service: &Service, key: String) -> String {
    let id = id_of(&key);
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
