//! A key ring in its column: JSON, each key sealed under its own id.
//!
//! A ring is read and written with its webhook, always whole, so it is one value and not a table: a roll
//! is one row read and one row written. A key that a roll retires keeps its sealed form, byte for byte.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use webhook_domain::InvalidValue;
use webhook_domain::id::{PlatformId, SigningKeyId, WebhookId};
use webhook_domain::signing::key_ring::{KeyRing, RetiredKey, SigningKey};
use webhook_domain::signing::secret::{SecretText, SigningSecret};
use webhook_domain::time::Instant;

use crate::database::row::{At, RowError};
use crate::sealing::{Place, SealError, Vault, sealing_key_name};

#[derive(Serialize, Deserialize)]
struct StoredRing {
    current: Option<StoredKey>,
    retired: Vec<StoredRetiredKey>,
    rolled_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    id: String,
    protocol: String,
    sealed: String,
}

#[derive(Serialize, Deserialize)]
struct StoredRetiredKey {
    key: StoredKey,
    retired_at: i64,
    expires_at: i64,
}

/// The sealed forms of a ring's keys, as they were read.
#[derive(Default)]
pub(crate) struct SealedKeys(Vec<(SigningKeyId, String)>);

impl SealedKeys {
    /// Whether each is sealed under the master key of this name.
    pub(crate) fn are_sealed_under(&self, name: &str) -> bool {
        self.0.iter().all(|(_, sealed)| {
            let bytes = BASE64.decode(sealed.as_bytes()).ok();
            bytes.and_then(|bytes| sealing_key_name(&bytes)).as_deref() == Some(name)
        })
    }
}

/// Reads and writes the rings of one webhook.
pub(crate) struct RingCodec<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) platform: &'a PlatformId,
    pub(crate) webhook: WebhookId,
    pub(crate) at: At<'a>,
}

impl RingCodec<'_> {
    pub(crate) fn decode(&self, column: &[u8]) -> Result<(KeyRing, SealedKeys), RowError> {
        let stored: StoredRing = serde_json::from_slice(column).map_err(|source| self.at.json(source))?;
        let mut sealed = SealedKeys::default();
        let current = stored
            .current
            .map(|key| self.decode_key(key, &mut sealed))
            .transpose()?;
        let retired = stored.retired.into_iter().map(|retired| {
            Ok(RetiredKey {
                key: self.decode_key(retired.key, &mut sealed)?,
                retired_at: Instant::from_milliseconds(retired.retired_at),
                expires_at: Instant::from_milliseconds(retired.expires_at),
            })
        });
        let retired = retired.collect::<Result<_, RowError>>()?;
        let rolled_at = stored.rolled_at.map(Instant::from_milliseconds);
        Ok((KeyRing::restore(current, retired, rolled_at), sealed))
    }

    fn decode_key(&self, stored: StoredKey, sealed: &mut SealedKeys) -> Result<SigningKey, RowError> {
        let id: SigningKeyId = stored.id.parse().map_err(|problem| self.at.value(problem))?;
        let protocol = stored
            .protocol
            .parse()
            .map_err(|problem| self.at.value(problem))?;
        let malformed = |_| self.at.sealing(SealError::Malformed);
        let bytes = BASE64.decode(stored.sealed.as_bytes()).map_err(malformed)?;
        let place = Place::SigningKey(self.platform, self.webhook, id);
        let opened = self
            .vault
            .open(place, &bytes)
            .map_err(|source| self.at.sealing(source))?;
        let text = std::str::from_utf8(&opened)
            .map_err(|_| self.at.value(InvalidValue::new("must hold a secret in UTF-8")))?;
        let secret = SigningSecret::parse(SecretText::new(text.to_owned()))
            .map_err(|problem| self.at.value(problem))?;
        sealed.0.push((id, stored.sealed));
        Ok(SigningKey { id, protocol, secret })
    }

    /// Writes `ring`, sealing only the keys that `sealed` does not have.
    pub(crate) fn encode(&self, ring: &KeyRing, sealed: &SealedKeys) -> Result<Vec<u8>, RowError> {
        let stored = StoredRing {
            current: ring
                .current()
                .map(|key| self.encode_key(key, sealed))
                .transpose()?,
            retired: ring
                .retired()
                .iter()
                .map(|retired| {
                    Ok(StoredRetiredKey {
                        key: self.encode_key(&retired.key, sealed)?,
                        retired_at: retired.retired_at.as_milliseconds(),
                        expires_at: retired.expires_at.as_milliseconds(),
                    })
                })
                .collect::<Result<_, RowError>>()?,
            rolled_at: ring.rolled_at().map(Instant::as_milliseconds),
        };
        serde_json::to_vec(&stored).map_err(|source| self.at.json(source))
    }

    fn encode_key(&self, key: &SigningKey, sealed: &SealedKeys) -> Result<StoredKey, RowError> {
        let kept = sealed
            .0
            .iter()
            .find(|(id, _)| *id == key.id)
            .map(|(_, sealed)| sealed.clone());
        let sealed = match kept {
            Some(sealed) => sealed,
            None => {
                let place = Place::SigningKey(self.platform, self.webhook, key.id);
                let secret = key.secret.expose().as_bytes();
                BASE64.encode(
                    &self
                        .vault
                        .seal(place, secret)
                        .map_err(|source| self.at.sealing(source))?,
                )
            }
        };
        Ok(StoredKey {
            id: key.id.to_string(),
            protocol: key.protocol.name().to_owned(),
            sealed,
        })
    }
}
