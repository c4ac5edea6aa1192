//! `webhook send-test`, `test-connection`, `remove-secret` and `create`, and `api-key list`.

use std::fs;

use serde_json::{Value, json};
use webhook_tests::{
    Backend,
    fixtures::get,
    receiver::{Conduct, Receiver},
};

use crate::{json_of, publish, service, webhook_to};

webhook_tests::on_each_database!(
    a_test_event_goes_the_way_of_deliveries,
    a_secret_is_removed_by_command_as_over_http,
    a_webhook_is_created_with_every_setting_that_can_be_changed,
    api_keys_are_listed_by_platform,
);

fn a_test_event_goes_the_way_of_deliveries(backend: Backend) {
    let service = service(backend);
    let receiver = Receiver::start().conducting([Conduct::Answer(204), Conduct::Answer(404)]);
    let webhook = webhook_to(&service, &receiver);
    let deployment = service.deployment();
    let test = ["webhook", "send-test", webhook.id()];
    assert_eq!(
        deployment.run(&test).expect_success(),
        "the receiver answered 204"
    );
    let got = receiver.wait_for(1);
    assert!(got[0].is_signed_with(&webhook.secret()));
    let failed = deployment.run(&[&test[..], &["--json"]].concat());
    assert_eq!(failed.code(), 1, "{}", failed.output());
    let said: Value = serde_json::from_str(&failed.stdout).expect("JSON alone");
    assert_eq!(said["successful"], false);

    let url = receiver.url();
    let connection = ["webhook", "test-connection", "--url", &url];
    let tried = json_of(deployment, &connection);
    assert_eq!(tried["successful"], true, "{tried}");
    let got = receiver.wait_for(3);
    assert!(!got[2].is_signed_with(&webhook.secret()));
    let missing = deployment.run(&["webhook", "test-connection"]);
    assert_eq!(missing.code(), 2, "{}", missing.output());

    // What deliveries may not reach, neither may a test.
    let denied = [&connection[..], &["--denied-networks", "127.0.0.0/8"]].concat();
    let ended = deployment.run(&denied);
    assert_eq!(ended.code(), 2, "{}", ended.output());
    assert!(ended.stderr.contains("in a denied network"), "{}", ended.output());
    let denied = [&test[..], &["--denied-networks", "127.0.0.0/8"]].concat();
    let ended = deployment.run(&denied);
    assert_eq!(ended.code(), 1, "{}", ended.output());
    assert_eq!(receiver.got().len(), 3, "nothing was sent");
}

fn a_secret_is_removed_by_command_as_over_http(backend: Backend) {
    let service = service(backend);
    let receiver = Receiver::start();
    let webhook = webhook_to(&service, &receiver);
    let deployment = service.deployment();
    let remove = ["webhook", "remove-secret", webhook.id()];
    let unconfirmed = deployment.run(&remove);
    assert_eq!(unconfirmed.code(), 2, "{}", unconfirmed.output());
    let removed = json_of(deployment, &[&remove[..], &["--yes"]].concat());
    assert_eq!(removed["secret_key"], Value::Null);
    assert_eq!(removed["previous_secret_key"], json!(webhook.secret()));
    let read = get(&service.client(), &webhook).json;
    assert_eq!(read["secret_rolled_at"], removed["secret_rolled_at"]);
    let records = json_of(
        deployment,
        &["audit", "list", "--action", "WEBHOOK.SECRET_REMOVED"],
    );
    assert_eq!(records[0]["credential"], "command-line");
    assert_eq!(records[0]["resource_id"], json!(webhook.id()));
    publish(&service, "1");
    let got = receiver.wait_for(1);
    assert!(got[0].is_signed_with(&webhook.secret()), "for the overlap");
    let at_once = ["--yes", "--previous-secret-expires-in", "0"];
    json_of(deployment, &[&remove[..], &at_once].concat());
    publish(&service, "2");
    let got = receiver.wait_for(2);
    assert!(
        !got[1].headers.contains_key("x-payload-signature"),
        "{:?}",
        got[1].headers
    );
    let wrong = [&remove[..], &["--yes", "--previous-secret-expires-in", "604801"]].concat();
    assert_eq!(deployment.run(&wrong).code(), 2);
}

