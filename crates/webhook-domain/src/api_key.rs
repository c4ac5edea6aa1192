//! API keys: how their text is made, read and checked.
//!
//! A key's text is `whkey_`, the key's public id without its prefix (26 characters), and 58 characters of
//! base32 for 256 random bits and a CRC-32. The id finds the stored key; the checksum refuses a mistyped or
//! made-up text before any store is asked; what is stored is the SHA-256 of the text, compared in constant
//! time. A fast hash is right here: there is nothing to guess in 256 random bits.

use data_encoding::BASE32_DNSCURVE;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::caller::{Caller, Credential, PlatformScope};
use crate::entropy::{Entropy, EntropyError};
use crate::id::ApiKeyId;
use crate::permission::PermissionSet;
use crate::secret::SecretText;
use crate::time::Instant;

const PREFIX: &str = "whkey_";
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
    /// The caller that `presented` stands for at `now`: none when the text is another, the key is revoked, or
    /// it has expired.
    #[must_use]
    pub fn admit(&self, presented: &PresentedApiKey, now: Instant) -> Option<Caller> {
        let same_text = self.digest == presented.digest;
        let in_force = self.revoked_at.is_none() && self.expires_at.is_none_or(|expiry| now < expiry);
        (same_text && in_force).then(|| Caller {
            credential: Credential::ApiKey(self.id),
            scope: self.scope.clone(),
            permissions: self.permissions,
        })
    }
}

/// The text of an API key that somebody presented, found well-formed: not yet known to be anybody's.
#[derive(Debug, Clone, Copy)]
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
    use super::*;
    use crate::testing::{ManualClock, SeededEntropy};

    const NOW: Instant = ManualClock::START;

    fn new_key() -> (SecretText, ApiKey) {
        let entropy = SeededEntropy::default();
        let id = ApiKeyId::generate(NOW, &entropy).unwrap();
        let (text, digest) = generate_text(id, &entropy).unwrap();
        let key = ApiKey {
            id,
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
}
