//! Values that most tests need and few care about.

#![expect(
    clippy::expect_used,
    reason = "a fixture that cannot be made is a broken test"
)]

use std::sync::Arc;

use data_encoding::BASE64;

use crate::access::caller::{Acting, Caller, Credential, PlatformScope};
use crate::access::permission::{Permission, PermissionSet};
use crate::delivery::event::{Event, JsonText};
use crate::entropy::Entropy;
use crate::id::{ApiKeyId, EventId, PlatformId, WebhookId};
use crate::idempotency::{IdempotencyKey, IdempotentRequest, Render, RequestFingerprint};
use crate::signing::imported::{ImportedSecret, ImportedSecrets};
use crate::signing::key_ring::{NewKey, Overlap, SigningKey};
use crate::signing::secret::{SecretBytes, SecretText};
use crate::signing::signing_protocol::SigningProtocol;
use crate::testing::SeededEntropy;
use crate::time::Instant;
use crate::webhook::{
    Action, ActionCatalogue, ActionList, ApiHeaderField, ApiKeyValue, Authentication, AuthenticationType,
    Credentials, CustomHeader, CustomHeaderName, CustomHeaderValue, CustomHeaders, Name, Password, Reference,
    RotationDays, Settings, TargetPolicy, TargetUrl, Username, Webhook,
};
use crate::webhook::{Edit, SettingsUpdate};

/// The platform `acme`.
#[must_use]
pub fn acme() -> PlatformId {
    platform("acme")
}

/// The platform of that name.
#[must_use]
pub fn platform(name: &str) -> PlatformId {
    name.parse().expect("a platform id")
}

/// A reference with that text.
#[must_use]
pub fn reference(text: &str) -> Reference {
    Reference::parse(text.into()).expect("a reference")
}

/// Settings with nothing set that may be left out.
#[must_use]
pub fn bare_settings() -> Settings {
    Settings::default()
}

/// Settings in which every field is set, and to another value than in [`bare_settings`]. The name and the
/// reference have characters outside ASCII.
#[must_use]
pub fn full_settings() -> Settings {
    let credentials = Credentials {
        username: Some(Username::parse("user".into()).expect("a user name")),
        password: Some(Password::parse(secret("pass-word")).expect("a password")),
        api_header_field: Some(ApiHeaderField::parse("X-Webhook-Key".into()).expect("a header")),
        api_key: Some(ApiKeyValue::parse(secret("k3yOfTheReceiver")).expect("a key")),
    };
    Settings {
        name: Some(Name::parse("Zoë's \"webhook\" 🪝".into()).expect("a name")),
        reference: Some(reference("réf-1")),
        active: false,
        include_previous_data: true,
        authentication: Authentication::new(AuthenticationType::Password, credentials)
            .expect("credentials that go together"),
        custom_headers: Some(custom_headers(&[("X-Tenant", "tenant 1"), ("x_route", "r0ute")])),
        url: Some(
            TargetUrl::parse(
                "https://example.com/hooks?a=b%20c".into(),
                &TargetPolicy::default(),
            )
            .expect("a URL"),
        ),
        included_actions: Some(actions(&["INVOICE.PAID", "INVOICE.CREATED"])),
        excluded_actions: Some(actions(&["COUPON.DELETED"])),
        signing_protocol: SigningProtocol::HmacSha256,
        secret_rotation_days: Some(RotationDays::new(90).expect("days")),
        secret_rotates_automatically: true,
    }
}

/// An update of [`full_settings`] to this password, with an overlap of the credentials before.
#[must_use]
pub fn password_changed(to: &str, overlap: Overlap) -> SettingsUpdate {
    let full = full_settings();
    SettingsUpdate {
        password: Edit::Set(Password::parse(secret(to)).expect("a password")),
        previous_credentials_expires_in: overlap,
        ..SettingsUpdate::new(
            full.active,
            full.include_previous_data,
            full.authentication.kind(),
        )
    }
}

/// Custom headers of these names and values.
#[must_use]
pub fn custom_headers(headers: &[(&str, &str)]) -> CustomHeaders {
    let header = |(name, value): &(&str, &str)| CustomHeader {
        name: CustomHeaderName::parse((*name).to_owned()).expect("a name of a header"),
        value: CustomHeaderValue::parse(secret(value)).expect("a value of a header"),
    };
    CustomHeaders::restore(headers.iter().map(header).collect())
}

/// A list of actions of the catalogue that ships.
#[must_use]
pub fn actions(names: &[&str]) -> ActionList {
    let names = names.iter().map(ToString::to_string).collect();
    ActionList::parse(names, &ActionCatalogue::default()).expect("actions of the catalogue")
}

