//! A key ring: each key sealed under its own id.
//!
//! A ring is kept whole, so that a roll is one value read and one value written. A key that a roll retires keeps its sealed form,
//! byte for byte.
//!
//! A ring says in which form it is, unless that is the first. It is in the first one that all its keys can be kept in, so that
//! releases which know no other go on reading every ring that they could have written. A form that is not known here is refused by
//! its number, not read as far as it goes.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::StoredError;
use crate::error::InvalidValue;
use crate::id::{PlatformId, SigningKeyId, WebhookId};
use crate::sealing::{Place, SealError, Vault, key_name_of};
use crate::signing::key_ring::{Adoption, Kept, KeyAge, KeyRing, RetiredKey, SigningKey};
use crate::signing::secret::SecretText;
use crate::time::Instant;

const FIELD: &str = "key_ring";

/// A key ring as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRing {
    /// The form of the ring, from [`FIRST_FORM`](Self::FIRST_FORM) to [`NEWEST_FORM`](Self::NEWEST_FORM).
    #[serde(default = "first_form", skip_serializing_if = "is_first_form")]
    pub form: u32,
    /// The current key.
    pub current: Option<StoredKey>,
    /// Newest first.
    pub retired: Vec<StoredRetiredKey>,
    /// When it was rolled last.
    pub rolled_at: Option<i64>,
    /// The id of the key that undoing the last roll would bring back. A version that does not know of it writes none, and then
    /// there is nothing to undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoable: Option<String>,
    /// What was shown of the current key. A version that does not know of it writes none, and then it is shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption: Option<StoredAdoption>,
    /// What is known of the age of the current key. A version that does not know of it writes none, and then the key counts from the last
    /// roll, and is told of again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<StoredAge>,
}

/// What is known of the age of a current key, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAge {
    /// Since when it is the current one, if that is not when the ring was rolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// From when its time is counted, if that is yet to come by some clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_from: Option<i64>,
    /// Whether it was told that it is due for a roll.
    #[serde(default)]
    pub is_told: bool,
}

/// What was shown of a current key, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAdoption {
    /// The name of the evidence.
    pub evidence: String,
    /// When it was shown.
    pub at: i64,
}

const fn first_form() -> u32 {
    StoredRing::FIRST_FORM
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_first_form(form: &u32) -> bool {
    *form == StoredRing::FIRST_FORM
}

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKey {
    /// Its id.
    pub id: String,
    /// The name of its protocol.
    pub protocol: String,
    /// Its [text](SigningKey::kept), sealed for its own id.
    pub sealed: String,
}

/// A retired key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRetiredKey {
    /// The key.
    pub key: StoredKey,
    /// When it was retired.
    pub retired_at: i64,
    /// The first instant at which it no longer signs, unless it is kept.
    pub expires_at: i64,
    /// How long it is kept, if it is. A version that does not know of it writes none, and lets it go as promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<StoredKept>,
    /// Of which end it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_of: Option<i64>,
}

/// How long a retired key is kept beyond what it was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKept {
    /// The first instant at which it does not sign in any case.
    pub until: i64,
    /// Until when it is said to sign.
    pub held_to: i64,
    /// When it is checked by the service itself, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_at: Option<i64>,
}

/// The sealed forms of a ring's keys as they were read, so that a key which stays is not sealed anew.
#[derive(Debug, Clone, Default)]
pub struct SealedKeys(Vec<(SigningKeyId, String)>);

impl SealedKeys {
    /// Whether each is sealed under the master key of this name.
    #[must_use]
    pub fn are_sealed_under(&self, name: &str) -> bool {
        self.0.iter().all(|(_, sealed)| {
            let bytes = BASE64.decode(sealed.as_bytes()).ok();
            bytes.and_then(|bytes| key_name_of(&bytes)).as_deref() == Some(name)
        })
    }

    fn of(&self, id: SigningKeyId) -> Option<String> {
        let kept = self.0.iter().find(|(kept, _)| *kept == id);
        kept.map(|(_, sealed)| sealed.clone())
    }
}

impl StoredRing {
    /// Every key is an HMAC key of 32 bytes.
    pub const FIRST_FORM: u32 = SigningKey::FIRST_FORM;
    /// A key may be one of Ed25519, or an HMAC key of 24 to 64 bytes, too.
    pub const NEWEST_FORM: u32 = SigningKey::NEWEST_FORM;

