//! A secret where it does not belong: in a body, a header, a path, a query, a request that is none.
//!
//! Left out is what is a right value of something public: a webhook's name, a platform's, a well-formed `X-REQUEST-ID`.

use serde_json::{Value, json};
use webhook_tests::{
    Client,
    client::Request,
    fixtures::{Webhook, new_webhook, update, with},
    raw::Connection,
};

use crate::trail::Trail;

/// Who asks, and about what.
pub(crate) struct Scene<'a> {
    pub(crate) client: &'a Client,
    pub(crate) anonymous: &'a Client,
    pub(crate) all_platforms: &'a Client,
    pub(crate) webhook: &'a Webhook,
}

/// Sends `secret`, called `name`, to every wrong place, and leaves the answers on the trail.
pub(crate) fn everywhere(scene: &Scene<'_>, name: &str, secret: &str, trail: &mut Trail) {
    let mut requests = Vec::new();
    bodies(scene, secret, &mut requests);
    paths_and_queries(scene, secret, &mut requests);
    headers(scene, secret, &mut requests);
    credentials(scene, secret, &mut requests);
    for (place, request) in requests {
        let answer = request.unchecked().try_send();
        let answer = answer.unwrap_or_else(|error| panic!("{name} {place}: {error}"));
        assert!(
            (400..500).contains(&answer.status) || MAY_SUCCEED.contains(&place),
            "{name} {place}: {}",
            answer.status
        );
        let place = format!("{name} {place}");
        match answer.status {
            200 => trail.showed(&place, &answer),
            _ => trail.answered(&place, &answer),
        }
    }
    for (place, bytes) in garbage(scene, secret) {
        let mut connection = Connection::open(scene.client.address()).expect("it connects");
        connection.send(&bytes).expect("it sends");
        let answer = connection.read_to_end().unwrap_or_default();
        trail.leave(&format!("the answer to {name} {place}"), answer);
    }
}

/// What has no meaning to the service, and is not refused for it.
const MAY_SUCCEED: [&str; 2] = ["in a cookie and User-Agent", "as Accept and Range"];

type Requests<'a> = Vec<(&'static str, Request<'a>)>;

fn bodies<'a>(scene: &Scene<'a>, secret: &str, requests: &mut Requests<'a>) {
    let client = scene.client;
    let doors = [
        (client.post("/v1/webhooks"), new_webhook()),
        (client.patch(&scene.webhook.path()), update()),
        (client.patch(&scene.webhook.secret_path()), update()),
    ];
    let quoted = Value::from(secret).to_string();
    for (request, object) in &doors {
        for (place, changes) in wrong_values(secret) {
            requests.push((place, request.clone().json(&with(object.clone(), changes))));
        }
        let whole = object.to_string();
        for (place, text) in [
            ("in broken JSON", format!("{{\"password\": {quoted} oops")),
            ("as JSON", quoted.clone()),
            ("as no JSON", secret.to_owned()),
            (
                "as a name that stands twice",
                format!("{{{quoted}:1,{quoted}:2}}"),
            ),
            (
                "as a name above one that stands twice",
                format!("{{{quoted}:{{\"a\":1,\"a\":2}}}}"),
            ),
            (
                "as a field that stands twice",
                format!("{{\"password\":{quoted},\"password\":{quoted}}}"),
            ),
            ("behind the object", format!("{whole}{quoted}")),
            (
                "in a body that is too long",
                format!("{{\"password\":{quoted}{}", " ".repeat(70_000)),
            ),
        ] {
            requests.push((place, request.clone().json_text(text)));
        }
        let typed = [
            ("as another type", "text/plain", secret.to_owned()),
            (
                "as a form",
                "application/x-www-form-urlencoded",
                format!("password={secret}"),
            ),
        ];
        for (place, content_type, text) in typed {
            requests.push((place, request.clone().body(content_type, text)));
        }
        requests.push(("as content type", request.clone().body(secret, &whole)));
        let charset = format!("application/json; charset={secret}");
        requests.push(("as charset", request.clone().body(&charset, &whole)));
        let coded = request.clone().header("Content-Encoding", secret);
        requests.push(("as content encoding", coded.json_text(&whole)));
    }
    for (place, body) in [
        ("as a permission", json!({"permissions": [secret]})),
        ("as permissions", json!({"permissions": secret})),
        (
            "as an unknown name",
            json!({"permissions": ["WEBHOOK.VIEW"], secret: 1}),
        ),
        (
            "as a platform",
            json!({"permissions": ["WEBHOOK.VIEW"], "platform_id": secret}),
        ),
        (
            "as a lifetime",
            json!({"permissions": ["WEBHOOK.VIEW"], "expires_in": secret}),
        ),
    ] {
        requests.push((place, client.post("/v1/api-keys").json(&body)));
    }
}

