//! The texts of errors, as clients read them: `errors.txt` beside this file is what is said, held to what the service says.
//!
//! A change of a text shows there and is read as a whole. `WEBHOOK_TEST_WRITE_ERRORS=1` writes the file anew.

mod checks;

use std::{fs, path::Path};

use serde_json::{Value, json};
use webhook_tests::{
    Answer, Backend, Client, Deployment, Service,
    fixtures::{Webhook, create_with, new_webhook, update, with, without},
    on_each_database,
};

on_each_database!(errors_say_what_the_file_has);

/// What is asked for, in one line, and the answer.
struct Errors<'a> {
    client: &'a Client,
    text: String,
}

impl Errors<'_> {
    fn section(&mut self, name: &str) {
        self.text.push_str(&format!("\n# {name}\n\n"));
    }

    fn of(&mut self, what: &str, answer: &Answer) {
        let refusal = answer.refusal();
        let field = refusal.field.as_deref().unwrap_or("-");
        let line = format!(
            "{what}\n    {} {} {field}: {}\n",
            answer.status, refusal.code, refusal.message
        );
        self.text.push_str(&line);
    }

    fn field(&mut self, name: &str, value: Value) {
        let shown = match value.to_string() {
            text if text.len() > 60 => format!("{}… ({} characters)", &text[..24], text.chars().count()),
            text => text,
        };
        let answer = self
            .client
            .post("/v1/webhooks")
            .json(&with(new_webhook(), json!({name: value})))
            .send();
        self.of(&format!("{name} = {shown}"), &answer);
    }

    fn get(&mut self, path: &str) {
        let answer = self.client.get(path).send();
        self.of(&format!("GET {path}"), &answer);
    }

    fn post(&mut self, path: &str, body: &Value) {
        let answer = self.client.post(path).json(body).send();
        self.of(&format!("POST {path} {body}"), &answer);
    }
}

