//! What clients get: the resources of [`representation`](crate::representation), and lists of them. Every field is
//! always there; a test compares them with what is really written.

mod events;
mod penalty_box;

use std::borrow::Cow;

use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, RefOr, Type};
use utoipa::{PartialSchema, ToSchema};
use webhook_domain::id::{ApiKeyId, AuditRecordId};
use webhook_domain::webhook::PageSize;

pub(super) use self::events::ATTEMPT;
pub(crate) use self::penalty_box::PENALTY_BOX_DATA;
use super::shared::{ACTION, AUDIT_ACTION, Component, PERMISSION};
use super::values::{
    any_object, constant, fingerprint, free_text, id, instant, list, matching, one, one_of, or_null,
    platform_or_all, string, whole,
};
use crate::listing::webhooks::MAX_PAGE;
use crate::representation::{
    ActionsJson, ApiKeyJson, AuditRecordJson, EventJson, ProbeJson, ResentJson, WebhookEventJson, WebhookJson,
};
use crate::wire;

/// The text of an API key.
const API_KEY_TEXT: &str = "^whkey_[0-9a-z]{84}$";
/// Links are paths with a query.
const LINK: &str = "^/v1/[!-~]*$";

/// A page of webhooks.
pub(crate) struct WebhookList;
/// The actions of the deployment.
pub(crate) struct ActionList;
/// A part of the list of API keys.
pub(crate) struct ApiKeyList;
/// A part of the list of audit records.
pub(crate) struct AuditRecordList;
/// A part of the list of events on their way to webhooks.
pub(crate) struct WebhookEventList;
/// That the service is well.
pub(crate) struct Health;
/// The document itself.
pub(crate) struct OpenApiDocument;

macro_rules! named {
    ($($name:ident $(<$lifetime:lifetime>)? => $text:literal),* $(,)?) => {
        $(impl ToSchema for $name $(<$lifetime>)? {
            fn name() -> Cow<'static, str> {
                $text.into()
            }
        })*
    };
}

named! {
    WebhookJson<'_> => "Webhook",
    ApiKeyJson<'_> => "ApiKey",
    AuditRecordJson<'_> => "AuditRecord",
    ActionsJson<'_> => "ObjectActions",
    EventJson<'_> => "Event",
    WebhookEventJson<'_> => "WebhookEvent",
    ResentJson => "Resent",
    ProbeJson => "Probe",
    Health => "Health",
    OpenApiDocument => "OpenApiDocument",
}

/// Lists bring the schema of what is in them along.
macro_rules! lists {
    ($($name:ident of $item:ty),* $(,)?) => {
        $(impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                schemas.push((<$item>::name().into_owned(), <$item>::schema()));
            }
        })*
    };
}

lists! {
    WebhookList of WebhookJson<'_>,
    ActionList of ActionsJson<'_>,
    ApiKeyList of ApiKeyJson<'_>,
    AuditRecordList of AuditRecordJson<'_>,
    WebhookEventList of WebhookEventJson<'_>,
}

/// What `object_type` says.
const WHAT: &str = "What this is.";

/// An object of which every field is always there.
struct CompleteObject(ObjectBuilder);

impl CompleteObject {
    fn new(description: &str) -> Self {
        let object = ObjectBuilder::new().schema_type(Type::Object);
        Self(object.description(Some(description)))
    }

    fn with(self, field: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        Self(self.0.property(field, schema).required(field))
    }

    /// A field that is not always there.
    fn or_absent(self, field: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        Self(self.0.property(field, schema))
    }

    fn schema(self) -> RefOr<Schema> {
        one(self.0)
    }
}

fn reference<T: ToSchema>() -> RefOr<Schema> {
    utoipa::openapi::Ref::from_schema_name(T::name()).into()
}

impl PartialSchema for WebhookJson<'_> {
    fn schema() -> RefOr<Schema> {
        wire::shown_schema()
    }
}

impl PartialSchema for WebhookList {
    fn schema() -> RefOr<Schema> {
        CompleteObject::new("A page of webhooks. It shows no secrets, whoever asks.")
            .with(
                "data",
                list(reference::<WebhookJson<'_>>(), "The webhooks of the page."),
            )
            .with("limit", one(limit()))
            .with("page", one(page("The number of the page.")))
            .with(
                "total_number_of_pages",
                one(ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .minimum(Some(0))
                    .description(Some("How many pages there are."))),
            )
            .with("links", PAGE_LINKS.one("Where the other pages are."))
            .schema()
    }
}

pub(super) const PAGE_LINKS: Component = Component("PageLinks", page_links);
pub(super) const PART_LINKS: Component = Component("PartLinks", part_links);
pub(super) const RETIRED_KEY: Component = Component("RetiredKey", retired_key);

/// Where the other pages of a list are.
fn page_links() -> RefOr<Schema> {
    CompleteObject::new("Where the other pages are: paths with a query.")
        .with("first", one(matching(LINK, "The first page.")))
        .with(
            "previous",
            or_null(matching(LINK, "The page before; null on the first.")),
        )
        .with("current", one(matching(LINK, "This page.")))
        .with(
            "next",
            or_null(matching(LINK, "The page after; null on the last.")),
        )
        .schema()
}

/// Where the other parts of a list are that is read in one direction.
fn part_links() -> RefOr<Schema> {
    CompleteObject::new("Where the other parts are: paths with a query.")
        .with("first", one(matching(LINK, "The first part.")))
        .with("current", one(matching(LINK, "This part.")))
        .with(
            "next",
            or_null(matching(LINK, "The part after; null at the end.")),
        )
        .schema()
}

/// A retired secret, as an audit record names it.
fn retired_key() -> RefOr<Schema> {
    CompleteObject::new("A retired secret that still signed after the change.")
        .with("fingerprint", one(fingerprint("Which one.")))
        .with("expires_at", one(instant("Until when it signs.")))
        .schema()
}

/// How many items a part of a list has at the most.
pub(super) fn limit() -> ObjectBuilder {
    let description = "How many there are at the most.";
    whole(1, PageSize::MAX.get() as usize, description).default(Some(PageSize::default().get().into()))
}

/// The number of a page.
pub(super) fn page(description: &str) -> ObjectBuilder {
    whole(1, usize::try_from(MAX_PAGE).unwrap_or(usize::MAX), description)
}

impl PartialSchema for ActionsJson<'_> {
    fn schema() -> RefOr<Schema> {
        CompleteObject::new("What can happen to one type of object.")
            .with(
                "object_type",
                one(matching("^[A-Z][A-Z0-9_]*$", "The type of object.").examples(["INVOICE"])),
            )
            .with("actions", list(ACTION.one(""), "What can happen to it."))
            .schema()
    }
}

