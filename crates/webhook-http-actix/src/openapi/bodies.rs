//! What clients send: the objects that webhooks and API keys are made and changed with. Their fields are those that
//! `fields` reads; a test compares the two.

use std::borrow::Cow;

use serde_json::{Value, json};
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, RefOr, Type};
use utoipa::{PartialSchema, ToSchema};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::text::{H, K, U};

use super::shared::{ACTION, AUTHENTICATION_TYPE, PERMISSION, SIGNING_PROTOCOL};
use super::values::{
    actions_or_null, anything, boolean, free_text, matching, of_pattern, one, or_null, platform_or_all,
    read_only, url, whole, write_only,
};
use crate::fields::{self, api_key, event};
use crate::query::PREVIOUS_SECRET_EXPIRES_IN;

const PREVIOUS_SECRET: &str = "For how many seconds the secret that is retired goes on signing; 0 retires every older one at once, for a leak. \
     What the deployment says (a day unless set otherwise) if it is absent.";
/// What an update says and no answer repeats.
const UNANSWERED: [&str; 3] = ["password", "api_key", PREVIOUS_SECRET_EXPIRES_IN];
const IGNORED: &str = "Set by the server. Ignored, so that an object that was answered can be sent back.";

/// The object that a webhook is created of.
pub(crate) struct CreateWebhook;
/// The object that a webhook is changed with.
pub(crate) struct UpdateWebhook;
/// The object that a webhook is changed with while its secret is rolled.
pub(crate) struct RollSecret;
/// The object that an API key is created of.
pub(crate) struct CreateApiKey;
/// The object that an event is published with.
pub(crate) struct PublishEvent;

/// How many seconds a retired secret goes on signing.
pub(super) fn overlap() -> ObjectBuilder {
    whole(0, Overlap::MAX_SECONDS as usize, PREVIOUS_SECRET)
}

/// An object without other fields than those that are named.
fn closed(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(description))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn with_ignored(mut object: ObjectBuilder, fields: &[&str]) -> ObjectBuilder {
    for field in fields {
        let mut ignored = anything(IGNORED);
        read_only(&mut ignored);
        object = object.property(*field, ignored);
    }
    object
}

/// The object, with those of its fields marked that no answer has.
fn written(object: ObjectBuilder, fields: &[&str]) -> RefOr<Schema> {
    let mut object = object.build();
    for field in fields {
        if let Some(schema) = object.properties.get_mut(*field) {
            write_only(schema);
        }
    }
    one(object)
}

/// An object with the fields of a webhook that may be absent in every object, and the server's own.
fn webhook_object(description: &str) -> ObjectBuilder {
    let object = closed(description)
        .property("name", or_null(free_text("What people call the webhook.")))
        .property(
            "reference",
            or_null(free_text("The client's own id of the webhook, unique on its platform.")),
        )
        .property(
            "username",
            or_null(of_pattern(&U, "For PASSWORD, which needs one without a colon (RFC 7617).")),
        )
        .property(
            "password",
            or_null(of_pattern(&U, "For PASSWORD. In no answer.")),
        )
        .property(
            "api_header_field",
            or_null(of_pattern(
                &H,
                "For API_KEY: the name of the header field, none that a delivery has anyway.",
            )),
        )
        .property(
            "api_key",
            or_null(of_pattern(&K, "For API_KEY: the value of the header field. In no answer.")),
        )
        .property(
            "url",
            or_null(url(
                "Where deliveries go: absolute, without user info and fragment; https unless the deployment allows http.",
            )),
        )
        .property(
            "included_actions",
            actions_or_null("What the webhook is told of; null or none for everything."),
        )
        .property(
            "excluded_actions",
            actions_or_null("What it is not told of, even if it is included."),
        )
        .property(
            "signing_protocol",
            SIGNING_PROTOCOL.or_null("How deliveries are signed; null for HmacSHA256. It changes in a roll alone."),
        );
    with_ignored(object, &fields::IGNORED)
}

const ACTIVE: &str = "Whether events are collected and delivered.";
const PREVIOUS_DATA: &str = "Whether a delivery says too what the object was before.";
const AUTHENTICATION: &str = "How the service proves itself beside the signature.";

fn update_object(description: &str) -> ObjectBuilder {
    let mut object = webhook_object(description)
        .property("active", one(boolean(ACTIVE)))
        .property("include_previous_data", one(boolean(PREVIOUS_DATA)))
        .property("authentication_type", AUTHENTICATION_TYPE.one(AUTHENTICATION));
    for field in ["active", "include_previous_data", "authentication_type"] {
        object = object.required(field);
    }
    object
}

macro_rules! named {
    ($($name:ident),*) => {
        $(impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        })*
    };
}

named!(
    CreateWebhook,
    UpdateWebhook,
    RollSecret,
    CreateApiKey,
    PublishEvent
);

