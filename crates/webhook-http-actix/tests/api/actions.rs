//! The actions that webhooks can be told of.

use webhook_domain::permission::Permission;

use crate::house::*;

#[actix_web::test]
async fn the_actions_are_listed_by_what_they_happen_to_in_alphabetical_order() {
    let house = House::new();
    let viewer = house.key_of("acme", &[Permission::WebhookView]);
    let answer = house.ask_as(Some(&viewer), get("/v1/webhooks/actions")).await;
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
    let catalogue = &house.api.rules.actions;
    assert_eq!(listed.len(), catalogue.iter().count());
    assert!(
        catalogue
            .iter()
            .all(|action| listed.iter().any(|name| name == action.as_str()))
    );
}

#[actix_web::test]
async fn the_actions_take_no_parameters() {
    let house = House::new();
    let answer = house.ask(get("/v1/webhooks/actions?limit=1")).await;
    answer.refuses(400, "INVALID_FIELD", Some("limit"));
}
