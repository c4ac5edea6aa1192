//! Verifies the deliveries of a webhook: was this request sent by the service that holds the secret, and just now?
//!
//! A [`Verifier`] has the keys of one webhook: secrets that sender and receiver share, or public keys. It takes the headers and the body of a request and the current time. It
//! returns that the delivery is genuine, or why it is not. It reads no clock, does no I/O and needs no async runtime.
//!
//! ```
//! use std::collections::HashMap;
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! use webhook_verify::{VerificationError, Verifier};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The published example of Standard Webhooks. During the overlap of a roll, give both: the new secret and the old one.
//! let verifier = Verifier::from_keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?;
//!
//! let headers = HashMap::from([
//!     ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
//!     ("webhook-timestamp", "1614265330"),
//!     ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
//! ]);
//! let header = |name: &str| headers.get(name).map(|value| value.as_bytes());
//! let body = br#"{"test": 2432232314}"#;
//! // A receiver passes `SystemTime::now()`.
//! let now = UNIX_EPOCH + Duration::from_secs(1_614_265_331);
//!
//! let verified = verifier.verify(header, body, now)?;
//! assert_eq!(verified.id, Some("msg_p5jXN8AQM9LWM0D4loKWxJek"));
//!
//! let forged = verifier.verify(header, b"{}", now);
//! assert_eq!(forged, Err(VerificationError::NoMatch));
//! # Ok(())
//! # }
//! ```
//!
//! # What is verified
//!
//! A delivery is signed in two ways, each with its own headers. One of them is enough.
//!
//! | headers | signature | signed content | key |
//! |---|---|---|---|
//! | `webhook-id`, `webhook-timestamp` (Unix seconds), `webhook-signature` | `v1,<base64>`, several separated by spaces | `{id}.{timestamp}.{body}` | HMAC: the base64-decoded bytes after `whsec_` |
//! | | `v1a,<base64>`, after all `v1` | the same | Ed25519: the base64-decoded bytes after `whpk_` |
//! | `X-PAYLOAD-SIGNATURE-TIMESTAMP` (`2024-04-12T15:22:37Z`), `X-PAYLOAD-SIGNATURE` | `v1=<HEX>`, several separated by commas | `{timestamp}.{body}` | HMAC: the secret's text, `whsec_` included |
//!
//! The first are those of [Standard Webhooks](https://www.standardwebhooks.com). [`Verifier::verify`] uses them if
//! present, because they sign the id too, and otherwise the second.
//!
//! - The timestamp may be 5 minutes away in either direction ([`DEFAULT_TOLERANCE`]).
//! - One signature that matches one key is enough. During the overlap of a roll, the service signs with the new key and the
//!   old one, so a receiver that holds either can verify.
//! - **The prefix of a key says how it verifies, never the signature.** `whsec_` means HMAC with SHA-256 and the tag
//!   `v1`, `whpk_` means Ed25519 and the tag `v1a`; a signature with another tag is never compared with it. So nobody can make an
//!   HMAC with a public key, which everybody may know, and have it believed.
//! - MACs are compared in constant time. Ed25519 refuses signatures that somebody else has varied (RFC 8032 §5.1.7), and
//!   public keys of small order are no keys.
//!
//! # What else a receiver must do
//!
//! - Pass the body **as it was received**. JSON that was parsed and serialised again has other bytes, and does not verify.
//! - Store [`Verified::id`]: deliveries arrive at least once, and a retry has the same id.
//! - Respond to a delivery that does not verify with 401 or 400. The service then retries it later.
//!
//! The examples `axum.rs` and `actix_web.rs` of this crate are two such receivers.
//!
//! # What a receiver may say
//!
//! [`Verifier::receipt`] gives the value of the header [`RECEIPT`] for a delivery that was verified. In a 2xx response it shows the service
//! which secret the receiver verifies with, so that nobody has to hope that a roll has reached it.
//!
//! # Testing a receiver
//!
//! [`Secret::sign_message`], [`Secret::sign_payload`] and [`KeyPair::sign_message`] make the signatures that a test sends.

mod ed25519;
mod error;
mod key;
mod receipt;
mod received;
mod secret;
mod timestamp;
mod verifier;

pub use ed25519::{KeyPair, PublicKey};
pub use error::{KeyError, VerificationError};
pub use key::Key;
pub use receipt::{MAX_RECEIPT_LENGTH, Receipt};
pub use secret::Secret;
pub use verifier::{DEFAULT_TOLERANCE, Verified, Verifier};

/// When the delivery was signed, such as `2024-04-12T15:22:37Z`.
pub const PAYLOAD_TIMESTAMP: &str = "X-PAYLOAD-SIGNATURE-TIMESTAMP";
/// The signatures that are keyed with the texts of the secrets.
pub const PAYLOAD_SIGNATURE: &str = "X-PAYLOAD-SIGNATURE";
/// The event's id.
pub const MESSAGE_ID: &str = "webhook-id";
/// When the delivery was signed, in Unix seconds.
pub const MESSAGE_TIMESTAMP: &str = "webhook-timestamp";
/// The signatures that are keyed with the bytes of the secrets.
pub const MESSAGE_SIGNATURE: &str = "webhook-signature";
/// In a response: which secret the receiver verifies with.
pub const RECEIPT: &str = "webhook-receipt";

/// The most signatures of one family that a delivery may have. A sender has at most six keys that sign at a time.
pub const MAX_SIGNATURES: usize = 16;

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
