//! The objects in which a webhook is on the wire, by the table of its fields: what a client sends to create, change or roll
//! it, and what answers show.
//!
//! A webhook is created by applying its update to blank settings, so that a field means the same in both objects.

use std::borrow::Cow;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Value, json as value};
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::{ObjectBuilder, RefOr, Type};
use utoipa::{PartialSchema, ToSchema};
use webhook_domain::signing::imported::{ImportedSecret, ImportedSecrets};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::secret::SecretText;
use webhook_domain::webhook::{AuthenticationType, Edit, Settings, SettingsUpdate};

use super::field::{Field, Sent, Set};
use super::fields::Fields;
use super::schemas::Described;
use super::shown::WebhookJson;
use super::webhook::{FIELDS, OBJECT};
use crate::errors::Problem;
use crate::openapi::shared::Component;
use crate::openapi::values::{KEPT, boolean, one, or_null, overlap, secret, write_only};
use crate::request::json::{self, Object};
use crate::request::query::{KEEP_PREVIOUS_UNTIL_ADOPTED, PREVIOUS_SECRET_EXPIRES_IN};
use webhook_domain::webhook::FieldRules;

impl Serialize for WebhookJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = || FIELDS.iter().filter_map(|field| Some((field.name, field.shown?)));
        let mut object = serializer.serialize_map(Some(shown().count()))?;
        for (name, show) in shown() {
            object.serialize_entry(name, &show(self))?;
        }
        object.end()
    }
}

/// The settings that a create object asks for, and the secrets that it brings along.
pub(crate) fn create(
    body: Object,
    rules: &FieldRules,
) -> Result<(Settings, Option<ImportedSecrets>), Problem> {
    let others = [ImportedSecret::CURRENT, ImportedSecret::PREVIOUS];
    let mut fields = known(body, Sent::Create, &others)?;
    let update = read(&mut fields, Sent::Create, rules)?;
    let [current, previous] = [ImportedSecret::CURRENT, ImportedSecret::PREVIOUS]
        .map(|field| fields.text(field, |text| ImportedSecret::parse(&SecretText::new(text))));
    let given = |edit| match edit {
        Edit::Set(secret) => Some(secret),
        Edit::Keep | Edit::Clear => None,
    };
    let settings = update.apply(Settings::default())?;
    let imported = ImportedSecrets::new(given(current?), given(previous?), settings.signing_protocol)?;
    Ok((settings, imported))
}

/// The webhook that a create object in this text asks for, as `POST /v1/webhooks` reads it.
///
/// # Errors
/// Says what is wrong, and repeats no value.
pub fn read_create_object(
    text: &[u8],
    rules: &FieldRules,
) -> Result<(Settings, Option<ImportedSecrets>), String> {
    let object = json::parse_object(text);
    let read = object.and_then(|object| create(object, rules));
    read.map_err(|problem| problem.to_string())
}

/// The update that an update object asks for.
pub(crate) fn update(body: Object, rules: &FieldRules) -> Result<SettingsUpdate, Problem> {
    read(&mut known(body, Sent::Update, &[])?, Sent::Update, rules)
}

/// The update that a roll's body asks for, its overlap if it names one, and whether the previous secret is kept until the new one is
/// adopted.
pub(crate) fn roll(
    body: Object,
    rules: &FieldRules,
) -> Result<(SettingsUpdate, Option<Overlap>, bool), Problem> {
    let others = [PREVIOUS_SECRET_EXPIRES_IN, KEEP_PREVIOUS_UNTIL_ADOPTED];
    let mut fields = known(body, Sent::Update, &others)?;
    let update = read(&mut fields, Sent::Update, rules)?;
    let overlap = fields.whole(
        PREVIOUS_SECRET_EXPIRES_IN,
        Overlap::from_seconds,
        Overlap::invalid(),
    )?;
    let keeps_previous = fields.boolean(KEEP_PREVIOUS_UNTIL_ADOPTED)?;
    Ok((update, overlap, keeps_previous.unwrap_or(false)))
}

/// The fields of `body`, if each is a webhook's or one of these `others`.
fn known(body: Object, sent: Sent, others: &[&str]) -> Result<Fields, Problem> {
    Fields::new(body, |name| {
        declared(sent).any(|field| field.name == name) || others.contains(&name)
    })
}

/// What is declared of that object's fields.
fn declared(sent: Sent) -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(move |field| field.is_known(sent))
}

