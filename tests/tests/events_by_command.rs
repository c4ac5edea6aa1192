//! Events and probes at the command line, beside a running server: they go the way that those of the API go.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Deployment, Service,
    clock::wait_for,
    fixtures::{Webhook, create_with, get},
    on_each_database,
    receiver::{Conduct, Receiver},
    server::run_with_input,
};

on_each_database!(
    an_event_that_is_published_by_command_is_delivered_at_once,
    what_a_command_publishes_is_judged_as_over_http,
    events_are_listed_and_shown_as_over_http,
    an_event_is_sent_again_given_up_and_replayed_by_command,
    what_another_platform_has_does_not_exist,
    a_pause_is_told_to_whoever_publishes,
    a_test_event_goes_the_way_of_deliveries,
    a_secret_is_removed_by_command_as_over_http,
    a_webhook_is_created_with_every_setting_that_can_be_changed,
    api_keys_are_listed_by_platform,
    without_a_database_nothing_is_made,
);

/// Soon, for what would otherwise be found by the scan of each minute.
const SOON: Duration = Duration::from_secs(10);

fn deployment(backend: Backend) -> Deployment {
    Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
}

fn service(backend: Backend) -> Service {
    Service::start_on(deployment(backend))
}

fn webhook_to(service: &Service, receiver: &Receiver) -> Webhook {
    create_with(&service.client(), json!({"url": receiver.url()}))
}

#[track_caller]
fn json_of(deployment: &Deployment, arguments: &[&str]) -> Value {
    let ended = deployment.run(&[arguments, &["--json"]].concat());
    serde_json::from_str(ended.expect_success()).expect("JSON alone")
}

const PUBLISH: [&str; 4] = ["event", "publish", "--type", "INVOICE.PAID"];

/// Publishes data on standard input, and gives the event's id.
#[track_caller]
fn publish(service: &Service, data: &str) -> String {
    let ended = service.deployment().run_with_input(&PUBLISH, data);
    ended.expect_success().to_owned()
}

#[track_caller]
fn delivery_of(service: &Service, event: &str) -> Value {
    let listed = json_of(service.deployment(), &["event", "list", "--event-id", event]);
    listed[0].clone()
}

#[track_caller]
fn becomes(service: &Service, event: &str, status: &str) -> Value {
    wait_for(&format!("{event} is {status}"), SOON, || {
        Some(delivery_of(service, event)).filter(|delivery| delivery["status"] == status)
    })
}

