//! Sealing secrets at rest: AES-256-GCM under a fresh subkey for every value.
//!
//! A sealed value is `version (1) ‖ master key id (4) ‖ salt (32) ‖ ciphertext ‖ tag (16)`. The subkey is
//! HKDF-SHA-256 of the master key under the salt, and serves for this one value, so the nonce can be
//! fixed. The additional data names the [`Place`] the value belongs to: copied to another row or column, or
//! to another key's place in a ring, it does not open.
//!
//! Any store may use it. A store that seals as this does can be read by another that has the same master key.
//!
//! ```
//! use std::sync::Arc;
//! use webhook_domain::entropy::Entropy;
//! use webhook_domain::sealing::{MasterKey, Place, Vault};
//!
//! # fn seal(entropy: Arc<dyn Entropy>) -> Result<(), Box<dyn std::error::Error>> {
//! let master_key = MasterKey::generate(entropy.as_ref())?;
//! let vault = Vault::new(master_key, entropy)?;
//! let (acme, webhook) = ("acme".parse()?, "whk_01hv9k2m4rt6w8y0abcdefghjk".parse()?);
//! let sealed = vault.seal(Place::Password(&acme, webhook), b"hunter2")?;
//! assert_eq!(vault.open(Place::Password(&acme, webhook), &sealed)?.as_slice(), b"hunter2");
//! // Copied to another column, it does not open.
//! assert!(vault.open(Place::ApiKey(&acme, webhook), &sealed).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! A store proves that it was opened with the right master key by a value of its own: it seals [`Place::Proof`] when it is made, and
//! opens it when it is opened.

mod master_key;
mod place;

use std::sync::{Arc, PoisonError, RwLock};

use data_encoding::HEXLOWER;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use crate::entropy::Entropy;

pub use self::master_key::MasterKey;
pub use self::place::Place;

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const SALT_BYTES: usize = 32;
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES + SALT_BYTES;

/// A value could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No randomness for the salt.
    #[error("the source of randomness failed")]
    Entropy,
    /// Not a sealed value of a version known here.
    #[error("not a sealed value of a known version")]
    Malformed,
    /// Sealed under another master key.
    #[error("sealed under another master key")]
    OtherMasterKey,
    /// Changed, or moved here from another place.
    #[error("a sealed value was changed or moved")]
    NotAuthentic,
    /// The cipher refused, which it does for no input of ours.
    #[error("the cipher failed")]
    Cipher,
}

/// Seals and opens values: seals under one master key, opens under every one it knows. There is more than one only
/// while a new master key takes the place of an old one.
pub struct Vault {
    keys: RwLock<Keys>,
    entropy: Arc<dyn Entropy>,
}

struct Keys {
    /// The one that seals is the first.
    known: Vec<Arc<KnownKey>>,
}

struct KnownKey {
    id: [u8; KEY_ID_BYTES],
    key: MasterKey,
}

impl KnownKey {
    fn new(key: MasterKey) -> Result<Self, SealError> {
        let mut id = [0; KEY_ID_BYTES];
        Salt::new(HKDF_SHA256, b"webhook master key id")
            .extract(key.0.as_slice())
            .expand(&[b"id"], Length(KEY_ID_BYTES))
            .and_then(|okm| okm.fill(&mut id))
            .map_err(|_| SealError::Cipher)?;
        Ok(Self { id, key })
    }