impl PartialSchema for CreateWebhook {
    fn schema() -> RefOr<Schema> {
        let mut object = webhook_object("A webhook to create.")
            .property(
                "active",
                or_null(boolean(&format!("{ACTIVE} True if it is absent or null."))),
            )
            .property(
                "include_previous_data",
                or_null(boolean(&format!(
                    "{PREVIOUS_DATA} False if it is absent or null."
                ))),
            )
            .property(
                "authentication_type",
                AUTHENTICATION_TYPE.or_null(&format!("{AUTHENTICATION} NONE if it is absent or null.")),
            );
        for field in fields::PRESENT_ON_CREATE {
            object = object.required(field);
        }
        written(object.examples([create_example()]), &UNANSWERED)
    }
}

impl PartialSchema for UpdateWebhook {
    fn schema() -> RefOr<Schema> {
        let description = "Changes of a webhook. What is absent stays as it is; null takes it away. Three fields are always required.";
        written(
            update_object(description).examples([update_example()]),
            &UNANSWERED,
        )
    }
}

impl PartialSchema for RollSecret {
    fn schema() -> RefOr<Schema> {
        let mut example = update_example();
        example[PREVIOUS_SECRET_EXPIRES_IN] = json!(3600);
        let object = update_object("Changes of a webhook, done in the same step as the roll.")
            .property(PREVIOUS_SECRET_EXPIRES_IN, or_null(overlap()))
            .examples([example]);
        written(object, &UNANSWERED)
    }
}

impl PartialSchema for CreateApiKey {
    fn schema() -> RefOr<Schema> {
        let permissions = ArrayBuilder::new()
            .items(PERMISSION.one(""))
            .min_items(Some(1))
            .unique_items(true)
            .description(Some(
                "What the key may do: nothing that the key it is made with may not.",
            ));
        let scope =
            "The platform that the key is good for, or `*` for all; the one acted on if it is absent.";
        let lifetime = "For how many seconds the key is good; for ever if it is absent.";
        let object = closed("An API key to create.")
            .property("permissions", permissions)
            .property("name", or_null(free_text("What people call the key.")))
            .property(
                "expires_in",
                or_null(whole(
                    1,
                    webhook_domain::access::api_key::MAX_LIFETIME_SECONDS as usize,
                    lifetime,
                )),
            )
            .property("platform_id", or_null(platform_or_all(scope)))
            .required("permissions")
            .examples([json!({"name": "billing", "permissions": ["WEBHOOK.VIEW"], "expires_in": 86400})]);
        written(with_ignored(object, &api_key::IGNORED), &["expires_in"])
    }
}

impl PartialSchema for PublishEvent {
    fn schema() -> RefOr<Schema> {
        let data = "What there is to say of it: any JSON but null. It is delivered byte for byte.";
        let previous = "What the resource was before, for webhooks that include it.";
        let request = matching("^[A-Za-z0-9_.-]{1,128}$", "The request that made it happen.");
        let object = closed("An event to publish.")
            .property("type", ACTION.one("What happened: an action of the deployment."))
            .property("data", anything(data))
            .property("previous_data", anything(previous))
            .property("original_request_id", or_null(request))
            .required("type")
            .required("data")
            .examples([json!({"type": "INVOICE.CREATED", "data": {"id": "inv_1", "total": 12.5}})]);
        written(
            with_ignored(object, &event::IGNORED),
            &["data", "previous_data", "original_request_id"],
        )
    }
}

fn create_example() -> Value {
    json!({
        "name": "Invoices",
        "reference": null,
        "url": "https://example.com/webhooks",
        "included_actions": ["INVOICE.CREATED"],
    })
}

fn update_example() -> Value {
    json!({
        "active": true,
        "include_previous_data": false,
        "authentication_type": "PASSWORD",
        "username": "billing",
        "password": "correct.horse",
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn properties<T: PartialSchema>() -> BTreeSet<String> {
        match T::schema() {
            RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
            _ => BTreeSet::new(),
        }
    }

    fn named(lists: &[&[&str]]) -> BTreeSet<String> {
        lists.concat().into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_body_has_the_fields_that_are_read_from_it() {
        let webhook = named(&[&fields::SETTABLE, &fields::IGNORED]);
        assert_eq!(properties::<CreateWebhook>(), webhook);
        assert_eq!(properties::<UpdateWebhook>(), webhook);
        let mut roll = webhook;
        roll.insert(PREVIOUS_SECRET_EXPIRES_IN.to_owned());
        assert_eq!(properties::<RollSecret>(), roll);
        assert_eq!(
            properties::<PublishEvent>(),
            named(&[&event::SETTABLE, &event::IGNORED])
        );
        assert_eq!(
            properties::<CreateApiKey>(),
            named(&[&api_key::SETTABLE, &api_key::IGNORED])
        );
    }
}
