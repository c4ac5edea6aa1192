//! The create objects and the update object: from JSON to the domain's value types, naming the field that is wrong.
//!
//! Those of webhooks are one [`SettingsUpdate`]. A webhook is created by applying its update to blank settings, so that a field
//! means the same in both; they differ in what may be absent.

pub(crate) mod api_key;
pub(crate) mod event;
mod object;

use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::secret::SecretText;
use webhook_domain::webhook::{
    ApiHeaderField, ApiKeyValue, AuthenticationType, Name, Objections, Password, Reference, Settings,
    SettingsUpdate, TargetUrl, Username,
};

pub(crate) use self::api_key::api_key;
pub(crate) use self::event::event;
use self::object::Fields;
use crate::api::FieldRules;
use crate::errors::Problem;
use crate::json::Object;
use crate::query::PREVIOUS_SECRET_EXPIRES_IN;

/// What a client may set, in either object.
pub(crate) const SETTABLE: [&str; 13] = [
    "name",
    "reference",
    "active",
    "include_previous_data",
    "authentication_type",
    "username",
    "password",
    "api_header_field",
    "api_key",
    "url",
    "included_actions",
    "excluded_actions",
    "signing_protocol",
];

/// What an answer has and a client may not set: ignored, so that what GET returned can be sent back.
pub(crate) const IGNORED: [&str; 11] = [
    "object_type",
    "id",
    "previous_signing_protocol",
    "secret_rolled_at",
    "penalty_box",
    "penalty_box_data",
    "secret_key",
    "previous_secret_key",
    "previous_secret_expires_at",
    "created_at",
    "updated_at",
];

/// Must be there, though it may be null: who creates a webhook says so, and forgets nothing.
pub(crate) const PRESENT_ON_CREATE: [&str; 3] = ["name", "reference", "url"];

/// The settings that a create object asks for.
pub(crate) fn create(body: Object, rules: &FieldRules) -> Result<Settings, Problem> {
    let mut fields = Fields::new(body, &[&SETTABLE, &IGNORED])?;
    for field in PRESENT_ON_CREATE {
        if !fields.has(field) {
            return Err(Problem::missing_field(field, "must be there; it may be null"));
        }
    }
    let update = SettingsUpdate {
        active: fields.boolean("active")?.unwrap_or(true),
        include_previous_data: fields.boolean("include_previous_data")?.unwrap_or(false),
        authentication_type: fields
            .named("authentication_type")?
            .unwrap_or(AuthenticationType::None),
        ..optional(&mut fields, rules)?
    };
    Ok(update.apply(Settings::default())?)
}

/// The update that a roll's body asks for, and its overlap if it names one.
pub(crate) fn roll(body: Object, rules: &FieldRules) -> Result<(SettingsUpdate, Option<Overlap>), Problem> {
    let mut fields = Fields::new(body, &[&SETTABLE, &IGNORED, &[PREVIOUS_SECRET_EXPIRES_IN]])?;
    let update = updated(&mut fields, rules)?;
    let overlap = fields.whole(
        PREVIOUS_SECRET_EXPIRES_IN,
        Overlap::from_seconds,
        Overlap::invalid(),
    )?;
    Ok((update, overlap))
}

/// The update that an update object asks for.
pub(crate) fn update(body: Object, rules: &FieldRules) -> Result<SettingsUpdate, Problem> {
    updated(&mut Fields::new(body, &[&SETTABLE, &IGNORED])?, rules)
}

fn updated(fields: &mut Fields, rules: &FieldRules) -> Result<SettingsUpdate, Problem> {
    let required = |field| move || Problem::missing_field(field, "must be there, and not null");
    Ok(SettingsUpdate {
        active: fields.boolean("active")?.ok_or_else(required("active"))?,
        include_previous_data: fields
            .boolean("include_previous_data")?
            .ok_or_else(required("include_previous_data"))?,
        authentication_type: fields
            .named("authentication_type")?
            .ok_or_else(required("authentication_type"))?,
        ..optional(fields, rules)?
    })
}

/// An update of the fields that may be absent in both objects.
fn optional(fields: &mut Fields, rules: &FieldRules) -> Result<SettingsUpdate, Problem> {
    let secret = SecretText::new;
    let mut objections = Objections::default();
    Ok(SettingsUpdate {
        name: fields.text("name", Name::parse)?,
        reference: fields.text("reference", Reference::parse)?,
        username: fields.text("username", Username::parse)?,
        password: fields.text("password", |text| Password::parse(secret(text)))?,
        api_header_field: fields.text("api_header_field", ApiHeaderField::parse)?,
        api_key: fields.text("api_key", |text| ApiKeyValue::parse(secret(text)))?,
        url: fields.text("url", |text| {
            let (url, objection) = TargetUrl::propose(text, &rules.targets)?;
            objections.url = objection;
            Ok(url)
        })?,
        included_actions: fields.actions(
            "included_actions",
            &rules.actions.get(),
            &mut objections.included_actions,
        )?,
        excluded_actions: fields.actions(
            "excluded_actions",
            &rules.actions.get(),
            &mut objections.excluded_actions,
        )?,
        signing_protocol: fields.named_edit("signing_protocol")?,
        objections,
        ..SettingsUpdate::new(true, false, AuthenticationType::None)
    })
}
