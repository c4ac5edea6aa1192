//! Reading all webhooks, page by page.

use serde_json::Value;
use webhook_domain::access::permission::Permission;

use crate::test_service::*;

const ORDERS: [&str; 4] = ["created_at", "updated_at", "name", "reference"];

/// A service with webhooks whose orders all differ, and their ids in the order of their creation.
async fn house_of(count: u32) -> (TestService, Vec<String>) {
    let service = TestService::new();
    let mut ids = Vec::new();
    for n in 0..count {
        // Pairs have the same name and the same instant; the last has no reference.
        let name = (count - n) / 2;
        let reference = match n + 1 == count {
            true => "null".to_owned(),
            false => format!("\"r/é {}\"", n * 7 % 10),
        };
        let body = format!(r#"{{"name":"n{name}","reference":{reference},"url":null}}"#);
        let created = service.ask(create(&body)).await;
        created.succeeds(201);
        ids.push(created.text("id"));
        service.clock.advance_seconds(u64::from(n % 2));
    }
    // The first was changed last.
    if let Some(first) = ids.first() {
        service.ask(roll(first)).await.succeeds(200);
    }
    (service, ids)
}

fn ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().unwrap();
    data.iter()
        .map(|webhook| webhook["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn page(service: &TestService, uri: &str) -> Value {
    let answer = service.ask(get(uri)).await;
    answer.answers(200);
    answer.json()
}

#[actix_web::test]
async fn a_list_shows_webhooks_oldest_first_and_their_keys_to_nobody() {
    let (service, created) = house_of(3).await;
    let audited = service.audited(&created[0]).await.len();
    let json = page(&service, "/v1/webhooks").await;
    let fields: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        ["data", "limit", "links", "page", "total_number_of_pages"]
    );
    assert_eq!(ids(&json).len(), 3);
    assert_eq!(json["data"][0]["created_at"], "2024-04-12T15:22:37Z");
    assert_eq!(json["data"][2]["created_at"], "2024-04-12T15:22:38Z");
    assert_eq!((&json["limit"], &json["page"]), (&50.into(), &1.into()));
    assert_eq!(json["total_number_of_pages"], 1);
    let own = "/v1/webhooks?limit=50&page=1&order_by=created_at&order_direction=asc";
    let links = serde_json::json!({"first": own, "previous": null, "current": own, "next": null});
    assert_eq!(json["links"], links);
    for webhook in json["data"].as_array().unwrap() {
        assert!(webhook["secret_key"].is_null() && webhook["previous_secret_key"].is_null());
        assert_eq!(webhook.as_object().unwrap().len(), 31);
    }
    assert_eq!(service.audited(&created[0]).await.len(), audited);
}

#[actix_web::test]
async fn a_list_is_in_the_order_asked_for() {
    let (service, _) = house_of(7).await;
    for order in ORDERS {
        let ascending = page(&service, &format!("/v1/webhooks?order_by={order}")).await;
        let data = ascending["data"].as_array().unwrap();
        let keys: Vec<_> = data
            .iter()
            .map(|w| w[order].as_str().unwrap_or_default())
            .collect();
        assert!(keys.is_sorted(), "{order} {keys:?}");
        let uri = format!("/v1/webhooks?order_by={order}&order_direction=desc");
        let mut descending = ids(&page(&service, &uri).await);
        descending.reverse();
        assert_eq!(descending, ids(&ascending), "{order}");
    }
}

/// Follows `link` from the page at `uri` until there is no such link.
async fn follow(service: &TestService, uri: String, link: &str) -> Vec<Value> {
    let mut pages = vec![page(service, &uri).await];
    while let Some(next) = pages[pages.len() - 1]["links"][link].as_str().map(str::to_owned) {
        assert!(pages.len() < 20, "the links go round");
        pages.push(page(service, &next).await);
    }
    pages
}

#[actix_web::test]
async fn links_lead_through_every_webhook_once_from_first_to_last_and_back() {
    for count in [6, 7] {
        let (service, _) = house_of(count).await;
        for order in ORDERS {
            for direction in ["asc", "desc"] {
                let parameters = format!("order_by={order}&order_direction={direction}");
                let whole = page(&service, &format!("/v1/webhooks?{parameters}")).await;
                let forth = follow(&service, format!("/v1/webhooks?limit=2&{parameters}"), "next").await;
                assert_eq!(
                    forth.iter().flat_map(ids).collect::<Vec<_>>(),
                    ids(&whole),
                    "{parameters}"
                );
                let pages = u64::from(count.div_ceil(2));
                for (index, json) in forth.iter().enumerate() {
                    assert_eq!(json["page"], index + 1);
                    assert_eq!(json["total_number_of_pages"], pages);
                    let current = json["links"]["current"].as_str().unwrap();
                    assert_eq!(&page(&service, current).await, json);
                }
                assert_eq!(forth.len() as u64, pages);
                let last = forth[forth.len() - 1]["links"]["current"].as_str().unwrap();
                let mut back = follow(&service, last.to_owned(), "previous").await;
                back.reverse();
                for (there, then) in forth.iter().zip(&back) {
                    assert_eq!(
                        (ids(there), &there["page"]),
                        (ids(then), &then["page"]),
                        "{parameters}"
                    );
                }
                assert_eq!(back.len(), forth.len());
            }
        }
    }
}

#[actix_web::test]
async fn numbers_alone_lead_to_the_same_pages() {
    let (service, _) = house_of(7).await;
    let pages = follow(&service, "/v1/webhooks?limit=2".into(), "next").await;
    for (index, expected) in pages.iter().enumerate() {
        let json = page(&service, &format!("/v1/webhooks?limit=2&page={}", index + 1)).await;
        assert_eq!(ids(&json), ids(expected));
        assert_eq!(json["links"]["next"], expected["links"]["next"]);
        assert_eq!(json["links"]["previous"], expected["links"]["previous"]);
    }
}

#[actix_web::test]
async fn a_next_link_skips_nothing_that_others_deleted_or_created_before_it() {
    let (service, _) = house_of(6).await;
    let whole = ids(&page(&service, "/v1/webhooks").await);
    let first = page(&service, "/v1/webhooks?limit=2").await;
    for id in ids(&first) {
        service.ask(delete(&id)).await.succeeds(200);
    }
    let next = first["links"]["next"].as_str().unwrap();
    let rest = follow(&service, next.to_owned(), "next").await;
    assert_eq!(rest.iter().flat_map(ids).collect::<Vec<_>>(), whole[2..]);

    // The other way round: what now stands before the first page is still led to.
    let back = "/v1/webhooks?limit=2&order_by=created_at&order_direction=desc";
    let second = follow(&service, back.into(), "next").await.remove(1);
    let mut created = Vec::new();
    for _ in 0..3 {
        created.insert(0, service.webhook().await.0);
        service.clock.advance_seconds(1);
    }
    let previous = second["links"]["previous"].as_str().unwrap();
    let pages = follow(&service, previous.to_owned(), "previous").await;
    let seen: Vec<_> = pages.iter().rev().flat_map(ids).collect();
    assert_eq!(seen[..3], created[..]);
}

#[actix_web::test]
async fn an_empty_list_has_no_pages_and_a_page_beyond_the_end_leads_back_to_the_last() {
    let service = TestService::new();
    let json = page(&service, "/v1/webhooks").await;
    assert_eq!(json["data"], serde_json::json!([]));
    assert_eq!(json["total_number_of_pages"], 0);
    assert!(json["links"]["previous"].is_null() && json["links"]["next"].is_null());
    let (service, _) = house_of(5).await;
    for number in ["4", "9007199254740992"] {
        let json = page(&service, &format!("/v1/webhooks?limit=2&page={number}")).await;
        assert_eq!(json["data"], serde_json::json!([]));
        assert_eq!(json["page"].to_string(), number);
        assert_eq!(json["total_number_of_pages"], 3);
        let last = "/v1/webhooks?limit=2&page=3&order_by=created_at&order_direction=asc";
        assert_eq!(json["links"]["previous"], last);
        assert!(json["links"]["next"].is_null());
    }
}

#[actix_web::test]
async fn a_parameter_that_is_not_what_it_must_be_is_named() {
    let (service, _) = house_of(3).await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=%2B1", "limit"),
        ("limit=", "limit"),
        ("limit=a", "limit"),
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=x", "page"),
        ("page=9007199254740993", "page"),
        ("page=99999999999999999999", "page"),
        ("order_by=id", "order_by"),
        ("order_by=", "order_by"),
        ("order_direction=up", "order_direction"),
        ("order_direction=ASC", "order_direction"),
        ("after=x&page=2", "after"),
        ("before=&page=2", "before"),
        ("size=5", "size"),
        ("limit=5&limit=5", "limit"),
        ("page=1&limit=5&page=2", "page"),
    ] {
        let answer = service.ask(get(format!("/v1/webhooks?{query}"))).await;
        answer.refuses(400, "INVALID_FIELD", Some(field));
        answer.is_about("WEBHOOK", None);
    }
    for query in [
        "limit=1&page=1",
        "limit=100",
        "order_by=name&order_direction=desc",
    ] {
        page(&service, &format!("/v1/webhooks?{query}")).await;
    }
}

