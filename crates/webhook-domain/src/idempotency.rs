//! Asking again without doing again.
//!
//! A client that names its request with an idempotency key may send it as often as it likes: the first
//! success is stored, in the transaction of the change it answers, and given again byte for byte. A refusal
//! is not stored. The same key with another request is refused.
//!
//! The answer is the adapter's: opaque bytes to the domain, a secret (it may hold a new key), and so sealed at
//! rest like one.

use std::sync::Arc;
use std::time::Duration;

use ring::digest::{Context, SHA256};

use crate::access::caller::{Acting, Credential};
use crate::error::InvalidValue;
use crate::id::PlatformId;
use crate::signing::secret::SecretBytes;
use crate::time::Instant;
use crate::webhook::Webhook;

/// How long an answer is kept: 48 hours.
pub const RETENTION: Duration = Duration::from_secs(48 * 60 * 60);

/// A client's name for one request: 1–255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    /// Accepts 1–255 printable ASCII characters (0x20–0x7E).
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        if (1..=255).contains(&text.len()) && text.bytes().all(|b| (0x20..=0x7E).contains(&b)) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidValue::new("must be 1 to 255 printable ASCII characters"))
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where an answer is kept: keys of one credential on one platform are not those of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencySlot {
    /// The platform acted on.
    pub platform: PlatformId,
    /// Whose request it is.
    pub credential: Credential,
    /// The client's name for it.
    pub key: IdempotencyKey,
}

impl IdempotencySlot {
    /// The slot as a key of 32 bytes: what it is made of is long, and the client's.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let credential = self.credential.to_string();
        let parts = [
            self.platform.as_str().as_bytes(),
            credential.as_bytes(),
            self.key.as_str().as_bytes(),
        ];
        RequestFingerprint::of(&parts).0
    }
}

/// Tells one request from another: the SHA-256 of its parts, each preceded by its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestFingerprint(pub [u8; 32]);

impl RequestFingerprint {
    /// The fingerprint of a request made of `parts`: method, path, query, body.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.finish().as_ref());
        Self(fingerprint)
    }
}

/// Turns what was changed, as it is after the change, into the answer to store.
pub type Render<T = Webhook> = Arc<dyn Fn(&T, Instant) -> SecretBytes + Send + Sync>;

/// A request that its client may send again.
#[derive(Clone)]
pub struct IdempotentRequest<T = Webhook> {
    /// The client's name for it.
    pub key: IdempotencyKey,
    /// What it asks for.
    pub fingerprint: RequestFingerprint,
    /// What it is answered with if it succeeds.
    pub render: Render<T>,
}

impl<T> IdempotentRequest<T> {
    /// The request as a store takes it, made by `acting` at `now`.
    #[must_use]
    pub fn by(self, acting: &Acting, now: Instant) -> Idempotency<T> {
        let slot = IdempotencySlot {
            platform: acting.platform().clone(),
            credential: acting.credential(),
            key: self.key,
        };
        Idempotency {
            slot,
            fingerprint: self.fingerprint,
            at: now,
            render: self.render,
        }
    }
}

/// What a store needs to answer a request once, and again.
#[derive(Clone)]
pub struct Idempotency<T = Webhook> {
    /// Where the answer is kept.
    pub slot: IdempotencySlot,
    /// What the request asks for.
    pub fingerprint: RequestFingerprint,
    /// When it was made. An answer stored [`RETENTION`] before this counts as absent.
    pub at: Instant,
    /// What it is answered with if it succeeds.
    pub render: Render<T>,
}

impl<T> Idempotency<T> {
    /// Whether an answer stored at `stored_at` is too old to be given again.
    #[must_use]
    pub fn has_outlived(&self, stored_at: Instant) -> bool {
        stored_at.plus(RETENTION) <= self.at
    }

    /// The same request, answered with what is made of something else.
    #[must_use]
    pub fn rendering<U>(&self, render: Render<U>) -> Idempotency<U> {
        Idempotency {
            slot: self.slot.clone(),
            fingerprint: self.fingerprint,
            at: self.at,
            render,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ManualClock, fixtures};

    #[test]
    fn a_key_is_1_to_255_printable_ascii_characters() {
        for right in [
            "a",
            " ",
            "~",
            "8e03978e-40d5-43e8-bc93-6894a57f9324",
            &"k".repeat(255),
        ] {
            assert_eq!(IdempotencyKey::parse(right).unwrap().as_str(), right);
        }
        for wrong in ["", "\t", "a\n", "\u{7f}", "\0", "é", &"k".repeat(256)] {
            assert!(IdempotencyKey::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_fingerprint_tells_where_one_part_ends_and_the_next_begins() {
        let of = RequestFingerprint::of;
        assert_eq!(
            of(&[b"PATCH", b"/a", b"", b"{}"]),
            of(&[b"PATCH", b"/a", b"", b"{}"])
        );
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"a", b""]), of(&[b"", b"a"]));
        assert_ne!(of(&[b"a"]), of(&[b"a", b""]));
    }

    #[test]
    fn an_answer_is_kept_48_hours_to_the_millisecond() {
        let asked_at = |at| fixtures::request("k", "a").by(&fixtures::acting(&fixtures::acme()), at);
        let stored_at = ManualClock::START;
        let end = stored_at.plus(Duration::from_secs(172_800));
        assert!(!asked_at(end.minus(Duration::from_millis(1))).has_outlived(stored_at));
        assert!(asked_at(end).has_outlived(stored_at));
        assert!(
            !asked_at(Instant::from_milliseconds(0)).has_outlived(stored_at),
            "a clock stepped back"
        );
    }
}
