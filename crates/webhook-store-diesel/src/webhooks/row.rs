//! The row of a webhook.

use diesel::prelude::*;
use webhook_domain::InvalidValue;
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::signing::secret::SecretText;
use webhook_domain::stored::{SealedHeaders, SealedKeys};
use webhook_domain::time::Instant;
use webhook_domain::webhook::{
    ActionList, ApiHeaderField, ApiKeyValue, Authentication, Credentials, Name, Password, Reference,
    RotationDays, Settings, TargetUrl, Username, Version, Webhook,
};

use crate::database::row::{At, RowError};
use crate::database::schema::webhooks;
use crate::sealing::{Place, Vault, sealing_key_name};
use crate::webhooks::custom_headers::HeadersCodec;
use crate::webhooks::key_ring::RingCodec;
use crate::webhooks::previous_credentials::{PreviousCredentialsCodec, SealedCredentials};

/// A row of `webhooks`.
#[derive(Debug, Clone, Queryable, Insertable, Identifiable, AsChangeset)]
#[diesel(table_name = webhooks, treat_none_as_null = true)]
pub(crate) struct WebhookRow {
    pub(crate) id: String,
    pub(crate) platform: String,
    pub(crate) name: Option<String>,
    pub(crate) reference: Option<String>,
    pub(crate) active: bool,
    pub(crate) include_previous_data: bool,
    pub(crate) authentication_type: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) api_header_field: Option<String>,
    pub(crate) api_key: Option<Vec<u8>>,
    pub(crate) custom_headers: Option<Vec<u8>>,
    pub(crate) previous_credentials: Option<Vec<u8>>,
    pub(crate) url: Option<String>,
    pub(crate) included_actions: Option<String>,
    pub(crate) excluded_actions: Option<String>,
    pub(crate) signing_protocol: String,
    pub(crate) secret_rotation_days: Option<i64>,
    pub(crate) secret_rotates_automatically: bool,
    pub(crate) key_ring: Vec<u8>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) version: i64,
    /// The position of its newest audit record.
    pub(crate) last_audit: Option<i64>,
}

/// The columns that a roll writes when the settings stay as they are.
#[derive(Debug, Clone)]
pub(crate) struct RingColumns {
    pub(crate) id: String,
    pub(crate) key_ring: Vec<u8>,
    pub(crate) updated: UpdatedColumns,
    pub(crate) version: i64,
    pub(crate) last_audit: Option<i64>,
}

/// When a key of a webhook expires next, before a change and after it.
#[derive(Debug, Clone)]
pub(crate) struct ExpiryColumns {
    pub(crate) platform: String,
    pub(crate) webhook_id: String,
    pub(crate) before: Option<i64>,
    pub(crate) after: Option<i64>,
    /// Whether the current key is adopted after the change.
    pub(crate) is_adopted: bool,
}

impl ExpiryColumns {
    /// Of a change of a webhook: made by it if there is none before, and deleted if there is none after. None if nothing changes.
    pub(crate) fn of(before: Option<&Webhook>, after: Option<&Webhook>) -> Option<Self> {
        let webhook = after.or(before)?;
        let noted = |webhook: &Webhook| {
            let ring = &webhook.key_ring;
            Some((ring.next_expiry()?.as_milliseconds(), ring.adoption().is_some()))
        };
        let (before, after) = (before.and_then(noted), after.and_then(noted));
        (before != after).then(|| Self {
            platform: webhook.platform.to_string(),
            webhook_id: webhook.id.to_string(),
            before: before.map(|(expiry, _)| expiry),
            after: after.map(|(expiry, _)| expiry),
            is_adopted: after.is_some_and(|(_, is_adopted)| is_adopted),
        })
    }
}

/// Where a webhook stands among those of its platform in the order of their updates, before a change and after it.
#[derive(Debug, Clone)]
pub(crate) struct UpdatedColumns {
    pub(crate) platform: String,
    pub(crate) webhook_id: String,
    pub(crate) before: i64,
    pub(crate) after: i64,
}

/// A webhook as it was read, with the sealed forms of its secrets: what does not change is not sealed anew.
pub(crate) struct LoadedWebhook {
    pub(crate) webhook: Webhook,
    keys: SealedKeys,
    password: Option<Vec<u8>>,
    api_key: Option<Vec<u8>>,
    headers: SealedHeaders,
    previous: SealedCredentials,
    /// The position of its newest audit record.
    pub(crate) last_audit: Option<i64>,
}

