//! API keys: how their text is made, read and checked.
//!
//! A key's text is `whkey_`, the key's public id without its prefix (26 characters), and 58 characters of
//! base32 for 256 random bits and a CRC-32. The id finds the stored key; the checksum refuses a mistyped or
//! made-up text before any store is asked; what is stored is the SHA-256 of the text, compared in constant
//! time. A fast hash is right here: there is nothing to guess in 256 random bits.

use std::time::Duration;

use data_encoding::BASE32_DNSCURVE;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::access::caller::{Caller, Credential, PlatformScope};
use crate::access::permission::{Permission, PermissionSet};
use crate::entropy::{Entropy, EntropyError};
use crate::error::{InvalidValue, Refusal};
use crate::id::ApiKeyId;
use crate::signing::secret::SecretText;
use crate::time::Instant;
use crate::webhook::Name;

/// The longest life of a key that does not live for ever, in seconds: ten years.
pub const MAX_LIFETIME_SECONDS: u64 = 315_360_000;
/// What is said of any other.
pub const INVALID_LIFETIME: InvalidValue =
    InvalidValue::new("must be a whole number of seconds from 1 to 315360000");

/// For how long a key is good that is good for so many seconds.
///
/// # Errors
/// [`INVALID_LIFETIME`].
pub fn lifetime(seconds: u64) -> Result<Duration, InvalidValue> {
    match seconds {
        1..=MAX_LIFETIME_SECONDS => Ok(Duration::from_secs(seconds)),
        _ => Err(INVALID_LIFETIME),
    }
}

/// What the text of every API key begins with, and no bearer token does.
pub const PREFIX: &str = "whkey_";
const ID_LENGTH: usize = 26;
const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
const TEXT_LENGTH: usize = PREFIX.len() + ID_LENGTH + 58;

/// The SHA-256 of a key's text: what is stored of it.
#[derive(Debug, Clone, Copy)]
pub struct ApiKeyDigest(pub [u8; 32]);

impl PartialEq for ApiKeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ApiKeyDigest {}

/// An API key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Which one.
    pub id: ApiKeyId,
    /// A name for people.
    pub name: Option<Name>,
    /// The platforms it is good for.
    pub scope: PlatformScope,
    /// What it may do there.
    pub permissions: PermissionSet,
    /// What its text must hash to.
    pub digest: ApiKeyDigest,
    /// When it was made.
    pub created_at: Instant,
    /// The first instant at which it is no longer good; never, if none.
    pub expires_at: Option<Instant>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Instant>,
}

impl ApiKey {
    /// Whether the key is good at `now`: neither revoked nor expired.
    #[must_use]
    pub fn is_in_force(&self, now: Instant) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expiry| now < expiry)
    }

    /// The key, revoked at `now`. `scope_mates` are the keys of the same scope that are not revoked; of those in force one
    /// must go on being able to create keys if this one is.
    ///
    /// # Errors
    /// [`Refusal::LastApiKey`].
    pub fn revoke(&self, scope_mates: &[Self], now: Instant) -> Result<Self, Refusal> {
        let can_create =
            |key: &Self| key.is_in_force(now) && key.permissions.contains(Permission::ApiKeyCreate);
        let others = || scope_mates.iter().filter(|mate| mate.id != self.id);
        if can_create(self) && !others().any(can_create) {
            return Err(Refusal::LastApiKey);
        }
        Ok(self.revoked(now))
    }

    /// The key, revoked at `now` whatever other keys there are: the operator's way.
    #[must_use]
    pub fn revoked(&self, now: Instant) -> Self {
        Self {
            revoked_at: Some(now),
            ..self.clone()
        }
    }

    /// The caller that `presented` stands for at `now`: none when the text is another, the key is revoked, or
    /// it has expired.
    #[must_use]
    pub fn admit(&self, presented: &PresentedApiKey, now: Instant) -> Option<Caller> {
        let same_text = self.digest == presented.digest;
        (same_text && self.is_in_force(now)).then(|| Caller {
            credential: Credential::ApiKey(self.id),
            scope: self.scope.clone(),
            permissions: self.permissions,
        })
    }
}

