//! Holds every answer that any of these tests gets against the document of the API.

use std::sync::LazyLock;

use actix_web::http::Method;
use serde_json::Value;

use crate::test_service::Answer;

/// The document, as the server serves it.
pub(crate) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(webhook_http_actix::openapi_json()).unwrap());

/// What `$ref` in `value` refers to, or `value` itself.
pub(crate) fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// The schema of that name.
pub(crate) fn schema(name: &str) -> &'static Value {
    &DOCUMENT["components"]["schemas"][name]
}

/// Every operation: method, path, and what is said of it.
pub(crate) fn operations() -> impl Iterator<Item = (Method, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, methods)| {
        methods
            .as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| {
                let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
                (method, path.as_str(), operation)
            })
    })
}

fn operation(method: &Method, uri: &str) -> Option<&'static Value> {
    let asked = uri.split('?').next().unwrap_or_default();
    let matches = |path: &str| {
        let (asked, path): (Vec<_>, Vec<_>) = (asked.split('/').collect(), path.split('/').collect());
        let fits = |(part, of): (&&str, &&str)| part == of || (of.starts_with('{') && !part.is_empty());
        asked.len() == path.len() && asked.iter().zip(&path).all(fits)
    };
    // A path without parameters is not that of an id.
    let path = operations()
        .map(|(_, path, _)| path)
        .filter(|path| matches(path))
        .min_by_key(|path| path.contains('{'))?;
    let mut found = operations().filter(|(known, of, _)| known == method && *of == path);
    found.next().map(|(_, _, operation)| operation)
}

/// Checks that the document has the status of `answer`, and the code of its error, for that request.
#[track_caller]
pub(crate) fn check(method: &Method, uri: &str, answer: &Answer) {
    let Some(operation) = operation(method, uri) else {
        return;
    };
    let status = answer.status.to_string();
    let response = resolved(&operation["responses"][&status]);
    assert!(
        response.is_object(),
        "{method} {uri} answered {status}, which is not documented"
    );
    if answer.status >= 400 {
        let codes = &response["x-error-codes"];
        let code = &answer.json()["code"];
        assert!(
            codes.as_array().unwrap().contains(code),
            "{method} {uri} answered {status} {code}, which is not documented"
        );
    }
    for name in response["headers"].as_object().unwrap().keys() {
        // These come with some answers alone.
        let sometimes = ["Idempotent-Replayed", "ETag"];
        if !sometimes.contains(&name.as_str()) {
            assert!(
                answer.header(name).is_some(),
                "{method} {uri} answered without {name}"
            );
        }
    }
}
