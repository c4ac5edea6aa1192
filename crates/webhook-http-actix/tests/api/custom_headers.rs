//! The headers of a webhook's owner: what they may be, how a set replaces another, and that nobody reads their values.

use regex::Regex;
use serde_json::{Value, json};
use webhook_domain::signing::secret::SecretText;
use webhook_domain::webhook::{CustomHeaderName, CustomHeaderValue};

use crate::documented::schema;
use crate::test_service::*;

fn created_with(headers: &Value) -> Ask {
    let mut body: Value = serde_json::from_str(CREATE).unwrap();
    body["custom_headers"] = headers.clone();
    create(&body.to_string())
}

fn updated_with(id: &str, changes: &Value) -> Ask {
    update(id, &update_body(changes))
}

fn update_body(changes: &Value) -> String {
    let mut body: Value = serde_json::from_str(UPDATE).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

/// A body in which the object of headers is written as it is here.
fn written(headers: &str) -> Ask {
    create(&CREATE.replacen('{', &format!("{{\"custom_headers\":{headers},"), 1))
}

#[actix_web::test]
async fn names_are_shown_as_they_were_given_in_their_order_and_values_never() {
    let service = TestService::new();
    let answer = service
        .ask(written(
            r#"{"X-Tenant":"s3cret one","x_B":"s3cret two","A":"s3cret"}"#,
        ))
        .await;
    answer.succeeds(201);
    let id = answer.text("id");
    for ask in [
        read(&id),
        get("/v1/webhooks"),
        update(&id, UPDATE),
        roll(&id),
        get("/v1/audit-records"),
        delete(&id),
    ] {
        let answer = service.ask(ask).await;
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains("s3cret"), "{text}");
        let shown = text.contains(r#""custom_headers":{"X-Tenant":null,"x_B":null,"A":null}"#);
        assert!(shown || text.contains("AUDIT_RECORD"), "{text}");
    }
}

#[actix_web::test]
async fn what_get_returned_keeps_every_value_and_changes_nothing() {
    let service = TestService::new();
    let id = service
        .ask(created_with(&json!({"X-A": "1", "Authorization": "Bearer b"})))
        .await
        .text("id");
    let seen = service.ask(read(&id)).await;
    let updated = service
        .ask(update(&id, &String::from_utf8(seen.body).unwrap()))
        .await;
    updated.succeeds(200);
    assert_eq!(updated.header("etag"), Some("\"1\""));
    // A value that changes is a change, and its record names the field alone.
    for (version, value) in [("\"2\"", "2"), ("\"2\"", "2"), ("\"3\"", "1")] {
        let changes = json!({"custom_headers": {"X-A": value, "Authorization": null}});
        let updated = service.ask(updated_with(&id, &changes)).await;
        updated.succeeds(200);
        assert_eq!(updated.header("etag"), Some(version));
    }
    let records = service
        .ask(get(format!("/v1/audit-records?resource_id={id}&limit=1")))
        .await;
    let changed = &records.json()["data"][0]["changed_fields"];
    assert_eq!(changed, &json!(["custom_headers"]));
}

#[actix_web::test]
async fn a_set_replaces_the_one_before_null_clears_it_and_absent_keeps_it() {
    let service = TestService::new();
    let id = service
        .ask(created_with(&json!({"X-A": "1", "X-B": "2"})))
        .await
        .text("id");
    for (changes, names) in [
        (json!({}), json!({"X-A": null, "X-B": null})),
        (
            json!({"custom_headers": {"x_a": null, "X-C": "3"}}),
            json!({"x_a": null, "X-C": null}),
        ),
        (json!({"custom_headers": {}}), json!({})),
        (json!({"custom_headers": {"X-A": "1"}}), json!({"X-A": null})),
        (json!({"custom_headers": null}), json!(null)),
    ] {
        let answer = service.ask(updated_with(&id, &changes)).await;
        answer.succeeds(200);
        assert_eq!(answer.json()["custom_headers"], names, "{changes}");
        assert_eq!(service.ask(read(&id)).await.json()["custom_headers"], names);
    }
    let body = update_body(&json!({"custom_headers": {"X-D": "4"}}));
    let rolled = service.ask(roll(&id).body(body)).await;
    rolled.succeeds(200);
    assert_eq!(rolled.json()["custom_headers"], json!({"X-D": null}));
}

#[actix_web::test]
async fn a_name_without_a_value_must_be_stored() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let unknown = json!({"custom_headers": {"X-Unknown": null}});
    let field = Some("custom_headers.X-Unknown");
    let asks = [
        created_with(&unknown["custom_headers"]),
        updated_with(&id, &unknown),
        roll(&id).body(update_body(&unknown)),
    ];
    for ask in asks {
        service.ask(ask).await.refuses(400, "INVALID_FIELD", field);
    }
    let tested = service
        .ask(Ask::new(
            actix_web::http::Method::POST,
            "/v1/webhooks/test-connection",
        )
        .body(r#"{"name":null,"reference":null,"url":"https://example.com","custom_headers":{"X-Unknown":null}}"#))
        .await;
    tested.refuses(400, "INVALID_FIELD", field);
}

#[actix_web::test]
async fn what_is_no_set_of_headers_is_refused_by_name() {
    let service = TestService::new();
    let all = Some("custom_headers");
    let many: Value = (0..17)
        .map(|number| (format!("X-{number}"), json!("v")))
        .collect();
    let large: Value = (0..9)
        .map(|number| (format!("X-{number}"), json!("v".repeat(1024))))
        .collect();
    for wrong in [
        json!([]),
        json!(["X-A"]),
        json!("X-A: b"),
        json!(1),
        json!(true),
        many,
        large,
    ] {
        service
            .ask(created_with(&wrong))
            .await
            .refuses(400, "INVALID_FIELD", all);
    }
    for wrong in [
        "1",
        "true",
        "[]",
        "{}",
        "[\"s3cret\"]",
        "\"\"",
        "\" s3cret\"",
        "\"s3cret\\r\\nX-B: c\"",
        "\"s3cret é\"",
    ] {
        let answer = service.ask(written(&format!("{{\"X-A\":{wrong}}}"))).await;
        answer.refuses(400, "INVALID_FIELD", Some("custom_headers.X-A"));
        assert!(!answer.text("message").contains("s3cret"));
    }
    for reserved in [
        "Content_Length",
        "TE",
        "host",
        "Webhook-Id",
        "X-Forwarded-For",
        "cookie",
        "traceparent",
    ] {
        let answer = service.ask(created_with(&json!({reserved: "v"}))).await;
        answer.refuses(400, "INVALID_FIELD", Some(&format!("custom_headers.{reserved}")));
    }
    let long = "x".repeat(65);
    for (no_name, field) in [
        ("", "custom_headers."),
        ("X A", "custom_headers.X A"),
        (":authority", "custom_headers"),
        ("X-A: s3cret", "custom_headers"),
        (&long, "custom_headers"),
    ] {
        let answer = service.ask(created_with(&json!({no_name: "v"}))).await;
        answer.refuses(400, "INVALID_FIELD", Some(field));
        assert!(!answer.text("message").contains("s3cret"));
    }
    for (headers, field) in [
        (r#"{"X-A":"v","X-A":"v"}"#, "custom_headers.X-A"),
        (r#"{"X-A":"v","x_a":"v"}"#, "custom_headers.x_a"),
        (r#"{"X-A":{"b":1,"b":1}}"#, "custom_headers.X-A.b"),
    ] {
        service
            .ask(written(headers))
            .await
            .refuses(400, "INVALID_FIELD", Some(field));
    }
    assert_eq!(service.ask(get("/v1/webhooks")).await.json()["data"], json!([]));
}

#[actix_web::test]
async fn no_name_that_may_be_a_secret_is_repeated() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let name = "whsec_qL8mZr0cXn4FvT2yHs6JdK1bWp9Ue3Ga5Ro7Mi0QtYs";
    for value in [json!(null), json!(1), json!(" ")] {
        let changes = json!({"custom_headers": {name: value}});
        let answer = service.ask(updated_with(&id, &changes)).await;
        answer.refuses(400, "INVALID_FIELD", Some("custom_headers"));
        assert!(!String::from_utf8(answer.body).unwrap().contains(name));
    }
}

#[actix_web::test]
async fn what_stands_in_the_way_of_the_credentials_is_refused_whichever_comes_later() {
    let service = TestService::new();
    let id = service
        .ask(created_with(
            &json!({"Authorization": "Bearer b", "X_API_KEY": "v"}),
        ))
        .await
        .text("id");
    let password = json!({"authentication_type": "PASSWORD", "username": "u", "password": "p"});
    let answer = service.ask(updated_with(&id, &password)).await;
    answer.refuses(400, "INVALID_FIELD", Some("custom_headers.Authorization"));
    let key = json!({"authentication_type": "API_KEY", "api_header_field": "X-Api-Key", "api_key": "k"});
    for ask in [updated_with(&id, &key), roll(&id).body(update_body(&key))] {
        let answer = service.ask(ask).await;
        answer.refuses(400, "INVALID_FIELD", Some("api_header_field"));
    }
    assert_eq!(service.ask(read(&id)).await.header("etag"), Some("\"1\""));
    let mut both = key.clone();
    both["custom_headers"] = json!({"Authorization": null, "X-Other": "w"});
    service.ask(updated_with(&id, &both)).await.succeeds(200);
    let mut back = json!({"authentication_type": "API_KEY"});
    back["custom_headers"] = json!({"x-api-key": "v"});
    let answer = service.ask(updated_with(&id, &back)).await;
    answer.refuses(400, "INVALID_FIELD", Some("custom_headers.x-api-key"));
}

#[test]
fn the_documented_patterns_admit_what_the_domain_admits() {
    let sent = &schema("CustomHeaders");
    let pattern = |schema: &Value| Regex::new(schema["pattern"].as_str().unwrap()).unwrap();
    let (name, value) = (
        pattern(&sent["propertyNames"]),
        pattern(&sent["additionalProperties"]),
    );
    let characters = (0..0x180_u32).filter_map(char::from_u32);
    let mut texts: Vec<_> = characters
        .flat_map(|c| [c.to_string(), format!("{c}a"), format!("a{c}a"), format!("a{c}")])
        .collect();
    texts.extend([String::new(), "x".repeat(64), "x".repeat(65)]);
    for text in texts {
        let is_name = CustomHeaderName::parse(text.clone()).is_ok();
        assert_eq!(name.is_match(&text), is_name, "{text:?}");
        let is_value = CustomHeaderValue::parse(SecretText::new(text.clone())).is_ok();
        assert_eq!(value.is_match(&text), is_value, "{text:?}");
    }
}

#[test]
fn the_document_says_which_values_are_sent_and_that_answers_have_none() {
    let sent = &schema("CustomHeaders");
    assert_eq!(sent["maxProperties"], 16);
    let value = &sent["additionalProperties"];
    assert_eq!(value["type"], json!(["string", "null"]));
    assert_eq!(
        (&value["writeOnly"], &value["maxLength"]),
        (&json!(true), &json!(1024))
    );
    assert_eq!(
        schema("CustomHeaderNames")["additionalProperties"]["type"],
        "null"
    );
    for (object, reference, example) in [
        ("CreateWebhook", "CustomHeaders", json!("acme")),
        ("UpdateWebhook", "CustomHeaders", json!("acme")),
        ("RollSecret", "CustomHeaders", json!("acme")),
        ("Webhook", "CustomHeaderNames", json!(null)),
    ] {
        let documented = &schema(object)["properties"]["custom_headers"];
        let expected = json!([{"$ref": format!("#/components/schemas/{reference}")}, {"type": "null"}]);
        assert_eq!(documented["oneOf"], expected, "{object}");
        assert_eq!(
            schema(object)["examples"][0]["custom_headers"]["X-Tenant"],
            example
        );
    }
}
