//! The document of the API: that it is what is committed, and that what it says is so.

use std::collections::BTreeSet;

use actix_web::http::Method;
use regex::Regex;
use serde_json::Value;
use webhook_domain::access::permission::{Permission, PermissionSet};

use crate::documented::{DOCUMENT, operations, resolved, schema};
use crate::test_service::*;

#[test]
fn the_committed_document_is_the_one_that_the_handlers_make() {
    let committed = include_str!("../../../../docs/openapi.json");
    assert!(
        committed == webhook_http_actix::openapi_json(),
        "docs/openapi.json is out of date: cargo run -- openapi > docs/openapi.json"
    );
}

#[test]
fn what_the_document_refers_to_is_in_it() {
    let text = DOCUMENT.to_string();
    let references = Regex::new(r##""#(/components/[^"]+)""##).unwrap();
    let all: BTreeSet<&str> = references
        .captures_iter(&text)
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    assert!(all.len() > 40, "{all:?}");
    let missing = all.into_iter().filter(|place| DOCUMENT.pointer(place).is_none());
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0]);
}

/// A well-formed id that nothing at `path` has.
fn id_for(path: &str) -> &'static str {
    match path {
        path if path.contains("api-keys") => "key_01hv9k2m4rt6w8y0abcdefghjk",
        path if path.contains("webhook-events") => "whe_01hv9k2m4rt6w8y0abcdefghjk",
        _ => NO_ONES_ID,
    }
}

#[actix_web::test]
async fn the_document_has_the_methods_that_each_path_takes() {
    let service = TestService::new();
    for path in operations().map(|(_, path, _)| path).collect::<BTreeSet<_>>() {
        let documented: BTreeSet<String> = operations()
            .filter(|(_, of, _)| *of == path)
            .map(|(method, ..)| method.to_string())
            .collect();
        let uri = path
            .replace("{id}", id_for(path))
            .replace("{resourceId}", NO_ONES_ID);
        let refused = service.ask(Ask::new(Method::PUT, uri)).await;
        assert_eq!(refused.status, 405, "{path}");
        let allowed: BTreeSet<String> = refused
            .header("allow")
            .unwrap()
            .split(", ")
            .filter(|method| *method != "HEAD")
            .map(str::to_owned)
            .collect();
        assert_eq!(documented, allowed, "{path}");
    }
}

#[actix_web::test]
async fn the_document_names_the_permission_that_each_operation_needs() {
    let service = TestService::new();
    for (method, path, operation) in operations().filter(|(_, path, _)| !is_open(path)) {
        let uri = path
            .replace("{id}", id_for(path))
            .replace("{resourceId}", NO_ONES_ID);
        let powerless = match path {
            "/v1/events" => service.key_of("acme", &[Permission::WebhookView]),
            _ => service.key_of("acme", &[Permission::EventCreate]),
        };
        let refused = service
            .ask_as(Some(&powerless), Ask::new(method.clone(), uri))
            .await;
        assert_eq!(refused.status, 403, "{method} {path}");
        let message = refused.text("message");
        let needed = Permission::ALL
            .iter()
            .find(|permission| message.contains(permission.name()));
        let needed = needed.unwrap_or_else(|| panic!("{message}"));
        let description = operation["description"].as_str().unwrap().replace('\n', " ");
        assert!(
            // Of several that are needed, the first one is asked for first.
            description
                .rsplit_once("Needs ")
                .is_some_and(|(_, needs)| needs.starts_with(&format!("`{}`", needed.name()))),
            "{method} {path} needs {}: {description}",
            needed.name()
        );
    }
}

/// Whether an operation is for everybody: the service itself, and the public keys that receivers look up.
fn is_open(path: &str) -> bool {
    !path.starts_with("/v1") || path.ends_with("/jwks.json")
}

#[actix_web::test]
async fn what_needs_no_credential_says_so() {
    let service = TestService::new();
    for (method, path, operation) in operations() {
        let open = is_open(path);
        assert_eq!(operation.get("security").is_some(), open, "{method} {path}");
        if open {
            let uri = path.replace("{resourceId}", NO_ONES_ID);
            service.ask_as(None, Ask::new(method, uri)).await;
        }
    }
}