impl PartialSchema for ActionList {
    fn schema() -> RefOr<Schema> {
        CompleteObject::new("The actions of the deployment.")
            .with("data", list(reference::<ActionsJson<'_>>(), "By type of object."))
            .schema()
    }
}

impl PartialSchema for ApiKeyJson<'_> {
    fn schema() -> RefOr<Schema> {
        let permissions = ArrayBuilder::new()
            .items(PERMISSION.one(""))
            .description(Some("What the key may do."));
        CompleteObject::new("An API key.")
            .with("object_type", constant("API_KEY", WHAT))
            .with("id", one(id(ApiKeyId::PREFIX, "The key's id; not a secret.")))
            .with("name", or_null(free_text("What people call it.")))
            .with(
                "platform_id",
                one(platform_or_all("The platform that it is good for; `*` is all.")),
            )
            .with("permissions", permissions)
            .with("created_at", one(instant("When it was created.")))
            .with(
                "expires_at",
                or_null(instant("When it stops being good for anything.")),
            )
            .with("revoked_at", or_null(instant("When it was revoked.")))
            .with(
                "api_key",
                or_null(matching(
                    API_KEY_TEXT,
                    "The key's text, in the answer of its creation alone.",
                )),
            )
            .schema()
    }
}

impl PartialSchema for AuditRecordJson<'_> {
    fn schema() -> RefOr<Schema> {
        CompleteObject::new(
            "What was done once. Secrets are named by their fingerprints, settings by their names.",
        )
        .with("object_type", constant("AUDIT_RECORD", WHAT))
        .with("id", one(id(AuditRecordId::PREFIX, "The record's id.")))
        .with("created_at", one(instant("When it was done.")))
        .with("action", AUDIT_ACTION.one("What was done."))
        .with("resource_id", one(string("The id of what it was done to.")))
        .with(
            "credential",
            one(string(
                "Who did it: the id of an API key, a token's subject, the command line or the service.",
            )),
        )
        .with("request_id", one(string("The X-REQUEST-ID of the request.")))
        .with(
            "changed_fields",
            list(one(string("")), "The settings that changed, by name."),
        )
        .with(
            "current_key",
            or_null(fingerprint("The current secret after the change.")),
        )
        .with(
            "retired_keys",
            list(RETIRED_KEY.one(""), "Those that still signed, newest first."),
        )
        .with(
            "ended_keys",
            list(
                one(fingerprint("")),
                "The secrets that signed before the change and no longer did.",
            ),
        )
        .with(
            "permissions",
            list(one(string("")), "What an API key was allowed to do."),
        )
        .schema()
    }
}

/// A list that is read in one direction.
fn one_way(items: RefOr<Schema>, description: &str) -> RefOr<Schema> {
    CompleteObject::new(description)
        .with("data", list(items, "What is in this part."))
        .with("limit", one(limit()))
        .with("links", PART_LINKS.one("Where the other parts are."))
        .schema()
}

impl PartialSchema for ApiKeyList {
    fn schema() -> RefOr<Schema> {
        one_way(
            reference::<ApiKeyJson<'_>>(),
            "API keys in the order of their ids, revoked and expired ones too.",
        )
    }
}

impl PartialSchema for AuditRecordList {
    fn schema() -> RefOr<Schema> {
        one_way(reference::<AuditRecordJson<'_>>(), "Audit records, newest first.")
    }
}

impl PartialSchema for Health {
    fn schema() -> RefOr<Schema> {
        CompleteObject::new("That the service is well.")
            .with("status", one(one_of(["ok"], "Always `ok`.")))
            .or_absent(
                "deliveries",
                one(one_of(
                    ["paused"],
                    "There while an operator has paused deliveries.",
                )),
            )
            .schema()
    }
}

impl PartialSchema for OpenApiDocument {
    fn schema() -> RefOr<Schema> {
        one(any_object("A document by OpenAPI 3.1."))
    }
}