fn an_event_that_is_published_by_command_is_delivered_at_once(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let full = json!({"url": receiver.url(), "include_previous_data": true});
    create_with(&service.client(), full);
    let directory = service.deployment().directory();
    fs::write(directory.join("data.json"), " { \"total\": 1.10 }\n").expect("a file");
    fs::write(directory.join("previous.json"), "[12345678901234567890123]").expect("a file");
    let files = [
        "--data-file",
        "data.json",
        "--previous-data-file",
        "previous.json",
    ];
    let request = ["--original-request-id", "r_1"];
    let published = json_of(service.deployment(), &[&PUBLISH[..], &files, &request].concat());
    let began = Instant::now();
    assert_eq!(
        (
            &published["object_type"],
            &published["type"],
            &published["webhook_events"]
        ),
        (&json!("EVENT"), &json!("INVOICE.PAID"), &json!(1))
    );
    let got = receiver.wait_for(1);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert!(
        got[0].text().ends_with(
            r#""type":"INVOICE.PAID","original_request_id":"r_1","environment":"TEST","data":{ "total": 1.10 },"previous_data":[12345678901234567890123]}"#
        ),
        "{}",
        got[0].text()
    );

    // The lane is owned and idle now: whoever owns it has to be told.
    let id = publish(&service, r#"{"n":2}"#);
    let began = Instant::now();
    assert!(id.starts_with("evt_"), "the id alone: {id}");
    let got = receiver.wait_for(2);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(got[1].header("webhook-id"), id);
}

fn what_a_command_publishes_is_judged_as_over_http(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    webhook_to(&service, &receiver);
    let deployment = service.deployment();
    let refused = |arguments: &[&str], input: &str, said: &str| {
        let ended = deployment.run_with_input(&[&["event", "publish"], arguments].concat(), input);
        assert_eq!(ended.code(), 2, "{}", ended.output());
        assert!(ended.stderr.contains(said), "{said}: {}", ended.output());
        assert_eq!(ended.stdout, "");
    };
    let paid = ["--type", "INVOICE.PAID"];
    refused(
        &["--type", "INVOICE.LOST"],
        "{}",
        "--type must be an action of this deployment",
    );
    refused(
        &["--type", "WEBHOOK.CREATED"],
        "{}",
        "--type must not be an action that the service itself",
    );
    refused(
        &["--type", "invoice"],
        "{}",
        "--type must be an action like INVOICE.CREATED",
    );
    refused(&[], "{}", "--type");
    refused(
        &paid,
        "",
        "what --data-file holds must be one JSON value in UTF-8, and is empty",
    );
    refused(&paid, "{\"a\":\n hunter2}", "UTF-8; see line 2, column 2");
    refused(&paid, "{} {}", "must be one JSON value");
    refused(&paid, "null", "must not be null");
    refused(
        &paid,
        &format!("{}1{}", "[".repeat(65), "]".repeat(65)),
        "at most 64 levels deep",
    );
    refused(
        &paid,
        &format!("\"{}\"", "a".repeat(256 * 1024)),
        "an event has at most 262144 bytes",
    );
    refused(
        &[&paid[..], &["--original-request-id", ""]].concat(),
        "{}",
        "--original-request-id",
    );
    refused(
        &[&paid[..], &["--previous-data-file", "-"]].concat(),
        "{}",
        "must not both read standard input",
    );
    let missing = deployment.run(&[&["event", "publish"], &paid[..], &["--data-file", "gone"]].concat());
    assert_eq!(missing.code(), 1, "{}", missing.output());
    assert!(
        missing.stderr.contains("--data-file gone"),
        "{}",
        missing.output()
    );

    // Standard input that never ends is read no further than an event may be long; one that says nothing keeps nobody else waiting.
    let endless = fs::File::open("/dev/zero").expect("the machine has it");
    let ended = run_with_input(deployment.command(&PUBLISH), endless.into(), SOON);
    assert_eq!(ended.code(), 2, "{}", ended.output());
    let mut silent = deployment
        .command(&PUBLISH)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs");
    publish(&service, "1");
    assert!(
        silent.try_wait().expect("a child").is_none(),
        "it waits for its input"
    );
    drop(silent.stdin.take());
    assert_eq!(silent.wait().expect("a child").code(), Some(2));
    let closed = std::process::Command::new("sh")
        .args(["-c", "exec \"$0\" \"$@\" <&-"])
        .arg(deployment.command(&[]).get_program())
        .args(PUBLISH)
        .current_dir(deployment.directory())
        .envs(
            deployment
                .command(&[])
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .output()
        .expect("a shell");
    assert_eq!(closed.status.code(), Some(2), "{closed:?}");

    receiver.wait_for(1);
    let listed = json_of(deployment, &["event", "list"]);
    assert_eq!(
        listed.as_array().map(Vec::len),
        Some(1),
        "nothing of all that was published"
    );
}

fn events_are_listed_and_shown_as_over_http(backend: Backend) {
    let service = service(backend);
    let receiver = Receiver::start().conducting([Conduct::Say(
        b"HTTP/1.1 500 No\r\ncontent-length: 8\r\n\r\nno \x1b[2J!".to_vec(),
    )]);
    let webhook = webhook_to(&service, &receiver);
    let ids: Vec<_> = (0..3)
        .map(|n| publish(&service, &format!("{{\"n\":{n}}}")))
        .collect();
    receiver.wait_for(1);
    wait_for("the attempt is recorded", SOON, || {
        (delivery_of(&service, &ids[0])["attempts"]
            .as_array()
            .map(Vec::len)
            == Some(1))
        .then_some(())
    });
    let client = service.client();
    let over_http = |path: &str| client.get(path).send().expect_status(200).json();
    let deployment = service.deployment();
    let listed = json_of(deployment, &["event", "list"]);
    assert_eq!(listed, over_http("/v1/webhook-events")["data"]);
    let first = listed[2]["id"].as_str().expect("an id");
    let shown = json_of(deployment, &["event", "show", first]);
    assert_eq!(shown, over_http(&format!("/v1/webhook-events/{first}")));
    assert_eq!(shown["attempts"][0]["response_body"], "no \u{1b}[2J!");

    let ids_of = |arguments: &[&str]| {
        let listed = json_of(deployment, &[&["event", "list"], arguments].concat());
        let ids = listed.as_array().expect("a list").iter();
        ids.map(|event| event["id"].clone()).collect::<Vec<_>>()
    };
    let all: Vec<_> = (0..3).map(|index| listed[index]["id"].clone()).collect();
    assert_eq!(
        ids_of(&["--webhook-id", webhook.id(), "--status", "PENDING"]),
        all
    );
    assert_eq!(ids_of(&["--event-id", &ids[2]]), all[..1]);
    assert_eq!(ids_of(&["--type", "INVOICE.CREATED"]), Vec::<Value>::new());
    assert_eq!(
        ids_of(&["--created-after", "2024-01-01T00:00:00Z", "--limit", "2"]),
        all[..2]
    );
    assert_eq!(
        ids_of(&["--created-before", "2024-01-01T00:00:00Z"]),
        Vec::<Value>::new()
    );
    let after = all[0].as_str().expect("an id");
    assert_eq!(ids_of(&["--after", after]), all[1..]);
    let key = shown["attempts"][0]["key_fingerprints"][0]
        .as_str()
        .expect("a key");
    assert_eq!(ids_of(&["--key-fingerprint", key]), all[2..]);

    let table = deployment.run(&["event", "list"]);
    let last = table.expect_success().lines().last().expect("a line").to_owned();
    assert!(
        last.starts_with(first) && last.contains("PENDING") && last.contains("500"),
        "{last}"
    );
    let text = deployment.run(&["event", "show", first]);
    let text = text.expect_success();
    assert!(
        text.contains("no \\u{1b}[2J!") && !text.contains('\u{1b}'),
        "{text}"
    );
    for wrong in [
        &["event", "list", "--status", "LOST"][..],
        &["event", "list", "--limit", "0"],
        &["event", "list", "--created-after", "yesterday"],
        &["event", "show", "evt_x"],
        &["event", "show"],
    ] {
        assert_eq!(deployment.run(wrong).code(), 2, "{wrong:?}");
    }

    // Whoever has read enough is no failure.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = deployment.command(&["event", "list"]);
    let ended = command
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("it runs");
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.stderr.is_empty(), "{ended:?}");
}

fn an_event_is_sent_again_given_up_and_replayed_by_command(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let webhook = webhook_to(&service, &receiver);
    let deployment = service.deployment();
    let first = publish(&service, "1");
    let id = becomes(&service, &first, "SUCCEEDED")["id"].clone();
    let id = id.as_str().expect("an id");
    let resent = json_of(deployment, &["event", "resend", id]);
    assert_eq!(
        (&resent["id"], &resent["status"]),
        (&json!(id), &json!("PENDING"))
    );
    let began = Instant::now();
    let got = receiver.wait_for(2);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(got[1].header("webhook-id"), first);
    becomes(&service, &first, "SUCCEEDED");

    let ended = deployment.run(&["event", "give-up", id]);
    assert_eq!(ended.code(), 1, "{}", ended.output());
    assert!(
        ended.stderr.contains("only a PENDING one can be given up"),
        "{}",
        ended.output()
    );

    // The head of the queue is held up for minutes; given up, the next one's turn comes.
    let failing = Receiver::start().conducting([Conduct::Answer(500)]);
    let held_up = webhook_to(&service, &failing);
    let (head, next) = (publish(&service, "2"), publish(&service, "3"));
    let to_it = |event: &str| {
        let arguments = ["event", "list", "--event-id", event, "--webhook-id", held_up.id()];
        json_of(deployment, &arguments)[0].clone()
    };
    wait_for("the head is held up", SOON, || {
        (to_it(&head)["attempts"].as_array().map(Vec::len) == Some(1)).then_some(())
    });
    assert_eq!(to_it(&next)["status"], "PENDING");
    let id = to_it(&head)["id"].clone();
    deployment
        .run(&["event", "give-up", id.as_str().expect("an id")])
        .expect_success();
    let began = Instant::now();
    let got = failing.wait_for(2);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(got[1].header("webhook-id"), next);
    assert_eq!(to_it(&head)["status"], "FAILED");

    wait_for("the rest is delivered", SOON, || {
        (receiver.got().len() == 4).then_some(())
    });
    for event in [&head, &next] {
        wait_for("it is recorded", SOON, || {
            let arguments = ["event", "list", "--event-id", event, "--webhook-id", webhook.id()];
            (json_of(deployment, &arguments)[0]["status"] == "SUCCEEDED").then_some(())
        });
    }
    let since = ["--created-after", "2024-01-01T00:00:00Z"];
    let replay = [&["event", "replay", webhook.id()], &since[..]].concat();
    assert_eq!(json_of(deployment, &replay), json!({"resent": 3}));
    let began = Instant::now();
    let got = receiver.wait_for(7);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let sent_again: Vec<_> = got[4..].iter().map(|got| got.header("webhook-id")).collect();
    assert_eq!(sent_again, [&first, &head, &next]);
    let failed = [
        &["event", "replay", held_up.id(), "--status", "FAILED"],
        &since[..],
    ]
    .concat();
    let text = deployment.run(&failed);
    assert_eq!(text.expect_success(), "appended 1 delivery to the queue");

    let backwards = [&replay[..], &["--created-before", "2023-01-01T00:00:00Z"]].concat();
    let ended = deployment.run(&backwards);
    assert_eq!(ended.code(), 2, "{}", ended.output());
    let said = "--created-before must be later than --created-after";
    assert!(ended.stderr.contains(said), "{}", ended.output());
    for wrong in [
        &["event", "replay", webhook.id()][..],
        &[&replay[..], &["--status", "PENDING"]].concat(),
    ] {
        assert_eq!(deployment.run(wrong).code(), 2, "{wrong:?}");
    }
}

fn what_another_platform_has_does_not_exist(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let webhook = webhook_to(&service, &receiver);
    let event = publish(&service, "1");
    let id = becomes(&service, &event, "SUCCEEDED")["id"].clone();
    let id = id.as_str().expect("an id");
    let deployment = service.deployment();
    let since = ["--created-after", "2024-01-01T00:00:00Z"];
    for (arguments, resource) in [
        (&["event", "show", id][..], "webhook event"),
        (&["event", "resend", id], "webhook event"),
        (&["event", "give-up", id], "webhook event"),
        (
            &[&["event", "replay", webhook.id()], &since[..]].concat(),
            "webhook",
        ),
        (&["webhook", "send-test", webhook.id()], "webhook"),
        (&["webhook", "remove-secret", webhook.id(), "--yes"], "webhook"),
    ] {
        let ended = deployment.run(&[arguments, &["--platform", "acme"]].concat());
        assert_eq!(ended.code(), 1, "{}", ended.output());
        let said = format!("there is no such {resource} on this platform");
        assert!(ended.stderr.contains(&said), "{}", ended.output());
    }
    assert_eq!(
        json_of(deployment, &["event", "list", "--platform", "acme"]),
        json!([])
    );
    // What is published for it goes to nobody else.
    let ended = deployment.run_with_input(&[&PUBLISH[..], &["--platform", "acme"]].concat(), "1");
    ended.expect_success();
    assert!(
        ended.stderr.contains("it goes to 0 webhooks"),
        "{}",
        ended.output()
    );
    assert_eq!(receiver.got().len(), 1);
}

fn a_pause_is_told_to_whoever_publishes(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let webhook = webhook_to(&service, &receiver);
    let deployment = service.deployment();
    deployment.run(&["deliveries", "pause"]).expect_success();
    let ended = deployment.run_with_input(&PUBLISH, "1");
    ended.expect_success();
    assert!(
        ended.stderr.contains("deliveries have been paused since"),
        "{}",
        ended.output()
    );
    let refused = deployment.run(&["webhook", "send-test", webhook.id()]);
    assert_eq!(refused.code(), 1, "{}", refused.output());
    assert!(
        refused.stderr.contains("deliveries have been paused since"),
        "{}",
        refused.output()
    );
    deployment.run(&["deliveries", "resume"]).expect_success();
    receiver.wait_for(1);
}

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
    for flag in help("update") {
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

fn without_a_database_nothing_is_made(backend: Backend) {
    if backend == Backend::Postgres {
        let nowhere = Deployment::new(backend).with("WEBHOOK_DATABASE_URL", "postgres://127.0.0.1:1/none");
        let ended = nowhere.run_with_input(&PUBLISH, "1");
        assert_eq!(ended.code(), 1, "{}", ended.output());
        return;
    }
    let deployment = deployment(backend);
    for arguments in [
        &["event", "list"][..],
        &["event", "show", "whe_01hv9k2m4rt6w8y0abcdefghjk"],
        &["webhook", "send-test", "whk_01hv9k2m4rt6w8y0abcdefghjk"],
        &["webhook", "test-connection", "--url", "https://example.com/"],
    ] {
        let ended = deployment.run(arguments);
        assert_eq!(ended.code(), 2, "{}", ended.output());
        assert!(
            ended.stderr.contains("there is no database"),
            "{}",
            ended.output()
        );
    }
    let ended = deployment.run_with_input(&PUBLISH, "1");
    assert_eq!(ended.code(), 2, "{}", ended.output());
    assert!(!deployment.data().exists(), "{:?}", deployment.files());
}
