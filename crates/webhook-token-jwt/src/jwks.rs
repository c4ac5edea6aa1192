//! The issuer's public keys, as a JWK Set (RFC 7517 §5) has them.
//!
//! Issuers publish all their keys in one set, whatever they are for. So a key that is not for this service, or that is wrong,
//! is skipped, and the others are taken; a set without any key that can be used is refused. What is skipped is said by its
//! number, its kid and the reason, and never with anything else of its content: a private key that was put here by mistake
//! must not be repeated in a log.

use std::collections::HashSet;
use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::element::Element;
use crate::signature::is_point_of_p256;

/// The longest set: 64 KiB.
pub const MAX_JWKS_BYTES: usize = 64 * 1024;
/// The most keys in a set.
pub const MAX_KEYS: usize = 100;

/// The sizes of RSA keys that are taken, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// The length of a coordinate of P-256, and of a public key of Ed25519.
const POINT_BYTES: usize = 32;

/// What is wrong with a JWK Set. Completes the sentence that begins with the set's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwksError {
    /// It is too long.
    #[error("must have at most {MAX_JWKS_BYTES} bytes")]
    TooLong,
    /// It is not JSON.
    #[error("must be JSON; line {line}, column {column} is not")]
    NotJson {
        /// Where, from 1.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// It is JSON and no JWK Set.
    #[error("must be a JWK Set, {{\"keys\": [...]}}; at line {line}, column {column} it is not")]
    NotJwkSet {
        /// Where, from 1.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// It has no key, or too many.
    #[error("must have 1 to {MAX_KEYS} keys")]
    Count,
    /// No key can be used.
    #[error("has no key that can be used: {}", sentence(.0))]
    NoneUsable(Vec<SkippedKey>),
    /// Another part of the process has chosen how `jsonwebtoken` verifies signatures.
    #[error("cannot be used: this process verifies signatures with something else than ring")]
    OtherProvider,
}

/// A key of the set that is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// Which key, in the order of the set, from 1.
    pub number: usize,
    /// Its name, if it has one; no more than its first 64 characters.
    pub kid: Option<String>,
    /// Why it is not used. Completes the sentence that begins with the key.
    pub problem: &'static str,
    /// Whether the key is a secret, which is none any more once it is in such a file.
    pub is_exposed: bool,
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", self.number)?;
        if let Some(kid) = &self.kid {
            write!(f, " with kid {kid:?}")?;
        }
        write!(f, " {}", self.problem)
    }
}

fn sentence(skipped: &[SkippedKey]) -> String {
    let keys: Vec<_> = skipped.iter().map(ToString::to_string).collect();
    keys.join("; ")
}

/// A public key under its name, with its one algorithm.
pub(crate) struct PublicKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
}

/// The keys of a set: those that can be used, at least one, and the others.
pub(crate) struct Keys {
    pub(crate) usable: Vec<PublicKey>,
    pub(crate) skipped: Vec<SkippedKey>,
}

/// Reads a set.
pub(crate) fn read(text: &str) -> Result<Keys, JwksError> {
    if text.len() > MAX_JWKS_BYTES {
        return Err(JwksError::TooLong);
    }
    // The error itself may repeat what it met.
    let set: JwkSet = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        if error.is_data() {
            JwksError::NotJwkSet { line, column }
        } else {
            JwksError::NotJson { line, column }
        }
    })?;
    if !(1..=MAX_KEYS).contains(&set.keys.len()) {
        return Err(JwksError::Count);
    }
    let (mut usable, mut skipped) = (Vec::new(), Vec::new());
    let mut names = HashSet::new();
    for (element, number) in set.keys.into_iter().zip(1..) {
        let kid = element.text("kid").map(|kid| kid.chars().take(64).collect());
        match public_key(element, &names) {
            Ok(key) => {
                names.insert(key.kid.clone());
                usable.push(key);
            }
            Err(Unusable { problem, is_exposed }) => skipped.push(SkippedKey {
                number,
                kid,
                problem,
                is_exposed,
            }),
        }
    }
    match usable.is_empty() {
        true => Err(JwksError::NoneUsable(skipped)),
        false => Ok(Keys { usable, skipped }),
    }
}

/// Why a key is not used.
struct Unusable {
    problem: &'static str,
    is_exposed: bool,
}

impl From<&'static str> for Unusable {
    fn from(problem: &'static str) -> Self {
        Self {
            problem,
            is_exposed: false,
        }
    }
}

/// The key in `element`, unless there is one with its name already.
fn public_key(element: Element, names: &HashSet<String>) -> Result<PublicKey, Unusable> {
    let members = match element {
        Element::Other => return Err("is no JSON object".into()),
        Element::Object {
            is_ambiguous: true, ..
        } => return Err("has a member twice".into()),
        Element::Object { members, .. } => members,
    };
    let jwk: Jwk = serde_json::from_value(Value::Object(members))
        .map_err(|_| "has a member of another type than in RFC 7517")?;
    let key = jwk.public_key()?;
    if names.contains(&key.kid) {
        return Err("has the kid of one before it, which is used".into());
    }
    if key.algorithm == Algorithm::ES256 && !is_point_of_p256(&key.key) {
        return Err("has an x and a y that are no point of P-256".into());
    }
    Ok(key)
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Element>,
}

