//! The service at work: every endpoint and every command, with secrets where they belong.

use std::{fs, thread::sleep, time::Duration};

use serde_json::{Value, json};
use webhook_tests::{
    Answer, Client, Service,
    client::Request,
    clock::wait_for,
    fixtures::{Webhook, create, new_webhook, update, with},
    server::run,
};

use crate::{random_value, trail::Trail};

/// What a webhook's receiver wants to be shown.
pub(crate) struct Credentials {
    pub(crate) password: String,
    pub(crate) api_key: String,
    later_password: String,
    later_api_key: String,
    header: String,
    later_header: String,
}

impl Credentials {
    pub(crate) fn new() -> Self {
        Self {
            // Everything that its pattern admits and some encoder changes.
            password: random_value("Kp/+&=?%<>'\\:;@,"),
            api_key: random_value("Zq"),
            later_password: random_value("Lp/+&=?%<>'\\:;@,"),
            later_api_key: random_value("Yq"),
            header: random_value("Bearer Xp/+&=?%<>'\\:;@,\"{}~ "),
            later_header: random_value("Wp/+&=?%<>'\\:;@,\"{}~ "),
        }
    }

    pub(crate) fn learn(&self, trail: &mut Trail) {
        trail.know("a password", &self.password);
        trail.know("a receiver's API key", &self.api_key);
        trail.know("a later password", &self.later_password);
        trail.know("a receiver's later API key", &self.later_api_key);
        trail.know("the value of a custom header", &self.header);
        trail.know("the later value of a custom header", &self.later_header);
        // As HTTP Basic has it.
        trail.know("user and password", &format!("alice-is-stored:{}", self.password));
    }

    fn members(&self) -> Value {
        json!({
            "authentication_type": "PASSWORD", "username": "alice-is-stored", "password": self.password,
            "api_header_field": "X-Token", "api_key": self.api_key, "custom_headers": {"X-Tenant": self.header},
        })
    }

    fn later_members(&self) -> Value {
        json!({
            "authentication_type": "API_KEY", "username": "alice-is-stored", "password": self.later_password,
            "api_header_field": "X-Token", "api_key": self.later_api_key, "custom_headers": {"X-Tenant": self.later_header},
        })
    }
}

/// Sends a request that must be done, and leaves its answer without the keys that it shows.
#[track_caller]
fn done(trail: &mut Trail, place: &str, request: Request<'_>) -> Answer {
    let answer = request.send();
    trail.showed(place, &answer);
    answer
}

/// Asks for everything that can be had over HTTP. Gives a webhook that has a current and a retired key.
pub(crate) fn rightly(service: &Service, token: &str, given: &Credentials, trail: &mut Trail) -> Webhook {
    let client = service.client();
    let by_token = service
        .anonymous()
        .and_header("Authorization", &format!("Bearer {token}"));
    let body = with(new_webhook(), given.members());
    let first = Webhook::of(&done(trail, "create", client.post("/v1/webhooks").json(&body)));
    let (path, secret_path) = (first.path(), first.secret_path());

    for client in [&client, &by_token] {
        done(trail, "read", client.get(&path));
        done(trail, "roll", client.patch(&secret_path));
        let body = with(update(), given.later_members());
        done(trail, "update", client.patch(&path).json(&body));
        done(
            trail,
            "roll and update",
            client.patch(&secret_path).json(&with(update(), given.members())),
        );
    }
    let roll = |seconds: u32| with(update(), json!({"previous_secret_expires_in": seconds}));
    done(
        trail,
        "roll, the old key gone",
        client.patch(&secret_path).json(&roll(0)),
    );
    done(
        trail,
        "roll, the old key soon gone",
        client.patch(&secret_path).json(&roll(1)),
    );
    sleep(Duration::from_millis(1_100));
    done(trail, "read after a key expired", client.get(&path));
    done(trail, "remove", client.delete(&secret_path));
    idempotently(&client, &by_token, &first, given, trail);
    api_keys(service, &client, trail);

    for (members, seconds) in [(given.members(), 0), (given.later_members(), 3600)] {
        let of_password =
            json!({"authentication_type": "PASSWORD", "previous_credentials_expires_in": seconds});
        let body = with(with(update(), members), of_password);
        done(
            trail,
            "update that keeps the credentials before",
            client.patch(&path).json(&body),
        );
    }
    done(trail, "read with credentials of before", client.get(&path));

    let viewer = service.deployment().create_key("default", &["WEBHOOK.VIEW"], &[]);
    trail.know_api_key("a viewer's API key", &viewer);
    let viewer = service.client_with(&viewer);
    for path in [path.as_str(), "/v1/webhooks", "/v1/webhooks/actions"] {
        trail.answered("a viewer's read", &viewer.get(path).send().expect_status(200));
    }
    trail.answered("a viewer's roll", &viewer.patch(&secret_path).send());
    for path in [
        "/v1/webhooks",
        "/v1/webhooks?limit=1&order_by=name",
        "/v1/api-keys",
    ] {
        done(trail, "list", client.get(path));
    }
    for path in [
        "/v1/audit-records?limit=100",
        "/health/live",
        "/health/ready",
        "/openapi.json",
        "/metrics",
    ] {
        trail.answered(path, &client.get(path).unchecked().send());
    }
    let gone = create(&client);
    trail.know_signing_key(&gone.secret());
    done(trail, "delete", client.delete(&gone.path()));
    trail.answered("a read of what is gone", &client.get(&gone.path()).send());
    Webhook::of(&done(trail, "the last roll", client.patch(&secret_path)))
}

