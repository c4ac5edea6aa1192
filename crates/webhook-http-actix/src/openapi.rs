//! The API as an OpenAPI 3.1 document, put together from the handlers under `routes/`.
//!
//! Each handler says its path, parameters, bodies and statuses beside its code (`#[utoipa::path]`). What several share
//! is here: [`values`] (ids, texts, instants), [`errors`], [`parameters`], [`shared`] (schemas of values with a name of their own),
//! and [`delivery`] (what receivers get). What clients send and get is declared in `wire`. The document is committed as
//! `docs/openapi.json`; a test fails when it is not what the handlers say.

mod common;
pub(crate) mod delivery;
pub(crate) mod errors;
pub(crate) mod parameters;
pub(crate) mod shared;
pub(crate) mod values;

use std::sync::LazyLock;

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, RefOr, Required};
use utoipa::{Modify, OpenApi};

use self::shared::Component;
use crate::errors::Envelope;
use crate::listing::LINKS;
use crate::operations::Operations;
use crate::wire::OBJECTS;

const API_KEY: &str = "api_key";
const BEARER: &str = "bearer";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Webhooks",
        description = "Webhooks of a platform: their settings, their signing secrets, and who may touch them.\n\n\
            Every path under `/v1` takes a credential as `X-API-KEY` or as `Authorization: Bearer`. Every answer \
            carries `X-REQUEST-ID`; every error is one envelope. A request that changes something may name itself with \
            `Idempotency-Key` and be sent again: it is done once, and answered byte for byte as the first time.",
        contact(name = "The operator of the deployment that this document comes from"),
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "The server that this document came from")),
    tags(
        (name = "Webhooks", description = "Where events go, and how they are signed"),
        (name = "Secrets", description = "Rolling and removing the secret that a webhook's deliveries are signed with"),
        (name = "Rotations", description = "Rolling the secrets of many webhooks"),
        (name = "Events", description = "What happened, and how far it has come on its way to webhooks"),
        (name = "Deliveries", description = "What a receiver gets"),
        (name = "API keys", description = "Who may do what"),
        (name = "Audit", description = "What was done, by whom"),
        (name = "Service", description = "The service itself; no credential is asked for"),
    ),
    security(("api_key" = []), ("bearer" = [])),
)]
struct Document;

/// What all operations share.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Components::new);
        let key = "An API key of the platform, or of all platforms.";
        let bearer = "An API key, or a JWT of the issuer that the deployment trusts.";
        components.add_security_scheme(
            API_KEY,
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("X-API-KEY", key))),
        );
        components.add_security_scheme(
            BEARER,
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some(bearer))
                    .build(),
            ),
        );
        components.responses.extend(errors::components());
        let others = [delivery::DELIVERY, Envelope::COMPONENT];
        let shared = shared::SHARED.iter().chain(&OBJECTS).chain(&LINKS).chain(&others);
        components
            .schemas
            .extend(shared.map(|Component(name, schema)| ((*name).to_owned(), schema())));
        document.webhooks = Some(delivery::webhooks());
        for (path, item) in &mut document.paths.paths {
            let operations = [
                (false, &mut item.get),
                (true, &mut item.post),
                (true, &mut item.patch),
                (true, &mut item.delete),
            ];
            for (changes, operation) in operations {
                let Some(operation) = operation else { continue };
                if path.starts_with("/v1/") && asks_for_a_credential(operation) {
                    common::complete(path, changes, operation);
                }
                // The macro takes what is not an `Option` for required.
                if matches!(
                    operation.operation_id.as_deref(),
                    Some("roll_secret" | "restore_secret")
                ) && let Some(RefOr::T(body)) = &mut operation.request_body
                {
                    body.required = Some(Required::False);
                }
                for response in operation.responses.responses.values_mut() {
                    if let RefOr::T(response) = response {
                        let (name, header) = values::request_id_header();
                        response.headers.insert(name, header);
                    }
                }
            }
        }
    }
}

/// Whether the operation says nothing else of it.
fn asks_for_a_credential(operation: &Operation) -> bool {
    operation.security.is_none()
}

/// The document as JSON, indented, as it is served and committed.
#[must_use]
pub fn openapi_json() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let mut document = Document::openapi();
        document.merge(Operations::openapi());
        Shared.modify(&mut document);
        let mut text = document.to_pretty_json().unwrap_or_default();
        text.push('\n');
        text
    });
    &TEXT
}
