//! An issuer with a key of each algorithm, a stranger with the like, and tokens of theirs.

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use webhook_domain::time::Instant;
use webhook_token_jwt::{JwtVerifier, Trust};

pub(crate) const NOW: Instant = Instant::from_milliseconds(1_712_935_357_000);
pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "webhooks";

const RSA_TEST_KEY: &[u8] = include_bytes!("keys/rsa-2048.test-key.pk8");
const STRANGERS_RSA_TEST_KEY: &[u8] = include_bytes!("keys/rsa-2048-of-a-stranger.test-key.pk8");

/// Seconds since the epoch, `seconds` from now.
pub(crate) fn from_now(seconds: i64) -> i64 {
    NOW.as_seconds() + seconds
}

#[expect(
    clippy::disallowed_methods,
    reason = "ring signs with no other randomness, and what is signed here protects nothing"
)]
fn randomness() -> SystemRandom {
    SystemRandom::new()
}

pub(crate) struct Key {
    pub(crate) kid: &'static str,
    pub(crate) alg: &'static str,
    pair: Pair,
}

enum Pair {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// The issuer's keys: EdDSA, ES256, RS256.
pub(crate) fn issuers() -> [Key; 3] {
    keys([7; 32], RSA_TEST_KEY)
}

/// A stranger's keys under the same names.
pub(crate) fn strangers() -> [Key; 3] {
    keys([9; 32], STRANGERS_RSA_TEST_KEY)
}

fn keys(seed: [u8; 32], rsa: &[u8]) -> [Key; 3] {
    let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &randomness()).unwrap();
    let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &randomness());
    let key = |kid, alg, pair| Key { kid, alg, pair };
    [
        key(
            "ed-1",
            "EdDSA",
            Pair::Ed(Ed25519KeyPair::from_seed_unchecked(&seed).unwrap()),
        ),
        key("ec-1", "ES256", Pair::Ec(ec.unwrap())),
        key("rsa-1", "RS256", Pair::Rsa(RsaKeyPair::from_pkcs8(rsa).unwrap())),
    ]
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(bytes.as_ref())
}

/// The two parts that are signed.
pub(crate) fn signed_part(header: &str, claims: &str) -> String {
    format!("{}.{}", base64(header), base64(claims))
}

impl Key {
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Ec(pair) => pair.sign(&randomness(), message).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &randomness(), message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    /// The public key: 32 bytes, an uncompressed point, or PKCS #1.
    pub(crate) fn public(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Rsa(pair) => pair.public().as_ref().to_vec(),
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let public = self.public();
        let mut jwk = match &self.pair {
            Pair::Ed(_) => json!({"kty": "OKP", "crv": "Ed25519", "x": base64(public)}),
            Pair::Ec(_) => {
                json!({"kty": "EC", "crv": "P-256", "x": base64(&public[1..33]), "y": base64(&public[33..])})
            }
            Pair::Rsa(pair) => {
                let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "n": base64(n), "e": base64(e)})
            }
        };
        jwk["kid"] = self.kid.into();
        jwk["alg"] = self.alg.into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// The head of a token under this key.
    pub(crate) fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": self.alg, "kid": self.kid})
    }

    /// A token signed with this key, whatever its head says.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        self.token_of_texts(&header.to_string(), &claims.to_string())
    }

    pub(crate) fn token_of_texts(&self, header: &str, claims: &str) -> String {
        let message = signed_part(header, claims);
        let signature = base64(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

/// What a token says that may read webhooks of `acme` for ten minutes.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "billing", "iat": from_now(0), "exp": from_now(600),
        "platform_id": "acme", "permissions": ["WEBHOOK.VIEW"],
    })
}

/// `object` with `member` as `value`.
pub(crate) fn with(mut object: Value, member: &str, value: impl Into<Value>) -> Value {
    object[member] = value.into();
    object
}

pub(crate) fn without(mut object: Value, member: &str) -> Value {
    object.as_object_mut().unwrap().remove(member).unwrap();
    object
}

pub(crate) fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

pub(crate) fn trust() -> Trust {
    Trust {
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
    }
}

/// Believes the tokens of `issuers`.
pub(crate) fn verifier_of(issuers: &[Key; 3]) -> JwtVerifier {
    JwtVerifier::new(trust(), &jwks(&issuers.each_ref().map(Key::jwk))).unwrap()
}
