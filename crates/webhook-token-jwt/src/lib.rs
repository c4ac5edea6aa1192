//! Bearer tokens as JWTs: [`JwtVerifier`] is the domain's [`TokenVerifier`](webhook_domain::ports::TokenVerifier) over
//! the public keys of one issuer.
//!
//! What a token must be is in `token.rs`, what a key must be in `jwks.rs`. Taking a token apart, and checking its
//! signature against its key, its `iss` and its `aud`, is the `jsonwebtoken` crate's; the signature itself is ring's, see
//! `signature.rs`. Time is the caller's to say, so `exp`, `nbf` and `iat` are checked here.
//!
//! What always holds:
//!
//! 1. **The key decides the algorithm, the token does not.** A key of the set has one algorithm, and a token under that
//!    key that names another is refused. `none` and the symmetric algorithms belong to no key.
//! 2. **Keys come from the set alone.** A token that brings a key or says where one is (`jwk`, `jku`, `x5c`, `x5u`) is
//!    refused; nothing is ever fetched.
//! 3. **A token that is not wholly understood is refused**: `crit`, encryption, a claim of another type, one twice.
//! 4. **Why a token was refused is told to the log alone**, at `debug`, and never with what is in the token.

mod claims;
mod element;
mod jwks;
mod refused;
mod signature;
mod token;

pub use jwks::{JwksError, MAX_JWKS_BYTES, MAX_KEYS, SkippedKey};
pub use token::{JwtVerifier, LEEWAY, MAX_TOKEN_BYTES, Trust};
