//! An identity provider: signs bearer tokens that a deployment may believe.

use std::path::PathBuf;

use data_encoding::BASE64URL_NOPAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::{clock, deployment::Deployment, postgres::random_bytes};

/// Signs tokens with a key of its own.
#[derive(Debug)]
pub struct Issuer {
    key: Ed25519KeyPair,
    kid: String,
}

impl Issuer {
    /// Its tokens' `iss`.
    pub const NAME: &'static str = "https://id.example.com/";
    /// Its tokens' `aud`.
    pub const AUDIENCE: &'static str = "webhooks";

    /// An issuer that nobody believes yet.
    #[expect(
        clippy::new_without_default,
        reason = "each is another: a default would suggest otherwise"
    )]
    pub fn new() -> Self {
        Self::with_kid("k1")
    }

    /// An issuer that nobody believes yet, whose key has this name.
    pub fn with_kid(kid: &str) -> Self {
        Self {
            key: Ed25519KeyPair::from_seed_unchecked(&random_bytes(32)).expect("a key"),
            kid: kid.to_owned(),
        }
    }

    /// The file of the key set that [`introduce_to`](Self::introduce_to) makes.
    pub fn file(deployment: &Deployment) -> PathBuf {
        deployment.directory().join("jwks.json")
    }

    /// Makes `deployment` believe its tokens.
    pub fn introduce_to(&self, deployment: &mut Deployment) {
        let keys = Self::file(deployment);
        std::fs::write(&keys, Self::key_set(&[self.jwk()])).expect("a file can be written");
        deployment.set("WEBHOOK_JWT_KEYS_FILE", &keys.to_string_lossy());
        deployment.set("WEBHOOK_JWT_ISSUER", Self::NAME);
        deployment.set("WEBHOOK_JWT_AUDIENCE", Self::AUDIENCE);
    }

    /// Its key, as a key set has it.
    pub fn jwk(&self) -> Value {
        let x = BASE64URL_NOPAD.encode(self.key.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": self.kid, "x": x})
    }

    /// The text of a key set.
    pub fn key_set(keys: &[Value]) -> String {
        json!({ "keys": keys }).to_string()
    }

    /// Claims that expire after so many seconds.
    pub fn claims(&self, platform: &str, permissions: &[&str], expires_in: i64) -> Value {
        let now = clock::now();
        json!({
            "iss": Self::NAME,
            "aud": Self::AUDIENCE,
            "sub": "matrix",
            "exp": now + expires_in,
            "platform_id": platform,
            "permissions": permissions
        })
    }

    /// A token of `claims`.
    pub fn sign(&self, claims: &Value) -> String {
        let part = |json: &Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
        let message = format!(
            "{}.{}",
            part(&json!({"alg": "EdDSA", "kid": self.kid})),
            part(claims)
        );
        let signature = BASE64URL_NOPAD.encode(self.key.sign(message.as_bytes()).as_ref());
        format!("{message}.{signature}")
    }
}