impl LoadedWebhook {
    /// Reads a row.
    pub(crate) fn decode(row: WebhookRow, vault: &Vault) -> Result<Self, RowError> {
        let text = row.id.clone();
        let at = |column| At { column, row: &text };
        let id: WebhookId = row.id.parse().map_err(|problem| at("id").value(problem))?;
        let platform = PlatformId::restore(&row.platform);
        let codec = RingCodec {
            vault,
            platform: &platform,
            webhook: id,
            at: at("key_ring"),
        };
        let (key_ring, keys) = codec.decode(&row.key_ring)?;
        let password = Place::Password(&platform, id);
        let password = open(vault, password, row.password.as_deref(), at("password"))?;
        let api_key = Place::ApiKey(&platform, id);
        let api_key = open(vault, api_key, row.api_key.as_deref(), at("api_key"))?;
        let codec = HeadersCodec {
            vault,
            platform: &platform,
            webhook: id,
            at: at("custom_headers"),
        };
        let (custom_headers, headers) = codec.decode(row.custom_headers.as_deref())?;
        let codec = PreviousCredentialsCodec {
            vault,
            platform: &platform,
            webhook: id,
            at: at("previous_credentials"),
        };
        let (previous_credentials, previous) = codec.decode(row.previous_credentials)?;
        let credentials = Credentials {
            username: row.username.map(Username::restore),
            password: password.map(Password::restore),
            api_header_field: row.api_header_field.map(ApiHeaderField::restore),
            api_key: api_key.map(ApiKeyValue::restore),
        };
        let kind = row
            .authentication_type
            .parse()
            .map_err(|p| at("authentication_type").value(p))?;
        let settings = Settings {
            name: row.name.map(Name::restore),
            reference: row.reference.map(Reference::restore),
            active: row.active,
            include_previous_data: row.include_previous_data,
            authentication: Authentication::restore(kind, credentials),
            custom_headers,
            url: row.url.map(TargetUrl::restore),
            included_actions: actions(row.included_actions.as_deref(), at("included_actions"))?,
            excluded_actions: actions(row.excluded_actions.as_deref(), at("excluded_actions"))?,
            signing_protocol: row
                .signing_protocol
                .parse()
                .map_err(|p| at("signing_protocol").value(p))?,
            secret_rotation_days: row.secret_rotation_days.map(RotationDays::restore),
            secret_rotates_automatically: row.secret_rotates_automatically,
        };
        let webhook = Webhook {
            id,
            platform,
            settings,
            previous_credentials,
            key_ring,
            created_at: Instant::from_milliseconds(row.created_at),
            updated_at: Instant::from_milliseconds(row.updated_at),
            version: Version(row.version),
            default_rotation: None,
            held_up: None,
        };
        Ok(Self {
            webhook,
            keys,
            password: row.password,
            api_key: row.api_key,
            headers,
            previous,
            last_audit: row.last_audit,
        })
    }

    /// Whether every secret is sealed under the master key of this name.
    pub(crate) fn is_sealed_under(&self, name: &str) -> bool {
        let own = [&self.password, &self.api_key].into_iter().flatten();
        self.keys.are_sealed_under(name)
            && self.headers.are_sealed_under(name)
            && self.previous.are_sealed_under(name)
            && own
                .into_iter()
                .all(|sealed| sealing_key_name(sealed).as_deref() == Some(name))
    }

    /// The row with every secret sealed anew, and all else as it is.
    pub(crate) fn resealed(&self, vault: &Vault) -> Result<WebhookRow, RowError> {
        encode(&self.webhook, None, self.last_audit, vault)
    }

    /// The row of a webhook that is new.
    pub(crate) fn encode_new(
        webhook: &Webhook,
        last_audit: Option<i64>,
        vault: &Vault,
    ) -> Result<WebhookRow, RowError> {
        encode(webhook, None, last_audit, vault)
    }

    /// The row that `self` becomes as `after`.
    pub(crate) fn encode(
        &self,
        after: &Webhook,
        last_audit: Option<i64>,
        vault: &Vault,
    ) -> Result<WebhookRow, RowError> {
        encode(after, Some(self), last_audit, vault)
    }

    /// Whether `after` differs from `self` in its ring and its version alone.
    pub(crate) fn differs_in_ring_alone(&self, after: &Webhook) -> bool {
        after.settings == self.webhook.settings
            && after.previous_credentials == self.webhook.previous_credentials
    }

    /// The columns of `after` that change if it differs in its ring alone.
    pub(crate) fn encode_ring(
        &self,
        after: &Webhook,
        last_audit: Option<i64>,
        vault: &Vault,
    ) -> Result<RingColumns, RowError> {
        let id = after.id.to_string();
        Ok(RingColumns {
            key_ring: encode_ring(
                after,
                &self.keys,
                vault,
                At {
                    column: "key_ring",
                    row: &id,
                },
            )?,
            updated: self.moved_by(after),
            version: after.version.0,
            last_audit,
            id,
        })
    }

    /// Where `self` goes in the order of updates as `after`.
    pub(crate) fn moved_by(&self, after: &Webhook) -> UpdatedColumns {
        UpdatedColumns {
            platform: after.platform.to_string(),
            webhook_id: after.id.to_string(),
            before: self.webhook.updated_at.as_milliseconds(),
            after: after.updated_at.as_milliseconds(),
        }
    }
}

