//! Fields: what is required, which types they have, and which values their types refuse.

use crate::test_service::*;

fn created_with(field: &str, value: &str) -> Ask {
    let body = match CREATE.contains(&format!("\"{field}\"")) {
        true => CREATE.replace(&format!("\"{field}\":null"), &format!("\"{field}\":{value}")),
        false => CREATE.replace('}', &format!(",\"{field}\":{value}}}")),
    };
    create(&body)
}

fn updated_with(id: &str, field: &str, value: &str) -> Ask {
    let known = [
        "\"active\":true",
        "\"include_previous_data\":false",
        "\"authentication_type\":\"NONE\"",
    ];
    let prefix = format!("\"{field}\":");
    let body = match known.iter().find(|pair| pair.starts_with(&prefix)) {
        Some(pair) => UPDATE.replace(pair, &format!("{prefix}{value}")),
        None => UPDATE.replace('}', &format!(",{prefix}{value}}}")),
    };
    roll(id).body(body)
}

#[actix_web::test]
async fn an_update_needs_its_three_required_fields_and_not_null() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    for field in ["active", "include_previous_data", "authentication_type"] {
        let null = service.ask(updated_with(&id, field, "null")).await;
        null.refuses(400, "MISSING_FIELD", Some(field));
        let absent: serde_json::Map<_, _> = serde_json::from_str::<serde_json::Value>(UPDATE)
            .unwrap()
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| *name != field)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let ask = roll(&id).body(serde_json::to_vec(&absent).unwrap());
        service.ask(ask).await.refuses(400, "MISSING_FIELD", Some(field));
    }
    service
        .ask(roll(&id).body("{}"))
        .await
        .refuses(400, "MISSING_FIELD", Some("active"));
}

#[actix_web::test]
async fn a_creation_needs_name_reference_and_url_to_be_there() {
    let service = TestService::new();
    for field in ["name", "reference", "url"] {
        let pair = format!("\"{field}\":null");
        let body = CREATE
            .replace(&format!("{pair},"), "")
            .replace(&format!(",{pair}"), "");
        service
            .ask(create(&body))
            .await
            .refuses(400, "MISSING_FIELD", Some(field));
    }
}

#[actix_web::test]
async fn on_creation_null_means_the_default() {
    let service = TestService::new();
    for (field, default) in [
        ("active", serde_json::json!(true)),
        ("include_previous_data", serde_json::json!(false)),
        ("authentication_type", serde_json::json!("NONE")),
        ("signing_protocol", serde_json::json!("HmacSHA256")),
    ] {
        let answer = service.ask(created_with(field, "null")).await;
        answer.succeeds(201);
        assert_eq!(answer.json()[field], default);
    }
}

#[actix_web::test]
async fn a_value_of_another_type_is_refused() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let texts = [
        "name",
        "reference",
        "username",
        "password",
        "api_header_field",
        "api_key",
        "url",
        "signing_protocol",
        "authentication_type",
    ];
    for field in texts {
        for wrong in ["1", "true", "[]", "{}"] {
            service
                .ask(created_with(field, wrong))
                .await
                .refuses(400, "INVALID_FIELD", Some(field));
            service
                .ask(updated_with(&id, field, wrong))
                .await
                .refuses(400, "INVALID_FIELD", Some(field));
        }
    }
    for field in ["active", "include_previous_data"] {
        for wrong in ["1", "\"true\"", "[]", "{}"] {
            service
                .ask(created_with(field, wrong))
                .await
                .refuses(400, "INVALID_FIELD", Some(field));
            service
                .ask(updated_with(&id, field, wrong))
                .await
                .refuses(400, "INVALID_FIELD", Some(field));
        }
    }
    for field in ["included_actions", "excluded_actions"] {
        for wrong in ["1", "true", "\"INVOICE.PAID\"", "{}"] {
            service
                .ask(created_with(field, wrong))
                .await
                .refuses(400, "INVALID_FIELD", Some(field));
        }
    }
}

#[actix_web::test]
async fn a_value_that_its_type_does_not_admit_is_refused_and_not_repeated() {
    let service = TestService::new();
    for (field, wrong) in [
        ("name", "\"secret\\u0000value\""),
        ("reference", "\"secret\\nvalue\""),
        ("username", "\"secret value\""),
        ("password", "\"secret value\""),
        ("api_header_field", "\"secret value\""),
        ("api_header_field", "\"Authorization\""),
        ("api_key", "\"secret-value\""),
        ("url", "\"http://secret.example\""),
        ("url", "\"https://u:secret@example.com\""),
        ("signing_protocol", "\"secret\""),
        ("authentication_type", "\"secret\""),
    ] {
        let answer = service.ask(created_with(field, wrong)).await;
        answer.refuses(400, "INVALID_FIELD", Some(field));
        let message = answer.text("message");
        assert!(message.starts_with(&format!("{field} must ")), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

#[actix_web::test]
async fn an_item_of_a_list_is_named_by_its_place() {
    let service = TestService::new();
    for (list, field) in [
        (r#"["INVOICE.PAID",1]"#, "included_actions.1"),
        (r#"["invoice"]"#, "included_actions.0"),
        (r#"["INVOICE.PAID","NOT.THERE"]"#, "included_actions.1"),
        (r#"["INVOICE.PAID","INVOICE.PAID"]"#, "included_actions.1"),
        (r#"[null]"#, "included_actions.0"),
    ] {
        let answer = service.ask(created_with("included_actions", list)).await;
        answer.refuses(400, "INVALID_FIELD", Some(field));
    }
    let many = format!("[{}]", vec!["\"INVOICE.PAID\""; 257].join(","));
    let answer = service.ask(created_with("included_actions", &many)).await;
    answer.refuses(400, "INVALID_FIELD", Some("included_actions"));
}

#[actix_web::test]
async fn fields_of_the_servers_own_are_ignored_whatever_they_hold() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    for field in [
        "object_type",
        "id",
        "previous_signing_protocol",
        "secret_rolled_at",
        "secret_adoption",
        "previous_secret_held",
        "penalty_box",
        "penalty_box_data",
        "secret_key",
        "previous_secret_key",
        "previous_secret_expires_at",
        "created_at",
        "updated_at",
    ] {
        let ask = created_with(field, r#"{"anything":[1,"x",null]}"#);
        service.ask(ask).await.succeeds(201);
        let ask = updated_with(&id, field, "17").header("if-match", "*");
        let answer = service.ask(ask.header("idempotency-key", field)).await;
        assert!(answer.status == 200 || answer.status == 409, "{field}");
    }
}
