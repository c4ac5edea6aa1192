//! What the operator does at the command line, beside a running server: the same as over HTTP, and what only they may do.

use std::{fs::File, io::Write as _, process::Command, thread, time::Duration};

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Service,
    fixtures::{Webhook, create, create_with, get, roll, update, with},
    on_each_database,
    server::run as run_to_its_end,
};

on_each_database!(
    a_webhook_is_shown_changed_and_deleted_as_over_http,
    webhooks_are_listed_by_the_conditions_that_the_api_takes,
    a_dry_run_changes_nothing_and_foretells_the_roll,
    the_last_key_that_creates_keys_is_revoked_here_alone,
    audit_records_are_listed_and_verified,
    a_reveal_is_audited_and_a_look_is_not,
    an_update_of_what_was_changed_meanwhile_is_not_made,
    a_record_that_was_changed_behind_the_service_is_found_where_it_is,
);

fn run(service: &Service, arguments: &[&str]) -> String {
    service.deployment().run(arguments).expect_success().to_owned()
}

fn json_of(service: &Service, arguments: &[&str]) -> Value {
    let mut arguments = arguments.to_vec();
    arguments.push("--json");
    serde_json::from_str(&run(service, &arguments)).expect("JSON alone")
}

fn a_webhook_is_shown_changed_and_deleted_as_over_http(backend: Backend) {
    let service = Service::start(backend);
    // Without leave to reveal: as the command line shows it unless it is told otherwise.
    let client = service.client_of("default", &["WEBHOOK.VIEW"]);
    let webhook = create_with(
        &service.client(),
        json!({"name": "Orders", "username": "u", "password": "p-w"}),
    );
    let over_http = || client.get(&webhook.path()).send().json();
    assert_eq!(json_of(&service, &["webhook", "show", webhook.id()]), over_http());
    assert_eq!(json_of(&service, &["webhook", "list"]), json!([over_http()]));
    let revealed = json_of(&service, &["webhook", "show", webhook.id(), "--reveal"]);
    assert_eq!(revealed["secret_key"], json!(webhook.secret()));

    let update = [
        "webhook",
        "update",
        webhook.id(),
        "--no-name",
        "--active",
        "false",
    ];
    let more = ["--authentication-type", "PASSWORD", "--action", "INVOICE.PAID"];
    let updated = json_of(&service, &[&update[..], &more[..]].concat());
    assert_eq!(updated, over_http());
    assert_eq!(
        (
            &updated["name"],
            &updated["active"],
            &updated["authentication_type"]
        ),
        (&Value::Null, &json!(false), &json!("PASSWORD"))
    );
    assert_eq!(updated["included_actions"], json!(["INVOICE.PAID"]));
    assert_eq!(
        updated["url"],
        get(&service.client(), &webhook).json["url"],
        "what no flag names stays"
    );

    let wrong = service
        .deployment()
        .run(&["webhook", "update", webhook.id(), "--url", "ftp://x"]);
    assert_eq!(wrong.code(), 2);
    let unconfirmed = service.deployment().run(&["webhook", "delete", webhook.id()]);
    assert_eq!(unconfirmed.code(), 2, "{}", unconfirmed.output());
    client.get(&webhook.path()).send().expect_status(200);
    run(&service, &["webhook", "delete", webhook.id(), "--yes"]);
    client
        .get(&webhook.path())
        .send()
        .expect_refusal(404, "RESOURCE_NOT_FOUND");
    assert_eq!(
        service
            .deployment()
            .run(&["webhook", "show", webhook.id()])
            .code(),
        1
    );
}

