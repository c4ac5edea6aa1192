//! What the command line prints for programs, and what it reads from files: settings that are wrong end it with 2 as
//! wrong flags do, a file given to a command that cannot be read with 1.

use std::fs;

use serde_json::{Value, json};
use webhook_tests::{Backend, Deployment, Service, fixtures::create, on_each_database};

on_each_database!(
    passwords_and_api_keys_come_from_files_and_are_never_shown,
    custom_headers_come_from_a_file_and_are_never_shown,
    a_file_of_custom_headers_that_cannot_be_read_changes_nothing,
    a_secret_that_cannot_be_had_changes_nothing,
    the_actions_of_the_operators_file_are_the_ones_there_are,
    a_bad_actions_file_stops_the_start_and_is_named,
    a_list_has_at_least_one_line,
    the_document_printed_is_the_one_served,
);

#[test]
fn every_shell_gets_completions_that_know_the_commands() {
    let deployment = Deployment::new(Backend::Sqlite);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = deployment.run(&["completions", shell]);
        let script = ended.expect_success();
        for word in [
            "serve",
            "migrate",
            "api-key",
            "webhook",
            "rekey",
            "audit",
            "openapi",
            "completions",
            "revoke",
            "roll",
            "verify",
            "previous-secret-expires-in",
        ] {
            assert!(script.contains(word), "{shell} is not told of `{word}`");
        }
    }
    let unknown = deployment.run(&["completions", "command.com"]);
    assert_eq!(unknown.code(), 2, "{}", unknown.output());
    assert_eq!(deployment.files(), [], "and nothing is made");
}

fn the_document_printed_is_the_one_served(backend: Backend) {
    let service = Service::start(backend);
    let printed = service.deployment().run(&["openapi"]);
    // It speaks of keys, and what does must not be cached; it has none.
    let served = service.anonymous().get("/openapi.json").unchecked().send();
    assert_eq!(served.status, 200);
    assert_eq!(printed.expect_success().trim_end(), served.text().trim_end());
    assert_eq!(served.json()["openapi"], "3.1.0");
}

fn a_list_has_at_least_one_line(backend: Backend) {
    let service = Service::start(backend);
    create(&service.client());
    create(&service.client());
    for limit in ["0", "-1", "x", ""] {
        let limit = format!("--limit={limit}");
        let refused = service.deployment().run(&["webhook", "list", &limit]);
        assert_eq!(refused.code(), 2, "{}", refused.output());
        let expected = "--limit <NUMBER>': must be a whole number from 1 up";
        assert!(refused.stderr.contains(expected), "{}", refused.output());
        let refused = service.deployment().run(&["audit", "list", &limit]);
        assert_eq!(refused.code(), 2, "{}", refused.output());
    }
    for (limit, count) in [("1", 1), ("2", 2), ("1000", 2)] {
        let arguments = ["webhook", "list", "--json", "--limit", limit];
        let listed = service.deployment().run(&arguments);
        let listed: Value = serde_json::from_str(listed.expect_success()).expect("JSON");
        assert_eq!(listed.as_array().map(Vec::len), Some(count));
    }
}

fn passwords_and_api_keys_come_from_files_and_are_never_shown(backend: Backend) {
    let service = Service::start(backend);
    let deployment = service.deployment();
    let webhook = create(&service.client());
    let password = deployment.directory().join("password");
    fs::write(&password, "hunter2\n").expect("a file can be written");
    let password = password.to_string_lossy();
    let command = ["webhook", "update", webhook.id()];
    let basic = ["--authentication-type", "PASSWORD", "--username", "u"];
    let with_password = [&basic[..], &["--password-file", &password]].concat();
    let updated = deployment.run(&[&command[..], &with_password].concat());
    updated.expect_success();
    assert!(updated.stderr.contains("password"), "{}", updated.output());
    assert!(!updated.output().contains("hunter2"), "{}", updated.output());

    let header = ["--authentication-type", "API_KEY", "--api-header-field", "X-Key"];
    let with_key = [&header[..], &["--api-key-file", "-", "--json"]].concat();
    let updated = deployment.run_with_input(&[&command[..], &with_key].concat(), "s3cret\r\n");
    let shown: Value = serde_json::from_str(updated.expect_success()).expect("JSON");
    assert_eq!(shown["authentication_type"], "API_KEY");
    assert!(!updated.output().contains("s3cret"), "{}", updated.output());
    let over_http = service.client().get(&webhook.path()).send();
    assert_eq!(over_http.json()["authentication_type"], "API_KEY");
    over_http.expect_without("s3cret");
    // The password is kept, so that its type can be taken up again.
    deployment.run(&[&command[..], &basic].concat()).expect_success();
}