/// A webhook of `platform` that was created at `now`, with its first key.
#[must_use]
pub fn webhook(platform: &PlatformId, settings: Settings, now: Instant, entropy: &dyn Entropy) -> Webhook {
    let id = WebhookId::generate(now, entropy).expect("randomness");
    let key = new_key(now, entropy);
    Webhook::create(id, platform.clone(), settings, key, now)
}

/// An event on `platform` at `now`, with some data and nothing else that may be left out. Of two alike, the ids are
/// alike.
#[must_use]
pub fn event(platform: &PlatformId, action: &str, now: Instant) -> Event {
    let entropy = SeededEntropy::default();
    Event {
        id: EventId::generate(now, &entropy).expect("randomness"),
        platform: platform.clone(),
        action: Action::parse(action.into()).expect("an action"),
        data: JsonText::parse(br#"{"total":1.10}"#).expect("JSON"),
        previous_data: None,
        original_request_id: None,
        trace: None,
        created_at: now,
    }
}

/// The randomness of a new key.
#[must_use]
pub fn new_key(now: Instant, entropy: &dyn Entropy) -> NewKey {
    NewKey::generate(now, entropy).expect("randomness")
}

/// Two secrets from elsewhere, of the shortest and of the longest kind.
#[must_use]
pub fn imported_secrets() -> ImportedSecrets {
    let secret = |length: usize, first: u8| {
        let bytes: Vec<u8> = (0..length)
            .map(|n| (n * n).to_le_bytes()[0].wrapping_mul(31) ^ first)
            .collect();
        let text = SecretText::new(format!("whsec_{}", BASE64.encode(&bytes)));
        ImportedSecret::parse(&text).expect("a secret")
    };
    let imported = ImportedSecrets::new(
        Some(secret(24, 7)),
        Some(secret(64, 9)),
        SigningProtocol::HmacSha256,
    );
    imported.expect("secrets that go together").expect("two of them")
}

/// An API key at work on its one platform, with every permission.
#[must_use]
pub fn acting(platform: &PlatformId) -> Acting {
    acting_as(platform, API_KEY, PermissionSet::all())
}

/// An API key at work on its one platform, with these permissions alone.
#[must_use]
pub fn acting_with(platform: &PlatformId, permissions: &[Permission]) -> Acting {
    acting_as(platform, API_KEY, permissions.iter().copied().collect())
}

/// The operator at the command line, at work on `platform` and good for all.
#[must_use]
pub fn operator(platform: &PlatformId) -> Acting {
    let request = "reqr_command-line".parse().expect("a request id");
    Arc::new(Caller::command_line())
        .acting_on(Some(platform.clone()), request)
        .expect("a scope that takes in every platform")
}

/// A credential in the form of an API key's id, at work on its one platform.
#[must_use]
pub fn acting_as(platform: &PlatformId, api_key: &str, permissions: PermissionSet) -> Acting {
    let id: ApiKeyId = api_key.parse().expect("an API key's id");
    let caller = Caller {
        credential: Credential::ApiKey(id),
        scope: PlatformScope::One(platform.clone()),
        permissions,
    };
    let request = "reqr_fixture".parse().expect("a request id");
    Arc::new(caller)
        .acting_on(None, request)
        .expect("the platform of its own")
}

/// The id of the API key that [`acting`] and [`acting_with`] act with.
pub const API_KEY: &str = "key_01hv9k2m4rt6w8y0abcdefghjk";
/// The id of another.
pub const OTHER_API_KEY: &str = "key_01hv9k2m4rt6w8y0abcdefghjm";

/// A request that its client may send again: named `key`, asking for `body`, answered by [`answer`].
#[must_use]
pub fn request(key: &str, body: &str) -> IdempotentRequest {
    IdempotentRequest {
        key: IdempotencyKey::parse(key).expect("an idempotency key"),
        fingerprint: RequestFingerprint::of(&[body.as_bytes()]),
        render: answer(),
    }
}

/// Renders an answer that no other state of any webhook has: its id, its version, its current key's secret
/// and the instant.
#[must_use]
pub fn answer() -> Render {
    Arc::new(|webhook, now| {
        let key = webhook
            .key_ring
            .current()
            .and_then(SigningKey::expose_shared)
            .unwrap_or("none");
        let text = format!("{} {} {key} {now:?}", webhook.id, webhook.version.0);
        SecretBytes::new(text.into_bytes())
    })
}

fn secret(text: &str) -> SecretText {
    SecretText::new(text.into())
}