fn webhooks_are_listed_by_the_conditions_that_the_api_takes(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client_of("default", &["WEBHOOK.VIEW"]);
    for (name, reference, active, url) in [
        ("Billing & Co", "b/1", true, "https://example.com/1"),
        ("Billing & Co", "b/2", false, "https://EXAMPLE.com:8443/2"),
        ("other", "", true, "https://b.example.com/3"),
    ] {
        let fields = json!({"name": name, "reference": reference, "active": active, "url": url});
        create_with(&service.client(), fields);
    }
    for (flags, query, expected) in [
        (&["--name", "Billing & Co"][..], "name=Billing+%26+Co", 2),
        (&["--reference", ""], "reference=", 1),
        (&["--active", "false"], "active=false", 1),
        (&["--in-penalty-box", "true"], "in_penalty_box=true", 0),
        (&["--url-host", "Example.com."], "url_host=Example.com.", 2),
        (
            &["--signing-protocol", "HmacSHA256", "--url-host", "b.example.com"],
            "signing_protocol=HmacSHA256&url_host=b.example.com",
            1,
        ),
        (
            &["--rolled-before", "2020-01-01T00:00:00Z"],
            "rolled_before=2020-01-01T00:00:00Z",
            0,
        ),
        (
            &["--rolled-before", "9999-01-01T00:00:00Z"],
            "rolled_before=9999-01-01T00:00:00Z",
            3,
        ),
    ] {
        let listed = json_of(&service, &[&["webhook", "list"], flags].concat());
        assert_eq!(listed.as_array().map(Vec::len), Some(expected), "{flags:?}");
        let over_http = client.get(&format!("/v1/webhooks?{query}")).send().json();
        assert_eq!(listed, over_http["data"], "{query}");
    }
    for (flag, wrong, right) in [
        ("--url-host", "example.com:443", "such as example.com"),
        ("--rolled-before", "yesterday", "2024-04-12T15:22:37Z"),
        ("--active", "True", "true"),
    ] {
        let ended = service.deployment().run(&["webhook", "list", flag, wrong]);
        assert_eq!(ended.code(), 2);
        assert!(
            ended.stderr.contains(flag) && ended.stderr.contains(right),
            "{}",
            ended.stderr
        );
    }
}

fn a_dry_run_changes_nothing_and_foretells_the_roll(backend: Backend) {
    let service = Service::start(backend);
    let webhook = create(&service.client());
    let rolled = roll(&service.client(), &webhook);
    let records = || json_of(&service, &["audit", "list", "--resource-id", webhook.id()]);
    let (before, state) = (records(), get(&service.client(), &webhook).json);
    let foretold = json_of(&service, &["webhook", "roll", webhook.id(), "--dry-run"]);
    assert!(run(&service, &["webhook", "roll", webhook.id(), "--dry-run"]).contains("until it is rolled"));
    assert_eq!(get(&service.client(), &webhook).json, state);
    let mut reveals = records();
    reveals
        .as_array_mut()
        .expect("a list")
        .retain(|record| record["action"] != json!("WEBHOOK.SECRET_REVEALED"));
    let mut earlier = before;
    earlier
        .as_array_mut()
        .expect("a list")
        .retain(|record| record["action"] != json!("WEBHOOK.SECRET_REVEALED"));
    assert_eq!(reveals, earlier);

    roll(&service.client(), &rolled);
    let newest = &records()[0];
    let fingerprints = |keys: &Value| -> Vec<Value> {
        let keys = keys.as_array().expect("a list").iter();
        keys.map(|key| key["fingerprint"].clone()).collect()
    };
    assert_eq!(
        fingerprints(&foretold["retired_keys"]),
        fingerprints(&newest["retired_keys"])
    );
    assert_eq!(foretold["ended_keys"], newest["ended_keys"]);
    let leak = [
        "webhook",
        "roll",
        webhook.id(),
        "--dry-run",
        "--previous-secret-expires-in",
        "0",
    ];
    assert_eq!(
        json_of(&service, &leak)["ended_keys"].as_array().map(Vec::len),
        Some(3)
    );
}