#[actix_web::test]
async fn the_examples_of_bodies_work() {
    let service = TestService::new();
    let mut tried = 0;
    for (method, path, operation) in operations() {
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        if body.is_null() {
            continue;
        }
        for example in resolved(body)["examples"].as_array().unwrap() {
            let (id, _) = service.webhook().await;
            let mut path = path.replace("{resourceId}", &id);
            if path.contains("/secret-key/") {
                assert_eq!(service.ask(roll(&id)).await.status, 200);
                let records = get(format!("/v1/audit-records?resource_id={id}&limit=1"));
                let retired = &service.ask(records).await.json()["data"][0]["retired_keys"][0];
                path = path.replace("{fingerprint}", retired["fingerprint"].as_str().unwrap());
            }
            let ask = Ask::new(method.clone(), path.clone()).body(example.to_string());
            let answer = service.ask(ask).await;
            assert!(answer.status < 300, "{method} {path}: {}", answer.json());
            tried += 1;
        }
    }
    assert_eq!(tried, 10);
}

/// The fields that are not always there.
const SOMETIMES: [&str; 1] = ["deliveries"];

/// Compares the fields of what was answered with those of its schema, at every depth: all are always there.
#[track_caller]
fn is_whole(answered: &Value, schema: &'static Value) {
    let mut schema = resolved(schema);
    if let Some([value, null]) = schema["oneOf"].as_array().map(Vec::as_slice) {
        schema = resolved(if answered.is_null() { null } else { value });
    }
    match answered {
        Value::Object(members) if schema.get("properties").is_some() => {
            let names: BTreeSet<&str> = members.keys().map(String::as_str).collect();
            let properties = schema["properties"].as_object().unwrap();
            let known: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
            let required: Vec<_> = schema["required"].as_array().unwrap().iter().collect();
            let required: BTreeSet<&str> = required.into_iter().filter_map(Value::as_str).collect();
            assert!(names.is_subset(&known), "{names:?} of {known:?}");
            assert!(
                required.is_subset(&names),
                "{names:?} without one of {required:?}"
            );
            let any = schema["additionalProperties"] == true;
            assert!(any || SOMETIMES.iter().any(|name| known.contains(name)) || known == required);
            for (name, member) in members {
                is_whole(member, &properties[name]);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| is_whole(item, &schema["items"])),
        Value::String(text) => {
            if let Some(pattern) = schema["pattern"].as_str() {
                assert!(
                    Regex::new(pattern).unwrap().is_match(text),
                    "{text:?} against {pattern}"
                );
            }
            if let Some(names) = schema["enum"].as_array() {
                assert!(names.contains(answered), "{text}");
            }
            assert!(takes(schema, "string"), "{text:?}: {schema}");
        }
        Value::Null => assert!(takes(schema, "null"), "{schema}"),
        Value::Bool(_) => assert!(takes(schema, "boolean"), "{schema}"),
        Value::Number(_) => assert!(takes(schema, "integer"), "{schema}"),
        Value::Object(_) => assert!(takes(schema, "object"), "{schema}"),
    }
}

fn takes(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::Array(kinds) => kinds.contains(&kind.into()),
        // A value of any kind.
        Value::Null => true,
        one => one == kind,
    }
}

