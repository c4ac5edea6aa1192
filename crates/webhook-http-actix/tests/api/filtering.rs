//! Lists of the webhooks that meet conditions.

use actix_web::http::Method;
use serde_json::{Value, json};
use webhook_domain::access::permission::Permission;

use crate::documented::{DOCUMENT, operations};
use crate::test_service::*;

/// A service with four webhooks; another platform has the same.
async fn service() -> TestService {
    let service = TestService::new();
    let others = service.key_of("other", Permission::ALL);
    for (name, reference, active, url) in [
        (
            "Zoë & Söhne = 100%",
            Some("a/b?c=d&e#f"),
            true,
            "https://example.com/1",
        ),
        ("Zoë & Söhne = 100%", None, false, "https://EXAMPLE.com:8443/2"),
        ("other", Some(""), true, "https://bücher.example./3"),
        ("", Some("+ +"), true, "https://[2606:4700::1111]/4"),
    ] {
        let body = json!({"name": name, "reference": reference, "active": active, "url": url}).to_string();
        service.ask(create(&body)).await.succeeds(201);
        service.ask_as(Some(&others), create(&body)).await.succeeds(201);
        service.clock.advance_seconds(10);
    }
    service
}

async fn list(service: &TestService, query: &str) -> Value {
    let answer = service.ask(get(format!("/v1/webhooks?{query}"))).await;
    answer.answers(200);
    answer.json()
}

/// The numbers of the webhooks on a page: the last letters of their urls.
fn numbers(page: &Value) -> Vec<u32> {
    let data = page["data"].as_array().unwrap().iter();
    data.map(|webhook| webhook["url"].as_str().unwrap()[..].chars().last().unwrap())
        .map(|last| last.to_digit(10).unwrap())
        .collect()
}

#[actix_web::test]
async fn a_list_has_the_webhooks_that_meet_every_condition() {
    let service = service().await;
    for (query, expected) in [
        ("reference=a%2Fb%3Fc%3Dd%26e%23f", &[1][..]),
        ("reference=a%2fb?c%3Dd%26e%23f", &[1]),
        ("reference=%2B+%2B", &[4]),
        ("reference=%2B%20%2B", &[4]),
        ("reference=", &[3]),
        ("reference=a", &[]),
        ("name=Zo%C3%AB+%26+S%C3%B6hne+%3D+100%25", &[1, 2]),
        ("name=zo%C3%AB+%26+S%C3%B6hne+%3D+100%25", &[]),
        ("name=", &[4]),
        ("name=%25", &[]),
        ("active=true", &[1, 3, 4]),
        ("active=false", &[2]),
        ("in_penalty_box=true", &[]),
        ("in_penalty_box=false", &[1, 2, 3, 4]),
        ("url_host=example.com", &[1, 2]),
        ("url_host=EXAMPLE.com.", &[1, 2]),
        ("url_host=xn--bcher-kva.example", &[3]),
        ("url_host=B%C3%9CCHER.example", &[3]),
        ("url_host=%5B2606:4700:0::1111%5D", &[4]),
        ("url_host=[2606:4700::1111]", &[4]),
        ("url_host=example", &[]),
        ("signing_protocol=HmacSHA256", &[1, 2, 3, 4]),
        ("rolled_before=2024-04-12T15:22:37Z", &[]),
        ("rolled_before=2024-04-12T15:22:38Z", &[1]),
        ("rolled_before=2024-04-12T15:22:58Z", &[1, 2, 3]),
        ("rolled_before=9999-12-31T23:59:59Z", &[1, 2, 3, 4]),
        ("roll_due=true", &[]),
        ("roll_due=false", &[1, 2, 3, 4]),
        ("active=true&url_host=example.com", &[1]),
        ("name=Zo%C3%AB+%26+S%C3%B6hne+%3D+100%25&reference=a", &[]),
        (
            "reference=&name=other&active=true&in_penalty_box=false&url_host=b%C3%BCcher.example\
             &signing_protocol=HmacSHA256&rolled_before=2024-04-12T15:23:00Z",
            &[3],
        ),
    ] {
        let page = list(&service, query).await;
        assert_eq!(numbers(&page), expected, "{query}");
        assert_eq!(
            page["total_number_of_pages"],
            u64::from(!expected.is_empty()),
            "{query}"
        );
    }
}

