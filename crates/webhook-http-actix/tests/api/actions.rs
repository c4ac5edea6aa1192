//! The actions that webhooks can be told of.

use webhook_domain::access::permission::Permission;

use crate::test_service::*;

#[actix_web::test]
async fn the_actions_are_listed_by_what_they_happen_to_in_alphabetical_order() {
    let service = TestService::new();
    let viewer = service.key_of("acme", &[Permission::WebhookView]);
    let answer = service.ask_as(Some(&viewer), get("/v1/webhooks/actions")).await;
    answer.answers(200);
    let json = answer.json();
    assert_eq!(json.as_object().unwrap().len(), 1);
    let data = json["data"].as_array().unwrap();
    let types: Vec<_> = data
        .iter()
        .map(|of| of["object_type"].as_str().unwrap())
        .collect();
    assert!(types.is_sorted() && types.contains(&"INVOICE"), "{types:?}");
    let mut listed = Vec::new();
    for of in data {
        let actions = of["actions"].as_array().unwrap();
        let actions: Vec<_> = actions.iter().map(|action| action.as_str().unwrap()).collect();
        let prefix = format!("{}.", of["object_type"].as_str().unwrap());
        assert!(actions.iter().all(|action| action.starts_with(&prefix)), "{of}");
        assert!(actions.is_sorted() && !actions.is_empty(), "{of}");
        listed.extend(actions.into_iter().map(str::to_owned));
    }
    let catalogue = service.api.rules.actions.get();
    assert_eq!(listed.len(), catalogue.iter().count());
    assert!(
        catalogue
            .iter()
            .all(|action| listed.iter().any(|name| name == action.as_str()))
    );
}

#[actix_web::test]
async fn the_actions_come_in_pages_from_either_end() {
    let service = TestService::new();
    let types = async |query: &str| {
        let answer = service.ask(get(format!("/v1/webhooks/actions{query}"))).await;
        answer.answers(200);
        let data = answer.json()["data"].as_array().unwrap().clone();
        let name = |of: &serde_json::Value| of["object_type"].as_str().unwrap().to_owned();
        data.iter().map(name).collect::<Vec<_>>()
    };
    let all = types("").await;
    let mut paged = Vec::new();
    for page in 1..=all.len().div_ceil(4) {
        paged.extend(
            types(&format!(
                "?limit=4&page={page}&order_by=object_type&order_direction=asc"
            ))
            .await,
        );
    }
    assert_eq!(paged, all);
    assert!(types("?limit=4&page=99").await.is_empty());
    assert!(
        types("?page=2").await.is_empty(),
        "without a limit all are on the first page"
    );
    let reversed: Vec<_> = all.iter().rev().cloned().collect();
    assert_eq!(types("?order_direction=desc").await, reversed);
    assert_eq!(types("?order_direction=desc&limit=1").await, reversed[..1]);
}

#[actix_web::test]
async fn a_wrong_page_of_actions_is_refused() {
    let service = TestService::new();
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("page=0", "page"),
        ("page=-1", "page"),
        ("order_by=name", "order_by"),
        ("order_direction=up", "order_direction"),
        ("after=x", "after"),
        ("limit=1&limit=1", "limit"),
    ] {
        let answer = service.ask(get(format!("/v1/webhooks/actions?{query}"))).await;
        answer.refuses(400, "INVALID_FIELD", Some(field));
    }
}