/// A key that was made.
#[derive(Debug, Clone)]
pub struct CreatedApiKey {
    /// The key as stored.
    pub key: ApiKey,
    /// Its text, which is nowhere else.
    pub text: SecretText,
}

/// The text of an API key that somebody presented, found well-formed: not yet known to be anybody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentedApiKey {
    /// The key it claims to be.
    pub id: ApiKeyId,
    /// What its text hashes to.
    pub digest: ApiKeyDigest,
}

impl PresentedApiKey {
    /// Reads a key's text: none when it has another form or its checksum is wrong.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        // A key has one spelling: the base32 decoder would read capitals too.
        let canonical = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase() || b == b'_';
        if text.len() != TEXT_LENGTH || !text.bytes().all(canonical) {
            return None;
        }
        let (id, tail) = text.strip_prefix(PREFIX)?.split_at(ID_LENGTH);
        let tail = Zeroizing::new(BASE32_DNSCURVE.decode(tail.as_bytes()).ok()?);
        let (secret, checksum) = tail.split_at_checked(SECRET_BYTES)?;
        if checksum != checksum_of(id, secret) {
            return None;
        }
        let id = format!("{}{id}", ApiKeyId::PREFIX).parse().ok()?;
        Some(Self {
            id,
            digest: digest_of(text),
        })
    }
}

impl ApiKey {
    /// The key as it is to be when it is found at `now` and was made later than `latest`, by a clock that was ahead: made now, and good
    /// for as long as it was to be. None if there is nothing to be put right.
    #[must_use]
    pub fn brought_back(&self, latest: Instant, now: Instant) -> Option<Self> {
        let expires_at = self
            .expires_at
            .filter(|_| self.created_at > latest && self.revoked_at.is_none())?;
        Some(Self {
            created_at: now,
            expires_at: Some(
                now.whole_seconds()
                    .plus(expires_at.since(self.created_at.whole_seconds())),
            ),
            ..self.clone()
        })
    }
}

/// Makes the text of the key `id`, to be shown once, and what is to be stored of it.
///
/// # Errors
/// When there is no randomness to be had.
pub fn generate_text(
    id: ApiKeyId,
    entropy: &dyn Entropy,
) -> Result<(SecretText, ApiKeyDigest), EntropyError> {
    let id = id.to_string();
    let id = &id[ApiKeyId::PREFIX.len()..];
    let mut tail = Zeroizing::new([0_u8; SECRET_BYTES + CHECKSUM_BYTES]);
    entropy.fill(&mut tail[..SECRET_BYTES])?;
    let checksum = checksum_of(id, &tail[..SECRET_BYTES]);
    tail[SECRET_BYTES..].copy_from_slice(&checksum);
    let mut text = String::with_capacity(TEXT_LENGTH);
    text.push_str(PREFIX);
    text.push_str(id);
    BASE32_DNSCURVE.encode_append(tail.as_slice(), &mut text);
    let digest = digest_of(&text);
    Ok((SecretText::new(text), digest))
}

fn checksum_of(id: &str, secret: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(id.as_bytes());
    hasher.update(secret);
    hasher.finalize().to_be_bytes()
}