fn custom_headers_come_from_a_file_and_are_never_shown(backend: Backend) {
    let service = Service::start(backend);
    let deployment = service.deployment();
    let file = deployment.directory().join("headers");
    fs::write(&file, "X-Tenant: hunter2 one\r\n\n x_B:\thunter2:two \n").expect("a file can be written");
    let file = file.to_string_lossy().into_owned();
    let wrong = ["webhook", "create", "--custom-headers-file", &file];
    let wrong = deployment.run(&wrong);
    assert_eq!(wrong.code(), 2, "a space before a name: {}", wrong.output());
    assert!(!wrong.output().contains("hunter2"), "{}", wrong.output());
    fs::write(&file, "X-Tenant: hunter2 one\r\n\nx_B:\thunter2:two \n").expect("a file can be written");
    let created = deployment.run(&["webhook", "create", "--json", "--custom-headers-file", &file]);
    let shown: Value = serde_json::from_str(created.expect_success()).expect("JSON");
    assert_eq!(shown["custom_headers"], json!({"X-Tenant": null, "x_B": null}));
    assert!(!created.output().contains("hunter2"), "{}", created.output());
    let id = shown["id"].as_str().expect("an id");
    let update = ["webhook", "update", id];
    let run = |more: &[&str], input: &str, remark: &str, names: Value| {
        let ended = deployment.run_with_input(&[&update[..], more].concat(), input);
        ended.expect_success();
        assert!(ended.stderr.contains(remark), "{}", ended.output());
        assert!(!ended.output().contains("hunter2"), "{}", ended.output());
        let over_http = service.client().get(&format!("/v1/webhooks/{id}")).send();
        assert_eq!(over_http.json()["custom_headers"], names);
    };
    let from_input = ["--custom-headers-file", "-"];
    let one = json!({"X-Tenant": null});
    run(
        &from_input,
        "X-Tenant:\nx_B:\n",
        "nothing changed",
        json!({"X-Tenant": null, "x_B": null}),
    );
    run(&from_input, "X-Tenant: \n", "changed custom_headers", one.clone());
    run(&["--active", "false"], "", "changed active", one);
    run(
        &["--no-custom-headers"],
        "",
        "changed custom_headers",
        Value::Null,
    );
}

fn a_file_of_custom_headers_that_cannot_be_read_changes_nothing(backend: Backend) {
    let service = Service::start(backend);
    let deployment = service.deployment();
    let webhook = create(&service.client());
    let before = service.client().get(&webhook.path()).send().json();
    let update = |file: &str, input: &str| {
        let arguments = ["webhook", "update", webhook.id(), "--custom-headers-file", file];
        deployment.run_with_input(&arguments, input)
    };
    let unreadable = update("not-there", "");
    assert_eq!(unreadable.code(), 1, "{}", unreadable.output());
    let many: String = (0..17).map(|number| format!("X-{number}: v\n")).collect();
    let long = format!("X-A: {}", "v".repeat(20_000));
    for wrong in [
        "hunter2",
        "X-A: v\nhunter2\n",
        "X-Unknown:",
        "X A: hunter2",
        "Host: hunter2",
        "X-A: hunter2\nx_a: hunter2",
        "X-A: hunter2\tb",
        "X-A: hunter2é",
        &many,
        &long,
    ] {
        let refused = update("-", wrong);
        assert_eq!(refused.code(), 2, "{wrong}: {}", refused.output());
        assert!(!refused.output().contains("hunter2"), "{}", refused.output());
    }
    let both = ["--password-file", "-", "--custom-headers-file", "-"];
    let both = deployment.run(&[&["webhook", "update", webhook.id()], &both[..]].concat());
    assert_eq!(both.code(), 2, "standard input has one end: {}", both.output());
    assert_eq!(service.client().get(&webhook.path()).send().json(), before);
}

