//! What a receiver gets: the one request that the service itself sends, in the document's `webhooks`.

use serde_json::json;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterIn, PathItem, Paths, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ObjectBuilder, RefOr, Required, Response, ResponseBuilder, Type};
use webhook_domain::delivery::trace;
use webhook_domain::id::EventId;
use webhook_domain::signing::{receipt, signature};

use super::parameters::{TRACEPARENTS, parameter};
use super::shared::{ACTION, Component, ENVIRONMENT};
use super::values::{self, anything, id, instant, matching, one, string};

/// The name of the request in the document.
const NAME: &str = "delivery";
const TAG: &str = "Deliveries";

pub(crate) const DELIVERY: Component = Component("Delivery", body);

/// The body of a delivery.
fn body() -> RefOr<Schema> {
    let object = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(
            "What happened, as a receiver gets it. Later releases may add fields; ignore those that you do not know.",
        ))
        .property("created_at", one(instant("When the event was published.")))
        .property("type", ACTION.one("What happened."))
        .property(
            "original_request_id",
            one(matching(
                "^[A-Za-z0-9_.-]{1,128}$",
                "The request that made it happen. Absent if the publisher named none.",
            )),
        )
        .property("environment", ENVIRONMENT.one("The deployment that sent it."))
        .property(
            "data",
            anything("What the publisher said of it, byte for byte: any JSON but null."),
        )
        .property(
            "previous_data",
            anything(
                "What the resource was before. Absent unless the webhook has `include_previous_data` and the publisher gave it.",
            ),
        )
        .required("created_at")
        .required("type")
        .required("environment")
        .required("data")
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .examples([json!({
            "created_at": "2024-04-12T15:22:37Z", "type": "INVOICE.CREATED", "original_request_id": "reqr_5f2hJ8kQ0sVx7Zb3Nd9w",
            "environment": "TEST", "data": {"id": "inv_1", "total": 12.5},
        })]);
    one(object)
}

fn header(name: &str, required: Required, schema: ObjectBuilder, example: &str) -> Parameter {
    let schema = schema.examples([example]);
    parameter(name, ParameterIn::Header, required, schema)
}

/// The answer of a receiver that has the event.
fn arrived() -> Response {
    let receipt = matching(
        "^v1,[A-Za-z0-9+/]{43}=$",
        "HMAC-SHA256 in base64 over `receipt.{webhook-id}.{webhook-timestamp}`, keyed with the bytes that stand in base64 behind `whsec_`.",
    );
    let description = "Shows which secret the receiver verifies with: the one that verified the `webhook-signature` of this very request. \
                       It is optional, and decides nothing of the delivery.";
    ResponseBuilder::new()
        .description(
            "The event has arrived. The head of the answer must come within 10 seconds; its body decides nothing.",
        )
        .header(
            receipt::RECEIPT,
            values::header(receipt.examples(["v1,DEDP6eaQ3b5bFlOM33WNOUDfIHQ4JZ2ZYvnb62ArlNE="]), description),
        )
        .build()
}

/// The requests that the service sends.
pub(super) fn webhooks() -> Paths {
    let answer = |description: &str| Response::new(description);
    let delivery = OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some("receive_delivery"))
        .summary(Some("A delivery: an event, sent to the webhook's `url`."))
        .description(Some(
            "At least once, and in order per webhook. It is signed with every key that is valid at that moment, by two families \
             of headers; a receiver verifies one of them. It also has the webhook's own credentials: `Authorization: Basic …` for \
             PASSWORD, the header `api_header_field` for API_KEY; and its `custom_headers`.",
        ))
        .security(SecurityRequirement::default())
        .parameter(header(
            signature::MESSAGE_ID,
            Required::True,
            id(
                EventId::PREFIX,
                "The event's id, the same at every attempt: a receiver that has seen it answers 2xx and does nothing.",
            ),
            "evt_01hv9k2m4rt6w8y0abcdefghjk",
        ))
        .parameter(header(
            signature::MESSAGE_TIMESTAMP,
            Required::True,
            matching(
                "^[0-9]+$",
                "The instant of the attempt in Unix seconds. Refuse one that is more than 5 minutes away.",
            ),
            "1712935357",
        ))
        .parameter(header(
            signature::MESSAGE_SIGNATURE,
            Required::False,
            matching(
                "^v1a?,[A-Za-z0-9+/]+={0,2}( v1a?,[A-Za-z0-9+/]+={0,2})*$",
                "By Standard Webhooks, over `{webhook-id}.{webhook-timestamp}.{body}`, in base64: `v1` is HMAC-SHA256, keyed with the bytes \
                 that stand in base64 behind `whsec_`; `v1a` is Ed25519, verified with those behind `whpk_`. One signature per key, all `v1` \
                 before all `v1a`, each newest first. The receiver's key says which it is compared with. Absent when no key is valid.",
            ),
            "v1,D3Ewj+PRD2vNkad/min2VRB+ZmoQWtpkjJeeR1JdU08=",
        ))
        .parameter(header(
            signature::MESSAGE_KEY_ID,
            Required::False,
            matching(
                "^[A-Za-z0-9_-]{43}( [A-Za-z0-9_-]{43})*$",
                "The key ids of the `v1a` signatures, in their order, as the webhook's key set has them. It is not signed: a hint for a \
                 receiver that looks keys up at the address it has been configured with. Absent when no Ed25519 key is valid.",
            ),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ))
        .parameter(header(
            signature::PAYLOAD_TIMESTAMP,
            Required::False,
            instant("The instant of the attempt. Absent when no secret is valid."),
            "2024-04-12T15:22:37Z",
        ))
        .parameter(header(
            signature::PAYLOAD_SIGNATURE,
            Required::False,
            matching(
                "^v1=[0-9A-F]{64}(,v1=[0-9A-F]{64})*$",
                "HMAC-SHA256 in upper-case hex over `{X-PAYLOAD-SIGNATURE-TIMESTAMP}.{body}`, keyed with the whole text of the \
                 secret; one signature per secret, newest first. Absent when no secret is valid.",
            ),
            "v1=FC34FA270801DB18816FB33F148A6176EE605BFF59BFA830EA029BACA86B41A3",
        ))
        .parameter(header(
            trace::TRACEPARENT,
            Required::False,
            matching(TRACEPARENTS, "The trace that the event was published in, as the publisher sent it (W3C Trace Context)."),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ))
        .parameter(header(
            trace::TRACESTATE,
            Required::False,
            string("What tracing systems have added to it, as the publisher sent it."),
            "rojo=00f067aa0ba902b7",
        ))
        .request_body(Some(
            RequestBodyBuilder::new()
                .description(Some("The signatures are over these bytes, before any parsing."))
                .required(Some(Required::True))
                .content(
                    "application/json",
                    ContentBuilder::new()
                        .schema(Some(DELIVERY.one("")))
                        .build(),
                )
                .build(),
        ))
        .response("2XX", arrived())
        .response(
            "410",
            answer("The receiver wants no more: the webhook is set inactive and its queue is kept."),
        )
        .response(
            "429",
            answer("The receiver wants fewer: `Retry-After` says when to send it again, as it does with 503."),
        )
        .response(
            "default",
            answer("The delivery failed, redirects included: it is sent again later, and what is behind it waits."),
        );
    PathsBuilder::new()
        .path(NAME, PathItem::new(HttpMethod::Post, delivery))
        .build()
}