fn the_last_key_that_creates_keys_is_revoked_here_alone(backend: Backend) {
    let service = Service::start(backend);
    let key =
        service
            .deployment()
            .create_key("acme", &["API_KEY.CREATE", "API_KEY.DELETE", "API_KEY.VIEW"], &[]);
    let client = service.client_with(&key);
    let listed = client.get("/v1/api-keys").send().expect_status(200).json();
    let id = listed["data"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/api-keys/{id}");
    client
        .delete(&path)
        .send()
        .expect_refusal(409, "INVALID_OPERATION");
    let revoked = json_of(&service, &["api-key", "revoke", &id]);
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
    client
        .get("/v1/api-keys")
        .send()
        .expect_refusal(401, "UNAUTHORISED");
}

fn audit_records_are_listed_and_verified(backend: Backend) {
    let service = Service::start(backend);
    let webhook = create(&service.client());
    roll(&service.client(), &webhook);
    let listed = json_of(&service, &["audit", "list", "--action", "WEBHOOK.SECRET_ROLLED"]);
    let path = "/v1/audit-records?action=WEBHOOK.SECRET_ROLLED";
    assert_eq!(
        listed,
        service.client().get(path).send().expect_status(200).json()["data"]
    );
    assert_eq!(listed[0]["resource_id"], json!(webhook.id()));

    let verified = json_of(&service, &["audit", "verify"]);
    let head = verified["head"].as_str().expect("a head").to_owned();
    roll(&service.client(), &webhook);
    assert!(run(&service, &["audit", "verify", "--head", &head]).starts_with("whole: "));
    assert_eq!(
        service
            .deployment()
            .run(&["audit", "verify", "--head", "x"])
            .code(),
        2
    );
    // Another's head: of as many records, none of them these.
    let position = head.split(':').next().expect("a position");
    let forged = format!("{position}:{}", "0".repeat(64));
    let found = service.deployment().run(&["audit", "verify", "--head", &forged]);
    assert_eq!(found.code(), 1);
    assert!(
        found.stderr.contains(&format!("record {position} is another")),
        "{}",
        found.output()
    );
}

fn a_reveal_is_audited_and_a_look_is_not(backend: Backend) {
    let service = Service::start(backend);
    let webhook = create(&service.client());
    let show = |more: &[&str]| json_of(&service, &[&["webhook", "show", webhook.id()][..], more].concat());
    let reveals = || {
        let of_webhook = ["audit", "list", "--resource-id", webhook.id()];
        let action = ["--action", "WEBHOOK.SECRET_REVEALED"];
        json_of(&service, &[&of_webhook[..], &action[..]].concat())
    };
    assert_eq!(show(&[])["secret_key"], Value::Null);
    assert_eq!(reveals(), json!([]));
    assert_eq!(show(&["--reveal"])["secret_key"], json!(webhook.secret()));
    let records = reveals();
    assert_eq!(records.as_array().map(Vec::len), Some(1), "{records}");
    assert_eq!(records[0]["credential"], "command-line");
    assert!(
        !records.to_string().contains(&webhook.secret()),
        "the fingerprint alone: {records}"
    );
}

/// The command reads the webhook, then the password from a pipe, then writes: whoever opens the pipe for writing knows
/// that the webhook was read.
fn an_update_of_what_was_changed_meanwhile_is_not_made(backend: Backend) {
    let service = Service::start(backend);
    let webhook = create(&service.client());
    let pipe = service.deployment().directory().join("password");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let arguments = ["webhook", "update", webhook.id(), "--active", "false"];
    let file = pipe.to_string_lossy();
    let arguments = [&arguments[..], &["--password-file", &file]].concat();
    let command = service.deployment().command(&arguments);
    let running = thread::spawn(move || run_to_its_end(command, Duration::from_secs(30)));
    let mut password = File::options().write(true).open(&pipe).expect("a pipe");
    let meanwhile = with(update(), json!({"name": "changed meanwhile"}));
    let patch = service.client().patch(&webhook.path()).json(&meanwhile).send();
    let changed = Webhook::of(&patch);
    password.write_all(b"hunter2").expect("the command reads");
    drop(password);
    let ended = running.join().expect("no panic");
    assert_eq!(ended.code(), 1, "{}", ended.output());
    assert_eq!(
        ended.stderr.lines().last(),
        Some("webhook-server: cannot update the webhook: the webhook was changed meanwhile; try again"),
        "{}",
        ended.output()
    );
    assert_eq!(get(&service.client(), &webhook).etag, changed.etag);
}

fn a_record_that_was_changed_behind_the_service_is_found_where_it_is(backend: Backend) {
    let service = Service::start(backend);
    let webhook = create(&service.client());
    for _ in 0..3 {
        roll(&service.client(), &webhook);
    }
    let verify = || service.deployment().run(&["audit", "verify"]);
    verify().expect_success();
    let forge = |credential: &str| {
        let statement = format!("UPDATE audit_records SET credential = '{credential}' WHERE position = 3");
        service.deployment().execute(&statement);
    };
    let records = json_of(&service, &["audit", "list"]);
    let records = records.as_array().expect("a list");
    let third = &records[records.len() - 3];
    forge("command-line");
    let found = verify();
    assert_eq!(found.code(), 1, "{}", found.output());
    let expected = "the audit records are not whole: record 3 does not follow the one before it";
    assert!(found.stderr.contains(expected), "{}", found.output());
    assert_eq!(found.stdout, "", "nothing that could be taken for a head");
    forge(third["credential"].as_str().expect("a credential"));
    verify().expect_success();

    service
        .deployment()
        .execute("DELETE FROM audit_records WHERE position = (SELECT max(position) FROM audit_records)");
    let found = verify();
    assert_eq!(found.code(), 1, "{}", found.output());
    assert!(
        found.stderr.contains("records are missing after"),
        "{}",
        found.output()
    );
}