#[actix_web::test]
async fn a_cursor_is_good_for_its_own_order_beside_a_page_and_alone() {
    let (service, _) = house_of(3).await;
    let first = page(&service, "/v1/webhooks?limit=1").await;
    let next = first["links"]["next"].as_str().unwrap();
    let (_, after) = next.split_once("after=").unwrap();
    let asked = |query: String| service.ask(get(format!("/v1/webhooks?{query}")));
    for other in ["order_by=updated_at", "order_by=name", "order_direction=desc"] {
        let answer = asked(format!("page=2&after={after}&{other}")).await;
        answer.refuses(400, "INVALID_FIELD", Some("after"));
        let answer = asked(format!("page=2&before={after}&{other}")).await;
        answer.refuses(400, "INVALID_FIELD", Some("before"));
    }
    let both = asked(format!("page=2&before={after}&after={after}")).await;
    both.refuses(400, "INVALID_FIELD", Some("before"));
    let alone = asked(format!("after={after}")).await;
    alone.refuses(400, "MISSING_FIELD", Some("page"));
}

#[actix_web::test]
async fn a_platform_sees_its_own_webhooks_alone() {
    let (service, _) = house_of(3).await;
    let other = service.key_of("other", &[Permission::WebhookView]);
    let answer = service.ask_as(Some(&other), get("/v1/webhooks")).await;
    answer.answers(200);
    assert_eq!(answer.json()["data"], serde_json::json!([]));
    assert_eq!(answer.json()["total_number_of_pages"], 0);
}
