//! `event publish`: what it reads, what it refuses, and that a running server delivers at once.

use std::{fs, process::Stdio, time::Instant};

use serde_json::json;
use webhook_tests::{Backend, Deployment, fixtures::create_with, receiver::Receiver, server::run_with_input};

use crate::{PUBLISH, SOON, deployment, json_of, publish, service, webhook_to};

webhook_tests::on_each_database!(
    an_event_that_is_published_by_command_is_delivered_at_once,
    what_a_command_publishes_is_judged_as_over_http,
    a_pause_is_told_to_whoever_publishes,
    without_a_database_nothing_is_made,
);

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