fn idempotently(client: &Client, other: &Client, webhook: &Webhook, given: &Credentials, trail: &mut Trail) {
    let body = with(update(), given.members());
    let created = with(new_webhook(), given.members());
    let requests = [
        ("a named create", client.post("/v1/webhooks").json(&created)),
        ("a named roll", client.patch(&webhook.secret_path()).json(&body)),
        ("a named removal", client.delete(&webhook.secret_path())),
        ("a named update", client.patch(&webhook.path()).json(&body)),
        (
            "a named key",
            client
                .post("/v1/api-keys")
                .json(&json!({"permissions": ["WEBHOOK.VIEW"]})),
        ),
    ];
    for (place, request) in requests {
        let named = request.header("Idempotency-Key", place);
        done(trail, place, named.clone());
        assert!(done(trail, &format!("{place}, replayed"), named).is_replayed());
    }
    for client in [client, other] {
        let taken = client
            .delete(&webhook.path())
            .header("Idempotency-Key", "a named roll");
        trail.answered("a name that is taken", &taken.header("If-Match", "\"0\"").send());
    }
}

fn api_keys(service: &Service, client: &Client, trail: &mut Trail) {
    let body = json!({"permissions": ["WEBHOOK.VIEW"], "name": "for a while", "expires_in": 60});
    let made = done(trail, "make an API key", client.post("/v1/api-keys").json(&body)).json();
    let key = made["api_key"].as_str().expect("a key");
    trail.answered(
        "a read with it",
        &service.client_with(key).get("/v1/webhooks").send(),
    );
    let path = format!("/v1/api-keys/{}", made["id"].as_str().expect("an id"));
    done(trail, "revoke it", client.delete(&path));
    trail.answered(
        "a read without it",
        &service.client_with(key).get("/v1/webhooks").send(),
    );
}

/// What a server does that finds its database as another left it.
pub(crate) fn once_more(service: &Service, webhook: &Webhook, trail: &mut Trail) {
    let client = service.client();
    done(trail, "read again", client.get(&webhook.path()));
    let named = client
        .delete(&webhook.secret_path())
        .header("Idempotency-Key", "a named removal");
    assert!(done(trail, "a removal, replayed later", named).is_replayed());
    let hurry = with(update(), json!({"previous_secret_expires_in": 0}));
    done(
        trail,
        "roll again",
        client.patch(&webhook.secret_path()).json(&hurry),
    );
}

/// What is asked of a server whose PostgreSQL lets it in no more: the causes of failures are in its log.
pub(crate) fn without_its_database(service: &Service, given: &Credentials, trail: &mut Trail) {
    let Some(database) = service.deployment().database() else {
        return;
    };
    database.execute("ALTER ROLE webhook NOLOGIN");
    database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'webhook'");
    let (client, body) = (service.client(), with(new_webhook(), given.members()));
    let mut failures = 0;
    for (place, request) in [
        ("a create in vain", client.post("/v1/webhooks").json(&body)),
        ("a list in vain", client.get("/v1/webhooks")),
        (
            "a key made in vain",
            client
                .post("/v1/api-keys")
                .json(&json!({"permissions": ["WEBHOOK.VIEW"]})),
        ),
    ] {
        let answer = request.unchecked().send();
        failures += usize::from(answer.status == 503);
        trail.answered(place, &answer);
    }
    assert_eq!(failures, 3, "nobody is served without a database");
    let list = service.deployment().run(&["webhook", "list"]);
    assert_eq!(list.code(), 1);
    trail.wrote("a command in vain", &list);
    database.execute("ALTER ROLE webhook LOGIN");
    wait_for(
        "the server finds its database again",
        Duration::from_secs(30),
        || {
            let answer = client.get("/v1/webhooks").unchecked().send();
            (answer.status == 200).then_some(())
        },
    );
}