    fn subkey(&self, salt: &[u8]) -> Result<LessSafeKey, SealError> {
        let extracted = Salt::new(HKDF_SHA256, salt).extract(self.key.0.as_slice());
        let okm = extracted
            .expand(&[b"webhook sealing"], &AES_256_GCM)
            .map_err(|_| SealError::Cipher)?;
        Ok(LessSafeKey::new(UnboundKey::from(okm)))
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Vault {
    /// A vault under this master key.
    ///
    /// # Errors
    /// When the key's id cannot be derived, which no 32 bytes bring about.
    pub fn new(master: MasterKey, entropy: Arc<dyn Entropy>) -> Result<Self, SealError> {
        let known = vec![Arc::new(KnownKey::new(master)?)];
        Ok(Self {
            keys: RwLock::new(Keys { known }),
            entropy,
        })
    }

    /// The name of the master key that seals: tells it from others.
    #[must_use]
    pub fn key_id(&self) -> String {
        HEXLOWER.encode(&self.sealing().id)
    }

    /// Opens what is sealed under `key`, too, from now on, and names it.
    ///
    /// # Errors
    /// When the key's id cannot be derived, which no 32 bytes bring about.
    pub fn learn(&self, key: MasterKey) -> Result<String, SealError> {
        let key = KnownKey::new(key)?;
        let id = HEXLOWER.encode(&key.id);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.known.iter().all(|known| known.id != key.id) {
            keys.known.push(Arc::new(key));
        }
        Ok(id)
    }

    /// Seals under the known key of this name from now on, if there is one.
    pub fn seal_under(&self, id: &str) -> bool {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let place = keys.known.iter().position(|key| HEXLOWER.encode(&key.id) == id);
        place.is_some_and(|place| {
            keys.known.swap(0, place);
            true
        })
    }

    /// The known master key of this name.
    #[must_use]
    pub fn master_key(&self, id: &str) -> Option<MasterKey> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let named = keys.known.iter().find(|key| HEXLOWER.encode(&key.id) == id);
        named.map(|key| key.key.clone())
    }

    /// Whether a value is sealed under a key that is known.
    #[must_use]
    pub fn knows_key_of(&self, sealed: &[u8]) -> bool {
        sealed_under(sealed).is_none_or(|id| self.find(&id).is_some())
    }

    fn sealing(&self) -> Arc<KnownKey> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner).known[0])
    }

    fn find(&self, id: &[u8]) -> Option<Arc<KnownKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.known.iter().find(|key| key.id == id).cloned()
    }

    /// Random bytes, for a key that is to be sealed.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn random<const N: usize>(&self) -> Result<Zeroizing<[u8; N]>, SealError> {
        let mut bytes = Zeroizing::new([0; N]);
        self.entropy
            .fill(bytes.as_mut_slice())
            .map_err(|_| SealError::Entropy)?;
        Ok(bytes)
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut salt = [0; SALT_BYTES];
        self.entropy.fill(&mut salt).map_err(|_| SealError::Entropy)?;
        let mut body = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
        body.extend_from_slice(plain);
        let key = self.sealing();
        key.subkey(&salt)?
            .seal_in_place_append_tag(fixed_nonce(), Aad::from(place.additional_data()), &mut *body)
            .map_err(|_| SealError::Cipher)?;
        let mut sealed = Vec::with_capacity(HEADER_BYTES + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens a value that was sealed for this place.
    ///
    /// # Errors
    /// When it was sealed for another place or under another key, or was changed.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (header, body) = sealed
            .split_at_checked(HEADER_BYTES)
            .ok_or(SealError::Malformed)?;
        let (prefix, salt) = header.split_at(1 + KEY_ID_BYTES);
        if prefix[0] != VERSION {
            return Err(SealError::Malformed);
        }
        let key = self.find(&prefix[1..]).ok_or(SealError::OtherMasterKey)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = key
            .subkey(salt)?
            .open_in_place(fixed_nonce(), Aad::from(place.additional_data()), &mut body)
            .map_err(|_| SealError::NotAuthentic)?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

/// The id of the master key that a value is sealed under; none for what is no sealed value.
fn sealed_under(sealed: &[u8]) -> Option<[u8; KEY_ID_BYTES]> {
    let id = sealed.get(1..=KEY_ID_BYTES)?;
    id.try_into().ok()
}

/// The name of the master key that a value is sealed under; none for what is no sealed value.
#[must_use]
pub fn key_name_of(sealed: &[u8]) -> Option<String> {
    sealed_under(sealed).map(|id| HEXLOWER.encode(&id))
}

/// Right only because no subkey seals two values.
fn fixed_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use crate::id::{PlatformId, SigningKeyId, WebhookId};
    use crate::signing::secret::SecretText;
    use data_encoding::BASE64;

    use super::*;
    use crate::testing::SeededEntropy;
    use crate::webhook::Version;

    fn vault(byte: u8) -> Vault {
        Vault::new(
            MasterKey(Zeroizing::new([byte; 32])),
            Arc::new(SeededEntropy::new(byte.into())),
        )
        .unwrap()
    }

    #[test]
    fn a_value_opens_in_its_own_place_and_in_no_other() {
        let vault = vault(1);
        let (acme, other): (PlatformId, PlatformId) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let one: WebhookId = "whk_01hv9k2m4rt6w8y0abcdefghjk".parse().unwrap();
        let two: WebhookId = "whk_01hv9k2m4rt6w8y0abcdefghjm".parse().unwrap();
        let key: SigningKeyId = "sgk_01hv9k2m4rt6w8y0abcdefghjk".parse().unwrap();
        let key_two: SigningKeyId = "sgk_01hv9k2m4rt6w8y0abcdefghjm".parse().unwrap();
        let places = [
            Place::SigningKey(&acme, one, key),
            Place::SigningKey(&acme, one, key_two),
            Place::SigningKey(&acme, two, key),
            Place::SigningKey(&other, one, key),
            Place::Password(&acme, one),
            Place::Password(&acme, two),
            Place::ApiKey(&acme, one),
            Place::PreviousPassword(&acme, one, Version(2)),
            Place::PreviousPassword(&acme, one, Version(3)),
            Place::PreviousPassword(&acme, two, Version(2)),
            Place::PreviousApiKey(&acme, one, Version(2)),
            Place::CustomHeader(&acme, one, "X-A"),
            Place::CustomHeader(&acme, one, "x-a"),
            Place::CustomHeader(&acme, two, "X-A"),
            Place::CustomHeader(&other, one, "X-A"),
            Place::Answer(b"one"),
            Place::Answer(b"two"),
            Place::ChainKey,
            Place::Proof,
        ];
        for (i, sealed_for) in places.iter().enumerate() {
            let sealed = vault.seal(*sealed_for, b"secret").unwrap();
            for (j, opened_at) in places.iter().enumerate() {
                let opened = vault.open(*opened_at, &sealed);
                if i == j {
                    assert_eq!(opened.unwrap().as_slice(), b"secret");
                } else {
                    assert_eq!(
                        opened.unwrap_err(),
                        SealError::NotAuthentic,
                        "{sealed_for:?} at {opened_at:?}"
                    );
                }
            }
        }
    }

    /// Sealed by another implementation of HKDF-SHA-256 and AES-256-GCM, from what the module's documentation says.
    #[test]
    fn a_value_that_was_sealed_elsewhere_opens() {
        let sealed = concat!(
            "01920ebf5d000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "f95a8abd00a4a378cf508278c056f194089f969714dc04"
        );
        let sealed = HEXLOWER.decode(sealed.as_bytes()).unwrap();
        let acme = "acme".parse().unwrap();
        let webhook = "whk_01hv9k2m4rt6w8y0abcdefghjk".parse().unwrap();
        let opened = vault(7).open(Place::Password(&acme, webhook), &sealed);
        assert_eq!(opened.unwrap().as_slice(), b"hunter2");
        assert_eq!(key_name_of(&sealed), Some(vault(7).key_id()));
    }

    #[test]
    fn a_value_with_any_bit_changed_does_not_open() {
        let vault = vault(1);
        let sealed = vault.seal(Place::Proof, b"secret").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(vault.open(Place::Proof, &changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(
                vault.open(Place::Proof, &sealed[..length]).is_err(),
                "length {length}"
            );
        }
    }

    #[test]
    fn another_master_key_is_told_apart() {
        let sealed = vault(1).seal(Place::Proof, b"secret").unwrap();
        assert_eq!(
            vault(2).open(Place::Proof, &sealed).unwrap_err(),
            SealError::OtherMasterKey
        );
    }

    #[test]
    fn the_same_value_is_never_sealed_alike_twice() {
        let vault = vault(1);
        assert_ne!(
            vault.seal(Place::Proof, b"secret").unwrap(),
            vault.seal(Place::Proof, b"secret").unwrap()
        );
    }

    #[test]
    fn a_master_key_is_32_bytes_in_base64() {
        let key = MasterKey::generate(&SeededEntropy::default()).unwrap();
        assert!(MasterKey::parse(&SecretText::new(format!(" {}\n", key.to_base64().expose()))).is_ok());
        for wrong in [
            String::new(),
            "nonsense".into(),
            BASE64.encode(&[1; 31]),
            BASE64.encode(&[1; 33]),
        ] {
            assert!(MasterKey::parse(&SecretText::new(wrong)).is_err());
        }
    }
}