/// Members of a webhook that cannot be right.
fn wrong_values(secret: &str) -> Vec<(&'static str, Value)> {
    let mut values = vec![
        ("as an unknown name", json!({secret: "x"})),
        ("under an unknown name", json!({"pasword": secret})),
        (
            "in an unknown object",
            json!({"credentials": {"password": secret}}),
        ),
        ("as a name in a text's place", json!({"name": {secret: 1}})),
        ("as a list in a text's place", json!({"password": [secret]})),
        (
            "as an object in a text's place",
            json!({"api_key": {"value": secret}}),
        ),
        ("as an action", json!({"included_actions": [secret]})),
        ("as actions", json!({"excluded_actions": secret})),
        ("in an action's place", json!({"excluded_actions": [{secret: 1}]})),
        (
            "as user info",
            // A slash would end the authority: of `user:12/…` the number would be a port.
            json!({"url": format!("https://user:{}@receiver.example.com/", secret.replace('/', "%2F"))}),
        ),
        (
            "as a fragment",
            json!({"url": format!("https://receiver.example.com/#{secret}")}),
        ),
        ("as a URL", json!({"url": secret})),
        (
            "in a name with a control character",
            json!({"name": format!("{secret}\u{1}")}),
        ),
        (
            "in a reference that is too long",
            json!({"reference": secret.repeat(40)}),
        ),
        ("in a user name", json!({"username": format!("{secret}é")})),
        ("in a password", json!({"password": format!("{secret}é")})),
        (
            "in a password that is too long",
            json!({"password": secret.repeat(40)}),
        ),
        ("in an API key", json!({"api_key": format!("{secret}!")})),
        (
            "in a header's name",
            json!({"api_header_field": format!("{secret}:")}),
        ),
        (
            "as the name of a custom header",
            json!({"custom_headers": {secret: null}}),
        ),
        (
            "in the name of a custom header",
            json!({"custom_headers": {format!("X {secret}"): "v"}}),
        ),
        (
            "in a custom header",
            json!({"custom_headers": {"X-Tenant": format!("{secret}\n")}}),
        ),
        (
            "in a custom header that is the sender's own",
            json!({"custom_headers": {"Content_Length": secret}}),
        ),
        (
            "in the place of custom headers",
            json!({"custom_headers": [secret]}),
        ),
    ];
    for field in [
        "active",
        "include_previous_data",
        "authentication_type",
        "signing_protocol",
    ] {
        values.push(("as a value of another type", json!({field: secret})));
    }
    values.push(("as a lifetime", json!({"previous_secret_expires_in": secret})));
    values
}

fn paths_and_queries<'a>(scene: &Scene<'a>, secret: &str, requests: &mut Requests<'a>) {
    let client = scene.client;
    let encoded: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let hook = scene.webhook.path();
    for (place, path) in [
        ("as a webhook's id", format!("/v1/webhooks/{encoded}")),
        (
            "as the id of what is rolled",
            format!("/v1/webhooks/{encoded}/secret-key"),
        ),
        ("as an API key's id", format!("/v1/api-keys/{encoded}")),
        ("as a path", format!("/{encoded}")),
        ("as a path of the API", format!("/v1/{encoded}")),
        ("as a version", format!("/v{encoded}/webhooks")),
        ("below a webhook", format!("{hook}/{encoded}")),
        ("below the health", format!("/health/{encoded}")),
    ] {
        for method in ["GET", "PATCH", "DELETE", "PUT"] {
            requests.push((place, client.request(method, &path)));
        }
    }
    for (place, parameters) in [
        ("as a parameter", encoded.clone()),
        ("as a parameter's name", format!("{encoded}=1")),
        (
            "as a parameter that stands twice",
            format!("limit={encoded}&limit={encoded}"),
        ),
        ("as an unknown parameter", format!("api_key={encoded}")),
        ("as limit", format!("limit={encoded}")),
        ("as page", format!("page={encoded}")),
        ("as order_by", format!("order_by={encoded}")),
        ("as order_direction", format!("order_direction={encoded}")),
        ("as a cursor", format!("cursor={encoded}")),
        ("as a lifetime", format!("previous_secret_expires_in={encoded}")),
        ("as a resource's id", format!("resource_id={encoded}!")),
        ("as an audited action", format!("action={encoded}")),
        ("as where to go on", format!("before={encoded}")),
    ] {
        // Each refuses at least the parameters that are the others'.
        for (method, path) in [
            ("GET", "/v1/webhooks"),
            ("GET", "/v1/api-keys"),
            ("GET", "/v1/audit-records"),
        ] {
            requests.push((place, client.request(method, &format!("{path}?{parameters}"))));
        }
        requests.push((
            place,
            client.delete(&format!("{}?{parameters}", scene.webhook.secret_path())),
        ));
    }
}

