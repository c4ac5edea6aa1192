//! What clients send: the objects that webhooks and API keys are made and changed with, and events are published with. Those
//! of webhooks come from the table of their fields; those of the others are those that `fields` reads, and a test compares the
//! two.

use std::borrow::Cow;

use serde_json::json;
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, RefOr, Type};
use utoipa::{PartialSchema, ToSchema};
use webhook_domain::services::Replay;

use super::shared::{ACTION, PERMISSION};
use super::values::{
    anything, free_text, instant, matching, one, one_of, or_null, platform_or_all, read_only, whole,
    write_only,
};
use crate::fields::{api_key, event};
use crate::wire;

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
/// The object that says which events are sent again.
pub(crate) struct ReplayEvents;

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
    PublishEvent,
    ReplayEvents
);

impl PartialSchema for CreateWebhook {
    fn schema() -> RefOr<Schema> {
        wire::create_schema()
    }
}

impl PartialSchema for UpdateWebhook {
    fn schema() -> RefOr<Schema> {
        wire::update_schema()
    }
}

impl PartialSchema for RollSecret {
    fn schema() -> RefOr<Schema> {
        wire::roll_schema()
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

impl PartialSchema for ReplayEvents {
    fn schema() -> RefOr<Schema> {
        let status = one_of(
            Replay::STATUSES,
            "Those of this status alone; null or absent for both.",
        );
        let object = closed("Which events are sent to a webhook again.")
            .property("created_after", instant("Those published then or later."))
            .property(
                "created_before",
                or_null(instant("Those published before; null or absent for all since.")),
            )
            .property("status", or_null(status))
            .required("created_after")
            .examples([json!({"created_after": "2024-04-12T15:22:37Z", "status": "FAILED"})]);
        one(object)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fields::replay;

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
        assert_eq!(
            properties::<PublishEvent>(),
            named(&[&event::SETTABLE, &event::IGNORED])
        );
        assert_eq!(properties::<ReplayEvents>(), named(&[&replay::SETTABLE]));
        assert_eq!(
            properties::<CreateApiKey>(),
            named(&[&api_key::SETTABLE, &api_key::IGNORED])
        );
    }
}