fn digest_of(text: &str) -> ApiKeyDigest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    ApiKeyDigest(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::{ManualClock, SeededEntropy};

    const NOW: Instant = ManualClock::START;

    fn new_key() -> (SecretText, ApiKey) {
        let entropy = SeededEntropy::default();
        let id = ApiKeyId::generate(NOW, &entropy).unwrap();
        let (text, digest) = generate_text(id, &entropy).unwrap();
        let key = ApiKey {
            id,
            name: None,
            scope: PlatformScope::All,
            permissions: PermissionSet::default(),
            digest,
            created_at: NOW,
            expires_at: None,
            revoked_at: None,
        };
        (text, key)
    }

    #[test]
    fn a_text_reads_back_as_its_key() {
        let (text, key) = new_key();
        assert_eq!(text.expose().len(), TEXT_LENGTH);
        let presented = PresentedApiKey::read(text.expose()).unwrap();
        assert_eq!(presented.id, key.id);
        let caller = key.admit(&presented, NOW).unwrap();
        assert_eq!(caller.credential, Credential::ApiKey(key.id));
    }

    #[test]
    fn a_text_with_any_one_character_changed_is_refused_without_a_store() {
        let (text, _) = new_key();
        let text = text.expose();
        for place in 0..text.len() {
            for changed in (0..=0x7F_u8).map(char::from) {
                if !text[place..].starts_with(changed) {
                    let wrong = format!("{}{changed}{}", &text[..place], &text[place + 1..]);
                    assert!(PresentedApiKey::read(&wrong).is_none(), "{wrong:?}");
                }
            }
        }
    }

    #[test]
    fn a_text_of_another_length_or_beyond_ascii_is_refused() {
        let (text, _) = new_key();
        let text = text.expose();
        for end in 0..text.len() {
            assert!(PresentedApiKey::read(&text[..end]).is_none());
        }
        for wrong in [
            format!("{text}0"),
            format!(" {text}"),
            text.replace("whkey_", "whke\u{fd}"),
        ] {
            assert!(PresentedApiKey::read(&wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_admits_its_own_text_alone() {
        let (_, key) = new_key();
        let (other, _) = generate_text(key.id, &SeededEntropy::new(1)).unwrap();
        let presented = PresentedApiKey::read(other.expose()).unwrap();
        assert_eq!(presented.id, key.id);
        assert!(key.admit(&presented, NOW).is_none());
    }

    /// A key that can create keys; each has an id of its own.
    fn creating(seed: u64) -> ApiKey {
        let id = ApiKeyId::generate(NOW, &SeededEntropy::new(seed)).unwrap();
        ApiKey {
            id,
            permissions: PermissionSet::from_iter([Permission::ApiKeyCreate]),
            ..new_key().1
        }
    }

    #[test]
    fn a_revoked_key_is_the_same_but_for_its_instant_and_out_of_force() {
        let (key, mate) = (creating(1), creating(2));
        let later = NOW.plus(Duration::from_secs(1));
        let revoked = key.revoke(&[key.clone(), mate], later).unwrap();
        assert!(!revoked.is_in_force(later));
        let expected = ApiKey {
            revoked_at: Some(later),
            ..key
        };
        assert_eq!(revoked, expected);
    }

    #[test]
    fn the_last_key_that_creates_keys_is_kept_whoever_else_there_is() {
        let key = creating(1);
        let expired = ApiKey {
            expires_at: Some(NOW),
            ..creating(2)
        };
        let revoked = creating(3).revoked(NOW);
        let powerless = ApiKey {
            permissions: PermissionSet::default(),
            ..creating(4)
        };
        for mates in [
            vec![],
            vec![key.clone()],
            vec![key.clone(), expired, revoked, powerless],
        ] {
            assert_eq!(key.revoke(&mates, NOW), Err(Refusal::LastApiKey), "{mates:?}");
        }
        let expiring = ApiKey {
            expires_at: Some(NOW.plus(Duration::from_millis(1))),
            ..creating(5)
        };
        assert!(key.revoke(&[key.clone(), expiring], NOW).is_ok());
        assert_eq!(key.revoked(NOW).revoked_at, Some(NOW), "the operator's way");
    }

    #[test]
    fn a_key_that_creates_no_keys_or_has_expired_is_revoked_freely() {
        let (_, powerless) = new_key();
        let expired = ApiKey {
            expires_at: Some(NOW),
            ..creating(1)
        };
        for key in [powerless, expired] {
            assert_eq!(key.revoke(std::slice::from_ref(&key), NOW), Ok(key.revoked(NOW)));
        }
    }
}
