//! Endpoints that take a URL refuse an address that no delivery may go to, in every spelling, and take a name and
//! everything public.

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Deployment, Service,
    fixtures::{create, new_webhook, update, with},
    spellings::{self, Kind, TWO_FACED},
};

pub(crate) fn no_endpoint_takes_a_spelling_of_a_forbidden_address(backend: Backend) {
    let service = Service::start_on(Deployment::new(backend).with("WEBHOOK_ALLOW_HTTP", "true"));
    let client = service.client();
    let webhook = create(&client);
    let (path, secret_path) = (webhook.path(), webhook.secret_path());
    let spellings = spellings::forbidden();
    assert!(spellings.len() >= 400, "{}", spellings.len());
    let (names, addresses): (Vec<_>, Vec<_>) =
        spellings.iter().partition(|spelling| spelling.kind == Kind::Name);
    let addresses = addresses
        .iter()
        .map(|spelling| format!("http://{}/hook", spelling.host));
    for url in addresses.chain(TWO_FACED.map(str::to_owned)) {
        expect_refused(&client, &url);
        for path in [&path, &secret_path] {
            let body = with(update(), json!({"url": url}));
            let answer = client.patch(path).json(&body).send();
            assert_eq!(
                (answer.status, &answer.json()["code"], &answer.json()["field"]),
                (400, &json!("INVALID_FIELD"), &json!("url")),
                "{path}: {url}: {}",
                answer.shown()
            );
        }
    }
    let now = client.get(&path).send().expect_status(200);
    assert_eq!(now.etag(), webhook.etag, "nothing was changed, and no key rolled");
    let listed = client.get("/v1/webhooks?limit=100").send().expect_status(200);
    assert_eq!(listed.json()["data"].as_array().map(Vec::len), Some(1));

    for spelling in names {
        // Where a name leads is judged when it is connected to.
        let url = json!({"url": format!("http://{}/hook", spelling.host)});
        let taken = client
            .post("/v1/webhooks")
            .json(&with(new_webhook(), url.clone()))
            .send();
        assert_eq!(taken.status, 201, "{spelling:?}: {}", taken.shown());
        let tested = client
            .post("/v1/webhooks/test-connection")
            .json(&with(new_webhook(), url))
            .send();
        assert_eq!(
            tested.expect_status(200).json()["successful"],
            false,
            "{spelling:?}"
        );
    }
    for (host, _) in spellings::public() {
        let url = json!({"url": format!("http://{host}/hook")});
        let taken = client
            .post("/v1/webhooks")
            .json(&with(new_webhook(), url.clone()))
            .send();
        assert_eq!(taken.status, 201, "{host}: {}", taken.shown());
        let changed = client.patch(&path).json(&with(update(), url)).send();
        assert_eq!(changed.status, 200, "{host}: {}", changed.shown());
    }
    the_command_line_refuses_too(&service);
}

fn the_command_line_refuses_too(service: &Service) {
    for host in ["10.1.2.3", "0x7f000001", "[::ffff:169.254.169.254]"] {
        let url = format!("http://{host}/hook");
        let ended = service.deployment().run(&["webhook", "create", "--url", &url]);
        assert!(
            !ended.status.success() && ended.stderr.contains("must not be at an address"),
            "{host}: {}",
            ended.output()
        );
    }
}

/// Whatever creates a webhook or sends to one that is not stored refuses `url`.
#[track_caller]
pub(crate) fn expect_refused(client: &Client, url: &str) {
    for path in ["/v1/webhooks", "/v1/webhooks/test-connection"] {
        let body = with(new_webhook(), json!({"url": url}));
        let answer = client.post(path).json(&body).send();
        let told: Value = answer.json();
        assert_eq!(
            (answer.status, &told["code"], &told["field"]),
            (400, &json!("INVALID_FIELD"), &json!("url")),
            "{path}: {url}: {told}"
        );
    }
}