/// A start with a password that PostgreSQL does not know.
pub(crate) fn with_a_wrong_password(service: &Service, trail: &mut Trail) {
    let Some(database) = service.deployment().database() else {
        return;
    };
    let wrong = random_value("wrong");
    trail.know("a wrong password", &wrong);
    let url = database.url().replace(database.password(), &wrong);
    let mut command = service.deployment().command(&["migrate"]);
    command.env("WEBHOOK_DATABASE_URL", url);
    let ended = run(command, Duration::from_secs(30));
    assert!(
        ended.stderr.contains("password authentication failed"),
        "{}",
        ended.output()
    );
    trail.wrote("a command with a wrong password", &ended);
}

/// Every command that reads or writes keys.
pub(crate) fn at_the_command_line(
    service: &Service,
    webhook: &Webhook,
    given: &Credentials,
    trail: &mut Trail,
) {
    let deployment = service.deployment();
    let (password, api_key, headers) = ("password.given", "api-key.given", "headers.given");
    let lines = format!("X-Tenant: {}\n", given.later_header);
    fs::write(deployment.directory().join(headers), lines).expect("a file");
    fs::write(deployment.directory().join(password), &given.later_password).expect("a file");
    fs::write(deployment.directory().join(api_key), &given.later_api_key).expect("a file");
    let id = webhook.id();
    let url = "https://receiver.example.com/";
    for arguments in [
        &["webhook", "create", "--url", url][..],
        &["webhook", "create", "--url", url, "--json"],
        &["webhook", "roll", id],
        &["webhook", "roll", id, "--json"],
        &["webhook", "show", id, "--reveal"],
        &[
            "api-key",
            "create",
            "--platform",
            "default",
            "--permission",
            "WEBHOOK.VIEW",
        ],
        &[
            "api-key",
            "create",
            "--platform",
            "other",
            "--all-permissions",
            "--json",
        ],
    ] {
        trail.wrote_keys(&arguments.join(" "), &deployment.run(arguments));
    }
    for arguments in [
        &["webhook", "list"][..],
        &["webhook", "list", "--json"],
        &["webhook", "show", id],
        &["webhook", "show", id, "--json"],
        &["webhook", "roll", id, "--dry-run"],
        &["webhook", "update", id, "--password-file", password],
        &["webhook", "update", id, "--api-key-file", api_key, "--json"],
        &["webhook", "update", id, "--custom-headers-file", headers],
        &[
            "webhook",
            "update",
            id,
            "--custom-headers-file",
            headers,
            "--json",
        ],
        &["webhook", "update", id, "--authentication-type", "API_KEY"],
        &["api-key", "list"],
        &["api-key", "list", "--json"],
        &["audit", "list"],
        &["audit", "list", "--json", "--limit", "1000"],
        &["audit", "verify"],
        &["migrate"],
    ] {
        let ended = deployment.run(arguments);
        ended.expect_success();
        trail.wrote(&arguments.join(" "), &ended);
    }
    // The file of one secret in the place of another's.
    for arguments in [
        &["webhook", "update", id, "--api-key-file", password][..],
        &["webhook", "update", id, "--custom-headers-file", password],
        &["webhook", "update", id, "--password-file", headers],
        &["webhook", "create", "--custom-headers-file", api_key],
        &["rekey", "--new-master-key-file", api_key],
        &["--master-key-file", password, "webhook", "list"],
        &["--config", api_key, "webhook", "list"],
        &["--actions-file", password, "webhook", "update", id],
        &["--jwt-keys-file", password, "serve"],
    ] {
        let ended = deployment.run(arguments);
        assert_ne!(ended.code(), 0, "{arguments:?}");
        trail.wrote(&arguments.join(" "), &ended);
    }
}
