//! Where sealed values belong.

use crate::id::{PlatformId, SigningKeyId, WebhookId};
use crate::webhook::Version;
use data_encoding::HEXLOWER;

/// Where a sealed value belongs.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// A signing key, by its own id: retiring it moves nothing.
    SigningKey(&'a PlatformId, WebhookId, SigningKeyId),
    /// A webhook's password for HTTP Basic.
    Password(&'a PlatformId, WebhookId),
    /// A webhook's API key.
    ApiKey(&'a PlatformId, WebhookId),
    /// A webhook's previous password, by the version from which on it is the previous one.
    PreviousPassword(&'a PlatformId, WebhookId, Version),
    /// A webhook's previous API key, by the version from which on it is the previous one.
    PreviousApiKey(&'a PlatformId, WebhookId, Version),
    /// The value of a webhook's custom header, by the header's name.
    CustomHeader(&'a PlatformId, WebhookId, &'a str),
    /// An answer to be given again, by the digest of its slot.
    Answer(&'a [u8]),
    /// The key of the audit records' chain.
    ChainKey,
    /// The proof that a master key is the right one.
    Proof,
    /// A master key, by its name, sealed under the one that takes its place or gives it up.
    Bridge(&'a str),
}

impl Place<'_> {
    /// The place as bytes: its parts, each preceded by its length, so that no two places have the same.
    pub(super) fn additional_data(&self) -> Vec<u8> {
        let parts: [String; 4] = match self {
            Self::SigningKey(platform, webhook, key) => [
                "signing-key".into(),
                platform.to_string(),
                webhook.to_string(),
                key.to_string(),
            ],
            Self::Password(platform, webhook) => [
                "password".into(),
                platform.to_string(),
                webhook.to_string(),
                String::new(),
            ],
            Self::ApiKey(platform, webhook) => [
                "api-key".into(),
                platform.to_string(),
                webhook.to_string(),
                String::new(),
            ],
            Self::PreviousPassword(platform, webhook, since) => [
                "previous-password".into(),
                platform.to_string(),
                webhook.to_string(),
                since.0.to_string(),
            ],
            Self::PreviousApiKey(platform, webhook, since) => [
                "previous-api-key".into(),
                platform.to_string(),
                webhook.to_string(),
                since.0.to_string(),
            ],
            Self::CustomHeader(platform, webhook, name) => [
                "custom-header".into(),
                platform.to_string(),
                webhook.to_string(),
                (*name).to_owned(),
            ],
            Self::Answer(slot) => [
                "answer".into(),
                HEXLOWER.encode(slot),
                String::new(),
                String::new(),
            ],
            Self::ChainKey => [
                "audit-chain-key".into(),
                String::new(),
                String::new(),
                String::new(),
            ],
            Self::Bridge(id) => ["bridge".into(), (*id).to_owned(), String::new(), String::new()],
            Self::Proof => ["proof".into(), String::new(), String::new(), String::new()],
        };
        let mut bytes = Vec::with_capacity(128);
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u32).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}