/// The members that count. Others may be there (RFC 7517 §4).
#[derive(Deserialize)]
struct Jwk {
    kid: Option<String>,
    kty: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    public_key_use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl Jwk {
    fn public_key(self) -> Result<PublicKey, Unusable> {
        let exposed = |problem| Unusable {
            problem,
            is_exposed: true,
        };
        if self.kty.as_deref() == Some("oct") || self.k.is_some() {
            return Err(exposed(
                "is a symmetric key (oct), which is not used: whoever verifies with it can sign with it too; it is no longer \
                 a secret and must be replaced",
            ));
        }
        if self.has_private_members() {
            return Err(exposed(
                "is a private key, which is not used; only public keys belong here, and this one must be replaced",
            ));
        }
        self.check_use()?;
        let algorithm = self.algorithm()?;
        let key = match algorithm {
            Algorithm::EdDSA => self.ed25519()?,
            Algorithm::ES256 => self.p256()?,
            _ => self.rsa()?,
        };
        let kid = self.kid.filter(|kid| !kid.is_empty());
        let kid = kid.ok_or("has no kid, by which tokens name it")?;
        Ok(PublicKey { kid, algorithm, key })
    }

    fn has_private_members(&self) -> bool {
        let private = [&self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi, &self.oth];
        private.into_iter().any(Option::is_some)
    }

    fn check_use(&self) -> Result<(), &'static str> {
        if self.public_key_use.as_deref().is_some_and(|given| given != "sig") {
            return Err("has another use than sig");
        }
        let verify = |operations: &Vec<String>| operations.iter().any(|operation| operation == "verify");
        if self
            .key_ops
            .as_ref()
            .is_some_and(|operations| !verify(operations))
        {
            return Err("has key_ops without verify");
        }
        Ok(())
    }

    fn algorithm(&self) -> Result<Algorithm, &'static str> {
        let kind = (self.kty.as_deref(), self.crv.as_deref());
        match (self.alg.as_deref(), kind) {
            // Without an alg (RFC 7517 §4.4), the type of the key says which it is.
            (Some("EdDSA") | None, (Some("OKP"), Some("Ed25519"))) => Ok(Algorithm::EdDSA),
            (Some("ES256") | None, (Some("EC"), Some("P-256"))) => Ok(Algorithm::ES256),
            (Some("RS256") | None, (Some("RSA"), None)) => Ok(Algorithm::RS256),
            (Some("EdDSA"), _) => Err("has alg EdDSA, and not kty OKP and crv Ed25519"),
            (Some("ES256"), _) => Err("has alg ES256, and not kty EC and crv P-256"),
            (Some("RS256"), _) => Err("has alg RS256, and not kty RSA without a crv"),
            (Some(_), _) => Err("has another alg than EdDSA, ES256 and RS256"),
            (None, _) => {
                Err("has no alg, and a kty and crv that are for none of EdDSA (Ed25519), ES256 and RS256")
            }
        }
    }

    fn ed25519(&self) -> Result<DecodingKey, &'static str> {
        let point = self.x.as_deref().and_then(point);
        let point = point.ok_or("has an x that is not 32 bytes in base64url without padding")?;
        Ok(DecodingKey::from_ed_der(&point))
    }

    fn p256(&self) -> Result<DecodingKey, &'static str> {
        let (x, y) = (
            self.x.as_deref().and_then(point),
            self.y.as_deref().and_then(point),
        );
        let (x, y) = x
            .zip(y)
            .ok_or("has an x or a y that is not 32 bytes in base64url without padding")?;
        // Uncompressed, SEC 1 §2.3.3.
        Ok(DecodingKey::from_ec_der(
            &[&[4], x.as_slice(), y.as_slice()].concat(),
        ))
    }

    fn rsa(&self) -> Result<DecodingKey, &'static str> {
        if self.n.is_none() {
            return Err("has no n and e; an x5c is not read");
        }
        let modulus = self.n.as_deref().and_then(whole_number);
        let modulus = modulus.ok_or("has an n that is not a number in base64url without padding")?;
        let exponent = self.e.as_deref().and_then(whole_number);
        let exponent = exponent.ok_or("has an e that is not a number in base64url without padding")?;
        if !RSA_BITS.contains(&bits(&modulus)) {
            return Err("is an RSA key of less than 2048 bits, or more than 8192");
        }
        // As ring wants it: odd, at least 3, at most 33 bits.
        if !(2..=33).contains(&bits(&exponent)) || exponent.last().is_none_or(|last| last % 2 == 0) {
            return Err("has an e that is not odd, or not between 3 and 2^33");
        }
        Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
    }
}

fn point(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    (bytes.len() == POINT_BYTES).then_some(bytes)
}

/// A positive number, its most significant byte first and not 0 (RFC 7518 §2, Base64urlUInt).
fn whole_number(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    bytes.first().is_some_and(|first| *first != 0).then_some(bytes)
}

fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    number.len() * 8 - usize::try_from(unused).unwrap_or_default()
}
