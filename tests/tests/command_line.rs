//! The command line beside a running server: both act on one store.

use serde_json::Value;
use webhook_tests::{
    Backend, Service,
    fixtures::{create, get},
    on_each_database,
};

on_each_database!(
    webhooks_are_created_listed_and_rolled_while_the_server_runs,
    a_key_made_while_the_server_runs_works_at_once,
    a_key_that_could_do_nothing_is_not_made,
);

/// The webhook the command line printed: the words of its output that look like an id.
#[track_caller]
fn id_in(output: &str) -> String {
    let is_id = |word: &&str| word.starts_with("whk_") && word.len() == 30;
    let mut words = output.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words
        .find(is_id)
        .unwrap_or_else(|| panic!("no id in: {output}"))
        .to_owned()
}

fn webhooks_are_created_listed_and_rolled_while_the_server_runs(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let run = |arguments: &[&str]| service.deployment().run(arguments).expect_success().to_owned();
    let created = run(&[
        "webhook",
        "create",
        "--name",
        "Orders",
        "--url",
        "https://receiver.example.com/hook",
    ]);
    let id = id_in(&created);
    let path = format!("/v1/webhooks/{id}");
    let shown = client.get(&path).send().expect_status(200).json();
    assert_eq!(shown["name"], "Orders");
    let first = shown["secret_key"].as_str().expect("a key").to_owned();
    assert!(
        created.contains(&first),
        "the new key is printed, once: {created}"
    );

    let other = create(&client);
    let listed = run(&["webhook", "list"]);
    assert!(listed.contains(&id) && listed.contains(other.id()), "{listed}");
    assert!(!listed.contains("whsec_"), "a list shows no keys: {listed}");

    let rolled = run(&["webhook", "roll", &id]);
    let shown = client.get(&path).send().expect_status(200).json();
    assert_eq!(shown["previous_secret_key"], Value::from(first));
    assert!(
        rolled.contains(shown["secret_key"].as_str().expect("a key")),
        "{rolled}"
    );

    let unknown = service
        .deployment()
        .run(&["webhook", "roll", "whk_01arz3ndektsv4rrffq69g5fav"]);
    assert_eq!(unknown.code(), 1, "{}", unknown.output());
    let malformed = service.deployment().run(&["webhook", "roll", "nonsense"]);
    assert_ne!(malformed.code(), 0, "{}", malformed.output());
}

fn a_key_made_while_the_server_runs_works_at_once(backend: Backend) {
    let service = Service::start(backend);
    let webhook = create(&service.client());
    get(&service.client_of("default", &["WEBHOOK.VIEW"]), &webhook);
}

fn a_key_that_could_do_nothing_is_not_made(backend: Backend) {
    let service = Service::start(backend);
    for arguments in [
        vec!["api-key", "create", "--platform", "default"],
        vec!["api-key", "create", "--permission", "WEBHOOK.VIEW"],
        vec![
            "api-key",
            "create",
            "--platform",
            "default",
            "--permission",
            "WEBHOOK.NONSENSE",
        ],
        vec![
            "api-key",
            "create",
            "--platform",
            "not a platform",
            "--permission",
            "WEBHOOK.VIEW",
        ],
        vec![
            "api-key",
            "create",
            "--platform",
            "default",
            "--permission",
            "WEBHOOK.VIEW",
            "--expires-in",
            "-1",
        ],
    ] {
        let ended = service.deployment().run(&arguments);
        // `--platform` may have `default` as its default.
        if arguments.contains(&"--platform") {
            assert_ne!(ended.code(), 0, "{arguments:?}: {}", ended.output());
        }
        assert!(!ended.output().contains("panicked"), "{}", ended.output());
    }
}
