//! Platforms: what a credential of one can see and do of another, which is nothing.

use serde_json::Value;
use webhook_tests::{
    Answer, Backend, Client, Service,
    fixtures::{create, get, new_webhook},
    on_each_database,
    service::ALL_PERMISSIONS,
};

on_each_database!(
    what_belongs_to_another_platform_does_not_exist,
    a_tenant_may_name_its_own_platform_only,
    a_key_for_all_platforms_acts_on_the_one_named_or_on_default,
    a_malformed_or_repeated_platform_is_refused,
    a_reference_is_free_on_another_platform,
);

/// No webhook has it, and it is well formed.
const UNKNOWN: &str = "whk_01arz3ndektsv4rrffq69g5fav";

fn what_belongs_to_another_platform_does_not_exist(backend: Backend) {
    let service = Service::start(backend);
    let webhook = create(&service.client());
    let stranger = service.client_of("other-shop", &ALL_PERMISSIONS);
    for (method, suffix) in [("GET", ""), ("PATCH", "/secret-key"), ("DELETE", "/secret-key")] {
        let ask = |id: &str| {
            let path = format!("/v1/webhooks/{id}{suffix}");
            stranger
                .request(method, &path)
                .header("If-Match", "*")
                .header("Idempotency-Key", format!("{method} {id}"))
                .send()
        };
        let (foreign, unknown) = (ask(webhook.id()), ask(UNKNOWN));
        foreign.expect_refusal(404, "RESOURCE_NOT_FOUND");
        // The one thing that may differ is the id the client itself sent.
        let alike = |answer: &Answer, id: &str| {
            let (status, headers, body) = answer.comparable();
            let headers: Vec<_> = headers
                .into_iter()
                .filter(|(name, _)| name != "content-length")
                .collect();
            (status, headers, body.replace(id, "{id}"))
        };
        assert_eq!(
            alike(&foreign, webhook.id()),
            alike(&unknown, UNKNOWN),
            "{method}"
        );
        assert_eq!(foreign.body.len(), unknown.body.len(), "ids are of one length");
    }
    assert_eq!(get(&service.client(), &webhook), webhook);
}

fn a_tenant_may_name_its_own_platform_only(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client_of("shop-1", &ALL_PERMISSIONS);
    let webhook = create(&client.clone().and_header("x-platform-id", "shop-1"));
    assert_eq!(get(&client, &webhook), webhook);
    for other in ["shop-2", "default", "Shop-1"] {
        let answer = client
            .patch(&webhook.secret_path())
            .header("x-platform-id", other)
            .send();
        answer.expect_refusal(403, "USER_NOT_ALLOWED");
        // An unknown webhook gets the same: the platform is judged before the resource.
        let unknown = client
            .patch(&format!("/v1/webhooks/{UNKNOWN}/secret-key"))
            .header("x-platform-id", other)
            .send();
        unknown.expect_refusal(403, "USER_NOT_ALLOWED");
    }
    assert_eq!(get(&client, &webhook), webhook);
}

fn a_key_for_all_platforms_acts_on_the_one_named_or_on_default(backend: Backend) {
    let service = Service::start(backend);
    let everywhere = service.client_of("*", &ALL_PERMISSIONS);
    let on_default = create(&everywhere);
    assert_eq!(get(&service.client(), &on_default), on_default);
    let longest = "p".repeat(64);
    for platform in ["shop-1", "A_b-9", "x", &longest] {
        let there = everywhere.clone().and_header("x-platform-id", platform);
        let webhook = create(&there);
        assert_eq!(get(&there, &webhook), webhook);
        everywhere
            .get(&webhook.path())
            .send()
            .expect_refusal(404, "RESOURCE_NOT_FOUND");
        assert_eq!(
            get(&service.client_of(platform, &ALL_PERMISSIONS), &webhook),
            webhook
        );
    }
}

fn a_malformed_or_repeated_platform_is_refused(backend: Backend) {
    let service = Service::start(backend);
    let webhook = create(&service.client());
    let too_long = "p".repeat(65);
    let clients = [service.client(), service.client_of("*", &ALL_PERMISSIONS)];
    for client in &clients {
        for platform in [
            "",
            " ",
            "a b",
            "a.b",
            "*",
            "a/b",
            "é",
            "a,default",
            too_long.as_str(),
        ] {
            let answer = client
                .patch(&webhook.secret_path())
                .header("x-platform-id", platform)
                .send();
            answer.expect_refusal(400, "INVALID_FIELD");
        }
        let bytes = client
            .patch(&webhook.secret_path())
            .header("x-platform-id", b"\xff")
            .send();
        bytes.expect_refusal(400, "INVALID_FIELD");
        for second in ["default", "other"] {
            let twice = client
                .patch(&webhook.secret_path())
                .header("x-platform-id", "default");
            twice
                .header("X-Platform-Id", second)
                .send()
                .expect_refusal(400, "INVALID_FIELD");
        }
    }
    assert_eq!(get(&service.client(), &webhook), webhook);
}

fn a_reference_is_free_on_another_platform(backend: Backend) {
    let service = Service::start(backend);
    let mut body = new_webhook();
    body["reference"] = Value::from("shop-7");
    let make = |client: &Client| client.post("/v1/webhooks").json(&body).send();
    make(&service.client()).expect_status(201);
    let again = make(&service.client());
    let refusal = again.expect_refusal(409, "RESOURCE_ALREADY_EXISTS");
    assert_eq!(refusal.field.as_deref(), Some("reference"));
    make(&service.client_of("shop-1", &ALL_PERMISSIONS)).expect_status(201);
}