#[actix_web::test]
async fn links_keep_the_conditions_and_lead_through_what_meets_them() {
    let service = service().await;
    for query in [
        "name=Zo%C3%AB+%26+S%C3%B6hne+%3D+100%25",
        "url_host=EXAMPLE.com&rolled_before=2025-01-01T00:00:00Z",
    ] {
        for order in ["created_at", "updated_at", "name", "reference"] {
            let uri = format!("{query}&limit=1&order_by={order}&order_direction=desc");
            let whole = numbers(&list(&service, &format!("{uri}&limit=100").replace("&limit=1&", "&")).await);
            let first = list(&service, &uri).await;
            assert_eq!(first["total_number_of_pages"], 2);
            let follow = async |page: &Value, link: &str| {
                let link = page["links"][link].as_str().unwrap().to_owned();
                let answer = service.ask(get(link)).await;
                answer.answers(200);
                answer.json()
            };
            let second = follow(&first, "next").await;
            assert_eq!([numbers(&first), numbers(&second)].concat(), whole, "{uri}");
            assert!(second["links"]["next"].is_null() && first["links"]["previous"].is_null());
            for (page, link, expected) in [
                (&second, "previous", &first),
                (&second, "first", &first),
                (&second, "current", &second),
                (&first, "current", &first),
            ] {
                assert_eq!(follow(page, link).await["data"], expected["data"], "{uri} {link}");
            }
            let by_number = list(&service, &format!("{uri}&page=2")).await;
            assert_eq!(by_number["data"], second["data"]);
        }
    }
    let page = list(
        &service,
        "reference=a%2Fb%3Fc%3Dd%26e%23f&url_host=EXAMPLE.COM.&active=true",
    )
    .await;
    assert_eq!(
        page["links"]["current"],
        "/v1/webhooks?limit=50&page=1&order_by=created_at&order_direction=asc&reference=a%2Fb%3Fc%3Dd%26e%23f\
         &active=true&url_host=example.com"
    );
    let page = list(
        &service,
        "url_host=[2606:4700:0::1111]&rolled_before=2025-01-01T00:00:00Z",
    )
    .await;
    assert_eq!(
        page["links"]["first"],
        "/v1/webhooks?limit=50&page=1&order_by=created_at&order_direction=asc&url_host=%5B2606:4700::1111%5D\
         &rolled_before=2025-01-01T00:00:00Z"
    );
}

#[actix_web::test]
async fn a_roll_and_a_removal_make_a_webhook_one_that_was_rolled_lately() {
    let service = service().await;
    let before = "rolled_before=2024-04-12T15:23:00Z";
    let page = list(&service, before).await;
    let id = |place: usize| page["data"][place]["id"].as_str().unwrap().to_owned();
    service.ask(update(&id(0), UPDATE)).await.succeeds(200);
    service.ask(roll(&id(1))).await.succeeds(200);
    service.ask(remove(&id(2))).await.succeeds(200);
    assert_eq!(numbers(&list(&service, before).await), [1]);
    assert_eq!(
        numbers(&list(&service, "rolled_before=2024-04-12T15:23:18Z").await),
        [1, 2, 3, 4]
    );
}