fn errors_say_what_the_file_has(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_WEBHOOKS_PER_PLATFORM", "2")
        .with("WEBHOOK_API_KEYS_PER_PLATFORM", "2");
    let service = Service::start_on(deployment);
    let client = service.client();
    let webhook = create_with(&client, json!({"reference": "taken"}));
    let mut errors = Errors {
        client: &client,
        text: String::new(),
    };
    of_requests(&mut errors, &service);
    of_fields(&mut errors);
    of_queries(&mut errors);
    of_states(&mut errors, &webhook);
    checks::of_checks(&mut errors, &service, &webhook);
    let id = webhook.id();
    let text = errors.text.replace(id, "whk_…").trim_start().to_owned();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/error_texts/errors.txt");
    if std::env::var_os("WEBHOOK_TEST_WRITE_ERRORS").is_some() {
        fs::write(&file, &text).expect("the file can be written");
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    for (said, held) in text.lines().zip(expected.lines()) {
        assert_eq!(said, held);
    }
    assert_eq!(text.lines().count(), expected.lines().count());
}

fn of_requests(errors: &mut Errors<'_>, service: &Service) {
    errors.section("Requests");
    let address = service.server().address();
    let anonymous = Client::anonymous(address);
    let limited = service.deployment().create_key("default", &["WEBHOOK.VIEW"], &[]);
    let limited = Client::with_key(address, &limited);
    let client = errors.client;
    let new = new_webhook();
    let create = || client.post("/v1/webhooks");
    for (what, answer) in [
        ("no credential", anonymous.get("/v1/webhooks").send()),
        ("no permission", limited.post("/v1/webhooks").json(&new).send()),
        (
            "another platform",
            limited
                .get("/v1/webhooks")
                .header("x-platform-id", "other")
                .send(),
        ),
        (
            "a platform that cannot be",
            client.get("/v1/webhooks").header("x-platform-id", "a b").send(),
        ),
        ("another version", client.get("/v2/webhooks").send()),
        ("no such path", client.get("/v1/nothing").send()),
        ("no such method", client.request("PUT", "/v1/webhooks").send()),
        ("no content type", create().bytes(new.to_string()).send()),
        ("another content type", create().body("text/plain", "{}").send()),
        ("no body", create().send()),
        ("not JSON", create().json_text("{").send()),
        ("no object", create().json_text("[]").send()),
        ("not UTF-8", create().json_text(b"\"\xff\"").send()),
        (
            "a body that is too long",
            create()
                .json_text(format!("{{\"name\":\"{}\"}}", "x".repeat(70_000)))
                .send(),
        ),
        (
            "a body that is too deep",
            create()
                .json_text(format!("{}{}", "[".repeat(70), "]".repeat(70)))
                .send(),
        ),
        (
            "a field twice",
            create().json_text(r#"{"name":null,"name":null}"#).send(),
        ),
        (
            "no such field",
            create().json(&with(new.clone(), json!({"nam": 1}))).send(),
        ),
        (
            "a name that may be a secret",
            create()
                .json(&with(new.clone(), json!({"Hunter2Hunter2": 1})))
                .send(),
        ),
        (
            "a field that must be there",
            create().json(&without(new.clone(), "url")).send(),
        ),
        (
            "an idempotency key that cannot be",
            create().header("idempotency-key", "").json(&new).send(),
        ),
        ("an id that cannot be", client.get("/v1/webhooks/1").send()),
        (
            "no such webhook",
            client.get("/v1/webhooks/whk_01hv9k2m4rt6w8y0abcdefghjk").send(),
        ),
        (
            "no such delivery",
            client
                .get("/v1/webhook-events/whe_01hv9k2m4rt6w8y0abcdefghjk")
                .send(),
        ),
        (
            "no such API key",
            client
                .delete("/v1/api-keys/key_01hv9k2m4rt6w8y0abcdefghjk")
                .send(),
        ),
    ] {
        errors.of(what, &answer);
    }
}

fn of_fields(errors: &mut Errors<'_>) {
    errors.section("Fields of a webhook");
    let long = "x".repeat(257);
    for (name, value) in [
        ("name", json!(1)),
        ("name", json!(long)),
        ("name", json!("a\u{0}b")),
        ("reference", json!(long)),
        ("active", json!("yes")),
        ("include_previous_data", json!(1)),
        ("authentication_type", json!("BASIC")),
        ("authentication_type", json!("PASSWORD")),
        ("authentication_type", json!("API_KEY")),
        ("username", json!("ö")),
        ("password", json!("p w")),
        ("api_header_field", json!("a b")),
        ("api_header_field", json!("content-type")),
        ("api_key", json!("a-b")),
        ("custom_headers", json!([])),
        ("custom_headers", json!({"X A": "v"})),
        ("custom_headers", json!({"X-A:": "v"})),
        ("custom_headers", json!({"Content_Length": "1"})),
        ("custom_headers", json!({"X-Forwarded-For": "v"})),
        ("custom_headers", json!({"X-A": "v", "x_a": "v"})),
        ("custom_headers", json!({"X-A": 1})),
        ("custom_headers", json!({"X-A": "v\r\n"})),
        ("custom_headers", json!({"X-A": null})),
        (
            "custom_headers",
            (0..17).map(|n| (format!("X-{n}"), json!("v"))).collect(),
        ),
        (
            "custom_headers",
            (0..9)
                .map(|n| (format!("X-{n}"), json!("v".repeat(1024))))
                .collect(),
        ),
        ("url", json!("")),
        ("url", json!("example.com")),
        ("url", json!("http://example.com/")),
        ("url", json!("ftp://example.com/")),
        ("url", json!("https://user:word@example.com/")),
        ("url", json!("https://example.com/#a")),
        ("url", json!("https://example.com/a b")),
        ("url", json!("https://exa_mple..com/")),
        ("url", json!("https://127.0.0.1/")),
        ("url", json!("https://169.254.169.254/")),
        ("url", json!(format!("https://example.com/{}", "x".repeat(2048)))),
        ("included_actions", json!("INVOICE.CREATED")),
        ("included_actions", json!([1])),
        ("included_actions", json!(["invoice"])),
        ("included_actions", json!(["NOT.THERE"])),
        ("excluded_actions", json!(["INVOICE.CREATED", "INVOICE.CREATED"])),
        ("excluded_actions", json!(vec!["INVOICE.CREATED"; 257])),
        ("signing_protocol", json!("HmacSHA512")),
        ("reference", json!("taken")),
    ] {
        errors.field(name, value);
    }
    errors.section("Events and API keys");
    for body in [
        json!({"data": {}}),
        json!({"type": "invoice", "data": {}}),
        json!({"type": "NOT.THERE", "data": {}}),
        json!({"type": "WEBHOOK.CREATED", "data": {}}),
        json!({"type": "INVOICE.CREATED"}),
        json!({"type": "INVOICE.CREATED", "data": {}, "original_request_id": "a b"}),
    ] {
        errors.post("/v1/events", &body);
    }
    for body in [
        json!({"name": "k"}),
        json!({"name": "k", "permissions": []}),
        json!({"name": "k", "permissions": ["WEBHOOK.EAT"]}),
        json!({"name": "k", "permissions": ["WEBHOOK.VIEW", "WEBHOOK.VIEW"]}),
        json!({"name": "k", "permissions": ["WEBHOOK.VIEW"], "expires_in": 0}),
        json!({"name": "k", "permissions": ["WEBHOOK.VIEW"]}),
    ] {
        errors.post("/v1/api-keys", &body);
    }
}

fn of_queries(errors: &mut Errors<'_>) {
    errors.section("Queries");
    for path in [
        "/v1/webhooks?limit=0",
        "/v1/webhooks?limit=101",
        "/v1/webhooks?page=0",
        "/v1/webhooks?order_by=size",
        "/v1/webhooks?order_direction=up",
        "/v1/webhooks?limit=1&limit=2",
        "/v1/webhooks?nothing=1",
        "/v1/webhooks?after=x",
        "/v1/webhooks/actions?order_by=size",
        "/v1/webhook-events?status=DONE",
        "/v1/webhook-events?type=invoice",
        "/v1/webhook-events?webhook_id=1",
        "/v1/webhook-events?created_after=yesterday",
        "/v1/webhook-events?key_fingerprint=abc",
        "/v1/webhook-events?page=2&after=x",
        "/v1/audit-records?before=1",
        "/v1/audit-records?resource_id=%20",
    ] {
        errors.get(path);
    }
}

fn of_states(errors: &mut Errors<'_>, webhook: &Webhook) {
    errors.section("States");
    let client = errors.client;
    let path = webhook.path();
    let secret = webhook.secret_path();
    let rolls = |changes| client.patch(&secret).json(&with(update(), changes)).send();
    let patches = |changes| client.patch(&path).json(&with(update(), changes)).send();
    errors.of(
        "an overlap that cannot be",
        &rolls(json!({"previous_secret_expires_in": 604_801})),
    );
    errors.of(
        "another version",
        &client.patch(&secret).header("if-match", "\"99\"").send(),
    );
    errors.of(
        "a weak tag",
        &client.patch(&secret).header("if-match", "W/\"1\"").send(),
    );
    errors.of("no tag", &client.patch(&secret).header("if-match", "1").send());
    errors.of(
        "a required field",
        &client.patch(&path).json(&json!({"name": null})).send(),
    );
    errors.of(
        "a query beside a body",
        &client
            .patch(&format!("{secret}?previous_secret_expires_in=1"))
            .json(&update())
            .send(),
    );
    let headers = json!({"custom_headers": {"Authorization": "Bearer a", "X-Key": "v"}});
    patches(headers.clone()).expect_status(200);
    let password = json!({"authentication_type": "PASSWORD", "username": "u", "password": "p"});
    errors.of("custom headers beside a password", &patches(password));
    let key = json!({"authentication_type": "API_KEY", "api_header_field": "x_key", "api_key": "k"});
    errors.of("an API key beside custom headers", &patches(key.clone()));
    errors.of(
        "custom headers beside an API key",
        &patches(with(key, json!({"custom_headers": {"X-KEY": "v"}}))),
    );
    patches(json!({"custom_headers": null})).expect_status(200);
    let kept = json!({"previous_credentials_expires_in": 60});
    errors.of("credentials kept that do not change", &patches(kept.clone()));
    let elsewhere = with(kept, json!({"url": "https://other.example.com/"}));
    errors.of("credentials kept for another receiver", &patches(elsewhere));
    errors.of(
        "credentials kept for too long",
        &patches(json!({"previous_credentials_expires_in": 604_801})),
    );
    let retired = format!("{secret}/retired");
    for (fingerprint, body) in [
        ("sha256:12", json!({"expires_in": 1})),
        ("sha256:0123456789abcdef", json!({"expires_in": 1})),
        ("sha256:0123456789abcdef", json!({"expires_in": 2_592_001})),
        ("sha256:0123456789abcdef", json!({})),
    ] {
        let answer = client
            .patch(&format!("{retired}/{fingerprint}"))
            .json(&body)
            .send();
        errors.of(&format!("PATCH …/retired/{fingerprint} {body}"), &answer);
    }
    errors.post(&format!("{secret}/restore"), &json!({}));
    errors.post(
        &format!("{secret}/restore"),
        &json!({"previous_secret_expires_in": "1"}),
    );
    errors.of(
        "not in the penalty box",
        &client.post(&format!("{path}/send-penalty-box-payload")).send(),
    );
    errors.of(
        "a replay that ends before it begins",
        &client
            .post(&format!("{path}/replay"))
            .json(&json!({"created_after": "2024-04-12T15:22:37Z", "created_before": "2024-04-12T15:22:37Z"}))
            .send(),
    );
    errors.of(
        "a replay of what waits",
        &client
            .post(&format!("{path}/replay"))
            .json(&json!({"created_after": "2024-04-12T15:22:37Z", "status": "PENDING"}))
            .send(),
    );
    let key = "the key of one request";
    let create = || client.post("/v1/webhooks").header("idempotency-key", key);
    create().json(&new_webhook()).send().expect_status(201);
    let other = with(new_webhook(), json!({"name": "other"}));
    errors.of(
        "the idempotency key of another request",
        &create().json(&other).send(),
    );
    errors.of(
        "a webhook too many",
        &client.post("/v1/webhooks").json(&new_webhook()).send(),
    );
    patches(json!({"url": null})).expect_status(200);
    errors.of("no url", &client.post(&format!("{path}/send-test")).send());
    let last = (0..6)
        .map(|_| client.patch(&secret).send())
        .find(|answer| answer.status != 200)
        .expect("six rolls at once are too many");
    let message = last.refusal().message;
    let at = message.find("expires at ").expect("it says when") + "expires at ".len();
    let mut shown = message.clone();
    shown.replace_range(at..at + "2024-04-12T15:22:37Z".len(), "2024-…");
    errors.text.push_str(&format!(
        "a roll too many\n    409 INVALID_OPERATION -: {shown}\n"
    ));
}
