//! The parameters of operations: headers, ids in paths, queries.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Required};
use webhook_domain::delivery::trace;
use webhook_domain::id::{ApiKeyId, AuditRecordId, DeliveryId, EventId, RotationId, WebhookId};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::webhook::{Direction, WebhookOrder};

use super::shared::{ACTION, AUDIT_ACTION, Component, ORDER_DIRECTION, WEBHOOK_EVENT_STATUS};
use super::values::{
    KEPT, UNDONE_FOR, boolean, fingerprint, id, instant, limit, matching, one_of, overlap, page, platform,
    string, whole,
};
use crate::listing::filters::{FILTERS, Filter};
use crate::paths::{FINGERPRINT, ID, WEBHOOK_ID};
use crate::request::query::{KEEP_PREVIOUS_UNTIL_ADOPTED, PREVIOUS_SECRET_EXPIRES_IN};
use crate::wire::ORDER_OF_ACTIONS;

/// The header that names the version a change is meant for.
pub(super) const IF_MATCH: &str = "If-Match";
const ENTITY_TAGS: &str = "^(\\*|[ \\t,]*(W/)?\"[!#-~]*\"([ \\t]*,[ \\t,]*(W/)?\"[!#-~]*\")*[ \\t,]*)$";
/// The values of `traceparent`, of every version.
pub(super) const TRACEPARENTS: &str = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$";

/// `If-Match`.
pub(crate) struct IfMatch;
/// The id of a webhook in the path.
pub(crate) struct WebhookPath;
/// The fingerprint of a retired secret in the path.
pub(crate) struct RetiredSecretPath;
/// The fingerprint of a signing key in the path.
pub(crate) struct SigningKeyPath;
/// Which part of the signing keys with it.
pub(crate) struct SigningKeyPart;
/// The id of an API key in the path.
pub(crate) struct ApiKeyPath;
/// Which page of which webhooks.
pub(crate) struct WebhookPage;
/// Which page of actions.
pub(crate) struct ActionPage;
/// Which part of the list of API keys.
pub(crate) struct ApiKeyPart;
/// Which part of the list of audit records.
pub(crate) struct AuditRecordPart;
/// The id of a rotation in the path.
pub(crate) struct RotationPath;
/// Which part of the list of rotations.
pub(crate) struct RotationPart;
/// Which part of the list of a rotation's webhooks.
pub(crate) struct RotationWebhookPart;
/// The id of an event on its way to a webhook in the path.
pub(crate) struct DeliveryPath;
/// Which part of the list of events on their way.
pub(crate) struct DeliveryPart;
/// For how long the retired secret goes on signing.
pub(crate) struct RetiredFor;
/// Whether the retired secret is kept until the new one is adopted.
pub(crate) struct Kept;
/// For how long the secret of an undone roll goes on signing.
pub(crate) struct UndoneFor;
/// The trace that a publication belongs to.
pub(crate) struct Trace;

/// `x-platform-id`, which every operation under `/v1` takes.
pub(super) fn platform_id() -> Parameter {
    header(
        "x-platform-id",
        platform(
            "The platform to act on. A platform's own credential may name only that one; a credential for all platforms \
             acts on `default` if none is named.",
        ),
    )
}

/// `Idempotency-Key`, which every operation that changes something takes.
pub(super) fn idempotency_key() -> Parameter {
    header(
        "Idempotency-Key",
        matching(
            "^[ -~]{1,255}$",
            "The client's own name for this request. Sent again with the same name within 48 hours, it is not done again: \
             the first answer is given once more.",
        ),
    )
}

macro_rules! parameters {
    ($($name:ty: $parameters:expr;)*) => {
        $(impl IntoParams for $name {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                $parameters
            }
        })*
    };
}

