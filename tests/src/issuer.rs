//! An identity provider: signs bearer tokens that a deployment may believe.

use data_encoding::BASE64URL_NOPAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::{clock, deployment::Deployment, postgres::random_bytes};

/// Signs tokens with a key of its own.
#[derive(Debug)]
pub struct Issuer(Ed25519KeyPair);

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
        Self(Ed25519KeyPair::from_seed_unchecked(&random_bytes(32)).expect("a key"))
    }

    /// Makes `deployment` believe its tokens.
    pub fn introduce_to(&self, deployment: &mut Deployment) {
        let keys = deployment.directory().join("jwks.json");
        std::fs::write(&keys, self.key_set()).expect("a file can be written");
        deployment.set("WEBHOOK_JWT_KEYS_FILE", &keys.to_string_lossy());
        deployment.set("WEBHOOK_JWT_ISSUER", Self::NAME);
        deployment.set("WEBHOOK_JWT_AUDIENCE", Self::AUDIENCE);
    }

    fn key_set(&self) -> String {
        let x = BASE64URL_NOPAD.encode(self.0.public_key().as_ref());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "k1", "x": x}]}).to_string()
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
        let message = format!("{}.{}", part(&json!({"alg": "EdDSA", "kid": "k1"})), part(claims));
        let signature = BASE64URL_NOPAD.encode(self.0.sign(message.as_bytes()).as_ref());
        format!("{message}.{signature}")
    }
}