#[actix_web::test]
async fn a_condition_that_is_not_what_it_must_be_is_named_with_what_would_be_right() {
    let service = service().await;
    let long = "n".repeat(257);
    for (query, field, right) in [
        (&*format!("name={long}"), "name", "256 characters"),
        (&*format!("reference={long}"), "reference", "256 characters"),
        ("name=a%00b", "name", "control character"),
        ("reference=a%0Ab", "reference", "control character"),
        ("active=", "active", "true or false"),
        ("active", "active", "true or false"),
        ("active=True", "active", "true or false"),
        ("active=1", "active", "true or false"),
        ("active=null", "active", "true or false"),
        ("active=true%20", "active", "true or false"),
        ("in_penalty_box=yes", "in_penalty_box", "true or false"),
        ("in_penalty_box=", "in_penalty_box", "true or false"),
        ("url_host=", "url_host", "such as example.com"),
        ("url_host=example.com:443", "url_host", "such as example.com"),
        ("url_host=https://example.com", "url_host", "such as example.com"),
        ("url_host=2606:4700::1111", "url_host", "such as example.com"),
        ("url_host=*.example.com", "url_host", "such as example.com"),
        ("signing_protocol=", "signing_protocol", "HmacSHA256"),
        ("signing_protocol=hmacsha256", "signing_protocol", "HmacSHA256"),
        ("signing_protocol=HmacSHA512", "signing_protocol", "HmacSHA256"),
        ("rolled_before=", "rolled_before", "2024-04-12T15:22:37Z"),
        ("roll_due=1", "roll_due", "true or false"),
        (
            "rolled_before=2024-04-12T15:22:37",
            "rolled_before",
            "2024-04-12T15:22:37Z",
        ),
        (
            "rolled_before=2024-04-12T15:22:37%2B02:00",
            "rolled_before",
            "2024-04-12T15:22:37Z",
        ),
        (
            "rolled_before=2024-04-12T15:22:37+02:00",
            "rolled_before",
            "2024-04-12T15:22:37Z",
        ),
        (
            "rolled_before=2024-04-12T15:22:37.5Z",
            "rolled_before",
            "2024-04-12T15:22:37Z",
        ),
        (
            "rolled_before=2024-04-12",
            "rolled_before",
            "2024-04-12T15:22:37Z",
        ),
        (
            "rolled_before=2024-02-30T00:00:00Z",
            "rolled_before",
            "2024-04-12T15:22:37Z",
        ),
        (
            "rolled_before=1712935357",
            "rolled_before",
            "2024-04-12T15:22:37Z",
        ),
        ("active=true&active=true", "active", "once"),
        ("name=a&limit=5&name=b", "name", "once"),
        ("name=a&%6Eame=b", "name", "once"),
        ("Name=a", "Name", "not a parameter"),
        ("url=example.com", "url", "not a parameter"),
        ("rolls_due=true", "rolls_due", "not a parameter"),
    ] {
        let answer = service.ask(get(format!("/v1/webhooks?{query}"))).await;
        answer.refuses(400, "INVALID_FIELD", Some(field));
        answer.is_about("WEBHOOK", None);
        assert!(
            answer.text("message").contains(right),
            "{query}: {}",
            answer.text("message")
        );
    }
    // As long as they may be.
    let page = list(
        &service,
        &format!("name={}&reference={}", &long[1..], "%C3%A9".repeat(256)),
    )
    .await;
    assert_eq!(page["data"], json!([]));
}

#[actix_web::test]
async fn a_list_of_none_leads_nowhere() {
    let service = service().await;
    let page = list(&service, "name=nobody&page=3").await;
    assert_eq!(
        (&page["data"], &page["total_number_of_pages"]),
        (&json!([]), &json!(0))
    );
    assert!(page["links"]["previous"].is_null() && page["links"]["next"].is_null());
    let page = list(&service, "active=true&limit=2&page=9").await;
    assert_eq!(
        (&page["data"], &page["total_number_of_pages"]),
        (&json!([]), &json!(2))
    );
    let last = "/v1/webhooks?limit=2&page=2&order_by=created_at&order_direction=asc&active=true";
    assert_eq!(page["links"]["previous"], last);
}

#[actix_web::test]
async fn head_is_answered_as_get_is() {
    let service = service().await;
    let uri = "/v1/webhooks?url_host=example.com&limit=1";
    let got = service.ask(get(uri)).await;
    let head = service.ask(Ask::new(Method::HEAD, uri)).await;
    assert_eq!((got.status, head.status), (200, 200));
    let wrong = service
        .ask(Ask::new(Method::HEAD, "/v1/webhooks?active=True"))
        .await;
    assert_eq!(wrong.status, 400);
}

#[test]
fn the_document_has_every_condition_with_an_example() {
    let (_, _, operation) = operations()
        .find(|(method, path, _)| *method == Method::GET && *path == "/v1/webhooks")
        .unwrap();
    let parameters = operation["parameters"].as_array().unwrap();
    for name in [
        "reference",
        "name",
        "active",
        "in_penalty_box",
        "url_host",
        "signing_protocol",
        "rolled_before",
    ] {
        let found = parameters
            .iter()
            .find(|parameter| parameter["name"] == name)
            .unwrap();
        assert!(
            !found["example"].is_null() && !found["schema"].is_null(),
            "{found}"
        );
        assert_eq!(
            (&found["in"], &found["required"]),
            (&json!("query"), &json!(false))
        );
    }
    assert!(DOCUMENT["paths"]["/v1/webhooks"].is_object());
}
