//! After how many days a secret is due for a roll.

use serde_json::json;

use crate::documented::schema;
use crate::test_service::*;

fn update_to(id: &str, fields: &str) -> Ask {
    update(id, &UPDATE.replacen('{', &format!("{{{fields},"), 1))
}

#[actix_web::test]
async fn a_secret_is_due_so_many_days_after_it_became_the_current_one() {
    let service = TestService::new();
    let created = CREATE.replacen(
        '{',
        "{\"secret_rotation_days\":1,\"secret_rotates_automatically\":true,",
        1,
    );
    let created = service.ask(create(&created)).await;
    created.succeeds(201);
    let id = created.text("id");
    let shown = async |what: &str| {
        let webhook = service.ask(read(&id)).await.json();
        let fields = [
            "secret_rotation_days",
            "secret_rotates_automatically",
            "secret_roll_due_at",
        ];
        (what.to_owned(), fields.map(|field| webhook[field].clone()))
    };
    let expect =
        |what: &str, days, rotates, due_at| (what.to_owned(), [json!(days), json!(rotates), json!(due_at)]);
    let due = Some("2024-04-13T15:22:37Z");
    assert_eq!(shown("created").await, expect("created", Some(1), true, due));
    service.clock.advance_seconds(86_399);
    let is_listed = async |is_due: bool| {
        let listed = service
            .ask(get(format!("/v1/webhooks?roll_due={is_due}")))
            .await
            .json();
        !listed["data"].as_array().unwrap().is_empty()
    };
    assert!(!is_listed(true).await && is_listed(false).await);
    service.clock.advance_seconds(1);
    assert!(is_listed(true).await && !is_listed(false).await);
    service.ask(update(&id, UPDATE)).await.succeeds(200);
    assert_eq!(shown("kept").await, expect("kept", Some(1), true, due));
    service.ask(roll(&id)).await.succeeds(200);
    assert!(!is_listed(true).await);
    let due = Some("2024-04-14T15:22:37Z");
    assert_eq!(shown("rolled").await, expect("rolled", Some(1), true, due));
    service
        .ask(update_to(&id, "\"secret_rotation_days\":730"))
        .await
        .succeeds(200);
    let due = Some("2026-04-13T15:22:37Z");
    assert_eq!(shown("longer").await, expect("longer", Some(730), true, due));
    let cleared = "\"secret_rotation_days\":null,\"secret_rotates_automatically\":null";
    service.ask(update_to(&id, cleared)).await.succeeds(200);
    assert_eq!(
        shown("cleared").await,
        expect("cleared", None::<u16>, false, None)
    );
}

#[actix_web::test]
async fn days_that_are_none_are_refused_by_name() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    for wrong in ["0", "731", "-1", "1.5", "\"90\"", "true", "[]"] {
        let refused = service
            .ask(update_to(&id, &format!("\"secret_rotation_days\":{wrong}")))
            .await;
        refused.refuses(400, "INVALID_FIELD", Some("secret_rotation_days"));
        assert!(refused.text("message").contains("from 1 to 730"), "{wrong}");
    }
    let wrong = "\"secret_rotates_automatically\":\"yes\"";
    let refused = service.ask(update_to(&id, wrong)).await;
    refused.refuses(400, "INVALID_FIELD", Some("secret_rotates_automatically"));
}

#[test]
fn the_days_are_in_the_document() {
    for object in ["Webhook", "CreateWebhook", "UpdateWebhook", "RollSecret"] {
        let days = &schema(object)["properties"]["secret_rotation_days"];
        assert_eq!(days["type"], json!(["integer", "null"]), "{object}");
        assert_eq!((&days["minimum"], &days["maximum"]), (&json!(1), &json!(730)));
    }
    let due_at = &schema("Webhook")["properties"]["secret_roll_due_at"];
    assert_eq!(due_at["readOnly"], true);
}
