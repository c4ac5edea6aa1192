//! Whose token it is: the checks in their order, cheapest first.

use std::collections::HashMap;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use webhook_domain::access::caller::Caller;
use webhook_domain::ports::TokenVerifier;
use webhook_domain::time::Instant;

use crate::claims::Claims;
use crate::jwks::{self, JwksError, SkippedKey};
use crate::refused::Refused;
use crate::signature;

/// The longest token that is looked at: 8 KiB.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// How far the issuer's clock and this machine's may be apart.
pub const LEEWAY: Duration = Duration::from_secs(60);

/// Whose tokens are believed, and which of them are meant for this service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The `iss` that tokens must have.
    pub issuer: String,
    /// The `aud` that tokens must have, alone or among others.
    pub audience: String,
}

/// Verifies JWTs with the public keys of one issuer.
pub struct JwtVerifier {
    issuer: String,
    keys: HashMap<String, Key>,
    skipped: Vec<SkippedKey>,
}

/// A key, and what a token under it must be.
struct Key {
    key: DecodingKey,
    validation: Validation,
}

impl JwtVerifier {
    /// Believes tokens that `trust` describes and a key in `jwks` (RFC 7517 §5) signed. Keys that cannot be used are
    /// [`skipped`](Self::skipped).
    ///
    /// # Errors
    /// [`JwksError`] when it is no JWK Set, or one without any key that can be used.
    pub fn new(trust: Trust, jwks: &str) -> Result<Self, JwksError> {
        if !signature::is_rings() {
            return Err(JwksError::OtherProvider);
        }
        let jwks::Keys { usable, skipped } = jwks::read(jwks)?;
        let keys = usable.into_iter().map(|key| {
            let validation = validation(&trust, key.algorithm);
            let decoding = key.key;
            (
                key.kid,
                Key {
                    key: decoding,
                    validation,
                },
            )
        });
        Ok(Self {
            keys: keys.collect(),
            skipped,
            issuer: trust.issuer,
        })
    }

    /// How many keys there are.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// The keys that are not used, and why.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    fn check(&self, token: &str, now: Instant) -> Result<Caller, Refused> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refused::TooLong);
        }
        let header = decode_header(token).map_err(|_| Refused::Head)?;
        check_header(&header)?;
        let key = header
            .kid
            .and_then(|kid| self.keys.get(&kid))
            .ok_or(Refused::UnknownKey)?;
        let token = decode::<Claims>(token, &key.key, &key.validation).map_err(|_| Refused::NotValid)?;
        token.claims.admit(&self.issuer, now)
    }
}

impl TokenVerifier for JwtVerifier {
    fn verify(&self, token: &str, now: Instant) -> Option<Caller> {
        self.check(token, now)
            .inspect_err(|reason| tracing::debug!(token.refused = %reason, "a bearer token was refused"))
            .ok()
    }
}

/// What `jsonwebtoken` is to check: the algorithm, the signature, `iss` and `aud`. Time is checked by [`Claims`], because
/// it would ask the ambient clock.
fn validation(trust: &Trust, algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["iss", "aud", "exp"]);
    validation.set_issuer(&[&trust.issuer]);
    validation.set_audience(&[&trust.audience]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}

fn check_header(header: &Header) -> Result<(), Refused> {
    if header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.x5c.is_some() {
        return Err(Refused::BringsKey);
    }
    let b64 = header.extras.get::<serde_json::Value>("b64");
    let unencoded = !matches!(b64, Ok(None));
    if header.crit.is_some() || header.enc.is_some() || header.zip.is_some() || unencoded {
        return Err(Refused::NotUnderstood);
    }
    match &header.typ {
        Some(typ) if !is_jwt(typ) => Err(Refused::OtherType),
        _ => Ok(()),
    }
}

/// Media types in any case, with or without `application/` (RFC 7515 §4.1.9, RFC 9068 §4).
fn is_jwt(typ: &str) -> bool {
    ["JWT", "at+jwt", "application/at+jwt"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(typ))
}
