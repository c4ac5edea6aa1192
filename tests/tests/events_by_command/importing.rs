//! `webhook import`: a file half of which fails, corrected and run again, doubles nothing, and receivers go on verifying with what they have.

use std::fs;

use serde_json::{Value, json};
use webhook_tests::receiver::Receiver;

use crate::deployment;

/// Secrets of a former provider, of 24 and of 32 bytes.
const SECRETS: [&str; 3] = [
    "whsec_9hb/kcQzTu0e1sTlHsRz5iH0s8e3Hn2a",
    "whsec_3q2+78r+ur4BI0VniavN7wEjRWeJq83vz6ks8Q1eT5o=",
    "whsec_Yw8Jb2qk0d3Xn1uS7aTz5LhV9cRmEoPi4GfK6WyBtQA=",
];

fn line(reference: Value, url: &str, secret: &str) -> String {
    let object = json!({"name": null, "reference": reference, "url": url, "imported_secret_key": secret});
    format!("{object}\n")
}

#[test]
fn a_file_is_imported_and_run_again_without_doubling_anything() {
    let receiver = Receiver::start();
    let deployment = deployment(webhook_tests::Backend::Sqlite);
    let file = deployment.directory().join("endpoints.jsonl");
    let path = file.to_string_lossy().into_owned();
    let import = |lines: &[String]| {
        fs::write(&file, lines.concat()).expect("a file can be written");
        deployment.run(&["webhook", "import", &path, "--json"])
    };
    let url = receiver.url();
    let good = [
        line(json!("a"), &url, SECRETS[0]),
        line(json!("b"), &url, SECRETS[1]),
    ];
    let bad = [
        line(json!("c"), &url, "whsec_AAAA"),
        "\n".to_owned(),
        line(json!(null), &url, SECRETS[2]),
        line(json!("d"), &url, SECRETS[0]),
        "{\n".to_owned(),
    ];
    let ended = import(&[&good[..], &bad].concat());
    assert_eq!(ended.code(), 1, "{}", ended.output());
    let said: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!([&said["created"], &said["already_there"]], [&json!(2), &json!(0)]);
    let failed: Vec<_> = said["failed"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["line"].clone())
        .collect();
    assert_eq!(failed, [3, 5, 6, 7], "{said}");
    for secret in SECRETS {
        assert!(!ended.output().contains(&secret[6..]), "{}", ended.output());
    }

    let corrected = [&good[..], &[line(json!("c"), &url, SECRETS[2])]].concat();
    let ended = import(&corrected);
    let said: Value = serde_json::from_str(ended.expect_success()).expect("JSON");
    assert_eq!([&said["created"], &said["already_there"]], [&json!(1), &json!(2)]);
    let listed = deployment.run(&["webhook", "list", "--json"]);
    let listed: Value = serde_json::from_str(listed.expect_success()).expect("JSON");
    assert_eq!(listed.as_array().expect("a list").len(), 3);

    // Some editors begin a file with a byte order mark.
    let marked = [
        vec![format!("\u{feff}{}", line(json!("a"), &url, SECRETS[0]))],
        corrected[1..].to_vec(),
    ];
    let ended = import(&marked.concat());
    let said: Value = serde_json::from_str(ended.expect_success()).expect("JSON");
    assert_eq!(said["already_there"], 3, "{said}");

    // A reference that is somebody else's is told from one that was imported before.
    let ended = import(&[line(
        json!("a"),
        &url,
        "whsec_kJ7vQx0bN4mR8sT2uW6yZ1cE5gH9iL3oPqAdFfKjMnU=",
    )]);
    assert_eq!(ended.code(), 1, "{}", ended.output());
    assert!(ended.stdout.contains("another secret"), "{}", ended.stdout);

    let service = webhook_tests::Service::start_on(deployment);
    let event = json!({"type": "INVOICE.CREATED", "data": {"n": 1}});
    service
        .client()
        .post("/v1/events")
        .json(&event)
        .send()
        .expect_status(202);
    let delivered = receiver.wait_for(3);
    for secret in SECRETS {
        let signed = delivered
            .iter()
            .filter(|delivered| delivered.is_signed_with(secret));
        assert_eq!(signed.count(), 1, "one webhook signs with each");
    }
}