fn a_webhook_is_created_with_every_setting_that_can_be_changed(backend: Backend) {
    let service = service(backend);
    let deployment = service.deployment();
    let help = |command: &str| {
        let ended = deployment.run(&["webhook", command, "--help"]);
        let flags = ended
            .expect_success()
            .split_whitespace()
            .filter(|word| word.starts_with("--"));
        flags
            .map(|flag| flag.trim_end_matches(',').to_owned())
            .collect::<Vec<_>>()
    };
    let (create, try_out) = (help("create"), help("test-connection"));
    // There is nothing before a creation.
    let of_changes = ["--previous-credentials-expires-in"];
    for flag in help("update")
        .into_iter()
        .filter(|flag| !of_changes.contains(&flag.as_str()))
    {
        assert!(create.contains(&flag), "create has no {flag}");
        assert!(try_out.contains(&flag), "test-connection has no {flag}");
    }
    fs::write(deployment.directory().join("secret"), "p-w\n").expect("a file");
    let flags = [
        "--url",
        "https://example.com/hook",
        "--name",
        "Orders",
        "--reference",
        "r-1",
        "--active",
        "false",
        "--include-previous-data",
        "true",
        "--authentication-type",
        "PASSWORD",
        "--username",
        "u",
        "--password-file",
        "secret",
        "--api-header-field",
        "X-Key",
        "--action",
        "INVOICE.PAID",
        "--excluded-action",
        "INVOICE.CREATED",
    ];
    let created = json_of(deployment, &[&["webhook", "create"], &flags[..]].concat());
    for (field, value) in [
        ("url", json!("https://example.com/hook")),
        ("name", json!("Orders")),
        ("reference", json!("r-1")),
        ("active", json!(false)),
        ("include_previous_data", json!(true)),
        ("authentication_type", json!("PASSWORD")),
        ("username", json!("u")),
        ("api_header_field", json!("X-Key")),
        ("included_actions", json!(["INVOICE.PAID"])),
        ("excluded_actions", json!(["INVOICE.CREATED"])),
    ] {
        assert_eq!(created[field], value, "{field}");
    }
    let bare = json_of(
        deployment,
        &["webhook", "create", "--include-previous-data", "--inactive"],
    );
    assert_eq!(
        (&bare["include_previous_data"], &bare["active"]),
        (&json!(true), &json!(false))
    );
    for wrong in [
        &["webhook", "create", "--inactive", "--active", "true"][..],
        &["webhook", "create", "--authentication-type", "PASSWORD"],
        &["webhook", "create", "--password", "hunter2"],
        &["webhook", "create", "--active", "maybe"],
    ] {
        let ended = deployment.run(wrong);
        assert_eq!(ended.code(), 2, "{wrong:?}: {}", ended.output());
    }
}

fn api_keys_are_listed_by_platform(backend: Backend) {
    let service = service(backend);
    let deployment = service.deployment();
    deployment.create_key("acme", &["WEBHOOK.VIEW"], &["--name", "of acme"]);
    deployment.create_key("*", &["WEBHOOK.VIEW"], &["--name", "of all"]);
    let names = |arguments: &[&str]| {
        let listed = json_of(deployment, &[&["api-key", "list"], arguments].concat());
        let names = listed.as_array().expect("a list").iter();
        names.map(|key| key["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["--platform", "acme"]), [json!("of acme")]);
    assert_eq!(names(&["--platform", "*"]), [json!("of all")]);
    assert_eq!(names(&["--platform", "nobody"]), Vec::<Value>::new());
    assert_eq!(names(&[]).len(), 3);
    assert_eq!(
        deployment.run(&["api-key", "list", "--platform", "a b"]).code(),
        2
    );
}