parameters! {
    IfMatch: vec![header(IF_MATCH, matching(
        ENTITY_TAGS,
        "The ETag of the webhook as it is to be changed: 412 if it has changed since.",
    ))];
    WebhookPath: vec![path(WEBHOOK_ID, id(WebhookId::PREFIX, "The webhook's id."))];
    RetiredSecretPath: vec![path(FINGERPRINT, fingerprint("The retired secret's fingerprint, as audit records and attempts have it."))];
    SigningKeyPath: vec![path(FINGERPRINT, fingerprint("The fingerprint: `sha256:` and the first 16 digits of the SHA-256 of the key as a receiver has it, in lower case."))];
    SigningKeyPart: vec![
        query("limit", limit("How many there are at the most.")),
        query("after", id(WebhookId::PREFIX, "The webhook after which this part begins.")),
    ];
    ApiKeyPath: vec![path(ID, id(ApiKeyId::PREFIX, "The API key's id."))];
    WebhookPage: [vec![
        query("limit", limit("How many there are at the most.")),
        query("page", page("The number of the page. A link that says `after` or `before` has it for display.")),
        query("order_by", one_of(WebhookOrder::ALL.map(WebhookOrder::name), "What the list is ordered by.")
            .default(Some(WebhookOrder::default().name().into()))),
        query_or_else("order_direction", &ORDER_DIRECTION, Direction::default().name(), "Which end comes first."),
        query("after", place("Where the page begins: as it stands in the link to the next page, with its `page`.")),
        query("before", place("Where the page ends: as it stands in the link to the previous page, with its `page`.")),
    ], FILTERS.iter().map(condition).collect()].concat();
    ActionPage: vec![
        query("limit", limit("How many there are at the most.")),
        query("page", page("The number of the page.")),
        query("order_by", one_of([ORDER_OF_ACTIONS], "What the list is ordered by.").default(Some(ORDER_OF_ACTIONS.into()))),
        query_or_else("order_direction", &ORDER_DIRECTION, Direction::Ascending.name(), "Which end comes first."),
    ];
    ApiKeyPart: vec![
        query("limit", limit("How many there are at the most.")),
        query("after", id(ApiKeyId::PREFIX, "The key after which this part begins.")),
    ];
    AuditRecordPart: vec![
        query("resource_id", matching("^[a-z0-9_-]{1,64}$", "Records about this resource alone.")),
        query_of("action", &AUDIT_ACTION, "Records of this action alone."),
        query("before", id(AuditRecordId::PREFIX, "The record before which this part begins.")),
        query("limit", limit("How many there are at the most.")),
    ];
    RotationPath: vec![path(ID, id(RotationId::PREFIX, "The rotation's id."))];
    RotationPart: vec![
        query("limit", limit("How many there are at the most.")),
        query("after", id(RotationId::PREFIX, "The rotation after which this part begins.")),
    ];
    RotationWebhookPart: vec![
        query("limit", limit("How many there are at the most.")),
        query("after", matching("^[0-9]{1,9}$", "Where this part begins, as it stands in a link of this list.")),
    ];
    DeliveryPath: vec![path(ID, id(DeliveryId::PREFIX, "The id of the event on its way to a webhook."))];
    DeliveryPart: vec![
        query("webhook_id", id(WebhookId::PREFIX, "Those to this webhook alone.")),
        query("event_id", id(EventId::PREFIX, "Those of this event alone.")),
        query_of("type", &ACTION, "Those of this action alone."),
        query_of("status", &WEBHOOK_EVENT_STATUS, "Those of this status alone."),
        query("created_after", instant("Those of events published then or later.")),
        query("created_before", instant("Those of events published before.")),
        query("key_fingerprint", fingerprint("Those of which a kept attempt was signed with this secret.")),
        query("after", id(DeliveryId::PREFIX, "The one after which this part begins.")),
        query("page", page("The number of the part, if no `after` says where it begins. What is queued meanwhile moves the rest on.")),
        query("limit", limit("How many there are at the most.")),
    ];
    RetiredFor: vec![query(PREVIOUS_SECRET_EXPIRES_IN, overlap())];
    Kept: vec![query(KEEP_PREVIOUS_UNTIL_ADOPTED, boolean(KEPT))];
    UndoneFor: vec![query(PREVIOUS_SECRET_EXPIRES_IN, whole(0, Overlap::MAX_SECONDS as usize, UNDONE_FOR))];
    Trace: vec![
        header(trace::TRACEPARENT, string(
            "The trace that the event belongs to (W3C Trace Context), sent on with each delivery. One that is not valid is ignored.",
        )),
        header(trace::TRACESTATE, string(
            "What tracing systems add to it, sent on with each delivery. It is ignored if it is not valid, longer than 512 characters, or \
             without a valid `traceparent`.",
        )),
    ];
}

/// A parameter that is a condition on what a list has.
fn condition(filter: &Filter) -> Parameter {
    let parameter = described(
        filter.name,
        ParameterIn::Query,
        Required::False,
        filter.description,
        (filter.schema)(),
    );
    ParameterBuilder::from(parameter)
        .example(Some((filter.example)()))
        .build()
}

fn place(description: &str) -> ObjectBuilder {
    matching("^[A-Za-z0-9_-]+$", description)
}

fn header(name: &str, schema: ObjectBuilder) -> Parameter {
    parameter(name, ParameterIn::Header, Required::False, schema)
}

fn query(name: &str, schema: ObjectBuilder) -> Parameter {
    parameter(name, ParameterIn::Query, Required::False, schema)
}

/// A parameter of a schema that several fields share.
fn query_of(name: &str, component: &Component, description: &str) -> Parameter {
    described(
        name,
        ParameterIn::Query,
        Required::False,
        description,
        component.one(""),
    )
}

/// The same, and what it is when it is absent.
fn query_or_else(name: &str, component: &Component, default: &str, description: &str) -> Parameter {
    let schema = component.or_else(default, "");
    described(name, ParameterIn::Query, Required::False, description, schema)
}

fn path(name: &str, schema: ObjectBuilder) -> Parameter {
    parameter(name, ParameterIn::Path, Required::True, schema)
}

pub(super) fn parameter(
    name: &str,
    place: ParameterIn,
    required: Required,
    schema: ObjectBuilder,
) -> Parameter {
    let mut schema: Object = schema.build();
    let description = schema.description.take().unwrap_or_default();
    described(
        name,
        place,
        required,
        &description,
        RefOr::T(Schema::Object(schema)),
    )
}

fn described(
    name: &str,
    place: ParameterIn,
    required: Required,
    description: &str,
    schema: RefOr<Schema>,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
