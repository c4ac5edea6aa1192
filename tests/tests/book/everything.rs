//! `docs/everything-has-leaked.md`, from the plan to the new secrets.

use std::time::Duration;

use serde_json::Value;
use webhook_tests::{
    Backend, Service, book,
    clock::wait_for,
    fixtures::{create, get},
};

use crate::reader::Reader;

#[test]
fn all_secrets_are_rolled_as_the_page_says() {
    let service = Service::start(Backend::Sqlite);
    let client = service.client();
    let webhooks = [create(&client), create(&client)];
    let mut reader = Reader::of(service.deployment());
    reader.set("KEY", service.key());
    reader.replace(
        "http://127.0.0.1:8080",
        &format!("http://{}", service.server().address()),
    );
    let planned = reader.read(&book::block("everything:plan"));
    assert!(webhooks.iter().all(|webhook| planned.contains(webhook.id())));
    let over_http: Value =
        serde_json::from_str(&reader.read(&book::block("everything:api"))).expect("an answer in JSON");
    assert_eq!(over_http["total"], 2);
    let id = reader.read(&book::block("everything:start"));
    let is_first_rolled = || Some(()).filter(|()| rolled(&client, id.trim()) == 1);
    wait_for("the first is rolled", Duration::from_secs(20), is_first_rolled);
    assert!(reader.read(&book::block("everything:show")).contains("RUNNING"));
    assert_eq!(reader.read(&book::block("everything:stop")).trim(), id.trim());
    reader.read(&book::block("everything:at-once"));
    let shown = reader.read(&book::block("everything:secrets"));
    for webhook in &webhooks {
        let now = get(&client, webhook);
        assert_ne!(now.secret(), webhook.secret());
        assert_eq!(now.previous_secret(), None);
        assert!(shown.contains(&now.secret()), "{shown}");
    }
}

fn rolled(client: &webhook_tests::Client, id: &str) -> u64 {
    let read = client.get(&format!("/v1/rotations/{id}")).send();
    read.expect_status(200).json()["rolled"]
        .as_u64()
        .expect("a number")
}
