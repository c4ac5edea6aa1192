//! `event list`, `show`, `resend`, `give-up` and `replay`.

use std::{process::Stdio, time::Instant};

use serde_json::{Value, json};
use webhook_tests::{
    Backend,
    clock::wait_for,
    receiver::{Conduct, Receiver},
};

use crate::{PUBLISH, SOON, becomes, delivery_of, json_of, publish, service, webhook_to};

webhook_tests::on_each_database!(
    events_are_listed_and_shown_as_over_http,
    an_event_is_sent_again_given_up_and_replayed_by_command,
    what_another_platform_has_does_not_exist,
);

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