fn a_secret_that_cannot_be_had_changes_nothing(backend: Backend) {
    let service = Service::start(backend);
    let deployment = service.deployment();
    let webhook = create(&service.client());
    let before = service.client().get(&webhook.path()).send().json();
    let update = |flag: &str, file: &str, input: &str| {
        deployment.run_with_input(&["webhook", "update", webhook.id(), flag, file], input)
    };
    for flag in ["--password-file", "--api-key-file"] {
        let unreadable = update(flag, "not-there", "");
        assert_eq!(unreadable.code(), 1, "{}", unreadable.output());
        for word in ["cannot read", flag, "not-there"] {
            assert!(unreadable.stderr.contains(word), "{}", unreadable.output());
        }
        let wrong = format!("hunter2 {}", "x".repeat(300));
        let wrong = update(flag, "-", &wrong);
        assert_eq!(wrong.code(), 2, "{}", wrong.output());
        assert!(wrong.stderr.contains(flag), "{}", wrong.output());
        assert!(!wrong.output().contains("hunter2"), "{}", wrong.output());
    }
    let both = ["--password-file", "-", "--api-key-file", "-"];
    let both = deployment.run(&[&["webhook", "update", webhook.id()], &both[..]].concat());
    assert_eq!(both.code(), 2, "standard input has one end: {}", both.output());
    assert_eq!(service.client().get(&webhook.path()).send().json(), before);
}

fn actions_file(deployment: &mut Deployment, content: Option<&[u8]>) -> String {
    let file = deployment.directory().join("our-actions");
    if let Some(content) = content {
        fs::write(&file, content).expect("a file can be written");
    }
    let file = file.to_string_lossy().into_owned();
    deployment.set("WEBHOOK_ACTIONS_FILE", &file);
    file
}

fn the_actions_of_the_operators_file_are_the_ones_there_are(backend: Backend) {
    let mut deployment = Deployment::new(backend);
    actions_file(
        &mut deployment,
        Some(b"# ours\nORDER.SHIPPED\n\nORDER.LOST # alas\n"),
    );
    let service = Service::start_on(deployment);
    let listed = service.client().get("/v1/webhooks/actions").send();
    let expected = json!([
        {"object_type": "ORDER", "actions": ["ORDER.LOST", "ORDER.SHIPPED"]},
        {"object_type": "ROTATION", "actions": ["ROTATION.FINISHED"]},
        {"object_type": "WEBHOOK", "actions": [
            "WEBHOOK.CREATED", "WEBHOOK.DELETED", "WEBHOOK.HELD_UP", "WEBHOOK.RELEASED", "WEBHOOK.SECRET_ADOPTED",
            "WEBHOOK.SECRET_ADOPTION_WITHDRAWN", "WEBHOOK.SECRET_EXPIRING", "WEBHOOK.SECRET_ROLLED", "WEBHOOK.SECRET_ROLL_DUE", "WEBHOOK.UPDATED",
        ]},
        {"object_type": "WEBHOOK_EVENT", "actions": ["WEBHOOK_EVENT.FAILED"]},
    ]);
    assert_eq!(listed.expect_status(200).json()["data"], expected);
    let webhook = create(&service.client());
    let told_of = |action| {
        service
            .deployment()
            .run(&["webhook", "update", webhook.id(), "--action", action])
    };
    told_of("ORDER.LOST").expect_success();
    let unknown = told_of("INVOICE.CREATED");
    assert_eq!(unknown.code(), 2, "{}", unknown.output());
}

fn a_bad_actions_file_stops_the_start_and_is_named(backend: Backend) {
    let too_large = vec![b'\n'; 2 * 1024 * 1024 + 1];
    let too_many: String = (0..10_001).map(|number| format!("A.B{number}\n")).collect();
    for (content, words) in [
        (None, "cannot be read"),
        (Some(&b"ORDER.SHIPPED\norder lost\n"[..]), "line 2"),
        (Some(b"A.B\nA.B\n"), "line 2 twice"),
        (Some(b"# none\n"), "1 to 10000 actions"),
        (Some(b"A.\xff\n"), "cannot be read"),
        (Some(too_many.as_bytes()), "1 to 10000 actions"),
        (Some(&too_large), "2 MiB"),
    ] {
        let mut deployment = Deployment::new(backend);
        let file = actions_file(&mut deployment, content);
        let command = deployment.run(&["webhook", "create", "--action", "A.B"]);
        for ended in [deployment.serve_in_vain(), command] {
            assert_eq!(ended.code(), 2, "{}", ended.output());
            for word in ["WEBHOOK_ACTIONS_FILE", &file, words] {
                assert!(ended.stderr.contains(word), "{word}: {}", ended.output());
            }
        }
    }
}
