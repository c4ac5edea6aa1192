//! What the operations under `/v1` have in common, said once: the parameters, headers and errors that follow from an
//! operation's method and path, and from what it answers.

use utoipa::ToSchema as _;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::{RefOr, Response};

use super::values::{header, string};
use super::{errors, parameters};
use crate::wire::WebhookJson;

/// Adds it to the operation that `path` has for a method, which `changes` something or not.
pub(super) fn complete(path: &str, changes: bool, operation: &mut Operation) {
    let parameters = operation.parameters.get_or_insert_default();
    let is_if_match = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) => parameter.name == parameters::IF_MATCH,
        RefOr::Ref(_) => false,
    };
    let if_match = parameters.iter().position(is_if_match);
    if changes {
        let place = if_match.unwrap_or(parameters.len());
        parameters.insert(place, RefOr::T(parameters::idempotency_key()));
    }
    parameters.insert(0, RefOr::T(parameters::platform_id()));
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            add_headers(status, changes, response);
        }
    }
    let errors = errors::of_operation(path.contains('{'), changes, if_match.is_some());
    operation.responses.responses.extend(errors);
}

/// The headers of a success.
fn add_headers(status: &str, changes: bool, response: &mut Response) {
    let mut add = |name: &str, says: &str| {
        let header = RefOr::T(header(string(""), says));
        response.headers.insert(name.to_owned(), header);
    };
    add("Cache-Control", "`no-store`.");
    if changes {
        add(
            "Idempotent-Replayed",
            "`true` when this is the first answer once more.",
        );
    }
    if status == "201" {
        add("Location", "Where it is.");
    }
    if shows_webhook(response) {
        let version = RefOr::T(header(string(""), "The webhook's version."));
        response.headers.insert("ETag".to_owned(), version);
    }
}

fn shows_webhook(response: &Response) -> bool {
    let name = format!("#/components/schemas/{}", WebhookJson::name());
    response.content.values().any(|content| match content {
        RefOr::T(content) => match &content.schema {
            Some(RefOr::Ref(reference)) => reference.ref_location == name,
            Some(RefOr::T(_)) | None => false,
        },
        RefOr::Ref(_) => false,
    })
}