/// The update that `fields` ask for. What must be there is looked for first, so that who sends something else altogether is
/// told of that.
fn read(fields: &mut Fields, sent: Sent, rules: &FieldRules) -> Result<SettingsUpdate, Problem> {
    let mut update = SettingsUpdate::new(true, false, AuthenticationType::None);
    let is_always_there = |field: &&Field| matches!(field.set, Set::RequiredOnUpdate(_));
    for field in declared(sent).filter(|field| field.is_required(sent)) {
        if sent == Sent::Create && !fields.has(field.name) {
            return Err(Problem::missing_field(field.name, "is required; it may be null"));
        }
    }
    for field in declared(sent).filter(is_always_there) {
        field.read(fields, sent, &mut update, rules)?;
    }
    for field in declared(sent).filter(|field| !is_always_there(field)) {
        field.read(fields, sent, &mut update, rules)?;
    }
    Ok(update)
}

/// The fields of a create object that bring keys along. They are in no other.
const IMPORTED: [(&str, &str); 2] = [
    (
        ImportedSecret::CURRENT,
        "The secret that the receiver has from a former provider, instead of a new one. Needs WEBHOOK.REVEAL as well.",
    ),
    (
        ImportedSecret::PREVIOUS,
        "One that signs besides for the deployment's overlap, as if it had been rolled now.",
    ),
];

/// The object that a webhook is created of.
pub(crate) struct CreateWebhook;
/// The object that a webhook is changed with.
pub(crate) struct UpdateWebhook;
/// The object that a webhook is changed with while its secret is rolled.
pub(crate) struct RollSecret;

impl ToSchema for CreateWebhook {}
impl ToSchema for UpdateWebhook {}
impl ToSchema for RollSecret {}

impl ToSchema for WebhookJson<'_> {
    fn name() -> Cow<'static, str> {
        "Webhook".into()
    }
}

impl PartialSchema for CreateWebhook {
    fn schema() -> RefOr<Schema> {
        let mut object = sent_object("A webhook to create.", Sent::Create);
        for (name, says) in IMPORTED {
            let mut schema = or_null(secret(says));
            write_only(&mut schema);
            object = object.property(name, schema);
        }
        one(object.examples([sent_example(Sent::Create)]))
    }
}

impl PartialSchema for UpdateWebhook {
    fn schema() -> RefOr<Schema> {
        let says = "Changes of a webhook. What is absent stays as it is; null takes it away. Three fields are always required.";
        let object = sent_object(says, Sent::Update);
        one(object.examples([sent_example(Sent::Update)]))
    }
}

impl PartialSchema for RollSecret {
    fn schema() -> RefOr<Schema> {
        let mut seconds = or_null(overlap());
        write_only(&mut seconds);
        let mut example = sent_example(Sent::Update);
        example[PREVIOUS_SECRET_EXPIRES_IN] = value!(3600);
        let says = "Changes of a webhook, done in the same step as the roll.";
        let mut keeps_previous = or_null(boolean(KEPT));
        write_only(&mut keeps_previous);
        let object = sent_object(says, Sent::Update)
            .property(PREVIOUS_SECRET_EXPIRES_IN, seconds)
            .property(KEEP_PREVIOUS_UNTIL_ADOPTED, keeps_previous);
        one(object.examples([example]))
    }
}

/// Every field is always there.
impl PartialSchema for WebhookJson<'_> {
    fn schema() -> RefOr<Schema> {
        let mut object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(OBJECT));
        for field in FIELDS {
            if let Some(schema) = field.shown_schema() {
                object = object.property(field.name, schema).required(field.name);
            }
        }
        one(object.examples([shown_example()]))
    }
}

/// In a list of webhooks.
impl Described for WebhookJson<'_> {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        Component("Webhook", <Self as PartialSchema>::schema).of(says, nullable)
    }
}

/// An object with the fields that a client may send, and no others.
fn sent_object(says: &str, sent: Sent) -> ObjectBuilder {
    let mut object = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(says))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    for field in declared(sent) {
        object = object.property(field.name, field.sent_schema(sent));
        if field.is_required(sent) {
            object = object.required(field.name);
        }
    }
    object
}

/// The example of what a client sends.
fn sent_example(sent: Sent) -> Value {
    let fields = declared(sent).filter(|field| field.settable().is_some());
    Value::Object(fields.map(|field| field.example(false)).collect())
}

/// The example of an answer.
fn shown_example() -> Value {
    let fields = FIELDS.iter().filter(|field| field.shown.is_some());
    Value::Object(fields.map(|field| field.example(true)).collect())
}

#[cfg(test)]
mod tests {
    use webhook_domain::testing::fixtures;

    use super::*;

    #[test]
    fn whatever_a_client_can_set_of_a_webhook_is_declared() {
        let settings = fixtures::bare_settings().differences(&fixtures::full_settings());
        for name in settings {
            let declared = FIELDS
                .iter()
                .any(|field| field.name == name && field.settable().is_some());
            assert!(declared, "{name}");
        }
    }

    #[test]
    fn no_name_is_declared_twice() {
        for (place, field) in FIELDS.iter().enumerate() {
            assert!(
                FIELDS[..place].iter().all(|other| other.name != field.name),
                "{}",
                field.name
            );
        }
    }
}