#[actix_web::test]
async fn answers_have_the_fields_of_their_schemas() {
    let service = TestService::new();
    let created = service.ask(create(CREATE)).await;
    is_whole(&created.json(), schema("Webhook"));
    let id = created.text("id");
    let full = r#"{"active":true,"include_previous_data":true,"authentication_type":"API_KEY","name":"n","reference":"r",
        "username":"u","api_header_field":"X-Key","api_key":"k","url":"https://example.com","included_actions":[],"custom_headers":{"X-A":"b"},
        "excluded_actions":["INVOICE.CREATED"]}"#;
    is_whole(&service.ask(roll(&id).body(full)).await.json(), schema("Webhook"));
    is_whole(
        &service.ask(get("/v1/webhooks")).await.json(),
        schema("WebhookList"),
    );
    is_whole(
        &service.ask(get("/v1/webhooks?limit=1&page=2")).await.json(),
        schema("WebhookList"),
    );
    is_whole(
        &service.ask(get("/v1/webhooks/actions")).await.json(),
        schema("ActionList"),
    );
    let key = r#"{"permissions":["WEBHOOK.VIEW"],"name":"k","expires_in":60}"#;
    is_whole(&service.ask(create_key(key)).await.json(), schema("ApiKey"));
    is_whole(
        &service.ask(get("/v1/api-keys?limit=1")).await.json(),
        schema("ApiKeyList"),
    );
    is_whole(
        &service.ask(get("/v1/audit-records")).await.json(),
        schema("AuditRecordList"),
    );
    service.webhook().await;
    let record = service
        .ask(get("/v1/audit-records?action=WEBHOOK.CREATED"))
        .await
        .json();
    let key = record["data"][0]["current_key"].as_str().unwrap();
    is_whole(
        &service.ask(get(format!("/v1/signing-keys/{key}"))).await.json(),
        schema("SigningKeyList"),
    );
    service.webhook().await;
    let event = r#"{"type":"INVOICE.CREATED","data":{"a":1},"previous_data":[],"original_request_id":"r"}"#;
    is_whole(&service.ask(publish(event)).await.json(), schema("Event"));
    is_whole(
        &service.ask(get("/v1/webhook-events")).await.json(),
        schema("WebhookEventList"),
    );
    is_whole(&service.ask(get("/health/ready")).await.json(), schema("Health"));
    is_whole(&service.ask(create("[]")).await.json(), schema("Error"));
    let on_its_way = service.ask(get("/v1/webhook-events")).await.json();
    let id = on_its_way["data"][0]["id"].as_str().unwrap();
    let whole = service.ask(get(format!("/v1/webhook-events/{id}"))).await;
    assert!(whole.json()["payload"].is_object());
    is_whole(&whole.json(), schema("WebhookEvent"));
}

#[test]
fn the_examples_of_answers_have_the_fields_of_their_schemas() {
    let mut tried = 0;
    for schema in DOCUMENT["components"]["schemas"].as_object().unwrap().values() {
        let is_body = schema["additionalProperties"] == false;
        if schema["type"] == "object" && !is_body {
            let examples = schema["examples"].as_array().into_iter().flatten();
            tried += examples.inspect(|example| is_whole(example, schema)).count();
        }
    }
    assert!(tried > 10, "{tried}");
}

/// What a body is made for, and what it is answered with.
const ANSWERED: [(&str, &str); 5] = [
    ("CreateWebhook", "Webhook"),
    ("UpdateWebhook", "Webhook"),
    ("RollSecret", "Webhook"),
    ("CreateApiKey", "ApiKey"),
    ("PublishEvent", "Event"),
];

#[actix_web::test]
async fn fields_of_answers_alone_are_read_only_and_fields_of_requests_alone_write_only() {
    for (body, answer) in ANSWERED {
        let answered = schema(answer)["properties"].as_object().unwrap();
        for (name, field) in schema(body)["properties"].as_object().unwrap() {
            let ignored = field["description"]
                .as_str()
                .unwrap()
                .starts_with("Set by the server.");
            assert_eq!(field["readOnly"] == true, ignored, "{body}.{name}");
            if ignored {
                assert!(answered.contains_key(name), "{answer} has no {name}");
            }
            // The text of a key is the one name that means something else in an answer.
            let unanswered = !answered.contains_key(name);
            assert_eq!(field["writeOnly"] == true, unanswered, "{body}.{name}");
        }
    }
}

/// Every `enum` in `value` that is not a schema with a name of its own.
fn inline_enums(value: &'static Value, place: &str, found: &mut Vec<(String, Vec<&'static Value>)>) {
    match value {
        Value::Object(members) => {
            if let Some(names) = members.get("enum").and_then(Value::as_array) {
                found.push((place.to_owned(), names.iter().collect()));
            }
            for (name, member) in members {
                inline_enums(member, &format!("{place}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                inline_enums(item, &format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn a_list_of_names_stands_in_the_document_once() {
    let mut found = Vec::new();
    inline_enums(&DOCUMENT, "", &mut found);
    found.retain(|(_, names)| names.len() > 1);
    for (index, (place, names)) in found.iter().enumerate() {
        let twin = found[..index].iter().find(|(_, other)| other == names);
        assert!(twin.is_none(), "{place} repeats {twin:?}");
    }
    assert!(found.len() > 10, "{found:?}");
}

#[actix_web::test]
async fn a_key_of_every_permission_is_what_the_document_calls_one() {
    let permissions = resolved(&schema("CreateApiKey")["properties"]["permissions"]["items"])["enum"]
        .as_array()
        .unwrap();
    let names: Vec<_> = PermissionSet::all().iter().map(Permission::name).collect();
    assert_eq!(
        permissions.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        names
    );
}