fn headers<'a>(scene: &Scene<'a>, secret: &str, requests: &mut Requests<'a>) {
    let path = scene.webhook.path();
    let get = || scene.client.get(&path);
    let change = || scene.client.patch(&path).json(&update());
    let twice = |request: Request<'a>, name: &str| request.header(name, secret).header(name, secret);
    requests.extend([
        ("as If-Match", change().header("If-Match", secret)),
        (
            "as an entity tag",
            change().header("If-Match", format!("\"{secret}\"")),
        ),
        ("as Idempotency-Key twice", twice(change(), "Idempotency-Key")),
        (
            "as a long Idempotency-Key",
            change().header("Idempotency-Key", secret.repeat(40)),
        ),
        ("as x-platform-id", get().header("x-platform-id", secret)),
        ("as x-platform-id twice", twice(get(), "x-platform-id")),
        (
            "as no platform",
            scene
                .all_platforms
                .get(&path)
                .header("x-platform-id", format!("{secret}!")),
        ),
        (
            "in a cookie and User-Agent",
            get()
                .header("Cookie", format!("key={secret}"))
                .header("User-Agent", secret),
        ),
        (
            "as Accept and Range",
            get().header("Accept", secret).header("Range", secret),
        ),
        (
            "in a malformed X-REQUEST-ID",
            scene
                .anonymous
                .get(&path)
                .header("X-REQUEST-ID", format!("{secret} x")),
        ),
        (
            "as Expect",
            change().header("Expect", secret).header("X-API-KEY", "x"),
        ),
    ]);
}

fn credentials<'a>(scene: &Scene<'a>, secret: &str, requests: &mut Requests<'a>) {
    let path = scene.webhook.path();
    let (anonymous, client) = (scene.anonymous, scene.client);
    let changed = format!("{secret}x");
    for (place, name, value) in [
        ("as a malformed X-API-KEY", "X-API-KEY", changed.clone()),
        (
            "as a malformed bearer",
            "Authorization",
            format!("Bearer {changed}"),
        ),
        ("behind Basic", "Authorization", format!("Basic {secret}")),
        ("behind nothing", "Authorization", secret.to_owned()),
        ("behind two words", "Authorization", format!("Bearer x {secret}")),
    ] {
        requests.push((place, anonymous.get(&path).header(name, &value)));
        requests.push((place, anonymous.patch(&path).header(name, &value)));
    }
    let both = anonymous.get(&path).header("X-API-KEY", secret);
    requests.push(("as X-API-KEY twice", both.clone().header("X-API-KEY", &changed)));
    requests.push(("beside another", client.get(&path).header("X-API-KEY", &changed)));
    requests.push((
        "beside a bearer",
        both.header("Authorization", format!("Bearer {changed}")),
    ));
}

/// What no HTTP client sends.
fn garbage(scene: &Scene<'_>, secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let path = scene.webhook.path();
    let end = "Host: x\r\nConnection: close\r\n";
    [
        ("as a method", format!("{secret} {path} HTTP/1.1\r\n{end}\r\n")),
        ("as a raw path", format!("GET /{secret} HTTP/1.1\r\n{end}\r\n")),
        ("as a protocol", format!("GET {path} {secret}\r\n{end}\r\n")),
        (
            "as a header's name",
            format!("GET {path} HTTP/1.1\r\n{secret}: 1\r\n{end}\r\n"),
        ),
        (
            "as a line of the head",
            format!("GET {path} HTTP/1.1\r\n{secret}\r\n{end}\r\n"),
        ),
        (
            "with a stray byte",
            format!("GET {path} HTTP/1.1\r\nX-API-KEY: {secret}\u{1}\r\n{end}\r\n"),
        ),
        (
            "as a host",
            format!("GET {path} HTTP/1.1\r\nHost: {secret}\r\nConnection: close\r\n\r\n"),
        ),
        (
            "as a length",
            format!("POST {path} HTTP/1.1\r\nContent-Length: {secret}\r\n{end}\r\n"),
        ),
        (
            "as a coding",
            format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: {secret}\r\n{end}\r\n"),
        ),
        (
            "as a chunk",
            format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n{end}\r\n{secret}\r\n"),
        ),
        ("instead of HTTP", format!("{secret}\r\n\r\n")),
    ]
    .map(|(place, text)| (place, text.into_bytes()))
    .into()
}