fn encode(
    webhook: &Webhook,
    before: Option<&LoadedWebhook>,
    last_audit: Option<i64>,
    vault: &Vault,
) -> Result<WebhookRow, RowError> {
    let id = webhook.id.to_string();
    let at = |column| At { column, row: &id };
    let settings = &webhook.settings;
    let credentials = settings.authentication.credentials();
    let stored = before.map(|before| before.webhook.settings.authentication.credentials());
    let password = match (&credentials.password, stored, before) {
        (None, ..) => None,
        (after, Some(stored), Some(before)) if stored.password == *after => before.password.clone(),
        (Some(password), ..) => {
            let place = Place::Password(&webhook.platform, webhook.id);
            Some(
                vault
                    .seal(place, password.expose().as_bytes())
                    .map_err(|s| at("password").sealing(s))?,
            )
        }
    };
    let api_key = match (&credentials.api_key, stored, before) {
        (None, ..) => None,
        (after, Some(stored), Some(before)) if stored.api_key == *after => before.api_key.clone(),
        (Some(key), ..) => {
            let place = Place::ApiKey(&webhook.platform, webhook.id);
            Some(
                vault
                    .seal(place, key.expose().as_bytes())
                    .map_err(|s| at("api_key").sealing(s))?,
            )
        }
    };
    let none = SealedKeys::default();
    let keys = before.map_or(&none, |before| &before.keys);
    let no_headers = SealedHeaders::default();
    let headers = HeadersCodec {
        vault,
        platform: &webhook.platform,
        webhook: webhook.id,
        at: at("custom_headers"),
    };
    let previous = PreviousCredentialsCodec {
        vault,
        platform: &webhook.platform,
        webhook: webhook.id,
        at: at("previous_credentials"),
    };
    let previous_before = before.map(|before| (&before.webhook, &before.previous));
    let sealed_headers = before.map_or(&no_headers, |before| &before.headers);
    Ok(WebhookRow {
        platform: webhook.platform.to_string(),
        name: settings.name.as_ref().map(|name| name.as_str().to_owned()),
        reference: settings
            .reference
            .as_ref()
            .map(|reference| reference.as_str().to_owned()),
        active: settings.active,
        include_previous_data: settings.include_previous_data,
        authentication_type: settings.authentication.kind().name().to_owned(),
        username: credentials
            .username
            .as_ref()
            .map(|username| username.as_str().to_owned()),
        password,
        api_header_field: credentials
            .api_header_field
            .as_ref()
            .map(|field| field.as_str().to_owned()),
        api_key,
        custom_headers: headers.encode(settings.custom_headers.as_ref(), sealed_headers)?,
        previous_credentials: previous.encode(webhook.previous_credentials.as_ref(), previous_before)?,
        url: settings.url.as_ref().map(|url| url.as_str().to_owned()),
        included_actions: encode_actions(settings.included_actions.as_ref(), at("included_actions"))?,
        excluded_actions: encode_actions(settings.excluded_actions.as_ref(), at("excluded_actions"))?,
        signing_protocol: settings.signing_protocol.name().to_owned(),
        secret_rotation_days: settings.secret_rotation_days.map(|days| days.get().into()),
        secret_rotates_automatically: settings.secret_rotates_automatically,
        key_ring: encode_ring(webhook, keys, vault, at("key_ring"))?,
        created_at: webhook.created_at.as_milliseconds(),
        updated_at: webhook.updated_at.as_milliseconds(),
        version: webhook.version.0,
        last_audit,
        id,
    })
}

fn encode_ring(webhook: &Webhook, keys: &SealedKeys, vault: &Vault, at: At<'_>) -> Result<Vec<u8>, RowError> {
    RingCodec {
        vault,
        platform: &webhook.platform,
        webhook: webhook.id,
        at,
    }
    .encode(&webhook.key_ring, keys)
}

fn open(
    vault: &Vault,
    place: Place<'_>,
    sealed: Option<&[u8]>,
    at: At<'_>,
) -> Result<Option<SecretText>, RowError> {
    let Some(sealed) = sealed else { return Ok(None) };
    let opened = vault.open(place, sealed).map_err(|source| at.sealing(source))?;
    let text = std::str::from_utf8(&opened).map_err(|_| at.value(InvalidValue::new("must be UTF-8")))?;
    Ok(Some(SecretText::new(text.to_owned())))
}

pub(crate) fn actions(column: Option<&str>, at: At<'_>) -> Result<Option<ActionList>, RowError> {
    let Some(column) = column else { return Ok(None) };
    let items = serde_json::from_str(column).map_err(|source| at.json(source))?;
    Ok(Some(ActionList::restore(items)))
}

fn encode_actions(list: Option<&ActionList>, at: At<'_>) -> Result<Option<String>, RowError> {
    let Some(list) = list else { return Ok(None) };
    let items: Vec<_> = list.iter().map(|action| action.as_str()).collect();
    serde_json::to_string(&items)
        .map(Some)
        .map_err(|source| at.json(source))
}