    /// The form of `ring`, which is that of `webhook`. Only the keys are sealed that `sealed` does not have.
    ///
    /// # Errors
    /// When a key cannot be sealed.
    pub fn of(
        ring: &KeyRing,
        platform: &PlatformId,
        webhook: WebhookId,
        vault: &Vault,
        sealed: &SealedKeys,
    ) -> Result<Self, StoredError> {
        let seal = |key: &SigningKey| {
            let sealed = match sealed.of(key.id) {
                Some(sealed) => sealed,
                None => {
                    let place = Place::SigningKey(platform, webhook, key.id);
                    let sealed = vault.seal(place, key.kept().expose().as_bytes());
                    BASE64.encode(&sealed.map_err(StoredError::sealing(FIELD))?)
                }
            };
            Ok(StoredKey {
                id: key.id.to_string(),
                protocol: key.protocol().name().to_owned(),
                sealed,
            })
        };
        let retired = ring.retired().iter().map(|retired| {
            Ok(StoredRetiredKey {
                key: seal(&retired.key)?,
                retired_at: retired.retired_at.as_milliseconds(),
                expires_at: retired.expires_at.as_milliseconds(),
                kept: retired.kept.map(|kept| StoredKept {
                    until: kept.until.as_milliseconds(),
                    held_to: kept.held_to.as_milliseconds(),
                    check_at: kept.check_at.map(Instant::as_milliseconds),
                }),
                told_of: retired.told_of.map(Instant::as_milliseconds),
            })
        });
        let keys = ring.retired().iter().map(|retired| &retired.key);
        let forms = ring.current().into_iter().chain(keys).map(SigningKey::kept_since);
        Ok(Self {
            form: forms.max().unwrap_or(Self::FIRST_FORM),
            current: ring.current().map(seal).transpose()?,
            retired: retired.collect::<Result<_, StoredError>>()?,
            rolled_at: ring.rolled_at().map(Instant::as_milliseconds),
            undoable: ring.undoable().map(|id| id.to_string()),
            adoption: ring.adoption().map(|adoption| StoredAdoption {
                evidence: adoption.evidence.name().to_owned(),
                at: adoption.adopted_at.as_milliseconds(),
            }),
            age: StoredAge::of(ring.age()),
        })
    }

    /// The id of the current key of a ring that was kept as `bytes`, without opening any key: an empty text if there is none. None if that
    /// cannot be read.
    #[must_use]
    pub fn current_id_of(bytes: &[u8]) -> Option<String> {
        #[derive(Deserialize)]
        struct Id {
            id: String,
        }
        #[derive(Deserialize)]
        struct Current {
            current: Option<Id>,
        }
        let ring: Current = serde_json::from_slice(bytes).ok()?;
        Some(ring.current.map_or_else(String::new, |current| current.id))
    }

    /// The ring of `webhook`, and the sealed forms of its keys.
    ///
    /// # Errors
    /// When the ring is in a form that is not known here, or a key does not open or is no key.
    pub fn restore(
        self,
        platform: &PlatformId,
        webhook: WebhookId,
        vault: &Vault,
    ) -> Result<(KeyRing, SealedKeys), StoredError> {
        if !(Self::FIRST_FORM..=Self::NEWEST_FORM).contains(&self.form) {
            let problem = format!("has the form {}, which a newer release has written", self.form);
            return Err(StoredError::value(FIELD)(InvalidValue(problem.into())));
        }
        let mut sealed = SealedKeys::default();
        let mut open = |stored: StoredKey| {
            let id: SigningKeyId = stored.id.parse().map_err(StoredError::value(FIELD))?;
            let protocol = stored.protocol.parse().map_err(StoredError::value(FIELD))?;
            let bytes = BASE64.decode(stored.sealed.as_bytes());
            let bytes = bytes.map_err(|_| StoredError::sealing(FIELD)(SealError::Malformed))?;
            let opened = vault.open(Place::SigningKey(platform, webhook, id), &bytes);
            let opened = opened.map_err(StoredError::sealing(FIELD))?;
            let text = std::str::from_utf8(&opened);
            let text = text
                .map_err(|_| StoredError::value(FIELD)(InvalidValue::new("must hold a secret in UTF-8")))?;
            let key = SigningKey::restore(id, protocol, SecretText::new(text.to_owned()));
            sealed.0.push((id, stored.sealed));
            key.map_err(StoredError::value(FIELD))
        };
        let current = self.current.map(&mut open).transpose()?;
        let retired = self.retired.into_iter().map(|retired| {
            Ok(RetiredKey {
                key: open(retired.key)?,
                retired_at: Instant::from_milliseconds(retired.retired_at),
                expires_at: Instant::from_milliseconds(retired.expires_at),
                kept: retired.kept.map(|kept| Kept {
                    until: Instant::from_milliseconds(kept.until),
                    held_to: Instant::from_milliseconds(kept.held_to),
                    check_at: kept.check_at.map(Instant::from_milliseconds),
                }),
                told_of: retired.told_of.map(Instant::from_milliseconds),
            })
        });
        let retired = retired.collect::<Result<_, StoredError>>()?;
        let rolled_at = self.rolled_at.map(Instant::from_milliseconds);
        let undoable = self.undoable.map(|id| id.parse()).transpose();
        let undoable = undoable.map_err(StoredError::value(FIELD))?;
        let adoption = self.adoption.map(StoredAdoption::restore).transpose()?;
        let age = self.age.map(StoredAge::restore).unwrap_or_default();
        let ring = KeyRing::restore(current, retired, rolled_at, undoable, adoption, age);
        Ok((ring, sealed))
    }
}

impl StoredAdoption {
    fn restore(self) -> Result<Adoption, StoredError> {
        Ok(Adoption {
            evidence: self.evidence.parse().map_err(StoredError::value(FIELD))?,
            adopted_at: Instant::from_milliseconds(self.at),
        })
    }
}

impl StoredAge {
    fn of(age: KeyAge) -> Option<Self> {
        let stored = Self {
            since: age.since.map(Instant::as_milliseconds),
            counted_from: age.counted_from.map(Instant::as_milliseconds),
            is_told: age.is_told,
        };
        (age != KeyAge::default()).then_some(stored)
    }

    fn restore(self) -> KeyAge {
        KeyAge {
            since: self.since.map(Instant::from_milliseconds),
            counted_from: self.counted_from.map(Instant::from_milliseconds),
            is_told: self.is_told,
        }
    }
}
