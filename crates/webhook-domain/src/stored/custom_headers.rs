//! Custom headers: each value sealed under the header's own name.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::StoredError;
use crate::error::InvalidValue;
use crate::id::{PlatformId, WebhookId};
use crate::sealing::{Place, SealError, Vault, key_name_of};
use crate::signing::secret::SecretText;
use crate::webhook::{CustomHeader, CustomHeaderName, CustomHeaderValue, CustomHeaders};

const FIELD: &str = "custom_headers";

/// A webhook's custom headers as they are kept, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredHeaders(Vec<StoredHeader>);

/// A custom header as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredHeader {
    name: String,
    /// Its value, sealed for the webhook and this very name.
    sealed: String,
}

/// The sealed forms of headers as they were read, so that a value which stays is not sealed anew.
#[derive(Debug, Clone, Default)]
pub struct SealedHeaders(Vec<(CustomHeader, String)>);

impl SealedHeaders {
    /// Whether each is sealed under the master key of this name.
    #[must_use]
    pub fn are_sealed_under(&self, name: &str) -> bool {
        self.0.iter().all(|(_, sealed)| {
            let bytes = BASE64.decode(sealed.as_bytes()).ok();
            bytes.and_then(|bytes| key_name_of(&bytes)).as_deref() == Some(name)
        })
    }

    fn of(&self, header: &CustomHeader) -> Option<String> {
        let kept = self.0.iter().find(|(kept, _)| kept == header);
        kept.map(|(_, sealed)| sealed.clone())
    }
}

impl StoredHeaders {
    /// The form of `headers`, which are those of `webhook`. Only the values are sealed that `sealed` does not have.
    ///
    /// # Errors
    /// When a value cannot be sealed.
    pub fn of(
        headers: &CustomHeaders,
        platform: &PlatformId,
        webhook: WebhookId,
        vault: &Vault,
        sealed: &SealedHeaders,
    ) -> Result<Self, StoredError> {
        let stored = headers.iter().map(|header| {
            let name = header.name.as_str();
            let sealed = match sealed.of(header) {
                Some(sealed) => sealed,
                None => {
                    let place = Place::CustomHeader(platform, webhook, name);
                    let sealed = vault.seal(place, header.value.expose().as_bytes());
                    BASE64.encode(&sealed.map_err(StoredError::sealing(FIELD))?)
                }
            };
            Ok(StoredHeader {
                name: name.to_owned(),
                sealed,
            })
        });
        stored.collect::<Result<_, StoredError>>().map(Self)
    }

    /// The headers of `webhook`, and the sealed forms of their values.
    ///
    /// # Errors
    /// When a value does not open.
    pub fn restore(
        self,
        platform: &PlatformId,
        webhook: WebhookId,
        vault: &Vault,
    ) -> Result<(CustomHeaders, SealedHeaders), StoredError> {
        let mut headers = Vec::with_capacity(self.0.len());
        let mut kept = SealedHeaders::default();
        for StoredHeader { name, sealed } in self.0 {
            let bytes = BASE64.decode(sealed.as_bytes());
            let bytes = bytes.map_err(|_| StoredError::sealing(FIELD)(SealError::Malformed))?;
            let opened = vault.open(Place::CustomHeader(platform, webhook, &name), &bytes);
            let opened = opened.map_err(StoredError::sealing(FIELD))?;
            let value = std::str::from_utf8(&opened);
            let value = value
                .map_err(|_| StoredError::value(FIELD)(InvalidValue::new("must hold values in UTF-8")))?;
            let header = CustomHeader {
                name: CustomHeaderName::restore(name),
                value: CustomHeaderValue::restore(SecretText::new(value.to_owned())),
            };
            kept.0.push((header.clone(), sealed));
            headers.push(header);
        }
        Ok((CustomHeaders::restore(headers), kept))
    }
}
