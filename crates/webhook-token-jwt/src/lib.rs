//! Bearer tokens as JWTs: [`JwtVerifier`] is the domain's [`TokenVerifier`](webhook_domain::ports::TokenVerifier) over
//! the public keys of one issuer.
//!
//! `token.rs` has the rules for tokens, `jwks.rs` those for keys. The `jsonwebtoken` crate parses a token and checks its signature,
//! `iss` and `aud`; ring computes the signature, see `signature.rs`. The caller passes the time, so `exp`, `nbf` and `iat` are
//! checked here.
//!
//! What always holds:
//!
//! 1. **The key decides the algorithm, the token does not.** A key of the set has one algorithm, and a token under that
//!    key that names another is refused. `none` and the symmetric algorithms belong to no key.
//! 2. **Keys come from the set alone.** A token that contains a key or a place of one (`jwk`, `jku`, `x5c`, `x5u`) is refused;
//!    nothing is ever fetched.
//! 3. **A token that is not fully understood is refused**: `crit`, encryption, a claim of another type, a repeated claim.
//! 4. **Only the log has the reason of a refusal**, at `debug`, and never with the content of the token.

mod claims;
mod element;
mod jwks;
mod refused;
mod signature;
mod token;

pub use jwks::{JwksError, MAX_JWKS_BYTES, MAX_KEYS, SkippedKey};
pub use token::{JwtVerifier, LEEWAY, MAX_TOKEN_BYTES, Trust};
